// The kernels of a module by name and by text, for passes that change what a call calls.
#include "passes/schedule/KernelTable.h"
#include "passes/schedule/Schedule.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace onnxc {

KernelTable::KernelTable(ModuleOp module) : module(module) {
  for (auto f : module.getOps<func::FuncOp>())
    if (f->hasAttr(kKernelAttr)) {
      kernels[f.getSymNameAttr()] = f;
      known[kernelText(f)] = f;
    }
}

func::FuncOp KernelTable::kernelOf(func::CallOp call) const { return kernels.lookup(call.getCalleeAttr().getAttr()); }

void KernelTable::redirect(func::CallOp call, func::FuncOp kernel) {
  auto [it, isNew] = known.try_emplace(kernelText(kernel), kernel);
  if (isNew) {
    std::string base = call.getCallee().str(), name = base;
    for (int i = 0; kernels.contains(StringAttr::get(module.getContext(), name)); ++i)
      name = base + "_" + std::to_string(i);
    kernel.setSymName(name);
    module.push_back(kernel);
    kernels[kernel.getSymNameAttr()] = kernel;
  } else {
    kernel.erase();
  }
  call.setCallee(it->second.getSymName());
}

void KernelTable::eraseUncalled() {
  llvm::DenseSet<Attribute> called;
  module.walk([&](func::CallOp call) { called.insert(call.getCalleeAttr().getAttr()); });
  for (auto &entry : kernels)
    if (!called.contains(entry.first))
      entry.second.erase();
  kernels.remove_if([&](auto &entry) { return !called.contains(entry.first); });
}

void setArgumentType(func::FuncOp kernel, unsigned arg, Type type) {
  kernel.getArgument(arg).setType(type);
  SmallVector<Type> inputs(kernel.getArgumentTypes());
  inputs[arg] = type;
  kernel.setFunctionType(FunctionType::get(kernel.getContext(), inputs, {}));
}

void generalizeLoneFill(func::FuncOp kernel) {
  SmallVector<linalg::LinalgOp> ops(kernel.getOps<linalg::LinalgOp>());
  if (ops.size() != 1 || isa<linalg::GenericOp>(ops[0].getOperation()))
    return;
  IRRewriter rewriter(kernel.getContext());
  rewriter.setInsertionPoint(ops[0]);
  (void)linalg::generalizeNamedOp(rewriter, ops[0]);
}

} // namespace onnxc
