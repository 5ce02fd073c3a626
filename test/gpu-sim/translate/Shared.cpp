// Shared variables: each kernel's lie in one window, at the same place in every
// kernel that uses them, with gaps between so that an access beyond the end of
// one is not an access to the next.
#include "Translator.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/ReplaceConstant.h"

using namespace llvm;

namespace gpusim {

constexpr unsigned SharedSpace = 3;
constexpr uint64_t Gap = 256;

/// The functions that a kernel may call, itself included.
static SetVector<Function *> reachable(Function *kernel) {
  SetVector<Function *> result;
  result.insert(kernel);
  for (size_t i = 0; i < result.size(); ++i)
    for (Instruction &instruction : instructions(result[i]))
      if (auto *call = dyn_cast<CallBase>(&instruction))
        if (Function *callee = call->getCalledFunction(); callee && !callee->isDeclaration())
          result.insert(callee);
  return result;
}

Expected<SharedLayouts> placeShared(Module &module, ArrayRef<Function *> kernels) {
  SmallVector<GlobalVariable *> globals;
  SmallVector<Constant *> constants;
  for (GlobalVariable &g : module.globals())
    if (g.getAddressSpace() == SharedSpace) {
      globals.push_back(&g);
      constants.push_back(&g);
    }
  convertUsersOfConstantsToInstructions(constants);

  DenseMap<GlobalVariable *, SetVector<Function *>> users;
  for (GlobalVariable *g : globals)
    for (User *user : g->users()) {
      auto *instruction = dyn_cast<Instruction>(user);
      if (!instruction)
        return createStringError("shared variable '%s' is used by another variable", g->getName().str().c_str());
      users[g].insert(instruction->getFunction());
    }

  // Dynamic arrays have no size of their own: they come last.
  const DataLayout &layout = module.getDataLayout();
  auto isDynamic = [&](GlobalVariable *g) { return layout.getTypeAllocSize(g->getValueType()) == 0; };
  SmallVector<GlobalVariable *> ordered;
  for (bool last : {false, true})
    for (GlobalVariable *g : globals)
      if (isDynamic(g) == last)
        ordered.push_back(g);

  SharedLayouts layouts;
  DenseMap<Function *, SetVector<Function *>> reach;
  DenseMap<Function *, uint64_t> end;
  for (Function *kernel : kernels) {
    reach[kernel] = reachable(kernel);
    layouts[kernel];
    end[kernel] = 0;
  }
  DenseMap<GlobalVariable *, uint64_t> offsets;
  for (GlobalVariable *g : ordered) {
    SmallVector<Function *> of;
    for (Function *kernel : kernels)
      if (any_of(users[g], [&](Function *f) { return reach[kernel].contains(f); }))
        of.push_back(kernel);
    uint64_t alignment = std::max<uint64_t>(16, g->getAlign().valueOrOne().value()), at = 0;
    for (Function *kernel : of)
      at = std::max(at, end[kernel]);
    at = alignTo(at, alignment);
    offsets[g] = at;
    uint64_t bytes = layout.getTypeAllocSize(g->getValueType());
    for (Function *kernel : of) {
      SharedLayout &l = layouts[kernel];
      if (isDynamic(g)) {
        l.dynamicOffset = at;
        continue;
      }
      l.variables.push_back({g, uint32_t(at), uint32_t(bytes)});
      l.staticBytes = alignTo(l.staticBytes, g->getAlign().valueOrOne()) + bytes;
      end[kernel] = at + bytes + Gap;
      l.dynamicOffset = alignTo(end[kernel], 256);
    }
  }

  // Uses become addresses, made once per function.
  auto *base = new GlobalVariable(module, PointerType::get(module.getContext(), 0), false, GlobalValue::ExternalLinkage, nullptr,
                                  "gpusim_shared_window");
  for (GlobalVariable *g : globals) {
    for (Function *f : users[g]) {
      IRBuilder<> b(&*f->getEntryBlock().getFirstInsertionPt());
      Value *window = b.CreateLoad(b.getPtrTy(), base);
      Value *place = b.CreateAddrSpaceCast(b.CreateConstGEP1_64(b.getInt8Ty(), window, offsets[g]), g->getType(), g->getName());
      g->replaceUsesWithIf(place, [&](Use &use) {
        auto *user = dyn_cast<Instruction>(use.getUser());
        return user && user->getFunction() == f;
      });
    }
  }
  return layouts;
}

} // namespace gpusim
