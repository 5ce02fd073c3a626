// Arithmetic on indices.
#include "passes/schedule/gpu/IndexMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace onnxc {

Value IndexMath::index(int64_t n) { return arith::ConstantIndexOp::create(b, loc, n); }
Value IndexMath::add(Value x, Value y) { return b.createOrFold<arith::AddIOp>(loc, x, y); }
Value IndexMath::add(Value x, int64_t n) { return n ? add(x, index(n)) : x; }
Value IndexMath::mul(Value x, int64_t n) { return b.createOrFold<arith::MulIOp>(loc, x, index(n)); }
Value IndexMath::rem(Value x, int64_t n) { return b.createOrFold<arith::RemUIOp>(loc, x, index(n)); }
Value IndexMath::div(Value x, int64_t n) { return b.createOrFold<arith::DivUIOp>(loc, x, index(n)); }
Value IndexMath::below(Value x, int64_t n) { return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, x, index(n)); }
Value IndexMath::both(Value x, Value y) { return !x ? y : !y ? x : arith::AndIOp::create(b, loc, x, y).getResult(); }

} // namespace onnxc
