// The device side of a model in its object: an onnxc_cuda_program.
//
//   int32 m_init(state, bytes, ctx)  { return onnxc_cuda_init(state, bytes, &program, ctx); }
//   void m_deinit(state)             { onnxc_cuda_deinit(state); }
#include "codegen/llvm/Device.h"

#include "runtime-lite/cuda/onnxc_cuda.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

using namespace llvm;

namespace onnxc {

int64_t ModelInterface::stateBytes() const { return device ? ONNXC_CUDA_STATE_BYTES(device->kernels.size()) : 0; }

void declareDeviceWeights(Module &m, const DeviceImage &image) {
  if (!image.weightBytes)
    return;
  auto *type = ArrayType::get(Type::getInt8Ty(m.getContext()), image.weightBytes);
  new GlobalVariable(m, type, true, GlobalValue::InternalLinkage, Constant::getNullValue(type), kDeviceWeights);
}

DeviceEntries addDeviceEntries(Module &m, const DeviceImage &image, StringRef prefix) {
  LLVMContext &c = m.getContext();
  IRBuilder<> b(c);
  Type *i32 = b.getInt32Ty(), *i64 = b.getInt64Ty();
  PointerType *ptr = b.getPtrTy();
  Constant *null = ConstantPointerNull::get(ptr);
  auto data = [&](StringRef bytes, bool terminated, Align align) -> Constant * {
    auto *value = ConstantDataArray::getString(c, bytes, terminated);
    auto *g = new GlobalVariable(m, value->getType(), true, GlobalValue::PrivateLinkage, value, "onnxc.gpu.data");
    g->setAlignment(align);
    return g;
  };
  auto array = [&](StructType *type, ArrayRef<Constant *> rows) -> Constant * {
    if (rows.empty())
      return null;
    auto *all = ArrayType::get(type, rows.size());
    return new GlobalVariable(m, all, true, GlobalValue::PrivateLinkage, ConstantArray::get(all, rows), "onnxc.gpu.rows");
  };
  // Layouts follow runtime-lite/cuda/onnxc_cuda.h.
  auto *cubinType = StructType::get(c, {i32, i32, ptr, i64});
  SmallVector<Constant *> cubins, kernels;
  for (const DeviceImage::Cubin &cubin : image.cubins)
    cubins.push_back(ConstantStruct::get(cubinType, {b.getInt32(cubin.arch), b.getInt32(cubin.variant), data(cubin.data, false, Align(64)),
                                                     b.getInt64(cubin.data.size())}));
  auto *kernelType = StructType::get(c, {ptr, ptr, i32});
  for (const DeviceImage::Kernel &kernel : image.kernels)
    kernels.push_back(ConstantStruct::get(kernelType, {data(kernel.name, true, Align(1)), data(kernel.node, true, Align(1)), b.getInt32(kernel.sharedBytes)}));
  Constant *weights = m.getGlobalVariable(kDeviceWeights, /*AllowInternal=*/true);
  auto *programType = StructType::get(c, {i32, ptr, i64, i32, ptr, i32, ptr, i32, ptr, i64, i64});
  auto *value = ConstantStruct::get(
      programType, {b.getInt32(ONNXC_CUDA_VERSION), data(image.ptx, true, Align(1)), b.getInt64(image.ptx.size() + 1), b.getInt32(image.minArch),
                    array(cubinType, cubins), b.getInt32(cubins.size()), array(kernelType, kernels), b.getInt32(kernels.size()),
                    weights ? weights : null, b.getInt64(image.weightBytes), b.getInt64(image.arenaBytes)});
  auto *program = new GlobalVariable(m, programType, true, GlobalValue::PrivateLinkage, value, "onnxc.gpu.program");

  auto *initType = FunctionType::get(i32, {ptr, i64, ptr}, false);
  auto *init = Function::Create(initType, GlobalValue::ExternalLinkage, prefix + "_init", m);
  b.SetInsertPoint(BasicBlock::Create(c, "entry", init));
  FunctionCallee runtimeInit = m.getOrInsertFunction("onnxc_cuda_init", FunctionType::get(i32, {ptr, i64, ptr, ptr}, false));
  b.CreateRet(b.CreateCall(runtimeInit, {init->getArg(0), init->getArg(1), program, init->getArg(2)}));

  auto *deinit = Function::Create(FunctionType::get(b.getVoidTy(), {ptr}, false), GlobalValue::ExternalLinkage, prefix + "_deinit", m);
  b.SetInsertPoint(BasicBlock::Create(c, "entry", deinit));
  b.CreateCall(m.getOrInsertFunction("onnxc_cuda_deinit", FunctionType::get(b.getVoidTy(), {ptr}, false)), {deinit->getArg(0)});
  b.CreateRetVoid();
  return {init, deinit};
}

} // namespace onnxc
