// The module's tables (abi.h), and how a kernel is started for one thread.
#include "Translator.h"
#include "../abi.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"

using namespace llvm;

namespace gpusim {
namespace {

struct TableBuilder {
  Module &m;
  LLVMContext &c = m.getContext();
  IRBuilder<> b{c};
  Type *i32 = b.getInt32Ty(), *i64 = b.getInt64Ty();
  PointerType *ptr = b.getPtrTy();

  Constant *text(StringRef s) { return b.CreateGlobalString(s, "gpusim.text", 0, &m); }
  Constant *number(uint64_t n) { return ConstantInt::get(i32, n); }

  Constant *array(StructType *type, ArrayRef<Constant *> rows) {
    auto *all = ArrayType::get(type, rows.size());
    return new GlobalVariable(m, all, true, GlobalValue::PrivateLinkage, ConstantArray::get(all, rows), "gpusim.table");
  }

  /// void start(void **parameters)
  Function *starter(Function *kernel) {
    auto *f = Function::Create(FunctionType::get(b.getVoidTy(), {ptr}, false), GlobalValue::InternalLinkage, "gpusim.start." + kernel->getName(), m);
    b.SetInsertPoint(BasicBlock::Create(c, "entry", f));
    SmallVector<Value *> arguments;
    for (Argument &a : kernel->args()) {
      Value *place = b.CreateLoad(ptr, b.CreateConstGEP1_32(ptr, f->getArg(0), a.getArgNo()));
      arguments.push_back(a.hasByValAttr() ? b.CreateAddrSpaceCast(place, a.getType()) : b.CreateLoad(a.getType(), place));
    }
    b.CreateCall(kernel, arguments);
    b.CreateRetVoid();
    return f;
  }

  /// Whether a thread of the kernel may have to wait for others.
  bool synchronises(Function *kernel) {
    SmallVector<Function *> work{kernel};
    SmallPtrSet<Function *, 8> seen{kernel};
    while (!work.empty())
      for (Instruction &i : instructions(work.pop_back_val()))
        if (auto *call = dyn_cast<CallBase>(&i)) {
          Function *callee = call->getCalledFunction();
          if (callee->getName() == "gpusim_barrier" || callee->getName() == "gpusim_collective")
            return true;
          if (!callee->isDeclaration() && seen.insert(callee).second)
            work.push_back(callee);
        }
    return false;
  }
};

/// The number of threads that a kernel was compiled for, 0 when it does not say.
uint64_t maxThreads(Function *kernel) {
  for (const char *name : {"nvvm.reqntid", "nvvm.maxntid"}) {
    Attribute a = kernel->getFnAttribute(name);
    if (!a.isValid())
      continue;
    uint64_t product = 1;
    SmallVector<StringRef> parts;
    a.getValueAsString().split(parts, ',');
    for (StringRef part : parts) {
      uint64_t n = 1;
      part.trim().getAsInteger(10, n);
      product *= n;
    }
    return product;
  }
  return 0;
}

} // namespace

void addTables(Module &module, ArrayRef<Function *> kernels, const SharedLayouts &layouts, const Sites &sites) {
  TableBuilder t{module};
  auto *siteType = StructType::get(t.c, {t.ptr, t.ptr});
  auto *sharedType = StructType::get(t.c, {t.ptr, t.i32, t.i32});
  auto *kernelType = StructType::get(t.c, {t.ptr, t.ptr, t.i32, t.i32, t.i32, t.i32, t.i32, t.ptr, t.i32});
  auto *variableType = StructType::get(t.c, {t.ptr, t.ptr, t.i64, t.i32});
  auto *moduleType = StructType::get(t.c, {t.i32, t.i32, t.ptr, t.i32, t.i32, t.ptr, t.ptr});

  SmallVector<Constant *> variableRows;
  for (GlobalVariable &g : module.globals()) {
    unsigned space = g.getAddressSpace();
    if (g.isDeclaration() || !(space == 1 || space == 4 || (space == 0 && !g.getName().starts_with("gpusim."))))
      continue;
    variableRows.push_back(ConstantStruct::get(
        variableType, {t.text(g.getName()), ConstantExpr::getPointerBitCastOrAddrSpaceCast(&g, t.ptr),
                       ConstantInt::get(t.i64, module.getDataLayout().getTypeAllocSize(g.getValueType())), t.number(g.isConstant())}));
  }

  SmallVector<Constant *> kernelRows;
  for (Function *kernel : kernels) {
    const SharedLayout &layout = layouts.find(kernel)->second;
    SmallVector<Constant *> sharedRows;
    for (const auto &v : layout.variables)
      sharedRows.push_back(ConstantStruct::get(sharedType, {t.text(v.global->getName()), t.number(v.offset), t.number(v.bytes)}));
    kernelRows.push_back(ConstantStruct::get(
        kernelType, {t.text(kernel->getName()), t.starter(kernel), t.number(kernel->arg_size()), t.number(layout.staticBytes),
                     t.number(layout.dynamicOffset), t.number(maxThreads(kernel)), t.number(t.synchronises(kernel)),
                     t.array(sharedType, sharedRows), t.number(sharedRows.size())}));
  }
  SmallVector<Constant *> siteRows;
  for (const auto &[function, text] : sites.list())
    siteRows.push_back(ConstantStruct::get(siteType, {t.text(function), t.text(text)}));

  new GlobalVariable(module, moduleType, true, GlobalValue::ExternalLinkage,
                     ConstantStruct::get(moduleType, {t.number(Version), t.number(kernelRows.size()), t.array(kernelType, kernelRows),
                                                      t.number(siteRows.size()), t.number(variableRows.size()), t.array(siteType, siteRows),
                                                      t.array(variableType, variableRows)}),
                     "gpusim_module");
}

} // namespace gpusim
