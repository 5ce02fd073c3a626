// Horizontal minima and maxima in halves.
//
//   %m = vector.reduction <maxnumf>, %v : vector<4xf32> into f32
//   ->  %h = arith.maxnumf %low, %high : vector<2xf32>      (of the halves of %v)
//       %m = arith.maxnumf %h0, %h1 : f32
//
// Where a target lacks the instruction, LLVM calls fmaxf for each element; the
// ops made here are expanded like any other.
#include "passes/math/Families.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace onnxc::mathexp {

static bool isFloatMinMax(vector::CombiningKind kind) {
  using Kind = vector::CombiningKind;
  return kind == Kind::MAXIMUMF || kind == Kind::MINIMUMF || kind == Kind::MAXNUMF || kind == Kind::MINNUMF;
}

static void expand(vector::ReductionOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  auto combine = [&](Value x, Value y) { return vector::makeArithReduction(b, loc, op.getKind(), x, y); };
  Value v = op.getVector();
  int64_t lanes = cast<VectorType>(v.getType()).getNumElements();
  for (; lanes > 2 && lanes % 2 == 0; lanes /= 2) {
    Value low = vector::ExtractStridedSliceOp::create(b, loc, v, {0}, {lanes / 2}, {1});
    Value high = vector::ExtractStridedSliceOp::create(b, loc, v, {lanes / 2}, {lanes / 2}, {1});
    v = combine(low, high);
  }
  Value result = op.getAcc();
  for (int64_t i = 0; i < lanes; ++i) {
    Value element = vector::ExtractOp::create(b, loc, v, ArrayRef<int64_t>{i});
    result = result ? combine(result, element) : element;
  }
  op.replaceAllUsesWith(result);
  op.erase();
}

void expandMinMaxReductions(Operation *root) {
  SmallVector<vector::ReductionOp> ops;
  root->walk([&](vector::ReductionOp op) {
    auto type = cast<VectorType>(op.getVector().getType());
    if (isFloatMinMax(op.getKind()) && type.getRank() == 1 && !type.isScalable())
      ops.push_back(op);
  });
  for (vector::ReductionOp op : ops)
    expand(op);
}

} // namespace onnxc::mathexp
