// Constants of kernels become arguments.
//
//   func @kernel(%x) { %w = memref.get_global @w ... }     call @kernel(%x)
//   ->
//   func @kernel(%x, %w) { ... }                           %w = memref.get_global @w
//                                                          call @kernel(%x, %w)
#include "passes/memory/PassConstants.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace onnxc {

void passConstants(func::FuncOp main) {
  auto module = main->getParentOfType<ModuleOp>();
  // What a callee hands to its caller may have to go further; calls do not recurse.
  for (bool again = true; again;) {
    again = false;
    for (auto f : module.getOps<func::FuncOp>()) {
      llvm::MapVector<StringAttr, SmallVector<memref::GetGlobalOp>> gets;
      if (f != main)
        f.walk([&](memref::GetGlobalOp get) { gets[get.getNameAttr().getAttr()].push_back(get); });
      if (gets.empty())
        continue;
      again = true;
      SmallVector<func::CallOp> calls;
      module.walk([&](func::CallOp call) {
        if (call.getCalleeAttr().getAttr() == f.getSymNameAttr())
          calls.push_back(call);
      });
      for (auto &[name, ops] : gets) {
        MemRefType type = ops.front().getType();
        (void)f.insertArgument(f.getNumArguments(), type, DictionaryAttr::get(f.getContext()), ops.front().getLoc());
        Value arg = f.getArgument(f.getNumArguments() - 1);
        for (memref::GetGlobalOp op : ops) {
          op.replaceAllUsesWith(arg);
          op.erase();
        }
        for (func::CallOp call : calls) {
          OpBuilder b(call);
          call.getOperandsMutable().append(memref::GetGlobalOp::create(b, call.getLoc(), type, name).getResult());
        }
      }
    }
  }
}

} // namespace onnxc
