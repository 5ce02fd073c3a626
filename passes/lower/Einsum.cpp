// Einsum.  The equation is parsed into one label per dim; an ellipsis stands
// for numbered labels of its own, right-aligned.  Two operands without
// repeated labels become (batch..., m, k) x (batch..., k, n) products; anything
// else is one contraction over all labels.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/lower/Attributes.h"
#include "passes/lower/Matmul.h"
#include "passes/lower/Window.h"
#include <map>

using namespace mlir;

namespace onnxc::lower {

namespace {
/// A letter, or 256 + i for the i-th ellipsis dim from the right.
using Labels = SmallVector<int>;
struct Equation {
  SmallVector<Labels> ins;
  Labels out;
};
} // namespace

static std::optional<Labels> parseTerm(StringRef text, int64_t ellipsisDims) {
  Labels labels;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("...")) {
      for (int64_t d = ellipsisDims; d-- > 0;)
        labels.push_back(256 + int(d));
      i += 2;
    } else if (llvm::isAlpha(text[i])) {
      labels.push_back(text[i]);
    } else {
      return std::nullopt;
    }
  }
  return labels;
}

static std::optional<Equation> parse(StringRef equation, ArrayRef<int64_t> ranks) {
  std::string text;
  for (char c : equation)
    if (c != ' ')
      text += c;
  auto [left, right] = StringRef(text).split("->");
  bool explicitOut = StringRef(text).contains("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  if (terms.size() != ranks.size())
    return std::nullopt;
  Equation e;
  int64_t widest = 0;
  for (auto [term, rank] : llvm::zip(terms, ranks)) {
    int64_t letters = llvm::count_if(term, [](char c) { return llvm::isAlpha(c); });
    int64_t dims = term.contains("...") ? rank - letters : 0;
    if (dims < 0)
      return std::nullopt;
    widest = std::max(widest, dims);
    auto labels = parseTerm(term, dims);
    if (!labels || int64_t(labels->size()) != rank)
      return std::nullopt;
    e.ins.push_back(*labels);
  }
  if (explicitOut) {
    auto labels = parseTerm(right, widest);
    if (!labels)
      return std::nullopt;
    e.out = *labels;
    return e;
  }
  // Without "->": the ellipsis, then all labels that appear once, sorted.
  for (int64_t d = widest; d-- > 0;)
    e.out.push_back(256 + int(d));
  for (int c = 0; c < 128; ++c) {
    int64_t uses = 0;
    for (const Labels &in : e.ins)
      uses += llvm::count(in, c);
    if (uses == 1)
      e.out.push_back(c);
  }
  return e;
}

namespace {
class EinsumLowering {
public:
  EinsumLowering(Lowering &l, Type acc, Equation e, SmallVector<Value> operands)
      : l(l), acc(acc), e(std::move(e)), operands(std::move(operands)) {
    for (auto [v, labels] : llvm::zip(this->operands, this->e.ins))
      for (auto [i, label] : llvm::enumerate(labels)) {
        OpFoldResult d = l.dim(v, i);
        auto it = extents.find(label);
        if (it == extents.end())
          extents[label] = d;
        else if (auto known = Lowering::staticDim(it->second); known == 1 || (!known && Lowering::staticDim(d) &&
                                                                              Lowering::staticDim(d) != 1))
          it->second = d;
      }
  }
  Value run() { return asProduct() ? product() : contraction(); }

private:
  bool isUnit(Value v, size_t i, int label) {
    return Lowering::staticDim(l.dim(v, i)) == 1 && Lowering::staticDim(extents[label]) != 1;
  }
  /// Two operands, no label twice in a term, every label either in the output
  /// or shared, no broadcast of unit dims.
  bool asProduct() {
    if (operands.size() != 2)
      return false;
    for (size_t o = 0; o < 2; ++o)
      for (auto [i, label] : llvm::enumerate(e.ins[o]))
        if (llvm::count(e.ins[o], label) > 1 || isUnit(operands[o], i, label) ||
            (!llvm::is_contained(e.out, label) && !llvm::is_contained(e.ins[1 - o], label)))
          return false;
    for (int label : e.out)
      if (llvm::count(e.out, label) > 1)
        return false;
    return true;
  }
  Value product() {
    Labels batch, m, n, k;
    auto in = [&](size_t o, int label) { return llvm::is_contained(e.ins[o], label); };
    for (int label : e.out)
      (in(0, label) && in(1, label) ? batch : in(0, label) ? m : n).push_back(label);
    for (int label : e.ins[0])
      if (!llvm::is_contained(e.out, label))
        k.push_back(label);
    auto extent = [&](const Labels &labels) {
      Dims d;
      for (int label : labels)
        d.push_back(extents[label]);
      return d;
    };
    // Operands as (batch..., rows, columns).
    auto arrange = [&](size_t o, const Labels &rows, const Labels &cols) {
      SmallVector<int64_t> perm;
      for (const Labels *group : std::initializer_list<const Labels *>{&batch, &rows, &cols})
        for (int label : *group)
          perm.push_back(llvm::find(e.ins[o], label) - e.ins[o].begin());
      Dims dims = extent(batch);
      dims.append({l.product(extent(rows)), l.product(extent(cols))});
      return l.reshape(l.transpose(operands[o], perm), dims);
    };
    // (n, k) order of the second operand saves a transpose where it already has it.
    bool transposed = !k.empty() && !n.empty() && e.ins[1].back() == k.back();
    Value y = matmulCore(l, arrange(0, m, k), transposed ? arrange(1, n, k) : arrange(1, k, n), acc, transposed);
    Labels have(batch);
    have.append(m);
    have.append(n);
    y = l.reshape(y, extent(have));
    SmallVector<int64_t> perm;
    for (int label : e.out)
      perm.push_back(llvm::find(have, label) - have.begin());
    return l.transpose(y, perm);
  }
  Value contraction() {
    MLIRContext *ctx = l.b.getContext();
    Labels loops(e.out);
    size_t parallel = loops.size();
    for (const Labels &in : e.ins)
      for (int label : in)
        if (!llvm::is_contained(loops, label))
          loops.push_back(label);
    auto expr = [&](int label) { return getAffineDimExpr(llvm::find(loops, label) - loops.begin(), ctx); };
    SmallVector<AffineMap> maps;
    for (auto [v, labels] : llvm::zip(operands, e.ins)) {
      SmallVector<AffineExpr> exprs;
      for (auto [i, label] : llvm::enumerate(labels))
        exprs.push_back(isUnit(v, i, label) ? getAffineConstantExpr(0, ctx) : expr(label));
      maps.push_back(AffineMap::get(loops.size(), 0, exprs, ctx));
    }
    Dims out;
    SmallVector<AffineExpr> outExprs;
    for (int label : e.out) {
      out.push_back(extents[label]);
      outExprs.push_back(expr(label));
    }
    maps.push_back(AffineMap::get(loops.size(), 0, outExprs, ctx));
    SmallVector<utils::IteratorType> types(loops.size(), utils::IteratorType::reduction);
    std::fill(types.begin(), types.begin() + parallel, utils::IteratorType::parallel);
    Value init = l.fill(out, acc, Lowering::scalar(l.b, l.loc(), acc, 0));
    return l.generic(operands, init, maps, types, [](OpBuilder &b, Location loc, ValueRange v) {
      Value p = v[0];
      if (v.size() == 2)
        return plus(b, loc, v[1], p);
      for (Value f : v.drop_front().drop_back(2))
        p = isa<FloatType>(p.getType()) ? Value(arith::MulFOp::create(b, loc, p, f))
                                        : Value(arith::MulIOp::create(b, loc, p, f));
      return mulAdd(b, loc, p, v[v.size() - 2], v.back());
    });
  }

  Lowering &l;
  Type acc;
  Equation e;
  SmallVector<Value> operands;
  std::map<int, OpFoldResult> extents;
};
} // namespace

static LogicalResult lowerEinsum(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0));
  Type acc = isa<FloatType>(elem) ? wide(elem) : Lowering::storage(elem);
  SmallVector<Value> operands;
  SmallVector<int64_t> ranks;
  for (Value v : op->getOperands()) {
    operands.push_back(widen(l, l.get(v), elem));
    ranks.push_back(Lowering::rank(operands.back()));
  }
  StringRef text = strAttr(op, "equation", "");
  auto e = parse(text, ranks);
  if (!e)
    return l.fail(op, "equation '" + text + "' does not fit the operands");
  for (int label : e->out)
    if (llvm::count(e->out, label) > 1 ||
        llvm::none_of(e->ins, [&](const Labels &in) { return llvm::is_contained(in, label); }))
      return l.fail(op, "equation '" + text + "' has an output label twice or without input");
  l.set(op, 0, narrow(l, EinsumLowering(l, acc, *e, operands).run(), elem));
  return success();
}

void registerEinsum(Registry &r) { r.add("onnx.Einsum", lowerEinsum); }

} // namespace onnxc::lower
