// What each node of a model costs, for the report.
#include "compiler/pipeline/NodeCosts.h"
#include "dialects/onnx/Onnx.h"
#include "passes/schedule/Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace onnxc {

static int64_t bytesOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return 0;
  if (!tensor.hasStaticShape())
    return -1;
  Type element = tensor.getElementType();
  return tensor.getNumElements() * (element.isIntOrFloat() ? llvm::divideCeil(element.getIntOrFloatBitWidth(), 8) : 0);
}

std::vector<NodeCost> listNodes(ModuleOp module) {
  std::vector<NodeCost> nodes;
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (!isa_and_nonnull<onnx::OnnxDialect>(op->getDialect()) || isa<onnx::ConstantOp, onnx::NoValueOp, onnx::YieldOp>(op))
      return;
    NodeCost node;
    node.name = nodeName(op->getLoc());
    node.op = op->getName().stripDialect().str();
    for (Value operand : op->getOperands())
      if (operand.getDefiningOp<onnx::ConstantOp>()) {
        node.weightBytes += bytesOf(operand.getType());
        if (auto type = dyn_cast<RankedTensorType>(operand.getType()); type && type.getRank() > 1 && type.getElementType().isF32())
          node.floatWeightBytes += bytesOf(type);
      }
    for (Type type : op->getResultTypes()) {
      if (auto tensor = dyn_cast<RankedTensorType>(type)) {
        llvm::raw_string_ostream os(node.outputType);
        os << (node.outputType.empty() ? "" : ", ");
        for (int64_t d : tensor.getShape())
          os << (ShapedType::isDynamic(d) ? "?" : std::to_string(d)) << "x";
        os << tensor.getElementType();
      }
      int64_t bytes = bytesOf(type);
      node.outputBytes = bytes < 0 || node.outputBytes < 0 ? -1 : node.outputBytes + bytes;
    }
    nodes.push_back(std::move(node));
  });
  return nodes;
}

/// Iterations of an op that multiplies and accumulates; 0 for any other, -1 when its loops are not known.
static int64_t macsOf(linalg::LinalgOp op) {
  if (op.getNumReductionLoops() == 0)
    return 0;
  bool multiplies = false;
  for (Operation &inner : *op.getBlock())
    multiplies |= isa<arith::MulFOp, arith::MulIOp>(inner);
  if (!multiplies)
    return 0;
  int64_t count = 1;
  for (int64_t extent : op.getStaticLoopRanges()) {
    if (ShapedType::isDynamic(extent))
      return -1;
    count *= extent;
  }
  return count;
}

void countMacs(ModuleOp module, std::vector<NodeCost> &nodes) {
  llvm::StringMap<NodeCost *> byName;
  for (NodeCost &node : nodes)
    byName.try_emplace(node.name, &node);
  module.walk([&](linalg::LinalgOp op) {
    int64_t macs = macsOf(op);
    auto found = byName.find(nodeName(op->getLoc()));
    if (macs == 0 || found == byName.end())
      return;
    NodeCost &node = *found->second;
    node.macs = macs < 0 || node.macs < 0 ? -1 : node.macs + macs;
  });
}

/// Adds every node that `location` stands for and that is not there yet.
static void addNodes(Location location, llvm::SetVector<StringAttr> &nodes) {
  if (auto name = dyn_cast<NameLoc>(location))
    nodes.insert(name.getName());
  else if (auto fused = dyn_cast<FusedLoc>(location))
    for (Location part : fused.getLocations())
      addNodes(part, nodes);
}

std::vector<KernelCost> listKernels(ModuleOp module) {
  std::vector<KernelCost> kernels;
  std::vector<llvm::SetVector<StringAttr>> nodes;
  llvm::StringMap<size_t> byName;
  module.walk([&](func::CallOp call) {
    auto kernel = module.lookupSymbol<func::FuncOp>(call.getCallee());
    if (!kernel || !kernel->hasAttr(kKernelAttr))
      return;
    auto [place, isNew] = byName.try_emplace(call.getCallee(), kernels.size());
    if (isNew) {
      KernelCost &made = kernels.emplace_back();
      nodes.emplace_back();
      made.name = call.getCallee().str();
      if (auto tile = kernel->getAttrOfType<DenseI64ArrayAttr>(kTileAttr))
        made.tile = tile.asArrayRef().vec();
    }
    ++kernels[place->second].calls;
    addNodes(call.getLoc(), nodes[place->second]);
  });
  for (auto [cost, names] : llvm::zip_equal(kernels, nodes))
    for (StringAttr name : names)
      cost.nodes.push_back(name.str());
  return kernels;
}

std::vector<StagedCost> listStaged(ModuleOp module) {
  std::vector<StagedCost> staged;
  module.walk([&](func::CallOp call) {
    auto work = call->getAttrOfType<DenseI64ArrayAttr>(kStagedWorkAttr);
    if (!work)
      return;
    llvm::SetVector<StringAttr> names;
    addNodes(call.getLoc(), names);
    StagedCost &cost = staged.emplace_back();
    cost.macs = work[0];
    cost.extraMacs = work[1];
    for (StringAttr name : names)
      cost.nodes.push_back(name.str());
  });
  return staged;
}

} // namespace onnxc
