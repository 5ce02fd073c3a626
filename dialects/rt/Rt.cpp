// The rt dialect.
#include "dialects/rt/Rt.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

#include "dialects/rt/RtDialect.cpp.inc"

namespace onnxc::rt {

void RtDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/rt/RtOps.cpp.inc"
      >();
}

LogicalResult CheckOp::canonicalize(CheckOp op, PatternRewriter &rewriter) {
  if (!matchPattern(op.getOk(), m_NonZero()))
    return failure();
  rewriter.eraseOp(op);
  return success();
}

std::string messageOf(CheckOp check) {
  std::string text;
  for (char c : check.getText()) {
    APInt number;
    if (c != kGot && c != kWanted)
      text += c;
    else if (matchPattern(c == kGot ? check.getGot() : check.getWanted(), m_ConstantInt(&number)))
      text += std::to_string(number.getSExtValue());
    else
      text += '?';
  }
  return text;
}

} // namespace onnxc::rt

#define GET_OP_CLASSES
#include "dialects/rt/RtOps.cpp.inc"
