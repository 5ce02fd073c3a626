// How much of a buffer is read and written in a run.
//
// Each access counts its bytes times the iterations of the loops around it. The
// variable of a loop stands for its middle where other bounds follow from it:
// tails of tiles and windows at borders come out about right.
#include "passes/memory/AccessCounts.h"
#include "passes/schedule/LoopNest.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;

namespace onnxc {
namespace {

/// Of a loop of which nothing is known.
constexpr double kUnknownIterations = 8;
/// Ops behind an index that are looked at.
constexpr int kDeepest = 32;

double elementBytes(Type t) { return double(t.isIndex() ? 64 : t.getIntOrFloatBitWidth()) / 8; }

double bytesOf(Type t) {
  double elements = 1;
  Type element = getElementTypeOrSelf(t);
  if (auto shaped = dyn_cast<ShapedType>(t))
    for (int64_t d : shaped.getShape())
      elements *= ShapedType::isDynamic(d) ? kUnknownIterations : double(d);
  return element.isIntOrIndexOrFloat() ? elements * elementBytes(element) : 0;
}

std::optional<double> middle(Value v, int depth);

std::optional<double> middle(AffineExpr e, ValueRange operands, unsigned dims, int depth) {
  if (auto c = dyn_cast<AffineConstantExpr>(e))
    return double(c.getValue());
  if (auto d = dyn_cast<AffineDimExpr>(e))
    return middle(operands[d.getPosition()], depth);
  if (auto s = dyn_cast<AffineSymbolExpr>(e))
    return middle(operands[dims + s.getPosition()], depth);
  auto both = cast<AffineBinaryOpExpr>(e);
  auto a = middle(both.getLHS(), operands, dims, depth), b = middle(both.getRHS(), operands, dims, depth);
  if (!a || !b)
    return std::nullopt;
  switch (e.getKind()) {
  case AffineExprKind::Add:
    return *a + *b;
  case AffineExprKind::Mul:
    return *a * *b;
  case AffineExprKind::Mod:
    return *b > 0 ? std::optional(std::min(*a, *b / 2)) : std::nullopt;
  default:
    return *b > 0 ? std::optional(*a / *b) : std::nullopt;
  }
}

/// A number or index, with the variables of loops in their middle.
std::optional<double> middle(Value v, int depth = 0) {
  if (depth > kDeepest)
    return std::nullopt;
  if (auto c = getConstantIntValue(v))
    return double(*c);
  if (auto arg = dyn_cast<BlockArgument>(v)) {
    auto loop = dyn_cast<scf::ForOp>(arg.getOwner()->getParentOp());
    if (!loop || loop.getInductionVar() != v)
      return std::nullopt;
    auto from = middle(loop.getLowerBound(), depth + 1), to = middle(loop.getUpperBound(), depth + 1);
    return from && to ? std::optional((*from + *to) / 2) : std::nullopt;
  }
  Operation *op = v.getDefiningOp();
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    AffineMap map = apply.getAffineMap();
    return middle(map.getResult(0), apply.getMapOperands(), map.getNumDims(), depth + 1);
  }
  if (isa<affine::AffineMinOp, affine::AffineMaxOp>(op)) {
    bool least = isa<affine::AffineMinOp>(op);
    AffineMap map = least ? cast<affine::AffineMinOp>(op).getMap() : cast<affine::AffineMaxOp>(op).getMap();
    std::optional<double> best;
    for (AffineExpr e : map.getResults())
      if (auto one = middle(e, op->getOperands(), map.getNumDims(), depth + 1))
        best = !best ? *one : least ? std::min(*best, *one) : std::max(*best, *one);
    return best;
  }
  if (isa<arith::IndexCastOp>(op))
    return middle(op->getOperand(0), depth + 1);
  if (op->getNumOperands() != 2)
    return std::nullopt;
  auto a = middle(op->getOperand(0), depth + 1), b = middle(op->getOperand(1), depth + 1);
  if (isa<arith::MinSIOp, arith::MinUIOp>(op) && (!a || !b))
    return a ? a : b; // no more than the one that is known
  if (!a || !b)
    return std::nullopt;
  return llvm::TypeSwitch<Operation *, std::optional<double>>(op)
      .Case<arith::AddIOp>([&](auto) { return *a + *b; })
      .Case<arith::SubIOp>([&](auto) { return *a - *b; })
      .Case<arith::MulIOp>([&](auto) { return *a * *b; })
      .Case<arith::MinSIOp, arith::MinUIOp>([&](auto) { return std::min(*a, *b); })
      .Case<arith::MaxSIOp, arith::MaxUIOp>([&](auto) { return std::max(*a, *b); })
      .Case<arith::FloorDivSIOp, arith::CeilDivSIOp, arith::DivSIOp, arith::DivUIOp>(
          [&](auto) { return *b > 0 ? std::optional(*a / *b) : std::nullopt; })
      .Default([](Operation *) { return std::nullopt; });
}

double iterations(Value from, Value to, Value step) {
  auto a = middle(from), b = middle(to), s = middle(step);
  if (!a || !b || !s || *s <= 0)
    return kUnknownIterations;
  return std::max(0.0, std::ceil((*b - *a) / *s));
}

/// How often `op` is done in a call of its function.
double timesOf(Operation *op) {
  double times = 1;
  for (Operation *p = op; !isa<func::FuncOp>(p->getParentOp()); p = p->getParentOp()) {
    Operation *around = p->getParentOp();
    if (auto loop = dyn_cast<scf::ForOp>(around))
      times *= iterations(loop.getLowerBound(), loop.getUpperBound(), loop.getStep());
    else if (auto loop = dyn_cast<scf::ParallelOp>(around))
      for (auto [from, to, step] : llvm::zip(loop.getLowerBound(), loop.getUpperBound(), loop.getStep()))
        times *= iterations(from, to, step);
    else if (auto branch = dyn_cast<scf::IfOp>(around); branch && !branch.getElseRegion().empty())
      times /= 2; // one of the two
    else if (isa<scf::WhileOp>(around))
      times *= kUnknownIterations;
  }
  return times;
}

/// The buffer behind views, those made from its address among them.
Value rootOf(Value v) {
  for (v = bufferOf(v); auto meta = v.getDefiningOp<memref::ExtractStridedMetadataOp>();)
    v = bufferOf(meta.getSource());
  return v;
}

} // namespace

/// What one execution of `op` reads and writes of a memref operand.
double AccessCounts::ofOperand(Operation *op, OpOperand &operand) {
  if (isa<ViewLikeOpInterface, memref::DimOp, memref::ExtractStridedMetadataOp, memref::ExtractAlignedPointerAsIndexOp>(op))
    return 0;
  if (auto call = dyn_cast<func::CallOp>(op)) {
    auto callee = call->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(call.getCallee());
    return callee && !callee.isExternal() ? ofArguments(callee)[operand.getOperandNumber()] : bytesOf(operand.get().getType());
  }
  if (op->getNumRegions() || op->hasTrait<OpTrait::IsTerminator>())
    return 0; // hands it on
  return llvm::TypeSwitch<Operation *, double>(op)
      .Case<memref::LoadOp, vector::LoadOp, vector::MaskedLoadOp, vector::GatherOp, vector::TransferReadOp>(
          [](auto load) { return bytesOf(load->getResult(0).getType()); })
      .Case<memref::StoreOp>([](auto store) { return bytesOf(store.getValue().getType()); })
      .Case<vector::StoreOp, vector::MaskedStoreOp>([](auto store) { return bytesOf(store.getValueToStore().getType()); })
      .Case<vector::TransferWriteOp>([](auto store) { return bytesOf(store.getVector().getType()); })
      .Default([&](Operation *) { return bytesOf(operand.get().getType()); }); // all of it, once
}

const std::vector<double> &AccessCounts::ofArguments(func::FuncOp function) {
  auto [place, isNew] = functions.try_emplace(function, function.getNumArguments(), 0.0);
  if (!isNew)
    return place->second;
  std::vector<double> sums(function.getNumArguments());
  function.walk([&](Operation *op) {
    for (OpOperand &operand : op->getOpOperands())
      if (isa<MemRefType>(operand.get().getType()))
        if (auto arg = dyn_cast<BlockArgument>(rootOf(operand.get())); arg && arg.getOwner() == &function.getBody().front())
          if (double bytes = ofOperand(op, operand))
            sums[arg.getArgNumber()] += bytes * timesOf(op);
  });
  return functions[function] = std::move(sums);
}

double AccessCounts::bytes(ArrayRef<Value> names) {
  double sum = 0;
  for (Value name : names)
    for (OpOperand &use : name.getUses())
      if (double bytes = ofOperand(use.getOwner(), use))
        sum += bytes * timesOf(use.getOwner());
  return sum;
}

} // namespace onnxc
