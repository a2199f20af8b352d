// How far an attention program's results may be off, from the sizes of what its errors are
// multiplied by.
#include "tests/fuzz/attention/AttentionProgram.h"
#include <cmath>

using namespace fovea;
using namespace fovea::fuzz;

/// The largest finite length of a row of `width` elements.
static double largestRow(const TensorView &view, int64_t width) {
  std::vector<double> values = toDoubles(view);
  double largest = 0;
  for (size_t row = 0; row + width <= values.size(); row += width) {
    double sum = 0;
    for (int64_t n = 0; n < width; ++n)
      sum += values[row + n] * values[row + n];
    if (std::isfinite(sum))
      largest = std::max(largest, std::sqrt(sum));
  }
  return largest;
}

/// Scores are at most this large: by Cauchy and Schwarz, and what the score function may add.
static double scoreMagnitude(const AttentionProgram &program, const TensorView &query,
                             const TensorView &key) {
  double raw = largestRow(query, program.headDim) * largestRow(key, program.headDim) /
               std::sqrt(program.headDim);
  double added = program.bias ? 5 : 0;
  for (const auto *lambda : {&program.score, &program.sink})
    if (*lambda)
      (*lambda)->walk([&](const Expression &part) {
        llvm::StringRef form = part.form;
        // A fill alone is exact, and a bias on top of it is rounded.
        added += form.contains("65504")    ? (program.bias ? 65504 : 0)
                 : form.contains("table")  ? 5
                 : form.contains("slopes") ? 300
                 : form.contains("tanh")   ? 60
                                           : 0;
      });
  return raw + added;
}

/// A rounding of the stored type, and roundings in the type of the scores: of the scores
/// themselves, which the exponential makes relative errors, of the exponential, and of sums over
/// keys.
static double boundOf(const AttentionProgram &program, DataType type, double scoreMagnitude) {
  double unit = program.scoreType() == DataType::F64 ? 0x1p-53 : 0x1p-24;
  double stored = type == DataType::F16 ? 0x1p-11 : type == DataType::BF16 ? 0x1p-8 : 0;
  return stored + unit * (32 + 4 * scoreMagnitude * std::sqrt(program.headDim) + program.keys);
}

static double largestFinite(llvm::ArrayRef<double> values, double atLeast) {
  for (double value : values)
    if (std::isfinite(value))
      atLeast = std::max(atLeast, std::fabs(value));
  return atLeast;
}

llvm::Expected<Case> fovea::fuzz::makeCase(const AttentionProgram &program) {
  Case made;
  if (llvm::Error error = makeInputs(program).moveInto(made.inputs))
    return std::move(error);
  made.text = program.str();
  if (program.fixedSizes)
    made.fixedSizes = program.openSizes();
  double scores = scoreMagnitude(program, made.inputs[0].view, made.inputs[1].view);
  double values = largestFinite(toDoubles(made.inputs[2].view), 0);
  made.allowedError = [=](llvm::StringRef name, DataType type, llvm::ArrayRef<double> reference) {
    double scale = name == "y" ? values : largestFinite(reference, 1);
    return boundOf(program, type, scores) * (program.dropout ? scale / 0.75 : scale);
  };
  return made;
}
