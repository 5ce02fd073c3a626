// expand-math: one walk collects the math ops, each is replaced by the code of
// its family.
//
//   %y = math.exp %x : vector<8xf32>
// becomes
//   %h = math.fma %x, %log2e/2, %magic ...      (15 operations)
//   %y = arith.mulf %root, %root : vector<8xf32>
//
// What stays: absf, copysign, fma, sqrt, floor, ceil, trunc, roundeven where
// the options call them native, and the integer ops ctlz, cttz, ctpop, absi.
// Ops on f16 and bf16 become f32 ops between conversions first.
#include "passes/math/ExpandMath.h"

#include "passes/math/Families.h"
#include "passes/math/Half.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace onnxc {
namespace mathexp {

using Unary = Expr (*)(Expr);
using Binary = Expr (*)(Expr, Expr);

static Expr emitFloor(Expr x) { return x.vb->floor(x); }
static Expr emitCeil(Expr x) { return x.vb->ceil(x); }
static Expr emitSqrt(Expr x) { return x.vb->sqrt(x); }
static Expr emitTrunc(Expr x) { return x.vb->trunc(x); }
static Expr emitRoundEven(Expr x) { return x.vb->roundEven(x); }
static Expr emitMaximumOp(Expr x, Expr y) { return emitMaximum(x, y, true); }
static Expr emitMinimumOp(Expr x, Expr y) { return emitMaximum(x, y, false); }
static Expr emitMaxNumOp(Expr x, Expr y) { return emitMaxNum(x, y, true); }
static Expr emitMinNumOp(Expr x, Expr y) { return emitMaxNum(x, y, false); }

static const llvm::StringMap<Unary> &unaryTable() {
  static const llvm::StringMap<Unary> table = {
      {"math.acos", emitAcos},
      {"math.acosh", emitAcosh},
      {"math.asin", emitAsin},
      {"math.asinh", emitAsinh},
      {"math.atan", emitAtan},
      {"math.atanh", emitAtanh},
      {"math.cbrt", emitCbrt},
      {"math.ceil", emitCeil},
      {"math.cos", emitCos},
      {"math.cosh", emitCosh},
      {"math.erf", emitErf},
      {"math.erfc", emitErfc},
      {"math.exp", emitExp},
      {"math.exp2", emitExp2},
      {"math.expm1", emitExpm1},
      {"math.floor", emitFloor},
      {"math.log", emitLog},
      {"math.log10", emitLog10},
      {"math.log1p", emitLog1p},
      {"math.log2", emitLog2},
      {"math.round", emitRoundHalfAway},
      {"math.roundeven", emitRoundEven},
      {"math.rsqrt", emitRsqrt},
      {"math.sin", emitSin},
      {"math.sinh", emitSinh},
      {"math.sqrt", emitSqrt},
      {"math.tan", emitTan},
      {"math.tanh", emitTanh},
      {"math.trunc", emitTrunc},
  };
  return table;
}

static const llvm::StringMap<Binary> &binaryTable() {
  static const llvm::StringMap<Binary> table = {
      {"math.atan2", emitAtan2},         {"math.powf", emitPow},
      {"arith.remf", emitRem},           {"arith.maximumf", emitMaximumOp},
      {"arith.minimumf", emitMinimumOp}, {"arith.maxnumf", emitMaxNumOp},
      {"arith.minnumf", emitMinNumOp},
  };
  return table;
}

/// Scalars and vectors of the formats this pass computes in.
static bool isComputeType(Type type) {
  Type element = getElementTypeOrSelf(type);
  return (element.isF32() || element.isF64()) &&
         (!isa<ShapedType>(type) || isa<VectorType>(type));
}

static bool isNativeHalf(Type type, const ExpandMathOptions &options) {
  return getElementTypeOrSelf(type).isF16() ? options.hasF16Arithmetic
                                            : options.hasBF16Arithmetic;
}

/// Half ops that only touch the sign bit.
static bool isSignOp(Operation *op) {
  return isa<math::AbsFOp, math::CopySignOp, arith::NegFOp>(op);
}

static bool isKept(Operation *op, const ExpandMathOptions &options) {
  if (isa<math::AbsFOp, math::CopySignOp, math::AbsIOp,
          math::CountLeadingZerosOp, math::CountTrailingZerosOp, math::CtPopOp>(
          op))
    return true;
  if (isa<math::SqrtOp>(op))
    return options.hasSqrt &&
           (options.hasF64 ||
            !getElementTypeOrSelf(op->getResult(0).getType()).isF64());
  if (isa<math::FmaOp>(op))
    return options.hasFMA &&
           (options.hasF64 ||
            !getElementTypeOrSelf(op->getResult(0).getType()).isF64());
  if (isa<math::FloorOp, math::CeilOp, math::TruncOp, math::RoundEvenOp>(op))
    return options.hasRound;
  if (isa<arith::MaximumFOp, arith::MinimumFOp>(op))
    return options.hasMinMax;
  return false;
}

/// Does any operand or result hold halves that must be widened?
static bool touchesHalf(Operation *op, const ExpandMathOptions &options) {
  auto wide = [&](Type t) { return isHalf(t) && !isNativeHalf(t, options); };
  return llvm::any_of(op->getOperandTypes(), wide) ||
         llvm::any_of(op->getResultTypes(), wide);
}

/// Arith ops with float operands or results that LLVM promotes by itself, with
/// library calls for the conversions where the target has no instruction.
static bool isPromotedArith(Operation *op) {
  return isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp,
             arith::RemFOp, arith::NegFOp, arith::CmpFOp, arith::MaximumFOp,
             arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp,
             arith::SIToFPOp, arith::UIToFPOp, arith::FPToSIOp,
             arith::FPToUIOp>(op);
}

static bool isExpandedConversion(Operation *op,
                                 const ExpandMathOptions &options) {
  auto expanded = [&](Type t) {
    return isHalf(t) &&
           (getElementTypeOrSelf(t).isBF16() ? !options.hasBF16Conversion
                                             : !options.hasF16Conversion);
  };
  if (auto ext = dyn_cast<arith::ExtFOp>(op))
    return expanded(ext.getIn().getType()) && isComputeType(ext.getType());
  if (auto trunc = dyn_cast<arith::TruncFOp>(op))
    return expanded(trunc.getType()) && isComputeType(trunc.getIn().getType());
  return false;
}

static bool needsExpansion(Operation *op, const ExpandMathOptions &options) {
  if (!op->getDialect() || op->getNumOperands() == 0 ||
      op->getNumResults() == 0)
    return false;
  StringRef dialect = op->getDialect()->getNamespace();
  bool isMath = dialect == "math";
  if (!isMath && dialect != "arith")
    return false;
  if (isExpandedConversion(op, options))
    return true;
  if ((isMath || isPromotedArith(op)) && touchesHalf(op, options))
    return true;
  if (isa<math::IPowIOp>(op))
    return isa<VectorType>(op->getResult(0).getType()) ||
           op->getResult(0).getType().isSignlessInteger();
  if (!isComputeType(op->getOperand(0).getType()) || isKept(op, options))
    return false;
  return isMath || binaryTable().contains(op->getName().getStringRef());
}

/// Sign-bit ops on halves, in 16-bit integers.
static Value emitHalfSign(Operation *op, OpBuilder &b) {
  Location loc = op->getLoc();
  Value x = op->getOperand(0);
  Type type = x.getType(), intType = b.getIntegerType(16);
  if (auto vector = dyn_cast<VectorType>(type))
    intType = vector.clone(intType);
  auto splat = [&](int64_t value) -> Value {
    TypedAttr attr = b.getI16IntegerAttr(value);
    if (auto vector = dyn_cast<VectorType>(intType))
      attr = DenseElementsAttr::get(vector, Attribute(attr));
    return arith::ConstantOp::create(b, loc, attr);
  };
  Value bits = arith::BitcastOp::create(b, loc, intType, x);
  Value signMask = splat(-32768), restMask = splat(32767);
  if (isa<arith::NegFOp>(op)) {
    bits = arith::XOrIOp::create(b, loc, bits, signMask);
  } else {
    bits = arith::AndIOp::create(b, loc, bits, restMask);
    if (isa<math::CopySignOp>(op)) {
      Value sign = arith::BitcastOp::create(b, loc, intType, op->getOperand(1));
      sign = arith::AndIOp::create(b, loc, sign, signMask);
      bits = arith::OrIOp::create(b, loc, bits, sign);
    }
  }
  return arith::BitcastOp::create(b, loc, type, bits);
}

/// Conversions between halves and f32 or f64.
static Value emitHalfConversion(Operation *op, OpBuilder &b,
                                const ExpandMathOptions &options,
                                ConstantCache *cache) {
  Location loc = op->getLoc();
  Value x = op->getOperand(0);
  Type to = op->getResult(0).getType();
  if (isa<arith::ExtFOp>(op)) {
    Value wide = extendHalf(b, loc, x, options, cache);
    if (wide.getType() == to)
      return wide;
    return arith::ExtFOp::create(b, loc, to, wide);
  }
  if (getElementTypeOrSelf(x.getType()).isF64())
    x = truncateToOdd(b, loc, x, options, cache);
  return truncateToHalf(b, loc, x, to, options, cache);
}

/// The same op on f32 between conversions; `inner` receives that op.
static SmallVector<Value> emitWidened(Operation *op, OpBuilder &b,
                                      const ExpandMathOptions &options,
                                      ConstantCache *cache, Operation *&inner) {
  Location loc = op->getLoc();
  OperationState state(loc, op->getName());
  for (Value operand : op->getOperands())
    state.operands.push_back(isHalf(operand.getType())
                                 ? extendHalf(b, loc, operand, options, cache)
                                 : operand);
  for (Type type : op->getResultTypes())
    state.types.push_back(isHalf(type) ? widened(type) : type);
  state.attributes = op->getAttrs();
  inner = b.create(state);
  SmallVector<Value> results;
  for (auto [wide, type] :
       llvm::zip_equal(inner->getResults(), op->getResultTypes()))
    results.push_back(wide.getType() == type
                          ? wide
                          : truncateToHalf(b, loc, wide, type, options, cache));
  return results;
}

static std::optional<int64_t> constantExponent(Value v) {
  APInt value;
  if (matchPattern(v, m_ConstantInt(&value)) &&
      value.getSignificantBits() <= 64)
    return value.getSExtValue();
  return std::nullopt;
}

/// Classification ops give i1 shapes.
static Expr emitClass(Operation *op, Expr x) {
  VecBuilder &vb = *x.vb;
  Expr a = vb.abs(x);
  if (isa<math::IsNaNOp>(op))
    return vb.isNaN(x);
  if (isa<math::IsInfOp>(op))
    return vb.eq(a, vb.infinity());
  if (isa<math::IsFiniteOp>(op))
    return vb.lt(a, vb.infinity());
  Expr smallest = vb.c(0x1p-126, 0x1p-1022);
  return vb.ge(a, smallest) & vb.lt(a, vb.infinity());
}

/// Code for one op on f32, f64 or integers.
static SmallVector<Value> emitCompute(Operation *op, OpBuilder &b,
                                      const ExpandMathOptions &options,
                                      ConstantCache *cache) {
  Location loc = op->getLoc();
  if (auto power = dyn_cast<math::IPowIOp>(op))
    return {emitIntPow(b, loc, power.getLhs(), power.getRhs(),
                       constantExponent(power.getRhs()))};
  Value first = op->getOperand(0);
  bool isRemainder = isa<arith::RemFOp>(op) && options.hasF64;
  bool wasF32 = getElementTypeOrSelf(first.getType()).isF32();
  Type computeType = first.getType();
  // Remainders are taken in f64, where an f32 quotient step is always exact.
  if (isRemainder && wasF32) {
    computeType = Float64Type::get(b.getContext());
    if (auto vector = dyn_cast<VectorType>(first.getType()))
      computeType = vector.clone(computeType);
  }
  VecBuilder vb(b, loc, computeType, options, cache);
  auto operand = [&](unsigned i) {
    Value v = op->getOperand(i);
    if (isRemainder && wasF32)
      v = arith::ExtFOp::create(b, loc, computeType, v);
    return vb.wrap(v);
  };
  StringRef name = op->getName().getStringRef();
  auto unary = unaryTable().find(name);
  if (unary != unaryTable().end())
    return {unary->second(operand(0)).v};
  auto binary = binaryTable().find(name);
  if (binary != binaryTable().end()) {
    Expr lhs = operand(0), rhs = operand(1);
    Value r = binary->second(lhs, rhs).v;
    if (r.getType() != first.getType())
      r = arith::TruncFOp::create(b, loc, first.getType(), r);
    return {r};
  }
  if (isa<math::IsNaNOp, math::IsInfOp, math::IsFiniteOp, math::IsNormalOp>(op))
    return {emitClass(op, operand(0)).v};
  if (isa<math::SincosOp>(op)) {
    auto [sine, cosine] = emitSinCos(operand(0));
    return {sine.v, cosine.v};
  }
  if (isa<math::FmaOp>(op))
    return {vb.fma(operand(0), operand(1), operand(2)).v};
  if (isa<math::ClampFOp>(op)) {
    Expr low = emitMaxNum(operand(0), operand(1), /*isMax=*/true);
    return {emitMaxNum(low, operand(2), /*isMax=*/false).v};
  }
  if (auto power = dyn_cast<math::FPowIOp>(op))
    return {emitPowInt(operand(0), vb.wrap(power.getRhs()),
                       constantExponent(power.getRhs()))
                .v};
  return {};
}

/// New values for the results of `op`, or nothing. An op made on the way that
/// needs expansion itself is returned in `inner`.
static SmallVector<Value> expandOne(Operation *op, OpBuilder &b,
                                    const ExpandMathOptions &options,
                                    ConstantCache *cache, Operation *&inner) {
  inner = nullptr;
  if (isExpandedConversion(op, options))
    return {emitHalfConversion(op, b, options, cache)};
  if (touchesHalf(op, options)) {
    if (isSignOp(op))
      return {emitHalfSign(op, b)};
    return emitWidened(op, b, options, cache, inner);
  }
  return emitCompute(op, b, options, cache);
}

namespace {
struct ExpandMathPattern : RewritePattern {
  ExpandMathPattern(MLIRContext *context, const ExpandMathOptions &options)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context),
        options(options) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (!needsExpansion(op, options))
      return failure();
    Operation *inner;
    SmallVector<Value> values =
        expandOne(op, rewriter, options, /*cache=*/nullptr, inner);
    if (values.empty())
      return rewriter.notifyMatchFailure(op, "no expansion");
    rewriter.replaceOp(op, values);
    return success();
  }

  ExpandMathOptions options;
};
} // namespace
} // namespace mathexp

void expandMath(Operation *root, const ExpandMathOptions &options) {
  if (!options.hasMinMax)
    mathexp::expandMinMaxReductions(root);
  SmallVector<Operation *> worklist;
  root->walk([&](Operation *op) {
    if (mathexp::needsExpansion(op, options))
      worklist.push_back(op);
  });
  mathexp::ConstantCache cache;
  OpBuilder b(root->getContext());
  for (size_t i = 0; i < worklist.size(); ++i) {
    Operation *op = worklist[i];
    b.setInsertionPoint(op);
    Operation *inner;
    SmallVector<Value> values =
        mathexp::expandOne(op, b, options, &cache, inner);
    if (values.empty())
      continue;
    op->replaceAllUsesWith(values);
    op->erase();
    if (inner && mathexp::needsExpansion(inner, options))
      worklist.push_back(inner);
  }
}

void populateExpandMathPatterns(RewritePatternSet &patterns,
                                const ExpandMathOptions &options) {
  patterns.add<mathexp::ExpandMathPattern>(patterns.getContext(), options);
}

void populateExpandMathPatterns(RewritePatternSet &patterns, bool hasFMA) {
  ExpandMathOptions options;
  options.hasFMA = hasFMA;
  populateExpandMathPatterns(patterns, options);
}

namespace {
struct ExpandMathPass : PassWrapper<ExpandMathPass, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandMathPass)

  ExpandMathPass() = default;
  ExpandMathPass(const ExpandMathPass &other) : PassWrapper(other) {}
  explicit ExpandMathPass(const ExpandMathOptions &options) {
    hasFMA = options.hasFMA;
    hasF64 = options.hasF64;
    hasSqrt = options.hasSqrt;
    hasRound = options.hasRound;
    hasMinMax = options.hasMinMax;
    hasF16Conversion = options.hasF16Conversion;
    hasBF16Conversion = options.hasBF16Conversion;
    hasF16Arithmetic = options.hasF16Arithmetic;
    hasBF16Arithmetic = options.hasBF16Arithmetic;
    guardSlowPaths = options.guardSlowPaths;
  }

  StringRef getArgument() const override { return "expand-math"; }
  StringRef getDescription() const override {
    return "replace math ops by arithmetic that needs no math library";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, math::MathDialect, scf::SCFDialect,
                    vector::VectorDialect>();
  }

  void runOnOperation() override {
    ExpandMathOptions options;
    options.hasFMA = hasFMA;
    options.hasF64 = hasF64;
    options.hasSqrt = hasSqrt;
    options.hasRound = hasRound;
    options.hasMinMax = hasMinMax;
    options.hasF16Conversion = hasF16Conversion;
    options.hasBF16Conversion = hasBF16Conversion;
    options.hasF16Arithmetic = hasF16Arithmetic;
    options.hasBF16Arithmetic = hasBF16Arithmetic;
    options.guardSlowPaths = guardSlowPaths;
    expandMath(getOperation(), options);
  }

  Option<bool> hasFMA{*this, "fma", llvm::cl::init(true),
                      llvm::cl::desc("fused multiply-add is native")};
  Option<bool> hasF64{*this, "f64", llvm::cl::init(true),
                      llvm::cl::desc("f64 arithmetic is native")};
  Option<bool> hasSqrt{*this, "sqrt", llvm::cl::init(true),
                       llvm::cl::desc("sqrt is native")};
  Option<bool> hasRound{
      *this, "round", llvm::cl::init(true),
      llvm::cl::desc("floor, ceil, trunc, roundeven are native")};
  Option<bool> hasMinMax{
      *this, "minmax", llvm::cl::init(true),
      llvm::cl::desc("NaN-propagating min and max are native")};
  Option<bool> hasF16Conversion{*this, "f16-conversion", llvm::cl::init(true),
                                llvm::cl::desc("f16 conversions are native")};
  Option<bool> hasBF16Conversion{*this, "bf16-conversion",
                                 llvm::cl::init(false),
                                 llvm::cl::desc("bf16 conversions are native")};
  Option<bool> hasF16Arithmetic{*this, "f16-arithmetic", llvm::cl::init(false),
                                llvm::cl::desc("compute f16 ops in f16")};
  Option<bool> hasBF16Arithmetic{*this, "bf16-arithmetic",
                                 llvm::cl::init(false),
                                 llvm::cl::desc("compute bf16 ops in bf16")};
  Option<bool> guardSlowPaths{
      *this, "guard-slow-paths", llvm::cl::init(true),
      llvm::cl::desc("vectors branch around rare slow paths")};
};
} // namespace

std::unique_ptr<Pass> createExpandMathPass() {
  return std::make_unique<ExpandMathPass>();
}

std::unique_ptr<Pass> createExpandMathPass(const ExpandMathOptions &options) {
  return std::make_unique<ExpandMathPass>(options);
}

void registerMathPasses() { PassRegistration<ExpandMathPass>(); }

} // namespace onnxc
