// f64 arithmetic that folds: on numbers known at compile time it is evaluated,
// otherwise it becomes ops.  One formula serves tables made by the compiler
// and tables made by the generated code.
#ifndef ONNXC_PASSES_LOWER_NUM_H
#define ONNXC_PASSES_LOWER_NUM_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>
#include <optional>

namespace onnxc::lower {

/// A number or an f64 value; predicates are 0 or 1, or an i1 value.
struct Num {
  std::optional<double> c;
  mlir::Value v;
  Num(double c = 0) : c(c) {}
  Num(mlir::Value v) : v(v) {}
};

class NumBuilder {
public:
  NumBuilder(mlir::OpBuilder &b, mlir::Location loc) : b(b), loc(loc) {}

  mlir::Value value(Num x) {
    return x.v ? x.v : mlir::arith::ConstantOp::create(b, loc, b.getF64FloatAttr(*x.c)).getResult();
  }
  Num add(Num x, Num y) { return x.c && y.c ? Num(*x.c + *y.c) : make<mlir::arith::AddFOp>(x, y); }
  Num sub(Num x, Num y) { return x.c && y.c ? Num(*x.c - *y.c) : make<mlir::arith::SubFOp>(x, y); }
  Num mul(Num x, Num y) { return x.c && y.c ? Num(*x.c * *y.c) : make<mlir::arith::MulFOp>(x, y); }
  Num div(Num x, Num y) { return x.c && y.c ? Num(*x.c / *y.c) : make<mlir::arith::DivFOp>(x, y); }
  Num min(Num x, Num y) { return select(less(y, x), y, x); }
  Num max(Num x, Num y) { return select(less(x, y), y, x); }
  Num floor(Num x) { return x.c ? Num(std::floor(*x.c)) : Num(mlir::math::FloorOp::create(b, loc, x.v).getResult()); }
  Num ceil(Num x) { return x.c ? Num(std::ceil(*x.c)) : Num(mlir::math::CeilOp::create(b, loc, x.v).getResult()); }
  Num abs(Num x) { return x.c ? Num(std::fabs(*x.c)) : Num(mlir::math::AbsFOp::create(b, loc, x.v).getResult()); }
  Num less(Num x, Num y) { return x.c && y.c ? Num(*x.c < *y.c) : compare(mlir::arith::CmpFPredicate::OLT, x, y); }
  Num lessEqual(Num x, Num y) { return x.c && y.c ? Num(*x.c <= *y.c) : compare(mlir::arith::CmpFPredicate::OLE, x, y); }
  Num equal(Num x, Num y) { return x.c && y.c ? Num(*x.c == *y.c) : compare(mlir::arith::CmpFPredicate::OEQ, x, y); }
  Num either(Num p, Num q) {
    if (p.c || q.c) {
      Num known = p.c ? p : q, other = p.c ? q : p;
      return *known.c != 0 ? Num(1) : other;
    }
    return Num(mlir::arith::OrIOp::create(b, loc, p.v, q.v).getResult());
  }
  Num select(Num p, Num x, Num y) {
    if (p.c)
      return *p.c != 0 ? x : y;
    return Num(mlir::arith::SelectOp::create(b, loc, p.v, value(x), value(y)).getResult());
  }
  mlir::Value toInt(Num x) { return mlir::arith::FPToSIOp::create(b, loc, b.getI64Type(), value(x)); }
  Num fromIndex(mlir::Value i) {
    mlir::Value wide = mlir::arith::IndexCastOp::create(b, loc, b.getI64Type(), i);
    return Num(mlir::arith::SIToFPOp::create(b, loc, b.getF64Type(), wide).getResult());
  }

private:
  template <typename Op>
  Num make(Num x, Num y) {
    return Num(Op::create(b, loc, value(x), value(y)).getResult());
  }
  Num compare(mlir::arith::CmpFPredicate p, Num x, Num y) {
    return Num(mlir::arith::CmpFOp::create(b, loc, p, value(x), value(y)).getResult());
  }
  mlir::OpBuilder &b;
  mlir::Location loc;
};

} // namespace onnxc::lower

#endif
