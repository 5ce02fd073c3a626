// Weights in a file of their own.
#include "codegen/llvm/WeightFile.h"
#include "runtime-lite/include/onnxc.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace onnxc {

/// Offset of a field of the header.
constexpr int64_t kVersionAt = 8, kBytesAt = 32;
/// Of this layout.
constexpr uint32_t kVersion = 1;
/// Of the file in memory, and of weights that are not smaller.
constexpr int64_t kAlign = 64;
/// Of small weights: no vector that a kernel loads at once is larger.
constexpr int64_t kSmallAlign = 16;

/// Where a run has its weights, at the start of @main.
static Value weightsOf(LLVM::LLVMFuncOp main) {
  OpBuilder b(&main.getBody().front(), main.getBody().front().begin());
  Location loc = main.getLoc();
  Type ptr = LLVM::LLVMPointerType::get(b.getContext()), i32 = b.getI32Type();
  Value frame = LLVM::IntToPtrOp::create(b, loc, ptr, main.getArguments().back());
  // struct frame of EntrySupport.cpp
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), {ptr, ptr, ptr, i32, ptr, ptr});
  Value field = LLVM::GEPOp::create(b, loc, ptr, type, frame, ArrayRef<LLVM::GEPArg>{0, int32_t(kFrameWeights)});
  return LLVM::LoadOp::create(b, loc, ptr, field);
}

WeightFile takeWeightsApart(ModuleOp module) {
  WeightFile file;
  file.weights = detachWeights(module, /*all=*/true);
  int64_t end = ONNXC_WEIGHTS_HEADER;
  llvm::StringMap<int64_t> offsets;
  for (const Weight &w : file.weights) {
    int64_t bytes = w.data.size(), at = llvm::alignTo(end, bytes >= kAlign ? kAlign : kSmallAlign);
    file.offsets.push_back(at);
    offsets[w.symbol] = at;
    end = at + bytes;
  }
  file.info.bytes = llvm::alignTo(end, kAlign);
  auto main = module.lookupSymbol<LLVM::LLVMFuncOp>("main");
  Value base;
  SmallVector<LLVM::AddressOfOp> uses;
  module.walk([&](LLVM::AddressOfOp use) {
    if (offsets.contains(use.getGlobalName()))
      uses.push_back(use);
  });
  for (LLVM::AddressOfOp use : uses) {
    assert(use->getParentOfType<LLVM::LLVMFuncOp>() == main && "constants are passed from @main");
    if (!base)
      base = weightsOf(main);
    OpBuilder b(use);
    Type word = main.getArguments().back().getType();
    Value at = LLVM::ConstantOp::create(b, use.getLoc(), word, b.getIntegerAttr(word, offsets.lookup(use.getGlobalName())));
    use.replaceAllUsesWith(LLVM::GEPOp::create(b, use.getLoc(), base.getType(), b.getI8Type(), base, ArrayRef<LLVM::GEPArg>{at}).getResult());
    use.erase();
  }
  for (const Weight &w : file.weights)
    module.lookupSymbol(w.symbol)->erase();
  return file;
}

void setFingerprint(WeightFile &file, ModuleOp module, const ModelInterface &interface, const Target &target, const EmitOptions &options) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << interface.compilerVersion << '\n' << target.triple << '\n' << target.cpu << '\n' << target.features << '\n' << options.optLevel << options.smallCode << '\n';
  for (auto *tensors : {&interface.inputs, &interface.outputs})
    for (const TensorInfo &t : *tensors) {
      os << t.type << ' ' << t.region << ' ' << t.arenaOffset;
      for (int64_t d : t.dims)
        os << ' ' << d;
      os << '\n';
    }
  for (auto [weight, offset] : llvm::zip_equal(file.weights, file.offsets))
    os << offset << ' ' << weight.data.size() << '\n';
  module.print(os);
  auto hash = llvm::SHA256::hash(llvm::arrayRefFromStringRef(text));
  std::copy_n(hash.begin(), file.info.fingerprint.size(), file.info.fingerprint.begin());
}

std::string weightFileBytes(const WeightFile &file) {
  std::string bytes(file.info.bytes, '\0');
  llvm::copy(llvm::StringRef(ONNXC_WEIGHTS_MAGIC), bytes.begin());
  llvm::support::endian::write32le(&bytes[kVersionAt], kVersion);
  llvm::copy(file.info.fingerprint, bytes.begin() + ONNXC_WEIGHTS_FINGERPRINT);
  llvm::support::endian::write64le(&bytes[kBytesAt], file.info.bytes);
  for (auto [weight, offset] : llvm::zip_equal(file.weights, file.offsets))
    llvm::copy(weight.data, bytes.begin() + offset);
  return bytes;
}

} // namespace onnxc
