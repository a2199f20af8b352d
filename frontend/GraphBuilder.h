// The one way to build graphs: the importer of descriptions calls it for every op, and so do C++
// users. Each method checks ranks, dims and element types, infers the result's symbolic shape and
// appends ops of the phase `input` (docs/architecture.md). On bad arguments it returns an error
// that says what was expected and what came; the builder then stays usable, though ops that were
// appended before the error may remain unused in the function.
#ifndef FOVEA_FRONTEND_GRAPHBUILDER_H
#define FOVEA_FRONTEND_GRAPHBUILDER_H

#include "dialect/AttnDialect.h"
#include "frontend/ScalarOps.h"
#include "frontend/SymbolicDim.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include <functional>
#include <vector>

namespace fovea {

namespace attn {
class AttentionOp;
enum class AttentionOutput;
} // namespace attn

/// A tensor of a graph under construction: an SSA value of ranked tensor type whose static dims
/// are the constant dims of `shape`. Rank 0 is a scalar.
struct SymbolicTensor {
  mlir::Value value;
  SymbolicShape shape;

  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  mlir::Type elementType() const;
  const SymbolicDim &dim(int64_t index) const { return shape[index]; }
  /// `f32[B, L, 64]`.
  std::string str() const;
};

struct NamedTensor {
  std::string name;
  SymbolicTensor tensor;
};

/// An argument of an entry function. Every dim is a constant or a single symbol.
struct InputSpec {
  std::string name;
  mlir::Type elementType;
  SymbolicShape shape;
};

enum class ReduceKind { Sum, Mean, Max, Min, ArgMax, ArgMin, Any, All };
/// Which part of a matrix `triangle` keeps.
enum class TriangleKind { Lower, Upper };

/// Builds the value of a region from its arguments: `index` values, for a score function preceded
/// by the score. Values defined outside the region may be used.
using RegionBuilder =
    std::function<llvm::Expected<mlir::Value>(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;

struct AttentionOptions {
  /// 1/sqrt(D) if absent.
  std::optional<double> scale;
  /// True where a query may attend (`i1`), or added to the scores (float). Broadcast to
  /// `[batch..., H, Lq, Lk]` from the last dim as in numpy; indexed by query row, not position.
  std::optional<SymbolicTensor> maskTensor;
  /// `(b, h, i, j)` to `i1`, over absolute positions. `b` counts all batch dims row-major.
  RegionBuilder mask;
  /// `(s, b, h, i, j)` to the type of `s`.
  RegionBuilder score;
  /// `(b, h, i)` to the score type: the logit of one more key whose value is zero.
  RegionBuilder sink;
  /// Above 0: scaled scores become `softcap * tanh(score / softcap)` before `score` sees them.
  std::optional<double> softcap;
  attn::Alignment alignment = attn::Alignment::BottomRight;
  /// Position of the first query, an integer scalar; overrides `alignment`.
  std::optional<SymbolicTensor> queryOffset;
  /// In `[0, 1)`; any but 0 needs `seed`, an `i64` scalar.
  double dropout = 0;
  std::optional<SymbolicTensor> seed;
  bool withWeights = false;
  bool withLse = false;
  bool withColumnSums = false;
  /// `(b, h, i, j)` to `index`: asks for the sums of the weights by bucket, of which there are
  /// `buckets`. What lies outside them counts nowhere.
  RegionBuilder bucket;
  SymbolicDim buckets = 0;
};

struct AttentionResults {
  SymbolicTensor output;                 // [batch..., H, Lq, Dv]
  std::optional<SymbolicTensor> weights; // [batch..., H, Lq, Lk]
  std::optional<SymbolicTensor> lse;     // [batch..., H, Lq]
  /// The sums of the weights over all queries: [batch..., H, Lk].
  std::optional<SymbolicTensor> columnSums;
  std::optional<SymbolicTensor> bucketSums; // [batch..., H, Lq, buckets]
};

struct RopeOptions {
  double theta = 10000.0;
  /// How many elements of a head turn, even; 0 for all.
  int64_t rotatedDims = 0;
  attn::RotaryPairing pairing = attn::RotaryPairing::HalfSplit;
  /// The dim of the input that holds the sequence: 2 for `[B, H, L, D]`, 1 for `[B, L, H, D]`.
  int64_t sequenceDim = 2;
  /// Angles are divided by this (linear position interpolation).
  double scalingFactor = 1.0;
};

/// Scalars (rank 0) that steer sampling; absent ones are off, temperature 1 and seed 0.
struct SampleOptions {
  std::optional<SymbolicTensor> temperature; // f32
  std::optional<SymbolicTensor> topK;        // i64
  std::optional<SymbolicTensor> topP;        // f32
  std::optional<SymbolicTensor> minP;        // f32
  std::optional<SymbolicTensor> seed;        // i64
};

/// An `index` value that is below `count`, such as a loop's.
struct LoopIndex {
  mlir::Value value;
  int64_t count;
  /// Begins and ends of the numbers below it that the value takes, in turn; all if empty.
  llvm::SmallVector<int64_t, 0> spans = {};
};

class GraphBuilder {
public:
  using TensorOrError = llvm::Expected<SymbolicTensor>;
  using Tensors = llvm::SmallVector<SymbolicTensor, 4>;
  /// From the loop index (an `index` value) and the carried tensors to their next values.
  using LoopBody =
      llvm::function_ref<llvm::Expected<Tensors>(mlir::Value, llvm::ArrayRef<SymbolicTensor>)>;

  /// Appends to `module`, whose context must have the dialects of dialect/RegisterAll.h.
  explicit GraphBuilder(mlir::ModuleOp module);

  mlir::MLIRContext *context() { return moduleOp.getContext(); }
  mlir::OpBuilder &opBuilder() { return ir; }

  /// The location of all ops built from here on; unknown until set.
  void setLocation(mlir::Location location) { currentLoc = location; }
  mlir::Location location() const { return currentLoc; }

  // ---- Functions, weights, loops -------------------------------------------------------------

  /// Starts the entry function `name` and returns its arguments.
  llvm::Expected<Tensors> beginFunction(llvm::StringRef name, llvm::ArrayRef<InputSpec> inputs);
  /// Ends the function, verifies it and removes what nothing uses.
  llvm::Error endFunction(llvm::ArrayRef<NamedTensor> results);
  /// Drops the function begun last, after an error.
  void abandonFunction();

  /// The tensor `name` of the weight files. `name` has a `{}` for each of the indices, which stands
  /// for its value. A symbol that no input binds is bound by the weight, which then must be outside
  /// any loop.
  TensorOrError weight(llvm::StringRef name, mlir::Type elementType,
                       llvm::ArrayRef<SymbolicDim> shape, llvm::ArrayRef<LoopIndex> indices = {});

  /// The same as a tensor of `type`: a weight that is stored in another float type is converted.
  TensorOrError storedWeight(llvm::StringRef name, mlir::Type storedType, mlir::Type type,
                             llvm::ArrayRef<SymbolicDim> shape,
                             llvm::ArrayRef<LoopIndex> indices = {});

  /// `for i in range(count): carried = body(i, carried)`: one `scf.for`. The body's results must
  /// have the shapes and element types of `init`.
  llvm::Expected<Tensors> forLoop(const SymbolicDim &count, llvm::ArrayRef<SymbolicTensor> init,
                                  LoopBody body);

  /// `if condition: carried = body(carried)` for a run-time i1: a loop of one step or none, which
  /// every pass knows.
  llvm::Expected<Tensors>
  ifTrue(mlir::Value condition, llvm::ArrayRef<SymbolicTensor> init,
         llvm::function_ref<llvm::Expected<Tensors>(llvm::ArrayRef<SymbolicTensor>)> body);

  // ---- Constants and sizes -------------------------------------------------------------------

  /// Makes `slack >= 0` a condition of the function unless it is certain: each run checks it first,
  /// and says that it expected `text` where it does not hold.
  llvm::Error require(const SymbolicDim &slack, llvm::StringRef text);

  TensorOrError scalar(double value, mlir::Type elementType);
  /// The same of an integer, of which a double may not hold all digits.
  TensorOrError integerScalar(int64_t value, mlir::Type elementType);
  TensorOrError full(double value, mlir::Type elementType, llvm::ArrayRef<SymbolicDim> shape);
  TensorOrError zeros(mlir::Type elementType, llvm::ArrayRef<SymbolicDim> shape);
  TensorOrError ones(mlir::Type elementType, llvm::ArrayRef<SymbolicDim> shape);
  /// 1 on the main diagonal, 0 elsewhere: `[rows, columns]`.
  TensorOrError eye(mlir::Type elementType, const SymbolicDim &rows, const SymbolicDim &columns);
  /// `begin, begin + step, ...`: `[count]`.
  TensorOrError arange(mlir::Type elementType, const SymbolicDim &count, double begin = 0,
                       double step = 1);
  /// A dense constant; `values` are row-major and converted to `elementType`.
  TensorOrError constant(llvm::ArrayRef<double> values, mlir::Type elementType,
                         llvm::ArrayRef<int64_t> shape);
  /// The size as an `index` value at the current place of the function.
  llvm::Expected<mlir::Value> dimValue(const SymbolicDim &dim);
  /// The size as an `i64` scalar.
  TensorOrError dimScalar(const SymbolicDim &dim);
  /// An `index` value, such as a loop's, as an `i64` scalar; and back.
  TensorOrError fromIndex(mlir::Value index);
  llvm::Expected<mlir::Value> toIndex(const SymbolicTensor &scalar);
  /// The element of a rank-0 tensor.
  llvm::Expected<mlir::Value> extractScalar(const SymbolicTensor &scalar);

  // ---- Elementwise, broadcasting as numpy does: a static 1 or an equal dim ---------------------

  TensorOrError unary(UnaryKind kind, const SymbolicTensor &x);
  /// Both operands have one element type. Powers of integers are integers: 0 where the exponent is
  /// negative, but for those of 1 and -1.
  TensorOrError binary(BinaryKind kind, const SymbolicTensor &a, const SymbolicTensor &b);
  TensorOrError compare(CompareKind kind, const SymbolicTensor &a, const SymbolicTensor &b);
  TensorOrError where(const SymbolicTensor &condition, const SymbolicTensor &ifTrue,
                      const SymbolicTensor &ifFalse);
  /// Float to int truncates towards zero; anything to `i1` is `!= 0`.
  TensorOrError cast(const SymbolicTensor &x, mlir::Type elementType);
  TensorOrError broadcastTo(const SymbolicTensor &x, llvm::ArrayRef<SymbolicDim> shape);

  TensorOrError add(const SymbolicTensor &a, const SymbolicTensor &b) {
    return binary(BinaryKind::Add, a, b);
  }
  TensorOrError sub(const SymbolicTensor &a, const SymbolicTensor &b) {
    return binary(BinaryKind::Sub, a, b);
  }
  TensorOrError mul(const SymbolicTensor &a, const SymbolicTensor &b) {
    return binary(BinaryKind::Mul, a, b);
  }
  TensorOrError div(const SymbolicTensor &a, const SymbolicTensor &b) {
    return binary(BinaryKind::Div, a, b);
  }

  // ---- Contractions: f16 and bf16 accumulate in f32 --------------------------------------------

  /// `[..., M, K] x [..., K, N]`, batch dims broadcast; a rank-1 operand is a row or a column
  /// whose dim the result lacks.
  TensorOrError matmul(const SymbolicTensor &a, const SymbolicTensor &b);
  /// `x @ w.T + bias`: x `[..., I]`, w `[O, I]`, bias `[O]`.
  TensorOrError linear(const SymbolicTensor &x, const SymbolicTensor &w,
                       const std::optional<SymbolicTensor> &bias = std::nullopt);
  /// Two operands, explicit result: `"bhqd,bhkd->bhqk"`. A letter of one operand alone that the
  /// result lacks is summed over.
  TensorOrError einsum(llvm::StringRef equation, const SymbolicTensor &a, const SymbolicTensor &b);

  // ---- Reductions and normalisation ------------------------------------------------------------

  /// Over `dims` (negative count from the end; empty for all); of a scalar there is one element.
  /// Sums of f16 and bf16 are kept in f32, those of integers and booleans are i64. ArgMax and
  /// ArgMin give i64, the lowest index on ties, over one dim or in all elements as they lie; Any
  /// and All give bool, of numbers whether they are other than 0.
  TensorOrError reduce(ReduceKind kind, const SymbolicTensor &x, llvm::ArrayRef<int64_t> dims,
                       bool keepDims = false);
  /// The sum of magnitudes for order 1, the root of the sum of squares for 2, the largest magnitude
  /// for infinity; over `dims` as `reduce` has them.
  TensorOrError norm(const SymbolicTensor &x, double order, llvm::ArrayRef<int64_t> dims,
                     bool keepDims = false);
  /// The squared distances from the mean, their sum divided by their number less `correction`, or
  /// by 0 where that is below.
  TensorOrError variance(const SymbolicTensor &x, llvm::ArrayRef<int64_t> dims,
                         double correction = 1, bool keepDims = false);
  /// The `count` largest or smallest numbers along a dim, in order, and their places (i64); of
  /// equal ones the lowest place first. NaN counts as infinity.
  llvm::Expected<std::pair<SymbolicTensor, SymbolicTensor>>
  topK(const SymbolicTensor &x, int64_t count, int64_t dim = -1, bool largest = true);
  TensorOrError softmax(const SymbolicTensor &x, int64_t dim = -1);
  /// The logarithm of softmax, and of the sum of exponentials, over one dim: both without overflow.
  TensorOrError logSoftmax(const SymbolicTensor &x, int64_t dim = -1);
  TensorOrError logSumExp(const SymbolicTensor &x, int64_t dim, bool keepDims = false);
  /// Over the last dim; `weight` and `bias` `[D]`.
  TensorOrError layerNorm(const SymbolicTensor &x, const std::optional<SymbolicTensor> &weight,
                          const std::optional<SymbolicTensor> &bias, double epsilon = 1e-5);
  TensorOrError rmsNorm(const SymbolicTensor &x, const std::optional<SymbolicTensor> &weight,
                        double epsilon = 1e-5);

  // ---- Shapes ----------------------------------------------------------------------------------

  /// One dim may be the constant -1: what the others leave.
  TensorOrError reshape(const SymbolicTensor &x, llvm::ArrayRef<SymbolicDim> shape);
  /// Result dim `d` is dim `permutation[d]` of `x`.
  TensorOrError permute(const SymbolicTensor &x, llvm::ArrayRef<int64_t> permutation);
  /// Swaps two dims.
  TensorOrError transpose(const SymbolicTensor &x, int64_t dim0, int64_t dim1);
  TensorOrError unsqueeze(const SymbolicTensor &x, int64_t dim);
  /// Dim `dim` must be a static 1.
  TensorOrError squeeze(const SymbolicTensor &x, int64_t dim);
  /// `[..., L, H*D]` to `[..., H, L, D]`, and back.
  TensorOrError splitHeads(const SymbolicTensor &x, const SymbolicDim &heads);
  TensorOrError mergeHeads(const SymbolicTensor &x);
  TensorOrError concat(llvm::ArrayRef<SymbolicTensor> inputs, int64_t dim);
  /// A new dim `dim` of size `inputs.size()`.
  TensorOrError stack(llvm::ArrayRef<SymbolicTensor> inputs, int64_t dim);
  /// `x[..., begin:end:step, ...]`; `step >= 1`. Negative constants count from the end. Bounds
  /// beyond the dim are errors where that is provable.
  TensorOrError slice(const SymbolicTensor &x, int64_t dim, const SymbolicDim &begin,
                      const SymbolicDim &end, int64_t step = 1);
  /// `size` elements from the run-time `begin`, an integer scalar; where they would not all lie
  /// inside, the closest that do.
  TensorOrError dynamicSlice(const SymbolicTensor &x, int64_t dim, const SymbolicTensor &begin,
                             const SymbolicDim &size);
  /// `x[..., at, ...]`: the dim goes away. `at` is a size or an integer scalar; such below 0 count
  /// from the end, and those outside are the closest inside.
  TensorOrError index(const SymbolicTensor &x, int64_t dim, const SymbolicDim &at);
  TensorOrError dynamicIndex(const SymbolicTensor &x, int64_t dim, const SymbolicTensor &at);
  /// `x` with `x[..., at, ...] = update`, as a new tensor; the same of `at`.
  TensorOrError dynamicUpdate(const SymbolicTensor &x, int64_t dim, const SymbolicTensor &at,
                              const SymbolicTensor &update);
  /// `x[..., indices, ...]`: the dim becomes those of `indices`, integers. One below 0 counts from
  /// the end; what lies outside is the closest inside.
  TensorOrError indexSelect(const SymbolicTensor &x, int64_t dim, const SymbolicTensor &indices);
  /// `x[..., i, j, ...]` of indices that broadcast to one shape, which stands where the dims did,
  /// or in front if others lie between these; the same of each index. `dims` are in order.
  TensorOrError indexElements(const SymbolicTensor &x, llvm::ArrayRef<int64_t> dims,
                              llvm::ArrayRef<SymbolicTensor> indices);
  /// `out[i, j] = x[i, indices[i, j]]` of dim 1; the other dims of `indices` are those of `x`.
  TensorOrError gather(const SymbolicTensor &x, int64_t dim, const SymbolicTensor &indices);
  /// The dims in the opposite order.
  TensorOrError flip(const SymbolicTensor &x, llvm::ArrayRef<int64_t> dims);
  /// `out[..., (i + shift) % size, ...] = x[..., i, ...]`.
  TensorOrError roll(const SymbolicTensor &x, int64_t dim, const SymbolicDim &shift);
  /// Each place of the dim `count` times.
  TensorOrError repeatInterleave(const SymbolicTensor &x, int64_t dim, const SymbolicDim &count);
  /// The whole of each dim so many times; counts in front of those of the dims add dims.
  TensorOrError tile(const SymbolicTensor &x, llvm::ArrayRef<SymbolicDim> counts);
  /// `out[..., i, ...]` is the sum of `x[..., 0:i + 1, ...]`; integers and bools give i64.
  TensorOrError cumulativeSum(const SymbolicTensor &x, int64_t dim);
  /// Constant padding, `before` and `after` elements on dim `dim`.
  TensorOrError pad(const SymbolicTensor &x, int64_t dim, const SymbolicDim &before,
                    const SymbolicDim &after, double value = 0);
  /// Windows over `dim`: `out[..., w, ..., t] = x[..., w*step + t, ...]`.
  TensorOrError unfold(const SymbolicTensor &x, int64_t dim, int64_t size, int64_t step);
  /// Keeps the lower (`column <= row + diagonal`) or upper (`column >= row + diagonal`) triangle
  /// of the last two dims and zeroes the rest.
  TensorOrError triangle(TriangleKind kind, const SymbolicTensor &x, int64_t diagonal = 0);

  // ---- Attention and what goes with it ---------------------------------------------------------

  /// query `[batch..., H, Lq, D]`, key `[batch..., G, Lk, D]`, value `[batch..., G, Lk, Dv]`, H a
  /// multiple of G; or rank 2 and 3 without the head dim. Semantics: docs/dialect.md.
  llvm::Expected<AttentionResults> attention(const SymbolicTensor &query, const SymbolicTensor &key,
                                             const SymbolicTensor &value,
                                             const AttentionOptions &options = {});
  /// `i1`, true where `predicate(indices...)`; one index per dim.
  TensorOrError createMask(llvm::ArrayRef<SymbolicDim> shape, const RegionBuilder &predicate);
  /// `mask ? scores : fill`, the mask broadcast to the scores.
  TensorOrError applyMask(const SymbolicTensor &scores, const SymbolicTensor &mask, double fill);
  /// Rotates x by the positions, `[L]` or `[B, L]` of any integer type.
  TensorOrError rope(const SymbolicTensor &x, const SymbolicTensor &positions,
                     const RopeOptions &options = {});
  /// The same with given tables `[L, R/2]` or `[B, L, R/2]`.
  TensorOrError rotary(const SymbolicTensor &x, const SymbolicTensor &cosine,
                       const SymbolicTensor &sine, attn::RotaryPairing pairing,
                       int64_t sequenceDim);
  /// The cache `[B, G, C, D]` with `source` `[B, G, L, D]` written from `position` on.
  TensorOrError cacheAppend(const SymbolicTensor &cache, const SymbolicTensor &source,
                            const SymbolicTensor &position, bool ring = false);
  /// Rows `[..., D]` of f32 in 8 bits an element, `[..., D + 2 ceil(D / 32)]` of i8 (quantized_s5):
  /// caches hold them, and attention takes them as keys and values.
  TensorOrError quantizeRows(const SymbolicTensor &x);
  /// Rows of `table` `[V, E]`: ids `[...]` to `[..., E]`. Ids are in `[0, V)`.
  TensorOrError embedding(const SymbolicTensor &ids, const SymbolicTensor &table);
  /// `seed` is an `i64` scalar, `0 <= p < 1`.
  TensorOrError dropout(const SymbolicTensor &x, const SymbolicTensor &seed, double p);
  /// Token ids `[B]` (i64) from logits `[B, V]`.
  TensorOrError sample(const SymbolicTensor &logits, const SampleOptions &options = {});

private:
  llvm::Expected<Tensors> loopTo(mlir::Value upper, llvm::ArrayRef<SymbolicTensor> init,
                                 LoopBody body);

  using ElementBody = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::ValueRange)>;
  using IndexList = llvm::SmallVector<int64_t, 6>;
  /// An operand of a linalg.generic: no dim of size 1 that the loops stretch is left in it.
  struct MappedOperand {
    mlir::Value value;
    mlir::AffineMap map;
  };
  struct RopeTables {
    mlir::Value positions;
    int64_t pairs;
    double theta, scalingFactor;
    SymbolicTensor cosine, sine;
  };

  llvm::Error checkInFunction();
  llvm::Error buildRegion(const RegionBuilder &body, mlir::Block &block, mlir::Type expected,
                          llvm::StringRef what);
  llvm::Expected<mlir::Value> factorValue(const SymbolicDim::Factor &factor);
  void bindSymbols(mlir::Value value, llvm::ArrayRef<SymbolicDim> shape);
  mlir::Value constantIndex(int64_t value);
  llvm::Expected<llvm::SmallVector<mlir::OpFoldResult>>
  mixedSizes(llvm::ArrayRef<SymbolicDim> shape);
  llvm::Expected<mlir::Value> emptyTensor(llvm::ArrayRef<SymbolicDim> shape, mlir::Type type);
  llvm::Expected<mlir::Value> filledTensor(llvm::ArrayRef<SymbolicDim> shape,
                                           mlir::TypedAttr value);

  /// One linalg.generic over `shape`; `body` gets an element of each input.
  TensorOrError elementwise(llvm::ArrayRef<SymbolicTensor> inputs, SymbolicShape shape,
                            mlir::Type elementType, ElementBody body);
  /// `loops[d]` is the loop of dim `d` of `x`.
  llvm::Expected<MappedOperand> mapOperand(const SymbolicTensor &x, llvm::ArrayRef<int64_t> loops,
                                           llvm::ArrayRef<SymbolicDim> loopSizes);
  /// Sums `a * b` over the loops that `resultLoops` lacks.
  TensorOrError contract(const SymbolicTensor &a, llvm::ArrayRef<int64_t> aLoops,
                         const SymbolicTensor &b, llvm::ArrayRef<int64_t> bLoops,
                         llvm::ArrayRef<int64_t> resultLoops,
                         llvm::ArrayRef<SymbolicDim> loopSizes);
  /// Folds `body(element..., accumulator)` over the loops in `reduced`, from `initial`.
  TensorOrError reduceWith(llvm::ArrayRef<SymbolicTensor> inputs,
                           llvm::ArrayRef<IndexList> inputLoops,
                           llvm::ArrayRef<SymbolicDim> loopSizes, llvm::ArrayRef<int64_t> kept,
                           mlir::TypedAttr initial, ElementBody body);
  TensorOrError argExtreme(ReduceKind kind, const SymbolicTensor &x, llvm::ArrayRef<int64_t> kept);
  TensorOrError argMax(const SymbolicTensor &x, int64_t dim);
  llvm::Expected<mlir::Value> degreesOfFreedom(const SymbolicTensor &x,
                                               llvm::ArrayRef<int64_t> dims, double correction);
  TensorOrError fold(ReduceKind kind, const SymbolicTensor &x, llvm::ArrayRef<int64_t> kept);
  TensorOrError keepDimsOf(const SymbolicTensor &reduced, const SymbolicTensor &x,
                           llvm::ArrayRef<int64_t> kept);
  /// A value and its place, for each row.
  struct Ranked {
    SymbolicTensor value, place;
  };
  llvm::Expected<Ranked> nextLargest(const SymbolicTensor &keys, const SymbolicTensor &places,
                                     const std::optional<Ranked> &last);
  /// What exponentials are shifted by, and the logarithm of their sum.
  llvm::Expected<std::pair<SymbolicTensor, SymbolicTensor>> shiftedLogSum(const SymbolicTensor &x,
                                                                          int64_t dim);
  TensorOrError drawLargest(const SymbolicTensor &rows);
  TensorOrError divideBySize(const SymbolicTensor &sum, const SymbolicTensor &x,
                             llvm::ArrayRef<int64_t> kept);
  /// Sums `map(x, perRow...)` over the last dim.
  TensorOrError rowSum(const SymbolicTensor &x, ElementBody map,
                       llvm::ArrayRef<SymbolicTensor> perRow = {});
  /// rsqrt(squares / size + epsilon).
  TensorOrError inverseDeviation(const SymbolicTensor &squares, mlir::Value size, double epsilon);
  TensorOrError scaleRows(const SymbolicTensor &x, const std::optional<SymbolicTensor> &mean,
                          const SymbolicTensor &inverse,
                          const std::optional<SymbolicTensor> &weight,
                          const std::optional<SymbolicTensor> &bias);
  llvm::Expected<mlir::Value> sizeAs(const SymbolicDim &size, mlir::Type type);
  using Reassociation = llvm::ArrayRef<llvm::SmallVector<int64_t, 2>>;
  llvm::Expected<mlir::Value> collapse(const SymbolicTensor &x, llvm::ArrayRef<SymbolicDim> shape,
                                       Reassociation groups);
  llvm::Expected<mlir::Value> expand(const SymbolicTensor &x, llvm::ArrayRef<SymbolicDim> shape,
                                     Reassociation groups);
  TensorOrError reshapeThroughCommonDims(const SymbolicTensor &x,
                                         llvm::ArrayRef<SymbolicDim> shape);
  TensorOrError dropUnitDims(const SymbolicTensor &x, llvm::ArrayRef<bool> drop);
  bool staysInside(mlir::Value index, const SymbolicDim &size) const;
  llvm::Expected<mlir::Value> placeIn(const SymbolicTensor &x, int64_t dim,
                                      const SymbolicTensor &at);
  llvm::Expected<mlir::Value> beginIn(const SymbolicTensor &x, int64_t dim,
                                      const SymbolicTensor &begin, const SymbolicDim &size);
  TensorOrError extractSlice(const SymbolicTensor &x, int64_t dim, mlir::OpFoldResult begin,
                             const SymbolicDim &size, int64_t step, bool dropDim);
  mlir::Value storedElement(mlir::OpBuilder &b, const SymbolicTensor &x, mlir::ValueRange at);
  TensorOrError repeatDim(const SymbolicTensor &x, int64_t dim, const SymbolicDim &count,
                          bool asWhole);
  struct AttentionDims;
  llvm::Expected<AttentionDims> attentionDims(const SymbolicTensor &query,
                                              const SymbolicTensor &key,
                                              const SymbolicTensor &value);
  llvm::Error checkMaskTensor(const SymbolicTensor &mask, const AttentionDims &dims);
  llvm::Expected<mlir::Value> seedValue(const SymbolicTensor &seed);
  llvm::Expected<mlir::Value> batchIndex(mlir::Value flat, const AttentionDims &dims, size_t dim);
  llvm::Expected<mlir::Value> firstPosition(const AttentionDims &dims,
                                            const AttentionOptions &options);
  llvm::Expected<mlir::Value> maskElement(const SymbolicTensor &mask, const AttentionDims &dims,
                                          mlir::Value firstPosition, mlir::ValueRange indices);
  llvm::Error buildMaskRegion(mlir::Region &region, const AttentionDims &dims,
                              const AttentionOptions &options, mlir::Value first);
  llvm::Error buildScoreRegion(mlir::Region &region, const AttentionDims &dims,
                               const AttentionOptions &options, mlir::Value first, mlir::Type type);
  llvm::Error buildAttentionRegions(attn::AttentionOp op, const AttentionDims &dims,
                                    const AttentionOptions &options, mlir::Value first);
  llvm::Expected<attn::AttentionOp> createAttention(llvm::ArrayRef<SymbolicTensor> operands,
                                                    const AttentionDims &dims,
                                                    const AttentionOptions &options);
  TensorOrError attentionResult(attn::AttentionOp op, unsigned number, attn::AttentionOutput kind,
                                const AttentionDims &dims, const SymbolicDim &buckets);
  llvm::Expected<AttentionResults> attentionResults(attn::AttentionOp op, const AttentionDims &dims,
                                                    const SymbolicDim &buckets);
  llvm::Expected<RopeTables> ropeTables(const SymbolicTensor &positions, int64_t pairs,
                                        mlir::Type elementType, const RopeOptions &options);
  llvm::Expected<mlir::Value> scalarOr(llvm::StringRef name,
                                       const std::optional<SymbolicTensor> &given, double absent,
                                       mlir::Type type);

  mlir::ModuleOp moduleOp;
  mlir::OpBuilder ir;
  mlir::Location currentLoc;
  mlir::func::FuncOp currentFunction;
  llvm::StringMap<mlir::Value> symbolSizes; // Each symbol's size, defined at the function's top.
  std::vector<RopeTables> sharedTables;     // Shared by queries, keys and layers.
  llvm::DenseMap<mlir::Value, mlir::Value> storedWeights; // Of converted weights.
  llvm::DenseMap<mlir::Value, SymbolicDim> loopCounts;    // Of the indices of loops.
};

} // namespace fovea

#endif // FOVEA_FRONTEND_GRAPHBUILDER_H
