// A float model in which the rounding of each value and of each weight tensor
// can be switched on by an input.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_SWITCHMODEL_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_SWITCHMODEL_H

#include "Scales.h"

namespace onnxc::quantize {

struct SwitchModel {
  /// A layer that can be left out, and the switches that it asks for.
  struct Layer {
    std::string name, op;
    std::vector<size_t> switches;
  };
  onnx::ModelProto model; ///< has the input `input`: float32 [switches], 1 for on
  std::string input;
  size_t switches = 0;
  std::vector<Layer> layers;

  /// The switches of the layers for which `isOn` is set.
  run::Tensor settings(const std::vector<bool> &isOn) const;
};

/// v + switch * (DQ(Q(v)) - v) for each value v that a plan of `model` stores,
/// likewise for weights. Layers that only move values have no switches: the
/// value before and behind them has one scale.
SwitchModel makeSwitchModel(const onnx::ModelProto &model, const Observations &seen, const Options &options);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_SWITCHMODEL_H
