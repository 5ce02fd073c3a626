// The module becomes one of the host: triple, layout, calling conventions, and
// the steps of Translator.h.
#include "Translator.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace gpusim {

/// Variables of a thread are on the stack of its fibre, in the only address
/// space that the host has for them.
static void moveAllocas(Module &module) {
  SmallVector<AllocaInst *> allocas;
  for (Function &f : module)
    for (Instruction &i : instructions(f))
      if (auto *alloca = dyn_cast<AllocaInst>(&i); alloca && alloca->getAddressSpace() != 0)
        allocas.push_back(alloca);
  for (AllocaInst *old : allocas) {
    IRBuilder<> b(old);
    auto *alloca = b.CreateAlloca(old->getAllocatedType(), 0u, old->getArraySize(), old->getName());
    alloca->setAlignment(old->getAlign());
    old->replaceAllUsesWith(b.CreateAddrSpaceCast(alloca, old->getType()));
    old->eraseFromParent();
  }
}

Error translate(Module &module, const TargetMachine &machine, Checks checks) {
  SmallVector<Function *> kernels;
  for (Function &f : module)
    if (!f.isDeclaration() && f.getCallingConv() == CallingConv::PTX_Kernel)
      kernels.push_back(&f);
  if (kernels.empty())
    return createStringError("has no kernel: no function with the calling convention ptx_kernel");

  module.setTargetTriple(machine.getTargetTriple());
  module.setDataLayout(machine.createDataLayout());
  if (NamedMDNode *annotations = module.getNamedMetadata("nvvm.annotations"))
    annotations->eraseFromParent();
  moveAllocas(module);

  Sites sites(module);
  instrument(module, sites, checks);
  if (Error error = replaceIntrinsics(module, sites))
    return error;
  auto layouts = placeShared(module, kernels);
  if (!layouts)
    return layouts.takeError();
  addTables(module, kernels, *layouts, sites);
  for (GlobalVariable &g : make_early_inc_range(module.globals()))
    if (g.getAddressSpace() == 3 && g.use_empty())
      g.eraseFromParent();

  for (Function &f : module) {
    f.setCallingConv(CallingConv::C);
    if (f.isDeclaration())
      continue;
    f.setLinkage(GlobalValue::InternalLinkage);
    f.setComdat(nullptr);
    for (StringRef name : {"target-cpu", "target-features", "tune-cpu"})
      f.removeFnAttr(name);
    f.addFnAttr("target-cpu", machine.getTargetCPU());
    f.addFnAttr("target-features", machine.getTargetFeatureString());
    f.addFnAttr(Attribute::NoUnwind);
    for (Instruction &i : instructions(f))
      if (auto *call = dyn_cast<CallBase>(&i))
        call->setCallingConv(CallingConv::C);
  }
  std::string text;
  raw_string_ostream os(text);
  if (verifyModule(module, &os))
    return createStringError("is invalid after the translation: " + text);
  return Error::success();
}

} // namespace gpusim
