// LLVM dialect -> object, shared library, header.
#ifndef ONNXC_CODEGEN_LLVM_EMIT_H
#define ONNXC_CODEGEN_LLVM_EMIT_H

#include "codegen/targets/Target.h"
#include "mlir/IR/BuiltinOps.h"
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace llvm {
class LLVMContext;
class Module;
class TargetMachine;
} // namespace llvm

namespace onnxc {

/// A graph input or output as the caller sees it.
struct TensorInfo {
  std::string name;
  int32_t type = 0;          ///< ONNX TensorProto.DataType
  int64_t elementBytes = 0;  ///< size of a stored element
  std::vector<int64_t> dims; ///< -1: known at run time
  int64_t arenaOffset = -1;  ///< its place in the arena; -1: memory of the caller
  unsigned region = 0;       ///< and the part of the arena that it is in
  /// What dims known at run time may be; a run refuses inputs outside of it. maxDims -1: anything. Empty: of all dims.
  std::vector<int64_t> minDims = {}, maxDims = {};
  std::vector<std::string> dimNames = {}; ///< "" where a dim has no symbol; empty: none has. A run refuses inputs whose symbols disagree.
  bool isStatic() const {
    for (int64_t d : dims)
      if (d < 0)
        return false;
    return true;
  }
  bool isBounded() const { return isStatic() || (!maxDims.empty() && !llvm::is_contained(maxDims, -1)); }
  /// Of a tensor that is bounded, the most bytes it takes.
  int64_t bytes() const {
    int64_t n = elementBytes;
    for (int64_t d : isStatic() ? dims : maxDims)
      n *= d;
    return n;
  }
};

/// The device side of a model: what becomes an onnxc_cuda_program
/// (runtime-lite/cuda/onnxc_cuda.h) in the object.
struct DeviceImage {
  struct Cubin {
    unsigned arch;
    char variant; ///< 'a' or 0
    std::string data;
  };
  struct Kernel {
    std::string name, node;
    int64_t sharedBytes; ///< dynamic shared memory of a block
  };
  std::string ptx;
  unsigned minArch = 0;
  std::vector<Cubin> cubins;
  std::vector<Kernel> kernels;
  int64_t weightBytes = 0, arenaBytes = 0;
};

/// What a failed check of a run says: the status that the run returns, the
/// node at fault, and a text in which the characters 1 and 2 stand for what
/// came and what was wanted.
struct RunCheck {
  int32_t status;
  std::string node, text;
  int32_t nodeIndex = -1; ///< in the model's graph; -1: the node stands deeper, or in no graph
};

/// The symbol of the weights that a model uploads to its device.
constexpr llvm::StringLiteral kDeviceWeights = "onnxc.gpu.weights";

/// A part of the arena that is memory of its own.
struct RegionInfo {
  std::string name; ///< a C identifier
  int64_t bytes = 0;
  std::string macro; ///< of its size, without the model's name and _BYTES
};

/// What a run must find in the file of weights.
struct WeightFileInfo {
  int64_t bytes = 0; ///< of the file
  std::array<uint8_t, 16> fingerprint = {};
};

/// What the interface of a compiled model says.
struct ModelInterface {
  std::string prefix, hash, compilerVersion;
  std::vector<TensorInfo> inputs, outputs;
  std::vector<std::string> frozen; ///< what is an input in the model's file and a constant here, a line each
  int64_t arenaBytes = 0, arenaAlign = 64;
  std::optional<WeightFileInfo> weightFile; ///< weights come with each run, as the last region; then there are others
  std::vector<RegionInfo> regions; ///< what the arena is made of, in the order of @main's arguments; empty: one piece, passed as such
  int threads = 1;            ///< workers that a run may use
  int64_t stackBytes = -1;    ///< that a run takes at most, see stackBounds(); -1: unknown
  std::vector<RunCheck> checks; ///< by number, see LowerChecks.h
  bool usesAllocator = false; ///< temporaries or outputs come from the context's allocator
  bool sanitize = false;      ///< --sanitize=address
  std::optional<DeviceImage> device; ///< with GPUs
  int64_t stateBytes() const; ///< of the caller's memory that m_init makes ready; 0: none
  /// Some input or output has its place in the arena.
  bool ioInArena() const {
    for (const auto *list : {&inputs, &outputs})
      for (const TensorInfo &t : *list)
        if (t.arenaOffset >= 0)
          return true;
    return false;
  }
};

/// A weight of the module: the symbol that holds it and its bytes.
struct Weight {
  std::string symbol;
  llvm::ArrayRef<char> data;
  std::shared_ptr<std::string> own = {}; ///< holds `data` where the module does not
};

/// Takes large constants out of the module, so that LLVM never sees their
/// bytes: their globals become zero-initialised, and the returned table says
/// what the object writer has to fill in.
/// With `all`, small constants go as well.
std::vector<Weight> detachWeights(mlir::ModuleOp module, bool all = false);

struct EmitOptions {
  int optLevel = 3;
  std::string weightSection; ///< of weights; empty: the target's
  std::string codeSection;   ///< of functions, NAME.FUNCTION each; empty: the format's
  bool smallCode = false;
};

/// Translates to LLVM IR, adds the entry points and optimises. Null and `error` on failure.
std::unique_ptr<llvm::Module> buildLLVMModule(mlir::ModuleOp module, const ModelInterface &interface, const Target &target,
                                              const std::vector<Weight> &weights, const EmitOptions &options, llvm::LLVMContext &context,
                                              std::unique_ptr<llvm::TargetMachine> &machine, std::string &error);

/// Writes an object (or assembly) file.
bool writeObject(llvm::Module &module, llvm::TargetMachine &machine, bool assembly, llvm::StringRef path, std::string &error);
/// Copies the weights to their symbols in a written object of any format.
bool fillWeights(llvm::StringRef objectPath, const std::vector<Weight> &weights, std::string &error);
/// Links one ELF object into a shared library, with lld as a library.
bool linkShared(llvm::StringRef objectPath, llvm::StringRef path, std::string &error);
/// Archives one object.
bool writeArchive(llvm::StringRef objectPath, llvm::StringRef path, const Target &target, std::string &error);
/// Text of the C header of a model.
std::string headerText(const ModelInterface &interface);

} // namespace onnxc

#endif
