// Lowering of the onnx dialect to linalg/tensor/scf on tensors.
//
// One function per op, registered by name in a table; ops are lowered in
// order, dims are read as values and constants fold, so that the same code
// serves static and dynamic shapes.
//
// Element types.  A lowered tensor holds *storage* types: bool is i8, unsigned
// integers are signless, 8-bit floats are i8.  Bodies work on *compute* types:
// bool is i1, f16 and bf16 are f32.  Helpers below convert at both ends; they
// are told the onnx element type, which keeps the signedness.
#ifndef ONNXC_PASSES_LOWER_LOWERING_H
#define ONNXC_PASSES_LOWER_LOWERING_H

#include "dialects/onnx/KnownValues.h"

#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace onnxc::lower {

using Dims = llvm::SmallVector<mlir::OpFoldResult>;
/// Body of an elementwise computation: compute-type scalars in, one out.
using ScalarFn = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;

class Lowering;
using LowerFn = std::function<mlir::LogicalResult(mlir::Operation *, Lowering &)>;

/// Table from op name ("onnx.Add") to its lowering.
class Registry {
public:
  template <typename OpTy>
  void add(mlir::LogicalResult (*fn)(OpTy, Lowering &)) {
    table[OpTy::getOperationName()] = [fn](mlir::Operation *op, Lowering &l) {
      return fn(mlir::cast<OpTy>(op), l);
    };
  }
  void add(llvm::StringRef name, LowerFn fn) { table[name] = std::move(fn); }
  const LowerFn *find(llvm::StringRef name) const {
    auto it = table.find(name);
    return it == table.end() ? nullptr : &it->second;
  }

private:
  llvm::StringMap<LowerFn> table;
};

/// Every lowering of the project; built once.
const Registry &registry();

/// An op that cannot be lowered: which, and why.
struct Unsupported {
  std::string node, op, reason;
};

/// What lowering has to know of the target and the user's choice.
struct LowerOptions {
  unsigned indexBits = 64;
  bool clampIndices = false; ///< of Gather and the like; else indices out of range end the run
  bool quantizeBlocks = false; ///< activations that meet a blocked weight are quantised to 8 bits, block by block
};

/// The state of lowering one function, and the vocabulary lowerings are
/// written in.
class Lowering {
public:
  /// `outside`: the location of what belongs to no node.
  Lowering(mlir::OpBuilder &b, std::vector<Unsupported> &unsupported, const LowerOptions &options, mlir::Location outside)
      : b(b), options(options), unsupported(unsupported), current(outside) {}

  mlir::OpBuilder &b;
  const LowerOptions options;
  mlir::Location loc() const { return *current; }

  // ---- operands and results -------------------------------------------
  /// Operand i is present (not onnx.NoValue).
  static bool has(mlir::Operation *op, unsigned i);
  /// The lowered tensor of an onnx value.
  mlir::Value get(mlir::Value onnxValue);
  mlir::Value in(mlir::Operation *op, unsigned i) { return get(op->getOperand(i)); }
  /// Binds result i; cast to whichever of computed and inferred type knows more dims.
  void set(mlir::Operation *op, unsigned i, mlir::Value v);
  void bind(mlir::Value onnxValue, mlir::Value lowered);
  /// Erases a lowered op that was provisional, and what is remembered of it.
  void discard(mlir::Operation *op);
  /// Result i is used or returned (an absent optional result has type none).
  static bool wants(mlir::Operation *op, unsigned i);
  /// Records why `op` cannot be lowered; returns failure.
  mlir::LogicalResult fail(mlir::Operation *op, const llvm::Twine &reason);
  // ---- checks in the run ----------------------------------------------------
  /// The run goes on only if `ok` (i1) holds; else it returns `status` (an onnxc_status) and says "node ... (Op): " and
  /// `what`, in which rt::kGot and rt::kWanted stand for the numbers (i64 or index; null: none). Nothing where it is known
  /// to hold; where it is known not to, and the op runs whenever the model does, the model is refused now. Comes before
  /// the computation that relies on it.
  void check(mlir::Value ok, int status, const llvm::Twine &what, mlir::Value got = {}, mlir::Value wanted = {});
  /// What the shape rule of `op` wants of its operands and their types do not decide (dialects/onnx/Constraints.h).
  void checkConstraints(mlir::Operation *op);
  /// The two sizes are equal: "`what`: got N, wanted M" and ONNXC_SHAPE_MISMATCH.
  void checkEqual(mlir::OpFoldResult got, mlir::OpFoldResult wanted, const llvm::Twine &what);
  /// low <= got <= high, as `checkEqual`: "`what`: got N, wanted LOW to HIGH".
  void checkBetween(mlir::Value got, int64_t low, mlir::OpFoldResult high, const llvm::Twine &what, int status);
  /// Elements of a shape operand, i64, are sizes: from `low` (0 or -1) to the most that index holds.
  void checkSizes(llvm::ArrayRef<mlir::Value> sizes, const llvm::Twine &what, int64_t low = 0);
  /// Axes, i64, are in [-rank, rank); those that only the run knows are there once.
  void checkAxes(llvm::ArrayRef<mlir::Value> axes, int64_t rank, const llvm::Twine &what);
  /// Product of dims, i64; `fits` (i1) is set to whether it is no more than the most a dim can be.
  mlir::Value productOf(llvm::ArrayRef<mlir::OpFoldResult> dims, mlir::Value &fits);
  /// Computed dims of result `i`, with the static ones that shape inference knows; the two are checked to be the same.
  Dims refine(Dims computed, mlir::Operation *op, unsigned i = 0);
  /// Every element of an integer tensor is an index into `dim` elements, negative ones from the end; `what` names it.
  /// With clamped indices nothing is checked: kernels clamp (wrapIndex).
  void checkIndices(mlir::Value indices, mlir::OpFoldResult dim, const llvm::Twine &what);
  /// Every element of an integer tensor is in [low, low + count), both i64, or `status`; `wanted` says so in the message.
  void checkElements(mlir::Value tensor, mlir::Value low, mlir::Value count, int status, const llvm::Twine &what, const llvm::Twine &wanted,
                     mlir::Value number);
  /// There is something to read in `dim`, or nothing is read: one of `read` is 0.
  void checkReadable(mlir::OpFoldResult dim, llvm::ArrayRef<mlir::OpFoldResult> read, const llvm::Twine &what);
  /// The most elements that a dim can have on the target.
  int64_t mostElements() const { return options.indexBits < 64 ? INT32_MAX : int64_t(1) << 47; }
  /// How messages name operand `i`: input 'x' of the model, or input 1.
  static std::string operandName(mlir::Operation *op, unsigned i);
  /// operandName of the operand that `lowered` is of the node that is being lowered; "an operand" of what was made of them.
  std::string nameOf(mlir::Value lowered);

  /// The checks of `op` once more, now that lowering knows the ranks of its
  /// operands; false when they fail, which is then recorded.
  bool checkOperands(mlir::Operation *op);

  /// Lowers all ops of `block` at the insertion point and returns the lowered
  /// operands of its terminator; nullopt when something inside is unsupported.
  std::optional<llvm::SmallVector<mlir::Value>> lowerBlock(mlir::Block &block, mlir::ValueRange args);

  // ---- types ------------------------------------------------------------
  static mlir::Type elem(mlir::Value onnxValue); ///< onnx element type (signedness kept)
  static mlir::Type storage(mlir::Type onnxElem);
  static mlir::Type compute(mlir::Type onnxElem);
  static bool isUnsigned(mlir::Type onnxElem) { return onnxElem.isUnsignedInteger() || onnxElem.isInteger(1); }
  static int64_t rank(mlir::Value v) { return mlir::cast<mlir::RankedTensorType>(v.getType()).getRank(); }
  /// storage scalar -> compute scalar, and back.
  static mlir::Value load(mlir::OpBuilder &b, mlir::Location loc, mlir::Value v, mlir::Type onnxElem);
  static mlir::Value store(mlir::OpBuilder &b, mlir::Location loc, mlir::Value v, mlir::Type onnxElem);
  /// Compute-type conversion with ONNX Cast semantics between numeric types
  /// (float->int truncates; ->bool is != 0; f8 targets are not handled here).
  static mlir::Value convert(mlir::OpBuilder &b, mlir::Location loc, mlir::Value v, mlir::Type from, mlir::Type to);

  // ---- constants ----------------------------------------------------------
  mlir::Value index(int64_t v);
  /// Scalar of compute type of `onnxElem`.
  static mlir::Value scalar(mlir::OpBuilder &b, mlir::Location loc, mlir::Type onnxElem, double v);
  static mlir::Value lowest(mlir::OpBuilder &b, mlir::Location loc, mlir::Type onnxElem);  ///< -inf or smallest integer
  static mlir::Value highest(mlir::OpBuilder &b, mlir::Location loc, mlir::Type onnxElem); ///< +inf or largest integer
  /// The onnx.Constant attribute behind an onnx value, if any.
  static mlir::ElementsAttr constant(mlir::Value onnxValue);
  /// Constant integers / floats of an operand (any int or float type), flattened.
  static std::optional<llvm::SmallVector<int64_t>> constInts(mlir::Value onnxValue);
  static std::optional<llvm::SmallVector<double>> constFloats(mlir::Value onnxValue);

  // ---- dims ------------------------------------------------------------
  /// Static dims as attributes, others as index values: the same value for dims
  /// of results that are known to be equal, else tensor.dim.
  Dims dims(mlir::Value tensor);
  mlir::OpFoldResult dim(mlir::Value tensor, int64_t i);
  mlir::OpFoldResult idx(int64_t v) { return b.getIndexAttr(v); }
  mlir::OpFoldResult add(mlir::OpFoldResult a, mlir::OpFoldResult c);
  mlir::OpFoldResult sub(mlir::OpFoldResult a, mlir::OpFoldResult c);
  mlir::OpFoldResult mul(mlir::OpFoldResult a, mlir::OpFoldResult c);
  mlir::OpFoldResult floorDiv(mlir::OpFoldResult a, mlir::OpFoldResult c);
  mlir::OpFoldResult ceilDiv(mlir::OpFoldResult a, mlir::OpFoldResult c);
  mlir::OpFoldResult max(mlir::OpFoldResult a, mlir::OpFoldResult c);
  mlir::OpFoldResult min(mlir::OpFoldResult a, mlir::OpFoldResult c);
  mlir::OpFoldResult product(llvm::ArrayRef<mlir::OpFoldResult> ds);
  mlir::Value value(mlir::OpFoldResult d); ///< as an index value
  static std::optional<int64_t> staticDim(mlir::OpFoldResult d);
  /// By their form, the two are the same number.
  static bool sameSize(mlir::OpFoldResult a, mlir::OpFoldResult c);
  /// A 1-D (or scalar) integer onnx operand as index-typed values; its length must be static.
  std::optional<Dims> intsAsDims(mlir::Value onnxValue);
  /// i64 tensor<n> from dims (for Shape and the like).
  mlir::Value dimsTensor(llvm::ArrayRef<mlir::OpFoldResult> ds);
  /// Dims after numpy broadcasting of several tensors (a static non-1 dim wins;
  /// two dynamic dims: max).
  Dims broadcastDims(mlir::ValueRange tensors);
  int64_t axis(int64_t a, int64_t rank) { return a < 0 ? a + rank : a; }

  // ---- structured computations -------------------------------------------
  mlir::Value empty(llvm::ArrayRef<mlir::OpFoldResult> ds, mlir::Type storageElem);
  /// Tensor filled with a compute-type scalar.
  mlir::Value fill(llvm::ArrayRef<mlir::OpFoldResult> ds, mlir::Type onnxElem, mlir::Value scalar);
  /// Elementwise with numpy broadcasting. `elems` are the onnx element types of `ins`.
  mlir::Value map(mlir::ValueRange ins, llvm::ArrayRef<mlir::Type> elems, mlir::Type outElem, ScalarFn body);
  /// As `map` with explicit output dims (each operand broadcasts to them, right-aligned).
  mlir::Value mapTo(llvm::ArrayRef<mlir::OpFoldResult> outDims, mlir::ValueRange ins, llvm::ArrayRef<mlir::Type> elems,
                    mlir::Type outElem, ScalarFn body);
  /// Every element from its indices: `body` gets index values and returns a compute-type scalar.
  mlir::Value generate(llvm::ArrayRef<mlir::OpFoldResult> outDims, mlir::Type outElem, ScalarFn body);
  /// compute-type scalar at `indices` of a lowered tensor (for use inside bodies).
  static mlir::Value at(mlir::OpBuilder &b, mlir::Location loc, mlir::Value tensor, mlir::ValueRange indices, mlir::Type onnxElem);
  /// Reduction over `axes`, dims dropped; accumulates in compute type. `init` is a compute-type scalar,
  /// combine(b, loc, {element, acc}) -> acc.  `accElem` is the onnx element type of the result.
  mlir::Value reduce(mlir::Value in, mlir::Type inElem, llvm::ArrayRef<int64_t> axes, mlir::Type accElem, mlir::Value init,
                     ScalarFn combine);
  /// General linalg.generic on storage types.  `init` is the initial output tensor.
  mlir::Value generic(mlir::ValueRange ins, mlir::Value init, llvm::ArrayRef<mlir::AffineMap> maps,
                      llvm::ArrayRef<mlir::utils::IteratorType> iterators,
                      llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)> body);
  mlir::Value transpose(mlir::Value in, llvm::ArrayRef<int64_t> perm);
  /// The number of elements is checked to stay the same unless the caller has done so.
  mlir::Value reshape(mlir::Value in, llvm::ArrayRef<mlir::OpFoldResult> newDims, bool isChecked = false);
  /// Inserts unit dims at `axes` (positions in the result), or removes them.
  mlir::Value unsqueeze(mlir::Value in, llvm::ArrayRef<int64_t> axes);
  mlir::Value squeeze(mlir::Value in, llvm::ArrayRef<int64_t> axes);
  /// Constant-value padding; low/high per dim.
  mlir::Value pad(mlir::Value in, llvm::ArrayRef<mlir::OpFoldResult> low, llvm::ArrayRef<mlir::OpFoldResult> high,
                  mlir::Type onnxElem, mlir::Value scalar);
  mlir::Value slice(mlir::Value in, llvm::ArrayRef<mlir::OpFoldResult> offsets, llvm::ArrayRef<mlir::OpFoldResult> sizes,
                    llvm::ArrayRef<mlir::OpFoldResult> strides);
  /// `in` over the part of `whole` that begins at `offsets`; `whole` where either is known to have no elements, as an
  /// offset may then lie at the end. Dims of size 1 may be left out of `in`.
  mlir::Value insertSlice(mlir::Value in, mlir::Value whole, llvm::ArrayRef<mlir::OpFoldResult> offsets,
                          llvm::ArrayRef<mlir::OpFoldResult> sizes);
  mlir::Value concat(mlir::ValueRange ins, int64_t axis);
  /// The run checks the dims of `v` that `type` knows and its own type does not.
  void checkShape(mlir::Value v, mlir::RankedTensorType type);
  /// Cast between ranked tensor types that differ in static knowledge only; checked where that grows.
  mlir::Value castTo(mlir::Value v, mlir::RankedTensorType type);

  std::string subject; ///< what checks that belong to no node speak of: "output 'y': "

private:
  /// The dims of `v`, which `onnxValue` is lowered to, that equal an earlier one's.
  void shareDims(mlir::Value onnxValue, mlir::Value v);
  /// tensor.dim right behind the definition of `tensor`, so that it serves every use.
  mlir::Value sharedDim(mlir::Value tensor, int64_t i);
  mlir::Value &sharedSlot(mlir::Value tensor, int64_t i);

  std::vector<Unsupported> &unsupported;
  std::optional<mlir::Location> current;
  mlir::Operation *currentOp = nullptr;
  llvm::DenseMap<mlir::Value, mlir::Value> lowered;
  /// By lowered tensor, the index values of its dims that stand for others too.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value, 4>> shared;
  onnx::KnownFacts facts; ///< about the onnx values
};

/// The lowered tensor type of an onnx tensor type (storage elements).
mlir::RankedTensorType loweredType(mlir::Type onnxTensor);

/// Lowers `@main` of the module in place: memref arguments for inputs and
/// static outputs, see Boundary.cpp. All unsupported ops are listed.
mlir::LogicalResult lowerModule(mlir::ModuleOp module, std::vector<Unsupported> &unsupported, const LowerOptions &options = {});

} // namespace onnxc::lower

#endif
