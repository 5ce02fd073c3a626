// The writer of one kernel's loop nest. Its methods lie by meaning in
//   EmitTile.cpp      loops, tiles and reductions
//   TileOperands.cpp  where operands stand, loads and stores
//   TilePanels.cpp    panels that are filled at run time
//   TileRows.cpp      rows that are widened ahead of all columns
//   TilePadding.cpp   what keeps out of padding
//   TileBody.cpp      bodies on vectors
//   TileDots.cpp      reductions by dot products
//   TileSums.cpp      sums as an instruction of a dot product wants them
//   TileWidened.cpp   reductions with weights of few bits
#ifndef ONNXC_PASSES_SCHEDULE_TILEEMITTER_H
#define ONNXC_PASSES_SCHEDULE_TILEEMITTER_H

#include "passes/schedule/EmitTile.h"

namespace onnxc {

class TileEmitter {
public:
  /// `packed`: as in emitNest().
  TileEmitter(LoopNest &nest, const Tiling &t, const Target &target, mlir::Value packed);
  void emit() { emitParallel(0, Tile{1, 1, 1}); }

private:
  using Value = mlir::Value;
  using Operation = mlir::Operation;
  template <typename T, unsigned N = llvm::CalculateSmallVectorDefaultInlinedElements<T>::value>
  using SmallVector = llvm::SmallVector<T, N>;
  template <typename T>
  using ArrayRef = llvm::ArrayRef<T>;

  /// Operand positions in `operands`: inputs, accumulator, epilogue inputs, output.
  struct Operand {
    Access *access = nullptr;
    Value flat; ///< 1-D view with unit stride
    Value base; ///< element offset of the current iteration
    bool isPanel = false;
  };

  /// Where in the loops the emitter is. What follows a loop must not see its
  /// induction variable.
  struct Position {
    SmallVector<Value> bases; ///< of the operands
    Value sourceBase, rowsBase;
    SmallVector<Value> ivs;
  };

  /// The tile being written.
  struct Tile {
    unsigned rows = 1; ///< iterations of the tile loop
    unsigned vectors = 1;
    unsigned lanes = 1; ///< 1: scalars
  };

  /// Offset of an operand at row r of the tile, lane `lane`, and unrolled reductions.
  struct Point {
    unsigned row = 0;
    int64_t lane = 0;
    SmallVector<std::pair<int, int64_t>> reductions;
  };

  /// Memory of one straight-line stretch: loads are made once.
  using LoadCache = llvm::DenseMap<std::tuple<unsigned, int64_t, unsigned>, Value>;

  /// Padding that is left out. Iteration k of `reduction` at iteration x of
  /// `parallel` reads position x * stride + k * dilation - low: done where that
  /// is within [0, extent).
  struct Clip {
    int parallel = -1; ///< -1: always 0
    int reduction = -1;
    int64_t stride = 0, dilation = 1, low = 0, extent = 0, taps = 0;

    bool inside(int64_t x, int64_t k) const {
      int64_t at = x * stride + k * dilation - low;
      return at >= 0 && at < extent;
    }
    /// Iterations x in [first, second) need no bounds.
    std::pair<int64_t, int64_t> interior(int64_t count) const;
  };

  // ---- small builders
  Value index(int64_t v);
  Value value(mlir::OpFoldResult r);
  Value add(Value a, Value c);
  Value addConst(Value a, int64_t c) { return c == 0 ? a : add(a, index(c)); }
  Value mul(Value a, mlir::OpFoldResult c);
  Value widen(Value v, unsigned lanes);

  // ---- operands
  Value flatten(Value memref);
  Position savePosition();
  void restorePosition(const Position &saved);
  /// Coefficient of loop d within the panel.
  int64_t panelCoeff(int d);
  /// The iteration of loop d moves from 0 to iv.
  void enter(int d, Value iv);
  /// The vector loop stands at iv, which is column `within` of the panel that starts at iteration `panelStart`.
  void enterVector(Value iv, Value panelStart, int64_t within);
  /// Value of operand i at a point: a vector, or a scalar when it does not move along the vector loop.
  Value load(unsigned i, const Point &p, unsigned lanes, LoadCache *cache);
  Value loadAt(Operand &o, Value at, unsigned lanes);
  void store(const Point &p, Value v, unsigned lanes);
  size_t accumulatorIndex() { return nest.inputs.size(); }
  size_t outputIndex() { return operands.size() - 1; }

  // ---- panels
  /// Copies the columns of the current panel: panel[r][j] = source[r, j].
  void fillPanel(unsigned columns);

  /// The same for dot products, with the sums of the columns behind.
  void fillGroups(unsigned columns);

  // ---- rows
  /// What is put into a row of the panel that holds two: its first, its second behind the first, or both at once.
  enum class RowPart { First, Second, Both };
  /// Copies `rows` rows of A from where it stands, all reductions of each: [depth / group][rows][group] or [rows][depth];
  /// two rows in one where these go together.
  void fillRows(unsigned rows);
  /// The reductions from `level` on of row `row`, from element `from` of A to `to` of the panel.
  void fillRow(size_t level, Value row, Value from, Value to, int64_t scale, bool interior, RowPart part);
  /// `count` neighbours.
  void copyRun(Value from, Value to, int64_t count, RowPart part);
  /// A word or vector of `count` elements, and one element.
  void copyUnit(Value from, Value to, int64_t count);
  void copyElement(Value from, Value to, RowPart part);

  // ---- dot products
  /// Sums per instruction for a tile of `lanes`: at least as many.
  unsigned dotLanes(unsigned lanes) const;
  /// The value the sums start from: the accumulator's, less the correction.
  Value dotInitial(const Point &p, unsigned lanes);
  Value dotResult(Value sums, unsigned lanes);
  /// The zero point of A as i32; null: 0.
  Value zeroPoint();
  const IntegerProduct &product() const { return t.dot ? t.dot->product : *t.words; }
  SmallVector<Value> emitDotReductions(size_t level, ArrayRef<Point> points, ArrayRef<Value> accs);
  /// `steps` groups from where the operands stand; `rest` elements of A in the last, or 0 for whole groups.
  SmallVector<Value> emitDots(int64_t steps, int64_t rest, ArrayRef<Point> points, ArrayRef<Value> accs);
  /// Group `step` of row `row` of A, as the instruction takes it: one value, or two of halves.
  SmallVector<Value> dotA(unsigned row, int64_t step, int64_t rest, unsigned sums, LoadCache &loaded);
  /// Bytes of A with the sign that the instruction wants.
  Value flipped(Value v);
  /// The same from the panel of rows.
  SmallVector<Value> rowA(unsigned row, int64_t step, unsigned sums);
  /// Reductions whose groups come from several vectors of A, written out.
  SmallVector<Value> emitInterleaved(ArrayRef<Point> points, ArrayRef<Value> accs);
  /// `count` vectors of A from element `at` on, at `stride`, interleaved to groups.
  Value interleaved(Value at, int64_t stride, int64_t count, unsigned lanes, unsigned sums);
  SmallVector<Value> dotB(int64_t step, int64_t lane, unsigned sums);
  /// The four bytes of `word` as two words of halves: 0 and 2, 1 and 3. `plus`, a pair of halves or null, is added to both.
  SmallVector<Value> halves(Value word, bool isUnsigned, Value plus);
  /// The zero point's negative as a pair of halves; null: 0.
  Value negativeHalves();
  Value dotStep(ArrayRef<Value> a, ArrayRef<Value> b, Value acc);
  /// The reductions of a tile with the sums of two rows in one: low + high * 2^32.
  SmallVector<Value> emitPairedRows(Tile tile, ArrayRef<Point> points, ArrayRef<Value> accs);
  /// The reductions of a tile with the sums of two rows and two columns in a vector.
  SmallVector<Value> emitBlocks(Tile tile, ArrayRef<Point> points, ArrayRef<Value> accs);
  /// The reductions of a tile with two columns in a half of the panel.
  SmallVector<Value> emitColumnPairs(ArrayRef<Point> points, ArrayRef<Value> accs);
  /// The reductions of a tile one sum after the other; these are put into vectors again behind.
  SmallVector<Value> emitSingles(Tile tile, ArrayRef<Point> points, ArrayRef<Value> accs);
  /// One step of the reductions at every point; columns of words together.
  void stepAll(ArrayRef<Point> points, ArrayRef<std::pair<int, int64_t>> at, llvm::MutableArrayRef<Value> accs, unsigned lanes, LoadCache *cache);
  /// The four sums of the columns from `p` on.
  void wordStep(const Point &p, llvm::MutableArrayRef<Value> accs);
  /// Points that are one step of the tile together.
  size_t pointsAtOnce(size_t points) const { return t.words && points % kWordColumns == 0 ? kWordColumns : 1; }
  Value intrinsic(llvm::StringRef name, mlir::Type type, ArrayRef<Value> args);

  // ---- weights of few bits
  /// What the elements of the weight in the columns at a lane have in common.
  struct Column {
    Value scale, zero; ///< null: 1, the product's constant
  };
  /// A value of the root's body that depends on neither factor: for the columns at point `p`.
  Value sideValue(Value v, const Point &p, unsigned lanes);
  Value loadSide(unsigned side, const Point &p, unsigned lanes);
  Value loadWord(int64_t word, const Point &p, unsigned lanes);
  /// Step `step` of a word of codes as f32, less the zero point.
  Value decode(Value word, int64_t step, const Column &column, unsigned lanes);
  Value multiplyAdd(Value a, Value c, Value acc, unsigned lanes);
  /// Four steps from `step` of a word on, each in a byte of the word.
  Value codeBytes(Value word, int64_t step, unsigned lanes);
  /// Sums of products of integers over the run, scaled and added to `accs`.
  SmallVector<Value> emitIntegerRun(ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes);
  /// `steps` steps of it; behind the sums of the points stand those of the rows of A, where dot products need them.
  SmallVector<Value> emitIntegerCodes(int64_t steps, ArrayRef<Point> points, ArrayRef<Value> sums, unsigned lanes);
  /// The run of a widened product in a loop over words; `emit` writes some steps from where the operands stand.
  SmallVector<Value> loopOverWords(size_t points, SmallVector<Value> sums, llvm::function_ref<SmallVector<Value>(int64_t, ArrayRef<Value>)> emit);
  SmallVector<Value> emitWidened(size_t level, ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes);
  /// `steps` steps of the run from where the operands stand.
  SmallVector<Value> emitCodes(int64_t steps, ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes,
                               const llvm::DenseMap<int64_t, Column> &columns, bool scaled);

  // ---- padding
  bool isColumn(const Clip &c) const { return c.parallel >= 0 && c.parallel == t.tileLoop; }
  /// Bounds of the reduction loop are worked out at run time.
  bool isBounded(const Clip &c) const { return !isColumn(c) && !inInterior.contains(c.parallel); }
  bool isBoundedReduction(int d) const;
  /// A tile of known position reads padding in some of its columns.
  bool isColumnReduction(int d) const;
  bool rowInside(unsigned row, int reduction, int64_t k) const;
  /// Whether no iteration of `rows` rows from where the loops stand reads padding; null: none ever does.
  Value isInterior(ArrayRef<Clip> clips, unsigned rows);
  /// First and last + 1 iteration of reduction loop d.
  std::pair<Value, Value> reductionRange(int d);
  /// The same at iteration `x` of the parallel loop of `c`, within `range`.
  std::pair<Value, Value> clipped(const Clip &c, Value x, std::pair<Value, Value> range);
  /// Steps outside and inside the border get code of their own where the
  /// reductions are short enough to be written out.
  void emitRows(size_t level, Tile tile, int d);
  /// Reduction `level` written out, each step for the rows of the tile that do not read padding in it.
  SmallVector<Value> emitColumns(size_t level, ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes);

  // ---- bodies
  /// Evaluates the body on vectors. Values that are the same in all lanes stay scalars.
  Value evaluate(mlir::linalg::GenericOp op, ArrayRef<Value> args, const Point &p, unsigned lanes, bool fuseMultiplyAdd);
  Value indexValue(unsigned dim, const Point &p, unsigned lanes);
  /// One step of the root body at a point on accumulator `acc` (null: not read).
  Value rootStep(const Point &p, Value acc, unsigned lanes, LoadCache *cache);
  /// An integer that the epilogue adds to the sum first may stand in it from the beginning.
  void findSeed();
  /// The value the accumulator starts from.
  Value initial(const Point &p, unsigned lanes);
  /// Epilogue and stores.
  void finish(ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes);

  // ---- loops and tiles
  /// for (iv = from; iv < to; iv += step) body(iv); unrolled away when it runs once.
  void loop(Value from, Value to, int64_t step, std::optional<int64_t> trips, llvm::function_ref<void(Value)> body);
  /// Writes parts of a loop one behind the other: in this order, or from the last to the first.
  void inTurn(llvm::MutableArrayRef<std::function<void()>> parts);
  void emitParallel(size_t level, Tile tile);
  void emitTileLoop(size_t level, Tile tile);
  void emitVectorLoop(size_t level, Tile tile);
  void emitVectorPieces(size_t level, Tile tile);
  void emitTile(Tile tile);

  // ---- reductions
  /// Whether the reduction loops level.. are written out.
  bool unrollFrom(size_t level, size_t accs);
  SmallVector<Value> emitReductions(size_t level, ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes);
  SmallVector<Value> reductionLoop(int d, Value from, Value to, int64_t step, ArrayRef<Value> accs,
                                   llvm::function_ref<SmallVector<Value>(ArrayRef<Value>)> body);
  /// `count` consecutive iterations of loop d.
  SmallVector<Value> emitSteps(int d, int64_t count, ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes);
  /// All remaining reduction loops, written out.
  SmallVector<Value> emitUnrolled(size_t level, ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes);
  Value neutral(mlir::Type type);
  Value combine(Value a, Value c);
  void emitHorizontal(Tile tile);
  SmallVector<Value> emitHorizontalLevel(size_t level, ArrayRef<Value> accs);

  LoopNest &nest;
  const Tiling &t;
  const Target &target;
  mlir::OpBuilder b;
  mlir::Location loc;
  Value zero;
  SmallVector<Operand> operands;
  Operand source; ///< what a run-time panel is filled from
  SmallVector<Value> ivs;
  Value fillValue;
  unsigned tileLanes = 1; ///< lanes of the tile being written
  int64_t columnWithin = 0; ///< column of its panel at which the tile starts
  Value correctionBase; ///< where the sums of the panel's columns stand, at the tile's first column
  Operand rows;           ///< panel of A's rows
  unsigned rowsFilled = 0; ///< rows in it
  SmallVector<Clip> clips, rowClips; ///< of loops, of the filling of rows
  Operation *seeding = nullptr; ///< the addition in the epilogue whose other operand the sums start from
  unsigned seed = 0;            ///< that operand, an epilogue input
  llvm::SmallDenseSet<int> inInterior; ///< parallel loops that are away from the padding here
  bool atBorder = false;               ///< the tile starts at iteration `tileStart` and may read padding
  int64_t tileStart = 0;
  std::optional<mlir::vector::CombiningKind> kind;
};

} // namespace onnxc

#endif
