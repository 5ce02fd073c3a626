//===- Traits.h - what an op is to a pass -----------------------*- C++ -*-===//
//
// The native traits that records in *.td carry; Interfaces.td says what each
// means and has those that need code.
//
#ifndef ONNXC_DIALECTS_ONNX_TRAITS_H
#define ONNXC_DIALECTS_ONNX_TRAITS_H

#include "mlir/IR/OpDefinition.h"

namespace onnxc::onnx {

template <typename Op>
class Elementwise : public mlir::OpTrait::TraitBase<Op, Elementwise> {};

template <typename Op>
class CostlyFunction : public mlir::OpTrait::TraitBase<Op, CostlyFunction> {};

template <typename Op>
class Homogeneous : public mlir::OpTrait::TraitBase<Op, Homogeneous> {};

template <typename Op>
class ComputesChannelsLast
    : public mlir::OpTrait::TraitBase<Op, ComputesChannelsLast> {};

template <typename Op>
class WidensWeight : public mlir::OpTrait::TraitBase<Op, WidensWeight> {};

} // namespace onnxc::onnx

#endif // ONNXC_DIALECTS_ONNX_TRAITS_H
