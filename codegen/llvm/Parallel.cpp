// Calls of functions that run a range of iterations, shared out to threads.
//
//   call @onnxc.body.k(0, %count, 0, %a, %b)
// becomes
//   %closure = alloca { A, B }; store %a, %b
//   call @onnxc.parallel(%frame, @onnxc.task.k, %closure, %count)
// where
//   @onnxc.task.k(closure, begin, end, worker) loads %a, %b and calls the body,
//   @onnxc.parallel calls ctx->executor->run, or the task itself when there is none.
#include "codegen/llvm/Parallel.h"
#include "passes/schedule/Schedule.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

using namespace llvm;

namespace onnxc {
namespace {

/// Field offsets follow runtime-lite/include/onnxc.h.
struct Sharing {
  Module &m;
  int threads;
  LLVMContext &c = m.getContext();
  IRBuilder<> b{c};
  Type *i64 = b.getInt64Ty(), *i32 = b.getInt32Ty();
  PointerType *ptr = b.getPtrTy();
  StructType *context = StructType::get(c, {i32, ptr, ptr, ptr, i32, i32, ptr, ptr});
  StructType *executor = StructType::get(c, {ptr, i32, ptr});
  FunctionType *taskType = FunctionType::get(b.getVoidTy(), {ptr, i64, i64, i64}, false);
  Function *parallel = nullptr;

  /// void @onnxc.parallel(i64 frame, ptr task, ptr closure, i64 count)
  void buildParallel() {
    parallel = Function::Create(FunctionType::get(b.getVoidTy(), {i64, ptr, ptr, i64}, false), Function::InternalLinkage,
                                "onnxc.parallel", m);
    parallel->addFnAttr(Attribute::NoInline);
    Value *frame = parallel->getArg(0), *task = parallel->getArg(1), *closure = parallel->getArg(2), *count = parallel->getArg(3);
    auto block = [&](const char *name) { return BasicBlock::Create(c, name, parallel); };
    auto *entry = block("entry"), *haveContext = block("context"), *haveField = block("field"), *share = block("share"),
         *serial = block("serial");
    auto orSerial = [&](Value *good, BasicBlock *next) {
      b.CreateCondBr(good, next, serial);
      b.SetInsertPoint(next);
    };
    b.SetInsertPoint(entry);
    Value *ctx = b.CreateLoad(ptr, b.CreateIntToPtr(frame, ptr));
    orSerial(b.CreateIsNotNull(ctx), haveContext);
    // A caller built against an older header has no such field.
    orSerial(b.CreateICmpUGE(b.CreateLoad(i32, ctx), b.getInt32(2)), haveField);
    Value *pool = b.CreateLoad(ptr, b.CreateStructGEP(context, ctx, 7));
    orSerial(b.CreateIsNotNull(pool), share);
    Value *run = b.CreateLoad(ptr, b.CreateStructGEP(executor, pool, 2));
    auto *runType = FunctionType::get(b.getVoidTy(), {ptr, ptr, ptr, i64, i64}, false);
    b.CreateCall(runType, run, {pool, task, closure, count, b.getInt64(threads)});
    b.CreateRetVoid();
    b.SetInsertPoint(serial);
    b.CreateCall(taskType, task, {closure, b.getInt64(0), count, b.getInt64(0)});
    b.CreateRetVoid();
  }

  Function *buildTask(Function *body, StructType *closureType) {
    auto *task = Function::Create(taskType, Function::InternalLinkage, "onnxc.task." + body->getName().str(), m);
    b.SetInsertPoint(BasicBlock::Create(c, "entry", task));
    SmallVector<Value *> args;
    for (unsigned i = 0; i < 3; ++i) // the body's indices may have 32 bits
      args.push_back(b.CreateZExtOrTrunc(task->getArg(1 + i), body->getArg(i)->getType()));
    for (unsigned i = 0; i < closureType->getNumElements(); ++i)
      args.push_back(b.CreateLoad(closureType->getElementType(i), b.CreateStructGEP(closureType, task->getArg(0), i)));
    b.CreateCall(body, args);
    b.CreateRetVoid();
    return task;
  }

  void shareOut(CallInst *call) {
    Function *body = call->getCalledFunction(), *caller = call->getFunction();
    auto params = body->getFunctionType()->params().drop_front(3);
    auto *closureType = StructType::get(c, params);
    Function *task = buildTask(body, closureType);
    b.SetInsertPoint(&*caller->getEntryBlock().getFirstInsertionPt());
    Value *closure = b.CreateAlloca(closureType);
    b.SetInsertPoint(call);
    for (unsigned i = 0; i < params.size(); ++i)
      b.CreateStore(call->getArgOperand(3 + i), b.CreateStructGEP(closureType, closure, i));
    Value *frame = b.CreateZExtOrTrunc(caller->getArg(caller->arg_size() - 1), i64);
    b.CreateCall(parallel, {frame, task, closure, b.CreateZExtOrTrunc(call->getArgOperand(1), i64)});
    call->eraseFromParent();
  }
};

} // namespace

void shareOutLoops(Module &m, int threads) {
  SmallVector<CallInst *> calls;
  for (Function &f : m)
    if (f.getName().starts_with(kParallelBodyPrefix))
      for (User *u : f.users())
        calls.push_back(cast<CallInst>(u));
  if (calls.empty())
    return;
  Sharing sharing{m, threads};
  sharing.buildParallel();
  for (CallInst *call : calls)
    sharing.shareOut(call);
}

} // namespace onnxc
