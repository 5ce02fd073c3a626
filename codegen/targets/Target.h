// Target rows: what the passes may ask about a machine.
#ifndef ONNXC_CODEGEN_TARGETS_TARGET_H
#define ONNXC_CODEGEN_TARGETS_TARGET_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>

namespace onnxc {

/// One row of the target table. A new CPU is a new row; passes ask for these
/// capabilities and never for names.
struct Target {
  std::string name;     ///< as in --target
  std::string triple;   ///< LLVM triple
  std::string cpu;      ///< LLVM CPU name
  std::string features; ///< LLVM feature string
  std::string description;
  unsigned vectorBits = 128;   ///< width of a vector register; 0: none
  unsigned vectorRegs = 16;    ///< number of vector registers
  unsigned l1Bytes = 32 << 10; ///< data cache next to the core
  unsigned l2Bytes = 512 << 10;
  bool fma = false;            ///< fused multiply-add in hardware, scalar and vector
  bool f16Conversion = false;  ///< f16 <-> f32 in hardware
  bool masks = false;          ///< masked vector memory operations in hardware
  unsigned indexBits = 64;     ///< width of `index`

  unsigned lanes(unsigned elementBits) const { return vectorBits < elementBits ? 1 : vectorBits / elementBits; }
};

/// All rows, in the order of --list-targets.
llvm::ArrayRef<Target> targetTable();

/// The row called `name`, or "native" for this machine, or a row made for an
/// LLVM triple. Returns false and explains in `error` (with the nearest names).
/// `cpu` and `features` refine the row.
bool resolveTarget(llvm::StringRef name, llvm::StringRef cpu, llvm::StringRef features, Target &target, std::string &error);

} // namespace onnxc

#endif
