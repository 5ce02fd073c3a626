// Functions of 8 bits are read from a table:
//   QuantizeLinear(Sigmoid(DequantizeLinear(q)))   ->   Gather(table of 256, q)
// where what lies between is elementwise, of one quantised tensor, and holds
// a function that takes many instructions.  The table has what the ops compute
// for each of the 256 values, by the evaluators that fold constants.
#include "dialects/onnx/Onnx.h"
#include "mlir/Pass/Pass.h"
#include "passes/graph/Evaluate.h"
#include "passes/graph/GraphPasses.h"
#include "passes/graph/QuantParams.h"

using namespace mlir;

namespace onnxc {

using namespace graph;

namespace {

/// What a value is for each value of a tensor of 8 bits.  Entry i is for the
/// bits i: signed values index it as Gather has it, negative ones from the end.
struct Function {
  Value of;
  ElementsAttr values;
  bool costly = false;
};

bool isByte(Value v) {
  auto type = ranked(v);
  auto elem = type ? dyn_cast<IntegerType>(type.getElementType()) : IntegerType();
  return elem && elem.getWidth() == 8;
}

/// All values of the type of `q`, by their bits.
ElementsAttr everyValue(Value q) {
  SmallVector<char> bytes;
  for (int i = 0; i < 256; ++i)
    bytes.push_back(char(i));
  return onnx::makeConstant(RankedTensorType::get({256}, ranked(q).getElementType()),
                            HeapAsmResourceBlob::allocateAndCopyWithAlign(ArrayRef<char>(bytes), 64));
}

class Tables {
public:
  void visit(Operation *op) {
    bool dequantizes = is(op, "DequantizeLinear"), quantizes = is(op, "QuantizeLinear");
    if ((!dequantizes && !quantizes && !op->hasTrait<onnx::Elementwise>()) || op->getNumResults() != 1 || !canEvaluate(op))
      return;
    if (dequantizes || quantizes) {
      auto p = paramsOf(op);
      if (!p || !p->perTensor() || p->elem.getIntOrFloatBitWidth() != 8)
        return;
    }
    auto function = functionOf(op);
    if (!function)
      return;
    Value y = op->getResult(0);
    if (quantizes && function->costly)
      y = lookUp(op, *function);
    known[y] = *function;
  }

private:
  std::optional<Function> functionOf(Operation *op) {
    Function f;
    SmallVector<ElementsAttr> operands;
    auto type = ranked(op->getResult(0));
    for (auto [i, v] : llvm::enumerate(op->getOperands())) {
      ElementsAttr attr = present(v) ? constantOf(v) : ElementsAttr();
      if (present(v) && !attr) {
        auto it = known.find(v);
        bool base = it == known.end() && is(op, "DequantizeLinear") && i == 0 && isByte(v);
        if ((!base && it == known.end()) || !type || ranked(v).getShape() != type.getShape())
          return std::nullopt;
        Function part = base ? Function{v, everyValue(v)} : it->second;
        if (f.of && f.of != part.of)
          return std::nullopt;
        f.of = part.of;
        f.costly |= part.costly;
        attr = part.values;
      } else if (attr && attr.getNumElements() != 1) {
        return std::nullopt;
      } else if (attr && cast<ShapedType>(attr.getType()).getRank() > 1) {
        return std::nullopt; // the table has one dim
      }
      operands.push_back(attr);
    }
    auto values = f.of ? evaluate(op, operands) : std::nullopt;
    if (!values || (*values)[0].getNumElements() != 256)
      return std::nullopt;
    f.values = (*values)[0];
    f.costly |= op->hasTrait<onnx::CostlyFunction>();
    return f;
  }

  Value lookUp(Operation *op, const Function &f) {
    OpBuilder b(op);
    Value table = constant(b, op->getLoc(), f.values);
    Value y = create(b, op->getLoc(), "Gather", {table, f.of}, {op->getResult(0).getType()})->getResult(0);
    op->getResult(0).replaceAllUsesWith(y);
    return y;
  }

  llvm::DenseMap<Value, Function> known;
};

struct QuantTablesPass : PassWrapper<QuantTablesPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(QuantTablesPass)
  StringRef getArgument() const override { return "onnxc-quant-tables"; }
  StringRef getDescription() const override { return "Read costly functions of 8 bits from tables"; }

  void runOnOperation() override {
    Tables tables;
    std::vector<Operation *> ops;
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops)
      tables.visit(op);
    eraseDead(getOperation());
  }
};

} // namespace

std::unique_ptr<Pass> createQuantTablesPass() { return std::make_unique<QuantTablesPass>(); }

} // namespace onnxc
