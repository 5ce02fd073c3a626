//===- KnownDim.cpp - which earlier dim a dim is equal to ----------------===//
//
// Follows an unknown dim to where it comes from, through ops that keep it: so
// that a batch size taken from one tensor is recognised in another.
//
#include "dialects/onnx/KnownFacts.h"
#include "dialects/onnx/ShapeUtils.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace onnxc::onnx {
namespace {

struct DimRef {
  Value tensor;
  int64_t dim;
};
using Step = std::optional<DimRef>;

int64_t rankOf(Value value) { return rankedType(value).getRank(); }

// The only operand whose dim is not broadcast.
Step throughBroadcast(Operation *op, int64_t dim) {
  int64_t rank = rankOf(op->getResult(0));
  Step found;
  for (Value operand : op->getOperands()) {
    RankedTensorType type = rankedType(operand);
    if (!type)
      return std::nullopt;
    int64_t own = dim - (rank - type.getRank());
    if (own < 0 || type.getDimSize(own) == 1)
      continue;
    if (found) {
      KnownInt a = getKnownDim(found->tensor, found->dim);
      if (!a.sameAs(getKnownDim(operand, own)))
        return std::nullopt;
    } else {
      found = DimRef{operand, own};
    }
  }
  return found;
}

Step throughTranspose(TransposeOp op, int64_t dim) {
  int64_t rank = rankOf(op.getTransposed());
  if (std::optional<ArrayRef<int64_t>> perm = op.getPerm())
    return DimRef{op.getData(), (*perm)[dim]};
  return DimRef{op.getData(), rank - 1 - dim};
}

Step throughMatMul(MatMulOp op, int64_t dim) {
  int64_t rank = rankOf(op.getY());
  int64_t rankA = rankOf(op.getA()), rankB = rankOf(op.getB());
  if (rankA < 2 || rankB < 2)
    return std::nullopt;
  if (dim == rank - 1)
    return DimRef{op.getB(), rankB - 1};
  if (dim == rank - 2)
    return DimRef{op.getA(), rankA - 2};
  if (rankA == rank && rankB == 2)
    return DimRef{op.getA(), dim};
  return std::nullopt;
}

Step throughGather(GatherOp op, int64_t dim) {
  int64_t rank = rankOf(op.getData()), added = rankOf(op.getIndices());
  int64_t axis = int64_t(op.getAxis());
  axis = axis < 0 ? axis + rank : axis;
  if (dim < axis)
    return DimRef{op.getData(), dim};
  if (dim < axis + added)
    return DimRef{op.getIndices(), dim - axis};
  return DimRef{op.getData(), dim - added + 1};
}

Step throughReshape(ReshapeOp op, int64_t dim) {
  std::optional<SmallVector<KnownInt>> shape = getKnownElements(op.getShape());
  if (!shape || dim >= int64_t(shape->size()))
    return std::nullopt;
  const KnownInt &element = (*shape)[dim];
  if (!element.value && element.dimOf)
    return DimRef{element.dimOf, element.dim};
  if (element.value == 0 && !op.getAllowzero() && rankedType(op.getData()) &&
      dim < rankOf(op.getData()))
    return DimRef{op.getData(), dim};
  return std::nullopt;
}

// Axes of an op that inserts (or drops) dims, as a set over `rank` dims.
std::optional<llvm::SmallBitVector> axisSet(Value axes, int64_t rank) {
  std::optional<SmallVector<int64_t>> ints = getStaticInts(axes);
  if (!ints)
    return std::nullopt;
  llvm::SmallBitVector set(rank);
  for (int64_t axis : *ints) {
    if (axis < -rank || axis >= rank)
      return std::nullopt;
    set.set(axis < 0 ? axis + rank : axis);
  }
  return set;
}

Step throughUnsqueeze(UnsqueezeOp op, int64_t dim) {
  auto set = axisSet(op.getAxes(), rankOf(op.getExpanded()));
  if (!set || set->test(dim))
    return std::nullopt;
  int64_t own = 0;
  for (int64_t k = 0; k < dim; ++k)
    own += !set->test(k);
  return DimRef{op.getData(), own};
}

Step throughSqueeze(SqueezeOp op, int64_t dim) {
  int64_t rank = rankOf(op.getData());
  if (!isPresent(op.getAxes()))
    return std::nullopt;
  auto set = axisSet(op.getAxes(), rank);
  if (!set)
    return std::nullopt;
  for (int64_t own = 0; own < rank; ++own)
    if (!set->test(own) && dim-- == 0)
      return DimRef{op.getData(), own};
  return std::nullopt;
}

Step throughSlice(SliceOp op, int64_t dim) {
  int64_t rank = rankOf(op.getData());
  if (!isPresent(op.getAxes())) {
    RankedTensorType starts = rankedType(op.getStarts());
    if (!starts || starts.getRank() != 1 || starts.isDynamicDim(0) ||
        dim < starts.getDimSize(0))
      return std::nullopt;
    return DimRef{op.getData(), dim};
  }
  auto set = axisSet(op.getAxes(), rank);
  if (!set || set->test(dim))
    return std::nullopt;
  return DimRef{op.getData(), dim};
}

// The first input whose dim has the same name: a run checks that they are equal.
Step throughSymbol(BlockArgument argument, int64_t dim) {
  auto func = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
  auto nameOf = [&](BlockArgument a, int64_t d) -> StringRef {
    auto names = func.getArgAttrOfType<ArrayAttr>(a.getArgNumber(), "onnx.dim_names");
    auto name = names && d < int64_t(names.size()) ? dyn_cast<StringAttr>(names[d]) : StringAttr();
    return name ? name.getValue() : "";
  };
  if (!func || !argument.getOwner()->isEntryBlock() || nameOf(argument, dim).empty())
    return std::nullopt;
  for (BlockArgument earlier : argument.getOwner()->getArguments()) {
    RankedTensorType type = rankedType(earlier);
    for (int64_t d = 0; type && d < type.getRank(); ++d) {
      if (earlier == argument && d == dim)
        return std::nullopt;
      if (type.isDynamicDim(d) && nameOf(earlier, d) == nameOf(argument, dim))
        return DimRef{earlier, d};
    }
  }
  return std::nullopt;
}

// One step towards the origin of a dim.
Step step(Value value, int64_t dim) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getNumOperands() == 0 || value != op->getResult(0))
    return std::nullopt;
  for (Value operand : op->getOperands())
    if (isa<TensorType>(operand.getType()) && !rankedType(operand))
      return std::nullopt;

  return llvm::TypeSwitch<Operation *, Step>(op)
      .Case<IdentityOp, CastOp, DropoutOp, ReluOp, LeakyReluOp, PReluOp, EluOp,
            SeluOp, GeluOp, HardSigmoidOp, HardSwishOp, MishOp, SwishOp,
            SoftplusOp, SoftsignOp, SigmoidOp, TanhOp, ErfOp, ExpOp, LogOp,
            SqrtOp, ReciprocalOp, NegOp, AbsOp, NotOp, ClipOp, SoftmaxOp,
            LogSoftmaxOp, LayerNormalizationOp, RMSNormalizationOp,
            BatchNormalizationOp, InstanceNormalizationOp, LRNOp,
            QuantizeLinearOp, DequantizeLinearOp, CumSumOp, TriluOp,
            ScatterElementsOp, ScatterNDOp>(
          [&](Operation *op) { return DimRef{op->getOperand(0), dim}; })
      .Case<AddOp, SubOp, MulOp, DivOp, PowOp, ModOp, MaxOp, MinOp, SumOp,
            MeanOp, WhereOp, EqualOp, LessOp, GreaterOp, LessOrEqualOp,
            GreaterOrEqualOp, AndOp, OrOp>(
          [&](Operation *op) { return throughBroadcast(op, dim); })
      .Case<ConvOp, ConvTransposeOp, MaxPoolOp, AveragePoolOp, LpPoolOp,
            GlobalAveragePoolOp, GlobalMaxPoolOp, GlobalLpPoolOp,
            ConvIntegerOp, QLinearConvOp, DepthToSpaceOp, SpaceToDepthOp>(
          [&](Operation *op) -> Step {
            if (dim != 0)
              return std::nullopt;
            return DimRef{op->getOperand(0), 0};
          })
      .Case([&](GemmOp op) -> Step {
        if (dim == 0)
          return DimRef{op.getA(), op.getTransA() ? 1 : 0};
        return DimRef{op.getB(), op.getTransB() ? 0 : 1};
      })
      .Case([&](ConcatOp op) -> Step {
        int64_t axis = int64_t(op.getAxis());
        int64_t rank = rankOf(op.getConcatResult());
        if ((axis < 0 ? axis + rank : axis) == dim)
          return std::nullopt;
        return DimRef{op.getInputs().front(), dim};
      })
      .Case([&](TransposeOp op) { return throughTranspose(op, dim); })
      .Case([&](MatMulOp op) { return throughMatMul(op, dim); })
      .Case([&](GatherOp op) { return throughGather(op, dim); })
      .Case([&](ReshapeOp op) { return throughReshape(op, dim); })
      .Case([&](UnsqueezeOp op) { return throughUnsqueeze(op, dim); })
      .Case([&](SqueezeOp op) { return throughSqueeze(op, dim); })
      .Case([&](SliceOp op) { return throughSlice(op, dim); })
      .Default([](Operation *) { return std::nullopt; });
}

} // namespace

std::optional<std::pair<Value, int64_t>> Facts::originStep(Value tensor, int64_t dim) {
  Step next = isa<BlockArgument>(tensor) ? throughSymbol(cast<BlockArgument>(tensor), dim) : step(tensor, dim);
  RankedTensorType type = next ? rankedType(next->tensor) : nullptr;
  if (!type || next->dim < 0 || next->dim >= type.getRank())
    return std::nullopt;
  return std::pair(next->tensor, next->dim);
}

KnownInt getKnownDim(Value tensor, int64_t dim) {
  CurrentFacts facts;
  return facts->dim(tensor, dim);
}

Type elementTypeFromOnnx(MLIRContext *context, int64_t dataType) {
  Builder b(context);
  auto unsignedInt = [&](unsigned width) {
    return IntegerType::get(context, width, IntegerType::Unsigned);
  };
  // Numbers of TensorProto.DataType (onnx.proto).
  switch (dataType) {
  case 1:
    return b.getF32Type();
  case 2:
    return unsignedInt(8);
  case 3:
    return b.getI8Type();
  case 4:
    return unsignedInt(16);
  case 5:
    return b.getI16Type();
  case 6:
    return b.getI32Type();
  case 7:
    return b.getI64Type();
  case 8:
    return StringType::get(context);
  case 9:
    return b.getI1Type();
  case 10:
    return b.getF16Type();
  case 11:
    return b.getF64Type();
  case 12:
    return unsignedInt(32);
  case 13:
    return unsignedInt(64);
  case 14:
    return ComplexType::get(b.getF32Type());
  case 15:
    return ComplexType::get(b.getF64Type());
  case 16:
    return b.getBF16Type();
  case 17:
    return Float8E4M3FNType::get(context);
  case 18:
    return Float8E4M3FNUZType::get(context);
  case 19:
    return Float8E5M2Type::get(context);
  case 20:
    return Float8E5M2FNUZType::get(context);
  case 21:
    return unsignedInt(4);
  case 22:
    return b.getIntegerType(4);
  case 23:
    return Float4E2M1FNType::get(context);
  case 24:
    return Float8E8M0FNUType::get(context);
  case 25:
    return unsignedInt(2);
  case 26:
    return b.getIntegerType(2);
  default:
    return {};
  }
}

} // namespace onnxc::onnx
