// The exported entry points of a compiled model, as LLVM IR.
//
//   int32 m_run(state, ctx, inputs, outputs, arena, arena_bytes)
// checks everything the caller gave, then calls @main with memref descriptors
// made from the tensors.  Helpers for models with run-time sizes (temporaries
// from the caller's allocator, outputs of unknown size) are built here too, so
// that an object needs nothing but memcpy, memset and memmove.
#include "codegen/llvm/Device.h"
#include "codegen/llvm/Entry.h"

#include "runtime-lite/include/onnxc.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/MDBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PatternMatch.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/SourceMgr.h"

using namespace llvm;

namespace onnxc {

// struct frame { ctx*, list*, outputs*, i32 status, state* }
// Blocks of the allocator carry a header { prev*, next* } (64 bytes, to keep alignment).
// WORD stands for the integer type of size_t and addresses.
// The linker takes a definition that nothing refers to yet only when it is
// external; everything becomes internal at the end.
static const char *kSupport = R"(
%ctx = type { i32, ptr, ptr, ptr, i32, i32, ptr }
%tensor = type { ptr, WORD, i32, i32, [8 x i64] }
%frame = type { ptr, ptr, ptr, i32, ptr }

define WORD @onnxc.alloc(WORD %f, WORD %bytes) noinline {
  %frame = inttoptr WORD %f to ptr
  %ctx = load ptr, ptr %frame
  %none = icmp eq ptr %ctx, null
  br i1 %none, label %fail, label %try
try:
  %fnp = getelementptr %ctx, ptr %ctx, i32 0, i32 2
  %fn = load ptr, ptr %fnp
  %nofn = icmp eq ptr %fn, null
  %neg = icmp slt WORD %bytes, 0
  %bad = or i1 %nofn, %neg
  br i1 %bad, label %fail, label %call
call:
  %userp = getelementptr %ctx, ptr %ctx, i32 0, i32 1
  %user = load ptr, ptr %userp
  %total = add WORD %bytes, 64
  %p = call ptr %fn(ptr %user, WORD %total, WORD 64)
  %null = icmp eq ptr %p, null
  br i1 %null, label %fail, label %ok
ok:
  %headp = getelementptr %frame, ptr %frame, i32 0, i32 1
  %head = load ptr, ptr %headp
  store ptr null, ptr %p
  %nextp = getelementptr ptr, ptr %p, WORD 1
  store ptr %head, ptr %nextp
  %hashead = icmp ne ptr %head, null
  br i1 %hashead, label %link, label %done
link:
  store ptr %p, ptr %head
  br label %done
done:
  store ptr %p, ptr %headp
  %data = getelementptr i8, ptr %p, WORD 64
  %r = ptrtoint ptr %data to WORD
  ret WORD %r
fail:
  %sp = getelementptr %frame, ptr %frame, i32 0, i32 3
  store i32 6, ptr %sp
  ret WORD 0
}

define void @onnxc.free(WORD %f, WORD %address) noinline {
  %frame = inttoptr WORD %f to ptr
  %data = inttoptr WORD %address to ptr
  %p = getelementptr i8, ptr %data, WORD -64
  %prev = load ptr, ptr %p
  %nextp = getelementptr ptr, ptr %p, WORD 1
  %next = load ptr, ptr %nextp
  %isfirst = icmp eq ptr %prev, null
  %headp = getelementptr %frame, ptr %frame, i32 0, i32 1
  %prevnext = getelementptr ptr, ptr %prev, WORD 1
  %slot = select i1 %isfirst, ptr %headp, ptr %prevnext
  store ptr %next, ptr %slot
  %hasnext = icmp ne ptr %next, null
  br i1 %hasnext, label %back, label %release
back:
  store ptr %prev, ptr %next
  br label %release
release:
  %ctx = load ptr, ptr %frame
  %fnp = getelementptr %ctx, ptr %ctx, i32 0, i32 3
  %fn = load ptr, ptr %fnp
  %nofn = icmp eq ptr %fn, null
  br i1 %nofn, label %done, label %call
call:
  %userp = getelementptr %ctx, ptr %ctx, i32 0, i32 1
  %user = load ptr, ptr %userp
  call void %fn(ptr %user, ptr %p)
  br label %done
done:
  ret void
}

define void @onnxc.release_all(WORD %f) noinline {
  %frame = inttoptr WORD %f to ptr
  %headp = getelementptr %frame, ptr %frame, i32 0, i32 1
  br label %loop
loop:
  %head = load ptr, ptr %headp
  %empty = icmp eq ptr %head, null
  br i1 %empty, label %done, label %one
one:
  %data = getelementptr i8, ptr %head, WORD 64
  %a = ptrtoint ptr %data to WORD
  call void @onnxc.free(WORD %f, WORD %a)
  br label %loop
done:
  ret void
}

; Copies `bytes` from %src to output %t, allocating it when the caller gave no buffer.
define void @onnxc.store(WORD %f, ptr %t, ptr %src, WORD %bytes) noinline {
  %frame = inttoptr WORD %f to ptr
  %sp = getelementptr %frame, ptr %frame, i32 0, i32 3
  %data = load ptr, ptr %t
  %given = icmp ne ptr %data, null
  br i1 %given, label %check, label %allocate
check:
  %capp = getelementptr %tensor, ptr %t, i32 0, i32 1
  %cap = load WORD, ptr %capp
  %small = icmp ult WORD %cap, %bytes
  br i1 %small, label %toosmall, label %copy
toosmall:
  store i32 7, ptr %sp
  ret void
allocate:
  %ctx = load ptr, ptr %frame
  %none = icmp eq ptr %ctx, null
  br i1 %none, label %oom, label %try
try:
  %fnp = getelementptr %ctx, ptr %ctx, i32 0, i32 2
  %fn = load ptr, ptr %fnp
  %nofn = icmp eq ptr %fn, null
  br i1 %nofn, label %oom, label %call
call:
  %userp = getelementptr %ctx, ptr %ctx, i32 0, i32 1
  %user = load ptr, ptr %userp
  %atleast = call WORD @llvm.umax.WORD(WORD %bytes, WORD 1)
  %p = call ptr %fn(ptr %user, WORD %atleast, WORD 64)
  %null = icmp eq ptr %p, null
  br i1 %null, label %oom, label %got
got:
  store ptr %p, ptr %t
  %capq = getelementptr %tensor, ptr %t, i32 0, i32 1
  store WORD %bytes, ptr %capq
  br label %copy
oom:
  store i32 6, ptr %sp
  ret void
copy:
  %dst = phi ptr [ %data, %check ], [ %p, %got ]
  call void @llvm.memcpy.p0.p0.WORD(ptr %dst, ptr %src, WORD %bytes, i1 false)
  ret void
}
declare WORD @llvm.umax.WORD(WORD, WORD)
declare void @llvm.memcpy.p0.p0.WORD(ptr, ptr, WORD, i1)
)";

namespace {

/// Builds m_run. Field offsets follow runtime-lite/include/onnxc.h.
struct EntryBuilder {
  Module &m;
  const ModelInterface &interface;
  LLVMContext &c = m.getContext();
  IRBuilder<> b{c};
  Type *i32 = b.getInt32Ty(), *i64 = b.getInt64Ty();
  PointerType *ptr = b.getPtrTy();
  /// size_t, addresses and `index`: what @main takes sizes in.
  IntegerType *word = m.getDataLayout().getIntPtrType(c);
  StructType *tensor = StructType::get(c, {ptr, word, i32, i32, ArrayType::get(i64, 8)});
  StructType *frameType = StructType::get(c, {ptr, ptr, ptr, i32, ptr});
  Function *run = nullptr;

  Value *field(Value *tensors, unsigned i, ArrayRef<unsigned> path) {
    SmallVector<Value *> idx{b.getInt32(i)};
    for (unsigned p : path)
      idx.push_back(b.getInt32(p));
    return b.CreateGEP(tensor, tensors, idx);
  }
  Value *dataOf(Value *tensors, unsigned i) { return b.CreateLoad(ptr, field(tensors, i, {0})); }
  Value *dimOf(Value *tensors, unsigned i, unsigned d) { return b.CreateLoad(i64, field(tensors, i, {4, d})); }
  Value *size(uint64_t n) { return ConstantInt::get(word, n); }

  /// Returns `status` when `bad`.
  void refuse(Value *bad, int status) {
    auto *fail = BasicBlock::Create(c, "refuse", run), *next = BasicBlock::Create(c, "checked", run);
    b.CreateCondBr(bad, fail, next, MDBuilder(c).createBranchWeights(1, 1 << 20));
    b.SetInsertPoint(fail);
    b.CreateRet(b.getInt32(status));
    b.SetInsertPoint(next);
  }

  /// Pushes a memref descriptor as @main takes it: base, aligned, offset, sizes, strides.
  void pushMemref(SmallVectorImpl<Value *> &args, Value *data, ArrayRef<Value *> sizes) {
    args.push_back(data);
    args.push_back(data);
    args.push_back(size(0));
    args.append(sizes.begin(), sizes.end());
    SmallVector<Value *> strides(sizes.size());
    Value *stride = size(1);
    for (int i = int(sizes.size()) - 1; i >= 0; --i) {
      strides[i] = stride;
      stride = b.CreateMul(stride, sizes[i]);
    }
    args.append(strides.begin(), strides.end());
  }

  /// Where an input or output is in the arena.
  Value *placeOf(Value *arena, const TensorInfo &info) { return b.CreateConstGEP1_64(b.getInt8Ty(), arena, info.arenaOffset); }

  /// Copies `bytes` when the caller named memory of its own, `theirs`: neither null nor the place in the arena.
  void copyUnlessThere(Value *to, Value *from, Value *theirs, int64_t bytes) {
    auto *copy = BasicBlock::Create(c, "copy", run), *next = BasicBlock::Create(c, "in_place", run);
    Value *there = b.CreateOr(b.CreateICmpEQ(theirs, ConstantPointerNull::get(ptr)), b.CreateICmpEQ(to, from));
    b.CreateCondBr(there, next, copy);
    b.SetInsertPoint(copy);
    b.CreateMemCpy(to, MaybeAlign(1), from, MaybeAlign(1), size(bytes));
    b.CreateBr(next);
    b.SetInsertPoint(next);
  }

  void writeDims(Value *outputs, unsigned i, const TensorInfo &info) {
    b.CreateStore(b.getInt32(info.type), field(outputs, i, {2}));
    b.CreateStore(b.getInt32(info.dims.size()), field(outputs, i, {3}));
    for (auto [d, n] : enumerate(info.dims))
      if (n >= 0)
        b.CreateStore(b.getInt64(n), field(outputs, i, {4, unsigned(d)}));
  }

  void build() {
    run = Function::Create(FunctionType::get(i32, {ptr, ptr, ptr, ptr, ptr, word}, false), Function::ExternalLinkage,
                           interface.prefix + "_run", m);
    Value *ctx = run->getArg(1), *inputs = run->getArg(2), *outputs = run->getArg(3), *arena = run->getArg(4),
          *arenaBytes = run->getArg(5);
    b.SetInsertPoint(BasicBlock::Create(c, "entry", run));
    auto isNull = [&](Value *p) { return b.CreateICmpEQ(p, ConstantPointerNull::get(ptr)); };
    if (interface.device)
      refuse(isNull(run->getArg(0)), 1);
    if (!interface.inputs.empty())
      refuse(isNull(inputs), 1);
    if (!interface.outputs.empty())
      refuse(isNull(outputs), 1);
    if (interface.arenaBytes) {
      refuse(isNull(arena), 1);
      refuse(b.CreateICmpULT(arenaBytes, size(interface.arenaBytes)), 4);
      Value *low = b.CreateAnd(b.CreatePtrToInt(arena, word), size(interface.arenaAlign - 1));
      refuse(b.CreateICmpNE(low, size(0)), 5);
    }
    for (auto [i, info] : enumerate(interface.inputs)) {
      refuse(b.CreateICmpNE(b.CreateLoad(i32, field(inputs, i, {2})), b.getInt32(info.type)), 3);
      refuse(b.CreateICmpNE(b.CreateLoad(i32, field(inputs, i, {3})), b.getInt32(info.dims.size())), 2);
      Value *bad = b.getFalse(), *empty = b.getFalse();
      for (auto [d, n] : enumerate(info.dims)) {
        Value *have = dimOf(inputs, i, d);
        // As unsigned numbers, negative dims are beyond what fits as well.
        uint64_t most = APInt::getSignedMaxValue(word->getBitWidth()).getZExtValue();
        if (n < 0 && !info.maxDims.empty() && info.maxDims[d] >= 0) {
          most = info.maxDims[d];
          bad = b.CreateOr(bad, b.CreateICmpULT(have, b.getInt64(info.minDims[d])));
        }
        bad = b.CreateOr(bad, n >= 0 ? b.CreateICmpNE(have, b.getInt64(n)) : b.CreateICmpUGT(have, b.getInt64(most)));
        empty = b.CreateOr(empty, b.CreateICmpEQ(have, b.getInt64(0)));
      }
      refuse(bad, 2);
      if (info.arenaOffset < 0)
        refuse(b.CreateAnd(isNull(dataOf(inputs, i)), b.CreateNot(empty)), 1);
    }
    for (auto [i, info] : enumerate(interface.outputs)) {
      if (!info.isStatic() || info.bytes() == 0)
        continue;
      Value *null = isNull(dataOf(outputs, i));
      Value *small = b.CreateICmpULT(b.CreateLoad(word, field(outputs, i, {1})), size(info.bytes()));
      if (info.arenaOffset < 0)
        refuse(null, 1);
      refuse(info.arenaOffset < 0 ? small : b.CreateAnd(b.CreateNot(null), small), 7);
    }

    Value *frame = b.CreateAlloca(frameType);
    b.CreateStore(ctx, b.CreateStructGEP(frameType, frame, 0));
    b.CreateStore(ConstantPointerNull::get(ptr), b.CreateStructGEP(frameType, frame, 1));
    b.CreateStore(outputs, b.CreateStructGEP(frameType, frame, 2));
    b.CreateStore(b.getInt32(0), b.CreateStructGEP(frameType, frame, 3));
    b.CreateStore(run->getArg(0), b.CreateStructGEP(frameType, frame, 4));
    Value *frameAddress = b.CreatePtrToInt(frame, word);

    SmallVector<Value *> args;
    for (auto [i, info] : enumerate(interface.inputs)) {
      if (info.arenaOffset >= 0) {
        copyUnlessThere(placeOf(arena, info), dataOf(inputs, i), dataOf(inputs, i), info.bytes());
        continue;
      }
      SmallVector<Value *> sizes;
      for (auto [d, n] : enumerate(info.dims))
        sizes.push_back(n >= 0 ? size(n) : b.CreateTrunc(dimOf(inputs, i, d), word));
      pushMemref(args, dataOf(inputs, i), sizes);
    }
    for (auto [i, info] : enumerate(interface.outputs)) {
      writeDims(outputs, i, info);
      if (!info.isStatic() || info.arenaOffset >= 0)
        continue;
      SmallVector<Value *> sizes;
      for (int64_t n : info.dims)
        sizes.push_back(size(n));
      pushMemref(args, dataOf(outputs, i), sizes);
    }
    pushMemref(args, arena, {size(interface.arenaBytes)});
    args.push_back(frameAddress);
    b.CreateCall(m.getFunction("main"), args);
    for (auto [i, info] : enumerate(interface.outputs))
      if (info.arenaOffset >= 0)
        copyUnlessThere(dataOf(outputs, i), placeOf(arena, info), dataOf(outputs, i), info.bytes());
    if (interface.usesAllocator)
      b.CreateCall(m.getFunction("onnxc.release_all"), {frameAddress});
    b.CreateRet(b.CreateLoad(i32, b.CreateStructGEP(frameType, frame, 3)));
  }

  /// @onnxc.output.<i>(memref descriptor): dims to the caller, then the data.
  /// The frame is the last argument of @main; the calls are rewritten to pass it.
  void buildOutput(unsigned i, const TensorInfo &info) {
    Function *callee = m.getFunction("onnxc.output." + std::to_string(i));
    if (!callee)
      return;
    auto params = callee->getFunctionType()->params();
    SmallVector<Type *> types(params.begin(), params.end());
    types.push_back(word);
    auto *f = Function::Create(FunctionType::get(b.getVoidTy(), types, false), Function::InternalLinkage,
                               "onnxc.store_output." + std::to_string(i), m);
    f->addFnAttr(Attribute::NoInline);
    b.SetInsertPoint(BasicBlock::Create(c, "entry", f));
    Value *frame = f->getArg(types.size() - 1);
    Value *outputs = b.CreateLoad(ptr, b.CreateStructGEP(frameType, b.CreateIntToPtr(frame, ptr), 2));
    Value *bytes = size(info.elementBytes);
    unsigned rank = info.dims.size();
    for (unsigned d = 0; d < rank; ++d) {
      Value *dim = f->getArg(3 + d);
      b.CreateStore(b.CreateSExt(dim, i64), field(outputs, i, {4, d}));
      bytes = b.CreateMul(bytes, dim);
    }
    Value *start = b.CreateGEP(b.getInt8Ty(), f->getArg(1), b.CreateMul(f->getArg(2), size(info.elementBytes)));
    b.CreateCall(m.getFunction("onnxc.store"), {frame, field(outputs, i, {}), start, bytes});
    b.CreateRetVoid();
    for (User *u : make_early_inc_range(callee->users())) {
      auto *call = cast<CallInst>(u);
      b.SetInsertPoint(call);
      SmallVector<Value *> args(call->args());
      Function *caller = call->getFunction();
      args.push_back(caller->getArg(caller->arg_size() - 1));
      b.CreateCall(f, args);
      call->eraseFromParent();
    }
    callee->eraseFromParent();
  }

  /// After each failed allocation @main returns at once.
  void guardAllocations() {
    Function *alloc = m.getFunction("onnxc.alloc"), *main = m.getFunction("main");
    SmallVector<CallInst *> calls;
    for (User *u : alloc->users())
      if (auto *call = dyn_cast<CallInst>(u); call && call->getFunction() == main)
        calls.push_back(call);
    for (CallInst *call : calls) {
      BasicBlock *rest = call->getParent()->splitBasicBlock(std::next(call->getIterator()));
      auto *stop = BasicBlock::Create(c, "out_of_memory", main);
      call->getParent()->getTerminator()->eraseFromParent();
      b.SetInsertPoint(call->getParent());
      b.CreateCondBr(b.CreateICmpEQ(call, size(0)), stop, rest);
      b.SetInsertPoint(stop);
      b.CreateRetVoid();
    }
  }

  /// Data of the device that did not arrive is not looked at: @main returns,
  /// and the run's status is that of the copy.
  void guardCopies() {
    Function *copy = m.getFunction("onnxc_cuda_copy"), *main = m.getFunction("main");
    SmallVector<CallInst *> calls;
    for (User *u : copy->users())
      if (auto *call = dyn_cast<CallInst>(u); call && call->getFunction() == main && match(call->getArgOperand(4), PatternMatch::m_Zero()))
        calls.push_back(call);
    for (CallInst *call : calls) {
      BasicBlock *rest = call->getParent()->splitBasicBlock(std::next(call->getIterator()));
      auto *stop = BasicBlock::Create(c, "device_failed", main);
      call->getParent()->getTerminator()->eraseFromParent();
      b.SetInsertPoint(call->getParent());
      b.CreateCondBr(b.CreateICmpEQ(call, b.getInt32(0)), rest, stop);
      b.SetInsertPoint(stop);
      Value *frame = b.CreateIntToPtr(main->getArg(main->arg_size() - 1), ptr);
      b.CreateStore(call, b.CreateStructGEP(frameType, frame, 3));
      b.CreateRetVoid();
    }
  }

  Constant *text(StringRef s) { return b.CreateGlobalString(s, "onnxc.text", 0, &m); }

  Constant *infos(ArrayRef<TensorInfo> list, StringRef name) {
    auto *dims = ArrayType::get(i64, 8);
    auto *type = StructType::get(c, {ptr, i32, i32, dims, i64});
    SmallVector<Constant *> rows;
    for (const TensorInfo &t : list) {
      SmallVector<Constant *> d(8, cast<Constant>(b.getInt64(0)));
      for (auto [i, n] : enumerate(t.dims))
        d[i] = b.getInt64(n);
      rows.push_back(ConstantStruct::get(
          type, {text(t.name), b.getInt32(t.type), b.getInt32(t.dims.size()), ConstantArray::get(dims, d), b.getInt64(t.arenaOffset)}));
    }
    auto *array = ArrayType::get(type, rows.size());
    return new GlobalVariable(m, array, true, GlobalValue::PrivateLinkage, ConstantArray::get(array, rows), name);
  }

  /// const onnxc_model *m_model(void)
  void buildModel() {
    auto *type = StructType::get(c, {i32, i32, ptr, ptr, ptr, i64, i64, i64, i32, i32, ptr, ptr, ptr, ptr, ptr});
    Constant *null = ConstantPointerNull::get(ptr);
    DeviceEntries device{null, null};
    if (interface.device)
      device = addDeviceEntries(m, *interface.device, interface.prefix);
    uint32_t flags = interface.usesAllocator ? 1 : 0;
    auto *value = ConstantStruct::get(
        type, {b.getInt32(ONNXC_VERSION), b.getInt32(flags), text(interface.prefix), text(interface.hash), text(interface.compilerVersion),
               b.getInt64(interface.arenaBytes), b.getInt64(interface.arenaAlign), b.getInt64(interface.stateBytes()),
               b.getInt32(interface.inputs.size()), b.getInt32(interface.outputs.size()),
               infos(interface.inputs, "onnxc.inputs"), infos(interface.outputs, "onnxc.outputs"), run, device.init, device.deinit});
    auto *global = new GlobalVariable(m, type, true, GlobalValue::PrivateLinkage, value, "onnxc.model");
    for (auto [name, linkage] : {std::pair<std::string, GlobalValue::LinkageTypes>{interface.prefix + "_model", GlobalValue::ExternalLinkage},
                                 {"onnxc_model_entry", GlobalValue::WeakAnyLinkage}}) {
      auto *f = Function::Create(FunctionType::get(ptr, false), linkage, name, m);
      b.SetInsertPoint(BasicBlock::Create(c, "entry", f));
      b.CreateRet(global);
    }
  }
};

} // namespace

bool addEntryPoints(Module &m, const ModelInterface &interface, std::string &error) {
  // Outputs whose size is known at run time are stored by it, even where a buffer of the caller is large enough.
  bool usesSupport = interface.usesAllocator || any_of(interface.outputs, [](const TensorInfo &t) { return !t.isStatic(); });
  if (usesSupport) {
    SMDiagnostic diagnostic;
    std::string text = kSupport, word = "i" + std::to_string(m.getDataLayout().getPointerSizeInBits());
    for (size_t at; (at = text.find("WORD")) != std::string::npos;)
      text.replace(at, 4, word);
    auto support = parseAssemblyString(text, diagnostic, m.getContext());
    if (!support) {
      error = "support code: " + diagnostic.getMessage().str();
      return false;
    }
    support->setDataLayout(m.getDataLayout());
    support->setTargetTriple(m.getTargetTriple());
    if (Linker::linkModules(m, std::move(support))) {
      error = "support code does not link";
      return false;
    }
  }
  EntryBuilder e{m, interface};
  e.build();
  for (auto [i, info] : enumerate(interface.outputs))
    if (!info.isStatic())
      e.buildOutput(i, info);
  if (usesSupport)
    e.guardAllocations();
  if (interface.device)
    e.guardCopies();
  e.buildModel();
  for (Function &f : m)
    if (!f.isDeclaration() && f.getName() != interface.prefix + "_run" &&
        f.getName() != interface.prefix + "_model" && f.getName() != interface.prefix + "_init" &&
        f.getName() != interface.prefix + "_deinit" && f.getName() != "onnxc_model_entry")
      f.setLinkage(GlobalValue::InternalLinkage);
  return true;
}

} // namespace onnxc
