// What the handlers of the reference executor share: the values of one function call and the
// tables of ops, one table a file.
#ifndef FOVEA_RUNTIME_REFERENCEFRAME_H
#define FOVEA_RUNTIME_REFERENCEFRAME_H

#include "frontend/WeightSource.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "runtime/Reference.h"
#include "runtime/ReferenceProgram.h"

namespace fovea::reference {

/// The values of one call of a function.
class Frame {
public:
  Frame(const WeightSource *weights, double &scoreRounding, unsigned depth)
      : weights(weights), scoreRounding(scoreRounding), depth(depth) {}

  /// Null if there are none.
  const WeightSource *const weights;
  /// That of runReference.
  double &scoreRounding;
  /// Number of calls that this one is nested in.
  const unsigned depth;

  void set(mlir::Value value, Datum datum) { values[value] = std::move(datum); }
  const Datum *find(mlir::Value value) const {
    auto it = values.find(value);
    return it == values.end() ? nullptr : &it->second;
  }
  /// The value of an operand, which the verifier has seen to be computed before.
  const Datum &operator[](mlir::Value value) const { return values.find(value)->second; }
  const Array &array(mlir::Value value) const { return std::get<Array>((*this)[value]); }
  Cell scalar(mlir::Value value) const { return std::get<Cell>((*this)[value]); }
  int64_t integer(mlir::Value value) const { return scalar(value).i; }

  /// Static numbers and index values, in the mixed form of many tensor ops.
  int64_t integer(mlir::OpFoldResult value) const;
  DimVector integers(llvm::ArrayRef<mlir::OpFoldResult> values) const;

  llvm::Expected<Program> compile(mlir::Block &block) const {
    return Program::compile(block, [this](mlir::Value value) { return find(value); });
  }

private:
  llvm::DenseMap<mlir::Value, Datum> values;
};

/// Runs one op: reads its operands from the frame, sets its results.
using Handler = llvm::Error (*)(mlir::Operation *op, Frame &frame);

/// The handler of an op, or null if the table has none.
Handler lookupTensorHandler(mlir::Operation *op); // ReferenceTensor.cpp: tensor.*
Handler lookupLinalgHandler(mlir::Operation *op); // ReferenceLinalg.cpp: linalg.*
Handler lookupAttnHandler(mlir::Operation *op);   // ReferenceAttn.cpp: attn.*

llvm::Error runAttention(mlir::Operation *op, Frame &frame); // ReferenceAttention.cpp
/// What quantised rows along `dim` stand for (quantized_s5); other arrays are returned as they are.
llvm::Expected<Array> dequantizedRows(const Array &rows, int64_t dim); // ReferenceQuantizedRows.cpp
llvm::Error runQuantizeRows(mlir::Operation *op, Frame &frame);
llvm::Error runSample(mlir::Operation *op, Frame &frame); // ReferenceSample.cpp

/// Fills `target` with `program` run on the indices of each element, for regions that take one
/// index per dim.
llvm::Error fillFromIndices(Program &program, const Array &target);

/// The softmax of `count` elements that lie `stride` apart; zeros if all are -inf
/// (attention_s4). Used by linalg.softmax and attn.softmax.
void softmaxRow(const Cell *source, Cell *target, int64_t count, int64_t stride);

/// How far rounding each score, of a float type, puts the weights of a row off: see runReference.
double scoreRoundingOf(llvm::ArrayRef<double> weights, llvm::ArrayRef<double> scores,
                       mlir::Type type);

/// linalg.softmax and attn.softmax: along `dim` of `source`, into the op's one result.
llvm::Error runSoftmax(mlir::Operation *op, Frame &frame, const Array &source, int64_t dim);

/// Checks that an op's operand has the sizes that the others ask for.
llvm::Error expectSizes(mlir::Operation *op, llvm::StringRef what, llvm::ArrayRef<int64_t> got,
                        llvm::ArrayRef<int64_t> expected);

} // namespace fovea::reference

#endif // FOVEA_RUNTIME_REFERENCEFRAME_H
