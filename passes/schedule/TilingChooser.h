// The choice of one kernel's tiling. Its methods lie by meaning in
//   Tiling.cpp          vector loop, tile, loop order
//   TilingProducts.cpp  products of integers and of weights of few bits
#ifndef ONNXC_PASSES_SCHEDULE_TILINGCHOOSER_H
#define ONNXC_PASSES_SCHEDULE_TILINGCHOOSER_H

#include "passes/schedule/EmitTile.h"

namespace onnxc {

class TilingChooser {
public:
  TilingChooser(LoopNest &nest, const Target &target, const CallFacts &facts);

  std::optional<Tiling> choose();

private:
  /// The sums of a reduction are held in registers, of the float unit or of the core.
  bool inRegisters();
  bool isWord(mlir::Type element) const { return element.isSignlessInteger() && element.getIntOrFloatBitWidth() <= target.indexBits; }

  // Costs are in vector operations per element of the output.
  static constexpr double kGather = 1.5, kScatter = 1.5, kPack = 2, kLaneSum = 8;
  static constexpr double kNever = 1e9;
  /// Building a vector of 16-bit floats from elements makes LLVM call
  /// conversion functions on targets without native arithmetic: never done.
  static double elementwise(const Access &a, double perElement);

  unsigned lanesFor(int d);

  bool inWindow(int d);

  /// Iterations of the reduction loops together.
  double depth();

  /// Cost of having the iterations of parallel loop `d` in the lanes.
  double cost(int d);

  /// Results per element of input i, along loops other than `d`.
  double reuse(unsigned i, int d);

  /// Input i moves only along `d` and reductions, some other parallel loop reuses it, and it may be copied to panels.
  bool packable(unsigned i, int d);

  bool staticAccess(const Access &a);

  bool allReductionsStatic();

  /// Copying a panel costs as much as one row of results: worth it for eight or more.
  bool canPackAtRunTime(unsigned i, int d);

  bool chooseVectorLoop();

  /// A reduction loop along which every input is contiguous or constant.
  int horizontalLoop();

  void moveLast(int d);

  void chooseElementwise(int64_t extent);

  /// Vectors and rows of the accumulator tile of a contraction. Registers hold
  /// the accumulators, the vectors of one row of the panel, and one broadcast.
  void chooseTileShape(int64_t extent, int64_t rows, unsigned regs);

  /// Dot products: the reductions' order, the tile and the panels are theirs. False, and nothing changed, where they do
  /// not fit.
  bool chooseDots(int64_t extent);
  bool chooseDots(const DotForm &form, int64_t extent);

  /// Rows of A are copied ahead of all columns, where several of these are to come. The rest of the nest then sees no
  /// padding, and the reductions are one run.
  bool chooseRowPanel(int64_t extent);
  static constexpr int64_t kRowPanelColumns = 8;

  /// Halves of the weight hold two columns, where sums of the odd ones are sure to fit 24 bits.
  void chooseColumnPairs();

  /// Each channel by itself, without vectors: the halves of words of four channels are multiplied in pairs.
  bool chooseWords(int64_t extent);

  std::optional<Dot> dotFor(const DotForm &form, int v);

  /// Each channel by itself: groups along the outermost loop of the window, so that steps of the other ones share vectors.
  bool chooseInterleaved(Dot &dot, int v);
  static constexpr unsigned kInterleavedRows = 8;
  /// Vectors of a row whose weights are widened: enough to hide an addition, few enough for words, sums of the run and
  /// sums of all to stay in registers.
  static constexpr unsigned kWidenedVectors = 4;

  /// A weight of few bits: its panels are codes. False, and nothing changed, where that does not fit.
  bool chooseWidened(int64_t extent);

  std::optional<Widened> widenedFor(int v);

  /// Registers that a tile may fill beside words; those of integers have sums of the run too.
  unsigned widenedRegs(unsigned regs);

  unsigned bitsOf(unsigned input) { return nest.inputs[input].element.getIntOrFloatBitWidth(); }

  void chooseReduction(int64_t extent);

  /// Batch loops (every input moves) outermost; then panels of the weight or
  /// rows of the other operand, whichever order moves fewer bytes.
  void orderLoops(bool contraction);

  LoopNest &nest;
  const Target &target;
  llvm::function_ref<bool(unsigned)> isWeight;
  llvm::function_ref<std::optional<ByteRange>(unsigned, bool)> bytes;
  llvm::function_ref<std::optional<int64_t>(unsigned, int, ByteRange)> columnSum;
  Tiling t;
  unsigned fullLanes = 1;
};

} // namespace onnxc

#endif
