// Weights in a file of their own.
//
//   offset  bytes
//        0      8  "ONNXCWTS"
//        8      4  version of this layout, 1
//       12      4  0
//       16     16  fingerprint of the code that reads them
//       32      8  bytes of the whole file
//       40     24  0
//       64         weights, as the code reads them; at multiples of 64, small ones of 16
//
// Numbers are little endian. The fingerprint covers all that is compiled but
// the bytes of the weights: code with its immediates, layout, target. A file of
// another model of the same architecture is accepted by an object exactly where
// the object that was compiled with it would be the same.
#ifndef ONNXC_CODEGEN_LLVM_WEIGHTFILE_H
#define ONNXC_CODEGEN_LLVM_WEIGHTFILE_H

#include "codegen/llvm/Emit.h"

namespace onnxc {

/// A file of weights, to be written: the layout of what detachWeights() gives.
struct WeightFile {
  std::vector<Weight> weights;
  std::vector<int64_t> offsets; ///< of each in the file
  WeightFileInfo info;
};

/// Takes all constants of `module` (in the LLVM dialect) out of it: @main reads where a run has them from
/// its frame, its last argument. No other function may use any.
WeightFile takeWeightsApart(mlir::ModuleOp module);

/// Sets the fingerprint: of the module, which has no weights any more, and what else the object is made from.
void setFingerprint(WeightFile &file, mlir::ModuleOp module, const ModelInterface &interface, const Target &target, const EmitOptions &options);

/// The bytes of the file.
std::string weightFileBytes(const WeightFile &file);

/// Where m_run's frame keeps the address of the file.
constexpr unsigned kFrameWeights = 5;

} // namespace onnxc

#endif
