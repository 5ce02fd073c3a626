// Products read f16 operands as they are.
//
//   %x32 = generic { extf } (%x : f16)               generic { acc + extf(x) * extf(w) } (%x, %w : f16)
//   %w32 = generic { extf } (%w : f16)        ->
//   generic { acc + x * w } (%x32, %w32 : f32)
//
// Lowering widens operands first, which a processor wants once and not in each
// step of a product. The matrix units of a GPU take f16, and widening later
// costs half the traffic. Padding with zeros is passed on the way.
#include "passes/schedule/gpu/Gpu.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace onnxc {
namespace {

RankedTensorType narrowed(Value v) {
  auto type = cast<RankedTensorType>(v.getType());
  return RankedTensorType::get(type.getShape(), Float16Type::get(v.getContext()));
}

/// The operand of an elementwise op that only widens f16; null for any other.
Value widenedBy(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 || op.getNumReductionLoops() ||
      !llvm::all_of(op.getIndexingMapsArray(), [](AffineMap m) { return m.isIdentity(); }))
    return {};
  auto wide = op.getBody()->getTerminator()->getOperand(0).getDefiningOp<arith::ExtFOp>();
  if (!wide || wide.getIn() != op.getBody()->getArgument(0) || !wide.getIn().getType().isF16() || !wide.getType().isF32())
    return {};
  return op.getDpsInputOperand(0)->get();
}

class Narrower {
public:
  /// `v` in f16, exactly; null where it is none. Writes nothing when it fails.
  Value narrow(Value v, bool write) {
    Operation *op = v.getDefiningOp();
    if (!op)
      return {};
    if (auto generic = dyn_cast<linalg::GenericOp>(op))
      return widenedBy(generic);
    OpBuilder b(op);
    if (auto reshape = dyn_cast<tensor::CollapseShapeOp>(op)) {
      Value source = narrow(reshape.getSrc(), write);
      return !source || !write ? source : tensor::CollapseShapeOp::create(b, op->getLoc(), narrowed(v), source, reshape.getReassociationIndices()).getResult();
    }
    if (auto reshape = dyn_cast<tensor::ExpandShapeOp>(op)) {
      Value source = narrow(reshape.getSrc(), write);
      return !source || !write ? source
                               : tensor::ExpandShapeOp::create(b, op->getLoc(), narrowed(v), source, reshape.getReassociationIndices(),
                                                               reshape.getMixedOutputShape())
                                     .getResult();
    }
    if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
      auto fill = insert.getDest().getDefiningOp<linalg::FillOp>();
      if (!fill || !matchPattern(fill.getInputs()[0], m_AnyZeroFloat()))
        return {};
      Value source = narrow(insert.getSource(), write);
      if (!source || !write)
        return source;
      Value zero = arith::ConstantOp::create(b, op->getLoc(), b.getFloatAttr(b.getF16Type(), 0));
      SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, op->getLoc(), fill.getOutputs()[0]);
      Value empty = tensor::EmptyOp::create(b, op->getLoc(), sizes, b.getF16Type());
      Value padding = linalg::FillOp::create(b, op->getLoc(), zero, empty).getResult(0);
      return tensor::InsertSliceOp::create(b, op->getLoc(), source, padding, insert.getMixedOffsets(), insert.getMixedSizes(), insert.getMixedStrides());
    }
    return {};
  }

  void run(linalg::GenericOp op) {
    if (op.getNumReductionLoops() == 0 || op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
      return;
    OpOperand *inputs[] = {op.getDpsInputOperand(0), op.getDpsInputOperand(1)};
    for (OpOperand *in : inputs)
      if (!isa<RankedTensorType>(in->get().getType()) || !narrow(in->get(), /*write=*/false))
        return;
    for (OpOperand *in : inputs) {
      in->set(narrow(in->get(), /*write=*/true));
      BlockArgument arg = op.getBody()->getArgument(in->getOperandNumber());
      arg.setType(Float16Type::get(op.getContext()));
      OpBuilder b = OpBuilder::atBlockBegin(op.getBody());
      auto wide = arith::ExtFOp::create(b, op.getLoc(), b.getF32Type(), arg);
      arg.replaceAllUsesExcept(wide, wide);
    }
  }
};

struct NarrowProductsPass : PassWrapper<NarrowProductsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(NarrowProductsPass)
  StringRef getArgument() const override { return "onnxc-narrow-products"; }
  StringRef getDescription() const override { return "products read f16 operands as they are"; }
  void getDependentDialects(DialectRegistry &r) const override { r.insert<arith::ArithDialect, linalg::LinalgDialect, tensor::TensorDialect>(); }
  void runOnOperation() override {
    SmallVector<linalg::GenericOp> products;
    getOperation().walk([&](linalg::GenericOp op) { products.push_back(op); });
    Narrower narrower;
    for (linalg::GenericOp op : products)
      narrower.run(op);
  }
};

} // namespace

std::unique_ptr<Pass> createNarrowProductsPass() { return std::make_unique<NarrowProductsPass>(); }

} // namespace onnxc
