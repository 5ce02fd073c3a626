// NVVM's intrinsics as calls of the simulator: a table of names.
#include "Translator.h"
#include "../abi.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"

using namespace llvm;

namespace gpusim {
namespace {

/// Replaces the calls of one function at a time.
struct Replacer {
  Module &m;
  Sites &sites;
  CallInst *call = nullptr;
  LLVMContext &c = m.getContext();
  IRBuilder<> b{c};
  IntegerType *i32 = b.getInt32Ty(), *i64 = b.getInt64Ty();

  FunctionCallee callee(StringRef name, Type *result, ArrayRef<Type *> arguments) {
    return m.getOrInsertFunction(name, FunctionType::get(result, arguments, false));
  }
  Value *argument(unsigned i) { return call->getArgOperand(i); }

  /// A value as a word, and back.
  Value *word(Value *v) {
    if (v->getType()->isIntegerTy())
      return b.CreateZExtOrTrunc(v, i32);
    return b.CreateBitCast(v, i32);
  }
  Value *fromWord(Value *w, Type *type) {
    if (type->isIntegerTy(1))
      return b.CreateICmpNE(w, b.getInt32(0));
    return type == i32 ? w : b.CreateBitCast(w, type);
  }

  Value *array(unsigned words) {
    IRBuilder<> entry(&*call->getFunction()->getEntryBlock().getFirstInsertionPt());
    auto *slot = entry.CreateAlloca(ArrayType::get(i32, words));
    slot->setAlignment(Align(8));
    return slot;
  }
  Value *element(Value *slot, unsigned i) { return b.CreateConstGEP1_32(i32, slot, i); }

  /// The instruction's results, one word each, become the call's value.
  void finish(ArrayRef<Value *> words) {
    Type *type = call->getType();
    Value *result = nullptr;
    if (auto *structure = dyn_cast<StructType>(type)) {
      result = PoisonValue::get(type);
      for (unsigned i = 0; i < structure->getNumElements(); ++i)
        result = b.CreateInsertValue(result, fromWord(words[i], structure->getElementType(i)), i);
    } else if (!type->isVoidTy()) {
      result = fromWord(words[0], type);
    }
    if (result)
      call->replaceAllUsesWith(result);
    call->eraseFromParent();
  }

  void collective(Collective op, Value *mask, ArrayRef<Value *> in, unsigned results) {
    Value *slot = array(std::max<size_t>(in.size(), 1)), *out = array(std::max(results, 1u));
    for (auto [i, value] : enumerate(in))
      b.CreateStore(value, element(slot, i));
    auto *done = b.CreateCall(callee("gpusim_collective", b.getVoidTy(), {i32, i32, b.getPtrTy(), b.getPtrTy(), i32}),
                              {b.getInt32(op), mask, slot, out, sites.add(*call)});
    done->setConvergent();
    SmallVector<Value *> words;
    for (unsigned i = 0; i < results; ++i)
      words.push_back(b.CreateLoad(i32, element(out, i)));
    finish(words);
  }

  void barrier(BarrierOp op, Value *id, Value *count, Value *operand) {
    auto *done = b.CreateCall(callee("gpusim_barrier", i32, {i32, i32, i32, i32, i32}),
                              {b.getInt32(op), id, count, operand ? word(operand) : b.getInt32(0), sites.add(*call)});
    done->setConvergent();
    finish({done});
  }

  /// The same function under another name, with the same types.
  void rename(StringRef name) {
    call->setCalledFunction(callee(name, call->getType(), call->getFunctionType()->params()));
  }
};

using Rule = std::function<void(Replacer &)>;

const StringMap<Rule> &rules() {
  static const StringMap<Rule> table = [] {
    StringMap<Rule> t;
    auto add = [&](const Twine &name, Rule rule) { t[("llvm.nvvm." + name).str()] = std::move(rule); };

    const std::pair<const char *, SpecialRegister> triples[] = {{"tid", Tid}, {"ntid", NTid}, {"ctaid", CtaId}, {"nctaid", NCtaId}};
    const std::pair<const char *, uint32_t> registers[] = {{"laneid", LaneId},     {"warpid", WarpId},
                                                           {"nwarpid", NWarpId},   {"warpsize", WarpSize},
                                                           {"dynamic_smem_size", DynamicSharedSize}};
    auto addRegister = [&](const Twine &name, uint32_t number) {
      add("read.ptx.sreg." + name, [number](Replacer &r) {
        auto *value = r.b.CreateCall(r.callee("gpusim_register", r.i32, {r.i32}), {r.b.getInt32(number)});
        value->setDoesNotAccessMemory(); // it is the same for a thread's whole life
        value->setDoesNotThrow();
        r.finish({value});
      });
    };
    const char *axes[] = {"x", "y", "z"};
    for (auto [name, number] : triples)
      for (auto [i, axis] : enumerate(axes))
        addRegister(Twine(name) + "." + axis, number + i);
    for (auto [name, number] : registers)
      addRegister(name, number);

    for (const char *aligned : {"aligned.", ""}) {
      add(Twine("barrier.cta.sync.") + aligned + "all",
          [](Replacer &r) { r.barrier(Sync, r.argument(0), r.b.getInt32(0), nullptr); });
      add(Twine("barrier.cta.sync.") + aligned + "count",
          [](Replacer &r) { r.barrier(Sync, r.argument(0), r.argument(1), nullptr); });
      for (auto [name, op] : {std::pair{"popc", RedPopc}, {"and", RedAnd}, {"or", RedOr}}) {
        add(Twine("barrier.cta.red.") + name + "." + aligned + "all",
            [op = op](Replacer &r) { r.barrier(op, r.argument(0), r.b.getInt32(0), r.argument(1)); });
        add(Twine("barrier.cta.red.") + name + "." + aligned + "count",
            [op = op](Replacer &r) { r.barrier(op, r.argument(0), r.argument(1), r.argument(2)); });
      }
    }

    add("bar.warp.sync", [](Replacer &r) { r.collective(WarpSync, r.argument(0), {}, 0); });
    for (auto [mode, op] : {std::pair{"up", ShuffleUp}, {"down", ShuffleDown}, {"bfly", ShuffleXor}, {"idx", ShuffleIndex}})
      for (const char *type : {"i32", "f32", "i32p", "f32p"})
        add(Twine("shfl.sync.") + mode + "." + type, [op = op](Replacer &r) {
          r.collective(op, r.argument(0), {r.word(r.argument(1)), r.argument(2), r.argument(3)}, 2);
        });
    for (auto [name, op] : {std::pair{"all", VoteAll}, {"any", VoteAny}, {"uni", VoteUniform}, {"ballot", VoteBallot}})
      add(Twine("vote.") + name + ".sync", [op = op](Replacer &r) { r.collective(op, r.argument(0), {r.word(r.argument(1))}, 1); });
    for (auto [name, op] : {std::pair{"add", ReduceAdd}, {"min", ReduceMin}, {"max", ReduceMax}, {"umin", ReduceUMin},
                            {"umax", ReduceUMax}, {"and", ReduceAnd}, {"or", ReduceOr}, {"xor", ReduceXor}})
      add(Twine("redux.sync.") + name, [op = op](Replacer &r) { r.collective(op, r.argument(1), {r.argument(0)}, 1); });

    const std::pair<const char *, Collective> matrices[] = {
        {"x1", LoadMatrix1},       {"x2", LoadMatrix2},       {"x4", LoadMatrix4},
        {"x1.trans", LoadMatrixTransposed1}, {"x2.trans", LoadMatrixTransposed2}, {"x4.trans", LoadMatrixTransposed4}};
    for (auto [name, op] : matrices)
      for (const char *space : {"p0", "p3"})
        add(Twine("ldmatrix.sync.aligned.m8n8.") + name + ".b16." + space, [op = op](Replacer &r) {
          Value *address = r.b.CreatePtrToInt(r.argument(0), r.i64);
          Value *low = r.b.CreateTrunc(address, r.i32), *high = r.b.CreateTrunc(r.b.CreateLShr(address, 32), r.i32);
          unsigned results = 1u << (op >= LoadMatrixTransposed1 ? op - LoadMatrixTransposed1 : op - LoadMatrix1);
          r.collective(op, r.b.getInt32(~0u), {low, high}, results);
        });
    const std::pair<const char *, Collective> multiplies[] = {
        {"m16n8k16.row.col.f32.f32", Mma16816F16F32}, {"m16n8k16.row.col.f16.f16", Mma16816F16F16},
        {"m16n8k8.row.col.f32.f32", Mma1688F16F32},   {"m16n8k8.row.col.f16.f16", Mma1688F16F16}};
    for (auto [name, op] : multiplies)
      add(Twine("mma.") + name, [op = op](Replacer &r) {
        SmallVector<Value *> words;
        for (Value *v : r.call->args())
          words.push_back(r.word(v));
        r.collective(op, r.b.getInt32(~0u), words, cast<StructType>(r.call->getType())->getNumElements());
      });

    for (auto [name, bytes] : {std::pair{"ca.shared.global.4", 4}, {"ca.shared.global.8", 8}, {"ca.shared.global.16", 16}, {"cg.shared.global.16", 16}})
      for (bool hasSize : {false, true})
        add(Twine("cp.async.") + name + (hasSize ? ".s" : ""), [bytes = bytes, hasSize](Replacer &r) {
          Value *whole = r.b.getInt32(bytes);
          r.b.CreateCall(r.callee("gpusim_cp_async", r.b.getVoidTy(), {r.i64, r.i64, r.i32, r.i32, r.i32}),
                         {r.b.CreatePtrToInt(r.argument(0), r.i64), r.b.CreatePtrToInt(r.argument(1), r.i64), whole,
                          hasSize ? r.argument(2) : whole, r.sites.add(*r.call)});
          r.finish({});
        });
    add("cp.async.commit.group", [](Replacer &r) { r.rename("gpusim_cp_async_commit"); });
    add("cp.async.wait.group", [](Replacer &r) { r.rename("gpusim_cp_async_wait"); });
    add("cp.async.wait.all", [](Replacer &r) {
      r.b.CreateCall(r.callee("gpusim_cp_async_wait", r.b.getVoidTy(), {r.i32}), {r.b.getInt32(~0u)});
      r.finish({});
    });

    // One block runs at a time and its threads one after the other: memory is
    // in order.
    for (const char *name : {"membar.cta", "membar.gl", "membar.sys"})
      add(name, [](Replacer &r) { r.finish({}); });

    // Approximations are as good as the host's function.
    const std::pair<const char *, const char *> functions[] = {
        {"ex2.approx.f", "exp2f"},         {"ex2.approx.ftz.f", "exp2f"},     {"lg2.approx.f", "log2f"},
        {"lg2.approx.ftz.f", "log2f"},     {"sqrt.rn.f", "sqrtf"},            {"sqrt.approx.f", "sqrtf"},
        {"sqrt.approx.ftz.f", "sqrtf"},    {"rsqrt.approx.f", "gpusim_rsqrtf"}, {"rsqrt.approx.ftz.f", "gpusim_rsqrtf"},
        {"rcp.rn.f", "gpusim_rcpf"},       {"rcp.approx.ftz.f", "gpusim_rcpf"}, {"tanh.approx.f32", "tanhf"},
        {"sin.approx.f", "sinf"},          {"cos.approx.f", "cosf"},          {"fma.rn.f", "fmaf"},
        {"div.full", "gpusim_divf"},       {"div.approx.f", "gpusim_divf"}};
    for (auto [name, function] : functions)
      add(name, [function = function](Replacer &r) { r.rename(function); });
    return t;
  }();
  return table;
}

Error refuse(const CallBase &call, const Twine &what) {
  return createStringError(("function '" + call.getFunction()->getName() + "' " + what).str());
}

} // namespace

Error replaceIntrinsics(Module &module, Sites &sites) {
  SmallVector<CallInst *> calls;
  for (Function &f : module)
    for (Instruction &i : instructions(f)) {
      auto *call = dyn_cast<CallBase>(&i);
      if (!call)
        continue;
      if (call->isInlineAsm())
        return refuse(*call, "has inline PTX that the simulator does not know: " +
                                 Twine(cast<InlineAsm>(call->getCalledOperand())->getAsmString()));
      Function *callee = call->getCalledFunction();
      if (!callee)
        return refuse(*call, "calls through a pointer, which the simulator cannot do");
      StringRef name = callee->getName();
      if (!callee->isDeclaration() || name.starts_with("gpusim_"))
        continue;
      if (name.starts_with("llvm.nvvm.")) {
        if (!rules().contains(name))
          return refuse(*call, "uses " + name + ", which the simulator does not know (a row in translate/Intrinsics.cpp)");
        calls.push_back(cast<CallInst>(call));
      } else if (!callee->isIntrinsic()) {
        return refuse(*call, "calls '" + name + "', which has no body: on the device it would be unresolved as well");
      }
    }
  for (CallInst *call : calls) {
    Replacer replacer{module, sites, call};
    replacer.b.SetInsertPoint(call);
    rules().find(call->getCalledFunction()->getName())->second(replacer);
  }
  for (Function &f : make_early_inc_range(module))
    if (f.isDeclaration() && f.use_empty())
      f.eraseFromParent();
  return Error::success();
}

} // namespace gpusim
