// The exported entry points of a compiled model, as LLVM IR.
//
//   int32 m_run(state, ctx, inputs, outputs, arena, arena_bytes)
// checks everything the caller gave, then calls @main with memref descriptors
// made from the tensors.  Helpers for models with run-time sizes (temporaries
// from the caller's allocator, outputs of unknown size) are built here too, so
// that an object needs nothing but memcpy, memset and memmove.
#include "codegen/llvm/Device.h"
#include "codegen/llvm/Entry.h"
#include "codegen/llvm/EntrySupport.h"
#include "codegen/llvm/WeightFile.h"

#include "dialects/rt/NodeName.h"
#include "runtime-lite/include/onnxc.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/MDBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PatternMatch.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Endian.h"

using namespace llvm;

namespace onnxc {

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
  StructType *frameType = StructType::get(c, {ptr, ptr, ptr, i32, ptr, ptr});
  StructType *regionType = StructType::get(c, {ptr, word});
  StructType *infoType = StructType::get(c, {ptr, i32, i32, ArrayType::get(i64, 8), i64});
  Value *weights = nullptr; ///< address of their file, with one
  Constant *inputInfos = nullptr, *outputInfos = nullptr;
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

  Value *number(uint64_t n) { return b.getInt64(n); }
  Value *null() { return ConstantPointerNull::get(ptr); }

  /// Goes on where `bad` does not hold; elsewhere `fail` makes the status that the run returns.
  void returnIf(Value *bad, function_ref<Value *()> fail) {
    auto *stop = BasicBlock::Create(c, "refuse", run), *next = BasicBlock::Create(c, "checked", run);
    b.CreateCondBr(bad, stop, next, MDBuilder(c).createBranchWeights(1, 1 << 20));
    b.SetInsertPoint(stop);
    b.CreateRet(fail());
    b.SetInsertPoint(next);
  }

  /// Returns `status` when `bad`, with a record that says `text` (see EntrySupport.cpp for the characters in it).
  void refuse(Value *bad, int status, StringRef message, Value *got = nullptr, Value *wanted = nullptr) {
    returnIf(bad, [&] {
      auto wide = [&](Value *v) { return v ? b.CreateZExt(v, i64) : number(0); };
      return b.CreateCall(m.getFunction("onnxc.refuse"), {run->getArg(1), b.getInt32(status), b.getInt32(-1), text(message), null(),
                                                          number(0), wide(got), wide(wanted)});
    });
  }

  /// Returns what the call returned unless that is 0.
  void refuseUnlessOk(StringRef callee, ArrayRef<Value *> args) {
    Value *status = b.CreateCall(m.getFunction(callee), args);
    returnIf(b.CreateICmpNE(status, b.getInt32(0)), [&] { return status; });
  }

  Value *rowOf(Value *table, unsigned i) { return b.CreateConstInBoundsGEP1_64(infoType, table, i); }

  /// Dims known at run time against their ranges and the dims of the same symbol before.
  void checkDynamicDims(Value *inputs, unsigned i, StringMap<std::pair<unsigned, unsigned>> &symbols) {
    const TensorInfo &info = interface.inputs[i];
    std::string name = "input '" + shownName(info.name) + "': dim ";
    for (auto [d, n] : enumerate(info.dims)) {
      if (n >= 0)
        continue;
      Value *have = dimOf(inputs, i, d);
      if (!info.maxDims.empty() && info.maxDims[d] >= 0) {
        Value *bad = b.CreateOr(b.CreateICmpULT(have, number(info.minDims[d])), b.CreateICmpUGT(have, number(info.maxDims[d])));
        refuse(bad, ONNXC_SHAPE_MISMATCH, name + std::to_string(d) + ": got \1, wanted \2 to " + std::to_string(info.maxDims[d]), have,
               number(info.minDims[d]));
      }
      if (info.dimNames.empty() || info.dimNames[d].empty())
        continue;
      auto [first, isNew] = symbols.try_emplace(info.dimNames[d], i, d);
      if (isNew)
        continue;
      auto [j, e] = first->second;
      Value *wanted = dimOf(inputs, j, e);
      refuse(b.CreateICmpNE(have, wanted), ONNXC_SHAPE_MISMATCH,
             name + std::to_string(d) + " ('" + shownName(info.dimNames[d]) + "'): got \1, wanted \2 as dim " + std::to_string(e) + " of '" +
                 shownName(interface.inputs[j].name) + "'",
             have, wanted);
    }
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
  Value *placeOf(ArrayRef<Value *> arenas, const TensorInfo &info) {
    return b.CreateConstGEP1_64(b.getInt8Ty(), arenas[info.region], info.arenaOffset);
  }

  /// Memory that a run writes to: big enough and aligned. Nothing is asked where none is wanted.
  void checkArena(const std::string &name, Value *start, Value *bytes, int64_t wanted) {
    if (!wanted)
      return;
    refuse(b.CreateICmpEQ(start, null()), ONNXC_BAD_ARGUMENT, "the " + name + " is null");
    refuse(b.CreateICmpULT(bytes, size(wanted)), ONNXC_ARENA_TOO_SMALL, name + ": got \1 bytes, wanted \2", bytes, size(wanted));
    Value *low = b.CreateAnd(b.CreatePtrToInt(start, word), size(interface.arenaAlign - 1));
    refuse(b.CreateICmpNE(low, size(0)), ONNXC_ARENA_MISALIGNED, name + ": got an address that is no multiple of \2", nullptr,
           size(interface.arenaAlign));
  }

  /// The checked start of each part of the arena: `arena` itself, or what the array of regions at `arena` says.
  SmallVector<Value *> takeArenas(Value *arena, Value *arenaBytes) {
    if (interface.regions.empty()) {
      checkArena("arena", arena, arenaBytes, interface.arenaBytes);
      return {arena};
    }
    int64_t wanted = int64_t(m.getDataLayout().getTypeAllocSize(regionType)) * int64_t(regionCount());
    refuse(b.CreateICmpEQ(arena, null()), ONNXC_BAD_ARGUMENT, "the regions are null");
    // Exactly: another size is that of an arena.
    refuse(b.CreateICmpNE(arenaBytes, size(wanted)), ONNXC_BAD_ARGUMENT, "regions: got an array of \1 bytes, wanted \2", arenaBytes, size(wanted));
    SmallVector<Value *> starts;
    auto member = [&](unsigned i, unsigned k, Type *type) {
      return b.CreateLoad(type, b.CreateGEP(regionType, arena, {b.getInt32(i), b.getInt32(k)}));
    };
    for (auto [i, region] : enumerate(interface.regions)) {
      starts.push_back(member(i, 0, ptr));
      checkArena("region '" + region.name + "'", starts.back(), member(i, 1, word), region.bytes);
    }
    if (interface.weightFile) {
      weights = member(regionCount() - 1, 0, ptr);
      checkWeights(member(regionCount() - 1, 1, word), *interface.weightFile);
    }
    return starts;
  }

  unsigned regionCount() const { return interface.regions.size() + (interface.weightFile ? 1 : 0); }

  /// The file of weights at `weights`, of `bytes` bytes: one that this code reads.
  void checkWeights(Value *bytes, const WeightFileInfo &file) {
    refuse(b.CreateICmpEQ(weights, null()), ONNXC_BAD_ARGUMENT, "the weights are null");
    Value *low = b.CreateAnd(b.CreatePtrToInt(weights, word), size(interface.arenaAlign - 1));
    refuse(b.CreateICmpNE(low, size(0)), ONNXC_BAD_ARGUMENT, "weights: got an address that is no multiple of \2", nullptr,
           size(interface.arenaAlign));
    refuse(b.CreateICmpULT(bytes, size(file.bytes)), ONNXC_WRONG_WEIGHTS, "weights: got \1 bytes, wanted \2", bytes, size(file.bytes));
    auto differs = [&](int64_t at, const void *wanted) {
      Value *got = b.CreateAlignedLoad(i64, b.CreateConstGEP1_64(b.getInt8Ty(), weights, at), Align(8));
      return b.CreateICmpNE(got, number(support::endian::read64le(wanted)));
    };
    refuse(differs(0, ONNXC_WEIGHTS_MAGIC), ONNXC_WRONG_WEIGHTS, "weights: got no file that onnx-compile --emit=weights makes");
    const uint8_t *print = file.fingerprint.data();
    refuse(b.CreateOr(differs(ONNXC_WEIGHTS_FINGERPRINT, print), differs(ONNXC_WEIGHTS_FINGERPRINT + 8, print + 8)), ONNXC_WRONG_WEIGHTS,
           "weights: got a file for other code; make both with the same compiler, options and architecture of the model, or make the object again");
  }

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

  /// A context laid out otherwise is not looked into.
  void checkVersion(Value *ctx) {
    auto *look = BasicBlock::Create(c, "look", run), *next = BasicBlock::Create(c, "version", run);
    b.CreateCondBr(b.CreateICmpEQ(ctx, null()), next, look);
    b.SetInsertPoint(look);
    returnIf(b.CreateICmpNE(b.CreateLoad(i32, ctx), b.getInt32(ONNXC_VERSION)), [&] { return b.getInt32(ONNXC_VERSION_MISMATCH); });
    b.CreateBr(next);
    b.SetInsertPoint(next);
  }

  void build() {
    inputInfos = infos(interface.inputs, "onnxc.inputs");
    outputInfos = infos(interface.outputs, "onnxc.outputs");
    run = Function::Create(FunctionType::get(i32, {ptr, ptr, ptr, ptr, ptr, word}, false), Function::ExternalLinkage,
                           interface.prefix + "_run", m);
    Value *ctx = run->getArg(1), *inputs = run->getArg(2), *outputs = run->getArg(3), *arena = run->getArg(4),
          *arenaBytes = run->getArg(5);
    b.SetInsertPoint(BasicBlock::Create(c, "entry", run));
    auto isNull = [&](Value *p) { return b.CreateICmpEQ(p, null()); };
    checkVersion(ctx);
    if (interface.device)
      refuse(isNull(run->getArg(0)), ONNXC_BAD_ARGUMENT, "the state is null");
    if (!interface.inputs.empty())
      refuse(isNull(inputs), ONNXC_BAD_ARGUMENT, "the inputs are null");
    if (!interface.outputs.empty())
      refuse(isNull(outputs), ONNXC_BAD_ARGUMENT, "the outputs are null");
    SmallVector<Value *> arenas = takeArenas(arena, arenaBytes);
    StringMap<std::pair<unsigned, unsigned>> symbols; // to the input and dim that had it first
    for (auto [i, info] : enumerate(interface.inputs)) {
      Value *tensor = field(inputs, i, {});
      refuseUnlessOk("onnxc.check_input", {ctx, tensor, rowOf(inputInfos, i)});
      if (info.isStatic())
        continue;
      refuseUnlessOk("onnxc.check_size", {ctx, tensor, rowOf(inputInfos, i), number(info.elementBytes)});
      checkDynamicDims(inputs, i, symbols);
    }
    for (auto [i, info] : enumerate(interface.outputs)) {
      if (!info.isStatic() || info.bytes() == 0)
        continue;
      std::string name = "output '" + shownName(info.name) + "': ";
      Value *none = isNull(dataOf(outputs, i)), *bytes = b.CreateLoad(word, field(outputs, i, {1}));
      Value *small = b.CreateICmpULT(bytes, size(info.bytes()));
      if (info.arenaOffset < 0)
        refuse(none, ONNXC_BAD_ARGUMENT, name + "got no memory");
      refuse(info.arenaOffset < 0 ? small : b.CreateAnd(b.CreateNot(none), small), ONNXC_OUTPUT_TOO_SMALL, name + "got \1 bytes, wanted \2",
             bytes, size(info.bytes()));
    }

    // In the first block: elsewhere it would be of a size that the stack's bound cannot count.
    Value *frame = IRBuilder<>(&run->getEntryBlock(), run->getEntryBlock().begin()).CreateAlloca(frameType);
    b.CreateStore(ctx, b.CreateStructGEP(frameType, frame, 0));
    b.CreateStore(ConstantPointerNull::get(ptr), b.CreateStructGEP(frameType, frame, 1));
    b.CreateStore(outputs, b.CreateStructGEP(frameType, frame, 2));
    b.CreateStore(b.getInt32(0), b.CreateStructGEP(frameType, frame, 3));
    b.CreateStore(run->getArg(0), b.CreateStructGEP(frameType, frame, 4));
    if (weights)
      b.CreateStore(weights, b.CreateStructGEP(frameType, frame, kFrameWeights));
    Value *frameAddress = b.CreatePtrToInt(frame, word);

    SmallVector<Value *> args;
    for (auto [i, info] : enumerate(interface.inputs)) {
      if (info.arenaOffset >= 0) {
        copyUnlessThere(placeOf(arenas, info), dataOf(inputs, i), dataOf(inputs, i), info.bytes());
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
    for (auto [i, start] : enumerate(arenas))
      pushMemref(args, start, {size(interface.regions.empty() ? interface.arenaBytes : interface.regions[i].bytes)});
    args.push_back(frameAddress);
    b.CreateCall(m.getFunction("main"), args);
    for (auto [i, info] : enumerate(interface.outputs))
      if (info.arenaOffset >= 0)
        copyUnlessThere(dataOf(outputs, i), placeOf(arenas, info), dataOf(outputs, i), info.bytes());
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
    b.CreateCall(m.getFunction("onnxc.store"), {frame, field(outputs, i, {}), rowOf(outputInfos, i), start, bytes});
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

  /// void @onnxc.fail(frame, number of the check, got, wanted): status and record of a failed check.
  void buildFail() {
    Function *fail = m.getFunction("onnxc.fail");
    if (!fail)
      return;
    auto *row = StructType::get(c, {i32, i32, ptr});
    SmallVector<Constant *> rows;
    for (const RunCheck &check : interface.checks)
      rows.push_back(ConstantStruct::get(row, {b.getInt32(check.status), b.getInt32(check.nodeIndex), text(check.text)}));
    Constant *table = this->table(rows, row, "onnxc.checks");
    fail->addFnAttr(Attribute::NoInline);
    fail->addFnAttr(Attribute::Cold);
    b.SetInsertPoint(BasicBlock::Create(c, "entry", fail));
    Value *frame = b.CreateIntToPtr(fail->getArg(0), ptr), *check = b.CreateGEP(row, table, fail->getArg(1));
    auto member = [&](unsigned i, Type *type) { return b.CreateLoad(type, b.CreateStructGEP(row, check, i)); };
    Value *status = b.CreateCall(m.getFunction("onnxc.refuse"), {b.CreateLoad(ptr, frame), member(0, i32), member(1, i32), member(2, ptr), null(),
                                                                 number(0), fail->getArg(2), fail->getArg(3)});
    b.CreateStore(status, b.CreateStructGEP(frameType, frame, 3));
    b.CreateRetVoid();
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
    SmallVector<Constant *> rows;
    for (const TensorInfo &t : list) {
      SmallVector<Constant *> d(8, cast<Constant>(b.getInt64(0)));
      for (auto [i, n] : enumerate(t.dims))
        d[i] = b.getInt64(n);
      rows.push_back(ConstantStruct::get(
          infoType, {text(t.name), b.getInt32(t.type), b.getInt32(t.dims.size()), ConstantArray::get(dims, d), b.getInt64(t.arenaOffset)}));
    }
    return table(rows, infoType, name);
  }

  Constant *table(ArrayRef<Constant *> rows, Type *row, StringRef name) {
    auto *array = ArrayType::get(row, rows.size());
    return new GlobalVariable(m, array, true, GlobalValue::PrivateLinkage, ConstantArray::get(array, rows), name);
  }

  Constant *regionInfos() {
    auto *row = StructType::get(c, {ptr, i64, i64});
    SmallVector<Constant *> rows;
    for (const RegionInfo &region : interface.regions)
      rows.push_back(ConstantStruct::get(row, {text(region.name), b.getInt64(region.bytes), b.getInt64(interface.arenaAlign)}));
    if (interface.weightFile)
      rows.push_back(ConstantStruct::get(row, {text("weights"), b.getInt64(interface.weightFile->bytes), b.getInt64(interface.arenaAlign)}));
    return table(rows, row, "onnxc.regions");
  }

  /// Of each tensor, the number of its region.
  Constant *regionsOf(ArrayRef<TensorInfo> list, StringRef name) {
    SmallVector<Constant *> rows;
    for (const TensorInfo &t : list)
      rows.push_back(b.getInt32(t.region));
    return table(rows, i32, name);
  }

  /// const onnxc_model *m_model(void)
  void buildModel() {
    DeviceEntries device{ConstantPointerNull::get(ptr), ConstantPointerNull::get(ptr)};
    if (interface.device)
      device = addDeviceEntries(m, *interface.device, interface.prefix);
    uint32_t flags = (interface.usesAllocator ? ONNXC_FLAG_NEEDS_ALLOCATOR : 0) | (interface.regions.empty() ? 0 : ONNXC_FLAG_REGIONS);
    SmallVector<Constant *> fields = {b.getInt32(ONNXC_VERSION), b.getInt32(flags), text(interface.prefix), text(interface.hash), text(interface.compilerVersion),
               b.getInt64(interface.arenaBytes), b.getInt64(interface.arenaAlign), b.getInt64(interface.stateBytes()),
               b.getInt32(interface.inputs.size()), b.getInt32(interface.outputs.size()),
               inputInfos, outputInfos, run, device.init, device.deinit};
    if (flags & ONNXC_FLAG_REGIONS)
      fields.append({b.getInt32(regionCount()), b.getInt32(interface.weightFile ? regionCount() - 1 : -1), regionInfos(), regionsOf(interface.inputs, "onnxc.input_regions"),
                     regionsOf(interface.outputs, "onnxc.output_regions")});
    Constant *value = ConstantStruct::getAnon(fields);
    auto *global = new GlobalVariable(m, value->getType(), true, GlobalValue::PrivateLinkage, value, "onnxc.model");
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
  bool hasDynamicInputs = any_of(interface.inputs, [](const TensorInfo &t) { return !t.isStatic(); });
  if (!linkSupport(m, usesSupport || hasDynamicInputs, error))
    return false;
  EntryBuilder e{m, interface};
  e.build();
  for (auto [i, info] : enumerate(interface.outputs))
    if (!info.isStatic())
      e.buildOutput(i, info);
  e.buildFail();
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
