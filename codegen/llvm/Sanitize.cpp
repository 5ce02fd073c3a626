// --sanitize=address: LLVM instruments loads and stores, and what it cannot know
// is added here.
//
//   @w = constant [6 x i8], align 64     ->  { [6 x i8], [122 x i8] }, the rest poisoned by a constructor
//   %p = call @onnxc.alloc(%f, %bytes)   ->  %p = call @onnxc.alloc.checked(%f, %bytes)
//
// AddressSanitizer leaves globals alone whose alignment is larger than its
// smallest redzone, and all constants here are aligned for vectors. Buffers come
// from the caller's allocator, which need not be malloc: the 64 bytes before a
// buffer, where the allocator's list is kept, and 64 behind it are poisoned.
#include "codegen/llvm/Sanitize.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/PassManager.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Transforms/Instrumentation/AddressSanitizer.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

using namespace llvm;

namespace onnxc {

/// Of the bytes around buffers and constants.
constexpr uint64_t kRedzone = 64;

/// void __asan_(un)poison_memory_region(void const volatile *, size_t)
static FunctionCallee poison(Module &m, bool on) {
  LLVMContext &c = m.getContext();
  return m.getOrInsertFunction(on ? "__asan_poison_memory_region" : "__asan_unpoison_memory_region", Type::getVoidTy(c), PointerType::getUnqual(c),
                               m.getDataLayout().getIntPtrType(c));
}

/// The functions that read the list in front of each buffer.
static bool keepsTheList(const Function &f) {
  StringRef name = f.getName();
  return name == "onnxc.alloc" || name == "onnxc.alloc.checked" || name == "onnxc.free" || name == "onnxc.release_all";
}

static void padConstants(Module &m) {
  LLVMContext &c = m.getContext();
  IRBuilder<> b(c);
  SmallVector<GlobalVariable *> globals;
  for (GlobalVariable &g : m.globals())
    if (g.hasInitializer() && g.isConstant() && !g.getName().starts_with("onnxc.") && !g.getName().starts_with("llvm."))
      globals.push_back(&g);
  if (globals.empty())
    return;
  auto *constructor = Function::Create(FunctionType::get(b.getVoidTy(), false), GlobalValue::InternalLinkage, "onnxc.poison", m);
  b.SetInsertPoint(BasicBlock::Create(c, "entry", constructor));
  for (GlobalVariable *g : globals) {
    uint64_t bytes = m.getDataLayout().getTypeAllocSize(g->getValueType());
    uint64_t align = g->getAlign().valueOrOne().value();
    // So that the next constant starts behind the redzone.
    auto *rest = ArrayType::get(b.getInt8Ty(), alignTo(bytes, std::max(align, kRedzone)) + kRedzone - bytes);
    auto *type = StructType::get(c, {g->getValueType(), rest}, /*isPacked=*/true);
    auto *padded = new GlobalVariable(m, type, true, g->getLinkage(), ConstantStruct::get(type, {g->getInitializer(), ConstantAggregateZero::get(rest)}), "", g);
    padded->copyAttributesFrom(g);
    GlobalVariable::SanitizerMetadata own;
    own.NoAddress = true;
    padded->setSanitizerMetadata(own);
    padded->takeName(g);
    g->replaceAllUsesWith(padded);
    g->eraseFromParent();
    b.CreateCall(poison(m, true), {b.CreateConstGEP1_64(b.getInt8Ty(), padded, bytes), b.getInt64(rest->getNumElements())});
  }
  b.CreateRetVoid();
  appendToGlobalCtors(m, constructor, /*Priority=*/0);
}

/// WORD onnxc.alloc.checked(WORD frame, WORD bytes)
static void surroundBuffers(Module &m) {
  Function *alloc = m.getFunction("onnxc.alloc");
  if (!alloc)
    return;
  LLVMContext &c = m.getContext();
  IRBuilder<> b(c);
  Type *word = m.getDataLayout().getIntPtrType(c);
  auto size = [&](int64_t n) { return ConstantInt::getSigned(word, n); };
  auto *checked = Function::Create(alloc->getFunctionType(), GlobalValue::InternalLinkage, "onnxc.alloc.checked", m);
  checked->addFnAttr(Attribute::NoInline);
  alloc->replaceUsesWithIf(checked, [&](Use &use) { return isa<CallInst>(use.getUser()); });
  Value *bytes = checked->getArg(1);
  auto *entry = BasicBlock::Create(c, "entry", checked), *mark = BasicBlock::Create(c, "mark", checked), *done = BasicBlock::Create(c, "done", checked);
  b.SetInsertPoint(entry);
  // What is no size stays none.
  Value *more = b.CreateSelect(b.CreateICmpSLT(bytes, size(0)), bytes, b.CreateAdd(bytes, size(kRedzone)));
  Value *address = b.CreateCall(alloc, {checked->getArg(0), more});
  b.CreateCondBr(b.CreateICmpEQ(address, size(0)), done, mark);
  b.SetInsertPoint(mark);
  Value *data = b.CreateIntToPtr(address, b.getPtrTy());
  b.CreateCall(poison(m, true), {b.CreateGEP(b.getInt8Ty(), data, size(-int64_t(kRedzone))), size(kRedzone)});
  b.CreateCall(poison(m, true), {b.CreateGEP(b.getInt8Ty(), data, bytes), size(kRedzone)});
  b.CreateBr(done);
  b.SetInsertPoint(done);
  b.CreateRet(address);
}

void prepareSanitizer(Module &m) {
  padConstants(m);
  surroundBuffers(m);
  for (Function &f : m)
    if (!f.isDeclaration() && !keepsTheList(f) && f.getName() != "onnxc.poison")
      f.addFnAttr(Attribute::SanitizeAddress);
}

void instrumentAccesses(Module &m) {
  LoopAnalysisManager lam;
  FunctionAnalysisManager fam;
  CGSCCAnalysisManager cgam;
  ModuleAnalysisManager mam;
  PassBuilder builder;
  builder.registerModuleAnalyses(mam);
  builder.registerCGSCCAnalyses(cgam);
  builder.registerFunctionAnalyses(fam);
  builder.registerLoopAnalyses(lam);
  builder.crossRegisterProxies(lam, fam, cgam, mam);
  ModulePassManager pm;
  pm.addPass(AddressSanitizerPass(AddressSanitizerOptions()));
  pm.run(m, mam);
}

} // namespace onnxc
