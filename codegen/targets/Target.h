// Target rows: what the passes may ask about a machine.
#ifndef ONNXC_CODEGEN_TARGETS_TARGET_H
#define ONNXC_CODEGEN_TARGETS_TARGET_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>

namespace onnxc {

/// How a machine adds products of 8-bit integers to 32-bit sums: one sum takes
/// `group` products, whose operands lie next to each other along the reduction.
/// A is the operand that is read in place, B the one in panels.
struct DotForm {
  enum class Step {
    Intrinsic, ///< `variants`, on vectors; a word of A is the same in all lanes
    DualHalf,  ///< two products of halves of words per instruction (smlad), one sum
    Reduction, ///< one sum of a whole vector of products (vmladava); what follows is done on vectors of sums
    PairedRows, ///< a 64-bit product adds to two sums, of two rows of A and one column
    Blocks,     ///< a vector holds the sums of two rows of A and two columns of B (smmla); A is in row panels
  };
  struct Variant {
    unsigned lanes;        ///< sums
    const char *intrinsic; ///< of LLVM
    const char *mixed = nullptr; ///< the same for an unsigned A; null: A has the sign that the form says
  };

  const char *name;             ///< the instruction, as --list-targets has it
  Step step = Step::Intrinsic;
  unsigned group = 4;           ///< products per sum
  unsigned bits = 8;            ///< of the operands that the instruction takes: 8, or 16 when A and B are widened first
  bool unsignedA = false;       ///< what an 8-bit A is taken for; B is signed
  bool adds = true;             ///< the instruction adds to the sums; otherwise an addition follows
  bool subtracts = false;       ///< widening A subtracts its zero point at no cost
  bool copiesRows = false;      ///< rows of A are worth copying once, as the instruction wants them, ahead of all columns
  bool aLast = false;           ///< A is the last operand of the intrinsic, of which instructions take one word
  unsigned chunk = 1;           ///< groups of A that are worth loading at once
  unsigned sumsAtOnce = 32;     ///< steps of single sums in the body of a loop over a row panel
  unsigned rows = 0, columns = 0; ///< largest tile, in vectors or, where there are none, single sums; 0: by the registers
  llvm::ArrayRef<Variant> variants; ///< from the widest on

  /// The narrowest variant that has `lanes` sums; null: none.
  const Variant *variant(unsigned lanes) const {
    const Variant *best = nullptr;
    for (const Variant &v : variants)
      if (v.lanes >= lanes)
        best = &v;
    return best;
  }
};

/// One row of the target table. A new CPU is a new row; passes ask for these
/// capabilities and never for names.
struct Target {
  // Identity.
  std::string name;        ///< as in --target
  std::string triple;      ///< LLVM triple
  std::string cpu;         ///< LLVM CPU name; empty: the triple's default
  std::string features;    ///< LLVM feature string
  std::string abi;         ///< LLVM ABI name where the triple does not settle it (RISC-V)
  std::string description; ///< a few words for --list-targets
  std::string tested;      ///< how this project runs or checks its objects

  // Facts that follow from CPU and features (deriveFacts).
  std::string vectorUnit;    ///< "none" or the instruction set's name
  unsigned vectorBits = 0;   ///< width of a vector register; 0: none
  unsigned vectorRegs = 16;  ///< number of vector registers (of scalar float ones without vectors)
  unsigned leastLanes = 2;   ///< vectors of fewer lanes are scalars
  unsigned tileRegs = ~0u;   ///< of vector or general registers, what a tile may fill at most
  unsigned coreRegs = 12;    ///< number of general registers that a loop has for values and addresses
  bool masks = false;        ///< masked vector memory operations in hardware
  bool memoryOperands = false; ///< arithmetic reads an operand from memory without a load of its own
  bool f32 = true;           ///< single precision arithmetic in hardware
  bool f64 = true;           ///< double arithmetic in hardware
  bool fma = false;          ///< fused multiply-add in hardware, scalar and vector
  bool sqrt = true;          ///< square root in hardware
  bool round = false;        ///< floor, ceil, trunc, roundeven in hardware
  bool minMax = true;        ///< NaN-propagating minimum and maximum without a call
  bool multiplyHigh = false; ///< the upper half of a product of two words in an instruction or two
  bool f16Conversion = false; ///< f16 <-> f32 in hardware
  const DotForm *dot = nullptr; ///< products of 8-bit integers; null: by plain multiplications and additions
  const DotForm *blockDot = nullptr; ///< a form of blocks, preferred where rows of A can be copied to its panels; null: none

  // Facts of the system.
  unsigned indexBits = 64;       ///< width of `index`, size_t and pointers
  unsigned l1Bytes = 32 << 10;   ///< data cache next to the core
  unsigned l2Bytes = 512 << 10;  ///< next cache; on bare metal the memory that a kernel may touch freely
  unsigned unrollOps = 160;      ///< reductions up to this many operations per tile are written out, not looped over
  bool bareMetal = false;        ///< no operating system: every size must be known when compiling
  bool smallCode = false;        ///< bytes of code count more than cycles: -Os
  bool shortMemory = false;      ///< few bytes of RAM count more than few cycles: so on bare metal, and within a budget
  /// Library calls an object of this row may hold beside memcpy, memmove and
  /// memset; a name that ends in '*' is a prefix. All come with the compiler
  /// support library of any toolchain (libgcc, compiler-rt).
  std::string libraryCalls;

  unsigned lanes(unsigned elementBits) const { return vectorBits < elementBits ? 1 : vectorBits / elementBits; }
  /// Integers are scaled in less time by multiplying words than in floats.
  bool fixedPoint() const { return !f32 || (multiplyHigh && lanes(32) < 2); }
  /// "ELF", "COFF", "Mach-O" or "wasm".
  llvm::StringRef objectFormat() const;
  /// The section that holds weights, in the spelling of the object format.
  llvm::StringRef weightSection() const;
  /// Whether the in-process linker makes shared libraries for it: ELF, with a
  /// loader, and complete without a toolchain's compiler support library.
  bool hasSharedLibraries() const { return objectFormat() == "ELF" && !bareMetal && libraryCalls.empty(); }
};

/// Sets what -Os means for a machine: loops instead of written out steps, tiles of few registers.
void preferSmallCode(Target &target);

/// All rows, in the order of --list-targets.
llvm::ArrayRef<Target> targetTable();

/// Sets the facts of `target` that follow from its triple, CPU and features
/// as LLVM's subtarget tables know them. False and `error` when LLVM has no
/// such architecture.
bool deriveFacts(Target &target, std::string &error);

/// The row called `name`, or "native" for this machine, or a row made for an
/// LLVM triple. Returns false and explains in `error` (with the nearest names).
/// `cpu` and `features` refine the row; facts follow them.
bool resolveTarget(llvm::StringRef name, llvm::StringRef cpu, llvm::StringRef features, Target &target, std::string &error);

} // namespace onnxc

#endif
