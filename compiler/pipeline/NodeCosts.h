// What each node of a model costs, for the report.
#ifndef ONNXC_COMPILER_PIPELINE_NODECOSTS_H
#define ONNXC_COMPILER_PIPELINE_NODECOSTS_H

#include "mlir/IR/BuiltinOps.h"
#include <cstdint>
#include <string>
#include <vector>

namespace onnxc {

struct NodeCost {
  std::string name, op;
  int64_t macs = 0;        ///< multiply-adds; -1: depends on sizes known at run time
  int64_t weightBytes = 0; ///< constants it reads, before packing
  int64_t outputBytes = 0; ///< -1: known at run time
};

/// Name of the node that an op comes from; the first one of a fused op.
std::string nodeName(mlir::Location location);

/// The nodes of the onnx module, after the graph passes, in order.
std::vector<NodeCost> listNodes(mlir::ModuleOp module);

/// Adds the multiply-adds of the linalg ops of the lowered module to the nodes they come from.
void countMacs(mlir::ModuleOp module, std::vector<NodeCost> &nodes);

} // namespace onnxc

#endif
