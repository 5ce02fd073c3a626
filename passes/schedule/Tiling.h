// Choice of vector loop, register tile and loop order for a kernel.
#ifndef ONNXC_PASSES_SCHEDULE_TILING_H
#define ONNXC_PASSES_SCHEDULE_TILING_H

#include "codegen/targets/Target.h"
#include "passes/schedule/LoopNest.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

namespace onnxc {

/// Estimates take a loop for this many iterations where its extent is known at run time only.
constexpr int64_t kUnknownExtent = 256;

/// Columns that a word of 8-bit elements holds.
constexpr unsigned kWordColumns = 4;

/// A root of the form  acc + (a - zeroA) * (b - zeroB)  on 8-bit integers.
struct IntegerProduct {
  unsigned a, b;           ///< inputs of the root
  bool unsignedA, unsignedB;
  /// Zero points, as they stand in the body: null for 0, a constant, or the
  /// conversion of an input to i32.
  mlir::Value zeroA, zeroB;
};

/// Nullopt: `nest` has no such root.
std::optional<IntegerProduct> integerProduct(const LoopNest &nest);

/// How a tile adds up products group by group (DotForm).
struct Dot {
  const DotForm *form;
  IntegerProduct product;       ///< a is read in place, b in panels
  llvm::SmallVector<int> run;   ///< the last reductions: a is contiguous along them together
  int64_t length = 1;           ///< iterations of the run
  int64_t flip = 0;             ///< the instruction sees a + flip, where it wants another sign
  bool interleaves = false;     ///< lanes differ in a too: the elements of a group come from as many vectors of a
  bool rowPanel = false;        ///< rows of a are copied first, with the zero point where they read padding; widened, they lose it
  bool wholeGroups = false;     ///< what is contiguous in a begins and ends with a group of the row panel
  bool columnPairs = false;     ///< halves of the panel hold two columns, 256 * odd + even: sums of one are those of both less the other's
  bool corrects = false;        ///< panels end with a row of sums of b, which takes zero point and flip out of the result

  int64_t paddedLength() const { return llvm::alignTo(length, form->group); }
  /// Elements between rows, and between groups of a row, of a panel of `rows` rows.
  int64_t rowStep() const { return wholeGroups ? int64_t(form->group) * (blocks() ? 2 : 1) : paddedLength(); }
  int64_t groupStep(int64_t rows) const { return wholeGroups ? panelRows(rows) * rowStep() : form->group; }
  /// Rows of the panel that `rows` rows of a become, and the bits of its elements. Two rows are in one: added up, or
  /// group by group.
  bool paired() const { return form->step == DotForm::Step::PairedRows; }
  bool blocks() const { return form->step == DotForm::Step::Blocks; }
  int64_t rowsTogether() const { return paired() || blocks() ? 2 : 1; }
  /// Heights of tiles are multiples of it, as far as there are rows.
  int64_t tileStep() const { return blocks() ? rowsTogether() : 1; }
  int64_t panelRows(int64_t rows) const { return llvm::divideCeil(rows, rowsTogether()); }
  int64_t panelElements(int64_t rows) const { return panelRows(rows) * paddedLength() * (blocks() ? 2 : 1); }
  unsigned panelBits() const { return paired() ? 64 : form->bits; }
  /// The panel holds the bytes of a, with another sign where the instruction wants that; others are widened.
  bool copiesBytes() const { return panelBits() == 8; }
  /// Where element i of a group stands in the row panel, and in the panel of b. Words are widened to their even and odd
  /// bytes: those of a, where words make up its row, or else of b, which must meet.
  int64_t placeInRow(int64_t i) const { return wholeGroups ? evenFirst(i) : i; }
  int64_t placeInGroup(int64_t i) const { return rowPanel && !wholeGroups ? evenFirst(i) : i; }
  /// Of a pair of columns, with the even column's element at that byte and the odd one's behind.
  int64_t placeInPair(int64_t i) const {
    int64_t half = rowPanel && !wholeGroups ? i : evenFirst(i); // of a, which it must meet
    return 2 * half;
  }
  int64_t evenFirst(int64_t i) const { return form->step == DotForm::Step::DualHalf ? (i & 1) << 1 | i >> 1 : i; }
};

/// A root of the form  acc + a * ((b - zero) * scale)  on f32, where b is an 8-bit integer converted;
/// or  acc + convert(a * (b - zero)) * scale,  where a is one too.
struct WidenedProduct {
  unsigned a, b;             ///< inputs of the root
  bool integers = false;     ///< the second form; a is signed, the product has 32 bits
  bool isUnsigned;           ///< how b is converted
  double zero = 0;           ///< an integer
  mlir::Value zeroValue;     ///< as it stands in the body, of other inputs; null: `zero`
  mlir::Value scale;         ///< likewise; null: 1
};

/// Nullopt: `nest` has no such root.
std::optional<WidenedProduct> widenedProduct(const LoopNest &nest);

/// How a tile reads a weight of few bits: a word of a panel holds as many steps of the run as fit, the first in the
/// lowest bits, less the least value of all; behind each run stand the values of `sides` for its columns.
struct Widened {
  WidenedProduct product;
  unsigned bits = 8;                    ///< of one step: 2, 4 or 8
  int64_t least = 0;                    ///< what a code of 0 stands for
  int run = -1;                         ///< the last reduction: a is contiguous along it, what b is scaled by is the same
  int64_t length = 1;                   ///< its iterations
  llvm::SmallVector<unsigned> sides;    ///< inputs that differ from column to column
  llvm::SmallVector<int64_t> sideBytes; ///< of an element of each

  const DotForm *dot = nullptr;         ///< what adds up products of integers; null: multiplications and additions

  int64_t perWord() const { return 32 / bits; }
  /// Lowest bit of step `step` in its word. Four steps of integers lie in the four bytes.
  unsigned place(int64_t step) const { return product.integers ? 8 * (step % 4) + bits * (step / 4) : bits * step; }
  int64_t words() const { return llvm::divideCeil(length, perWord()); }
  /// Bytes of a run for each column of a panel of `width`; words stay aligned.
  int64_t runBytes(int64_t width) const {
    int64_t behind = std::accumulate(sideBytes.begin(), sideBytes.end(), int64_t(0));
    return 4 * words() + (width % 4 ? llvm::alignTo(behind, 4) : behind);
  }
};

/// How a loop nest is executed.
struct Tiling {
  int vectorLoop = -1;        ///< loop whose iterations fill vector lanes
  bool horizontal = false;    ///< the vector loop is a reduction: lanes are summed up at the end
  unsigned lanes = 1;
  unsigned leastLanes = 2;    ///< a tail narrower than this is scalars
  unsigned vectors = 1;       ///< vectors per tile along the vector loop
  int tileLoop = -1;          ///< parallel loop unrolled by up to `tile` iterations
  unsigned tile = 1;
  bool overlapTail = false;   ///< a tail is the last full vectors once more: results may be written twice
  int packed = -1;            ///< input that is read from panels [block][reduction][vectors*lanes]
  bool packAtRunTime = false; ///< the panel is filled by the kernel itself
  llvm::SmallVector<int> order; ///< parallel loops from outside in, including both of the above
  llvm::SmallVector<int> reductions; ///< reduction loops from outside in (the horizontal one last)
  std::optional<Dot> dot;      ///< the reduction is done by dot products
  std::optional<IntegerProduct> words; ///< four columns at a time are products of halves of words of a and b
  bool backward = false;       ///< tiles and loops run from the last to the first
  std::optional<Widened> widened; ///< the packed input is widened where it is used
  bool wantsStoredPadding = false; ///< dot products would do it if no padding were left out

  /// What panels of the packed input hold, whose elements are `element`: weights of word columns are widened when
  /// compiling, and stand as even and odd columns.
  mlir::Type panelElement(mlir::Type element) const { return words ? mlir::IntegerType::get(element.getContext(), 16) : element; }
  /// Where column j of a panel stands.
  int64_t placeOfColumn(int64_t j) const { return words ? j / 4 * 4 + ((j & 1) << 1 | (j >> 1 & 1)) : j; }
  /// Columns of a panel of the packed input.
  int64_t width() const { return int64_t(vectors) * lanes; }
  /// Elements of a panel of the packed input per column, padding included.
  int64_t panelDepth(const LoopNest &nest) const;
  /// Elements from one column's panel to the next one's, divided by the columns.
  int64_t panelStep(const LoopNest &nest) const { return panelDepth(nest) + (dot && dot->corrects ? 4 : 0); }
  /// Elements of `count` panels, and behind them what the widest load reads of the last.
  int64_t panelElements(const LoopNest &nest, int64_t count) const;

  /// A stretch of the vector loop that is executed by tiles of one width.
  struct Piece {
    int64_t start;    ///< first iteration
    int64_t trips;    ///< tiles
    unsigned vectors, lanes;
    int64_t panel;    ///< iteration at which the panel of the first tile starts
    int64_t within;   ///< column of the first tile in that panel
  };
  /// The vector loop of `extent` iterations in pieces: whole panels first, then the tail.
  llvm::SmallVector<Piece> pieces(int64_t extent) const;
};

/// Least and greatest of the bytes of a constant.
using ByteRange = std::pair<int64_t, int64_t>;

/// What is known of a kernel from its calls.
struct CallFacts {
  llvm::function_ref<bool(unsigned)> isWeight; ///< input i of the root is a constant at every call: the compiler may repack it
  bool outputApart = false;                    ///< no call passes the output's buffer as another argument
  /// Of a constant input, over all calls, as signed or unsigned bytes; nullopt: not known.
  llvm::function_ref<std::optional<ByteRange>(unsigned input, bool isUnsigned)> bytes = nullptr;
  /// Over all calls, and iterations of loop `column`, the largest magnitude of a sum of products of the signed bytes of a
  /// constant input with integers of `range`.
  llvm::function_ref<std::optional<int64_t>(unsigned input, int column, ByteRange range)> columnSum = nullptr;
};

/// Nullopt: no vector form pays or none is known; the op stays scalar loops.
std::optional<Tiling> chooseTiling(LoopNest &nest, const Target &target, const CallFacts &facts);

/// The innermost loops of `reductions` along which `a` is contiguous and, unless `interior`, reads no padding: the first
/// of them, and their iterations together (1 where there are none).
std::pair<size_t, int64_t> contiguousFrom(const LoopNest &nest, const Access &a, llvm::ArrayRef<int> reductions, bool interior);

/// Kind of the reduction in a body acc' = combine(acc, f(inputs)).
std::optional<mlir::vector::CombiningKind> combiningKind(mlir::linalg::GenericOp op);

} // namespace onnxc

#endif
