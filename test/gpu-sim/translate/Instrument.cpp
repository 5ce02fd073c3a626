// Calls of the simulator before every access to global and shared memory, and
// counts of fused multiply-adds.
#include "Translator.h"
#include "../abi.h"

#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace gpusim {

ConstantInt *Sites::add(Instruction &instruction) {
  if (numbered != instruction.getFunction())
    slots.incorporateFunction(*(numbered = instruction.getFunction()));
  std::string text;
  raw_string_ostream os(text);
  instruction.print(os, slots);
  sites.emplace_back(instruction.getFunction()->getName().str(), StringRef(text).ltrim().substr(0, 160).str());
  return ConstantInt::get(Type::getInt32Ty(instruction.getContext()), sites.size() - 1);
}

namespace {

enum class Space { Local, Global, Shared, Generic, Constant };

/// Which memory an access is to, as far as the code says.
Space spaceOf(Value *pointer) {
  const Value *object = getUnderlyingObject(pointer, /*MaxLookup=*/32);
  unsigned number = pointer->getType()->getPointerAddressSpace();
  if (number == 0)
    number = object->getType()->isPointerTy() ? object->getType()->getPointerAddressSpace() : 0;
  if (isa<AllocaInst>(object))
    return Space::Local;
  switch (number) {
  case 1:
    return Space::Global;
  case 3:
    return Space::Shared;
  case 4:
    return Space::Constant;
  case 5:
  case 101: // parameters
    return Space::Local;
  default:
    // A pointer that a kernel got is to global memory.
    if (auto *argument = dyn_cast<Argument>(object); argument && argument->getParent()->getCallingConv() == CallingConv::PTX_Kernel)
      return argument->hasByValAttr() ? Space::Local : Space::Global;
    return Space::Generic;
  }
}

struct Instrumenter {
  Module &m;
  Sites &sites;
  Checks checks;
  LLVMContext &c = m.getContext();
  Type *i32 = Type::getInt32Ty(c), *i64 = Type::getInt64Ty(c), *none = Type::getVoidTy(c);

  FunctionCallee callee(StringRef name, ArrayRef<Type *> arguments) {
    return m.getOrInsertFunction(name, FunctionType::get(none, arguments, false));
  }

  void access(Instruction &at, Value *pointer, Type *type, Align align, Kind kind) {
    Space space = spaceOf(pointer);
    if (space == Space::Local)
      return;
    const char *name = checks == Checks::Bounds || space == Space::Constant ? "gpusim_bounds"
                       : space == Space::Global                            ? "gpusim_global"
                       : space == Space::Shared                            ? "gpusim_shared"
                                                                           : "gpusim_generic";
    IRBuilder<> b(&at);
    uint64_t bytes = m.getDataLayout().getTypeStoreSize(type);
    b.CreateCall(callee(name, {i64, i32, i32}), {b.CreatePtrToInt(pointer, i64), b.getInt32(describe(bytes, Log2(align), kind)), sites.add(at)});
  }

  void range(Instruction &at, Value *pointer, Value *bytes, Kind kind) {
    if (spaceOf(pointer) == Space::Local)
      return;
    IRBuilder<> b(&at);
    b.CreateCall(callee("gpusim_range", {i64, i64, i32, i32}),
                 {b.CreatePtrToInt(pointer, i64), b.CreateZExtOrTrunc(bytes, i64), b.getInt32(kind), sites.add(at)});
  }

  void visit(Instruction &i) {
    if (auto *load = dyn_cast<LoadInst>(&i))
      access(i, load->getPointerOperand(), load->getType(), load->getAlign(), Load);
    else if (auto *store = dyn_cast<StoreInst>(&i))
      access(i, store->getPointerOperand(), store->getValueOperand()->getType(), store->getAlign(), Store);
    else if (auto *update = dyn_cast<AtomicRMWInst>(&i))
      access(i, update->getPointerOperand(), update->getType(), update->getAlign(), Atomic);
    else if (auto *exchange = dyn_cast<AtomicCmpXchgInst>(&i))
      access(i, exchange->getPointerOperand(), exchange->getNewValOperand()->getType(), exchange->getAlign(), Atomic);
    else if (auto *move = dyn_cast<MemTransferInst>(&i)) {
      range(i, move->getRawSource(), move->getLength(), Load);
      range(i, move->getRawDest(), move->getLength(), Store);
    } else if (auto *set = dyn_cast<MemSetInst>(&i))
      range(i, set->getRawDest(), set->getLength(), Store);
  }

  static unsigned lanes(Type *type) {
    auto *vector = dyn_cast<FixedVectorType>(type);
    return vector ? vector->getNumElements() : 1;
  }

  /// A multiply-add: as one operation, or as two that NVPTX makes one.
  static bool isMultiplyAdd(const Instruction &i) {
    if (auto *intrinsic = dyn_cast<IntrinsicInst>(&i))
      return intrinsic->getIntrinsicID() == Intrinsic::fma || intrinsic->getIntrinsicID() == Intrinsic::fmuladd;
    if (!(i.getOpcode() == Instruction::FAdd || i.getOpcode() == Instruction::FSub) || !i.hasAllowContract())
      return false;
    return any_of(i.operands(), [](const Use &operand) {
      auto *product = dyn_cast<Instruction>(operand.get());
      return product && product->getOpcode() == Instruction::FMul && product->hasAllowContract() && product->hasOneUse();
    });
  }

  void count(BasicBlock &block) {
    uint64_t fmas = 0;
    for (Instruction &i : block)
      if (isMultiplyAdd(i))
        fmas += lanes(i.getType());
    if (!fmas)
      return;
    IRBuilder<> b(block.getTerminator());
    Value *counter = m.getOrInsertGlobal("gpusim_fmas", i64);
    b.CreateStore(b.CreateAdd(b.CreateLoad(i64, counter), b.getInt64(fmas)), counter);
  }
};

} // namespace

void instrument(Module &module, Sites &sites, Checks checks) {
  if (checks == Checks::None)
    return;
  Instrumenter instrumenter{module, sites, checks};
  SmallVector<Instruction *> all;
  SmallVector<BasicBlock *> blocks;
  for (Function &f : module)
    for (BasicBlock &block : f) {
      blocks.push_back(&block);
      for (Instruction &i : block)
        all.push_back(&i);
    }
  for (Instruction *i : all)
    instrumenter.visit(*i);
  if (checks == Checks::Full)
    for (BasicBlock *block : blocks)
      instrumenter.count(*block);
}

} // namespace gpusim
