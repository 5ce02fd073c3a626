// What the caller of a compiled model sees of its tensors.
#include "compiler/driver/Interface.h"

#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;

namespace onnxc {

static int64_t elementBytes(int32_t onnxType) {
  switch (onnxType) {
  case 1: case 6: case 12: return 4;
  case 4: case 5: case 10: case 16: return 2;
  case 7: case 11: case 13: return 8;
  default: return 1;
  }
}

/// What the dims of an input may be.
static void setRange(TensorInfo &tensor, llvm::ArrayRef<DimRange> ranges) {
  for (auto [d, range] : llvm::zip(tensor.dims, ranges)) {
    tensor.minDims.push_back(d < 0 ? range.low : d);
    tensor.maxDims.push_back(d >= 0 ? d : range.isBounded() ? range.high : -1);
  }
}

/// The types of outputs are known once the model is lowered.
static SmallVector<RankedTensorType> outputTypes(ModuleOp module) {
  SmallVector<RankedTensorType> types;
  for (Attribute type : module.lookupSymbol("main")->getAttrOfType<ArrayAttr>("onnxc.output_types"))
    types.push_back(cast<RankedTensorType>(cast<TypeAttr>(type).getValue()));
  return types;
}

void nameArguments(ModuleOp module, const ImportedModelInfo &info, PipelineReport &report) {
  std::vector<std::string> names; // of the arguments of @main: inputs, then static outputs
  for (const auto &input : info.inputs)
    names.push_back("input '" + input.name + "'");
  for (auto [output, type] : llvm::zip_equal(info.outputs, outputTypes(module)))
    if (type.hasStaticShape())
      names.push_back("output '" + output.name + "'");
  auto setNames = [&](auto &buffers) {
    for (auto &buffer : buffers)
      if (buffer.argument >= 0 && size_t(buffer.argument) < names.size())
        buffer.node = names[buffer.argument];
  };
  setNames(report.peak);
  setNames(report.placed);
}

void describeTensors(ModuleOp module, const ImportedModelInfo &info, const PipelineReport &report, ModelInterface &interface) {
  for (auto [i, t] : llvm::enumerate(info.inputs)) {
    TensorInfo &in = interface.inputs.emplace_back(TensorInfo{t.name, t.onnxType, elementBytes(t.onnxType), t.dims});
    if (i < report.inputRanges.size())
      setRange(in, report.inputRanges[i]);
    in.dimNames = t.dimNames;
  }
  for (auto [i, type] : llvm::enumerate(outputTypes(module))) {
    const auto &t = info.outputs[i];
    TensorInfo out{t.name, t.onnxType, elementBytes(t.onnxType), {}};
    for (int64_t d : type.getShape())
      out.dims.push_back(ShapedType::isDynamic(d) ? -1 : d);
    if (auto most = report.outputDims.find(i); most != report.outputDims.end() && !out.isStatic())
      out.maxDims = most->second;
    interface.usesAllocator |= !out.isBounded();
    interface.outputs.push_back(out);
  }
  size_t argument = 0; // of @main: inputs, then static outputs
  for (auto *tensors : {&interface.inputs, &interface.outputs})
    for (TensorInfo &tensor : *tensors)
      if (tensors == &interface.inputs || tensor.isStatic()) {
        tensor.region = report.argumentMemories[argument];
        tensor.arenaOffset = report.argumentOffsets[argument++];
      }
}

void reportTensors(const ModelInterface &interface, const PipelineReport &pipeline, ModelReport &report) {
  auto sum = [](const std::vector<TensorInfo> &tensors) {
    int64_t total = 0;
    for (const TensorInfo &tensor : tensors)
      total = total < 0 || !tensor.isBounded() ? -1 : total + (tensor.arenaOffset < 0 ? tensor.bytes() : 0);
    return total;
  };
  report.inputBytes = sum(interface.inputs);
  report.outputBytes = sum(interface.outputs);
  report.ioInArena = interface.ioInArena();
  bool isKnown = report.inputBytes >= 0 && report.outputBytes >= 0;
  report.ramWithIoInArena = isKnown ? pipeline.bytesWithArguments : -1;
  for (auto *tensors : {&interface.inputs, &interface.outputs})
    for (const TensorInfo &tensor : *tensors) {
      if (report.ramWithIoInArena >= 0 && !tensor.isStatic())
        report.ramWithIoInArena += tensor.bytes(); // stays outside
      if (tensor.arenaOffset < 0 && tensor.isBounded() && tensor.type == 1)
        report.floatIoBytes += tensor.bytes();
    }
}

} // namespace onnxc
