// Formats numbers as torch.Tensor's repr does (default print options).
#include "PrintTensor.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <limits>
#include <numeric>

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

static constexpr int64_t maxPrinted = 1000;
static constexpr size_t lineWidth = 80;

static std::string formatNumber(const char *format, double value) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format(format, value);
  return text;
}

/// Whole numbers without digits, numbers of very different size in scientific form, all others
/// with four digits.
static const char *chooseFormat(llvm::ArrayRef<double> values) {
  double smallest = std::numeric_limits<double>::infinity(), largest = 0;
  bool whole = true;
  for (double value : values) {
    if (!std::isfinite(value))
      continue;
    whole &= value == std::round(value);
    largest = std::max(largest, std::fabs(value));
    if (value != 0)
      smallest = std::min(smallest, std::fabs(value));
  }
  if (largest == 0)
    return "%.0f.";
  if (largest / smallest > 1000 || largest > 1e8 || (!whole && smallest < 1e-4))
    return "%.4e";
  return whole ? "%.0f." : "%.4f";
}

/// Exact: a double holds no integers above 2^53.
static std::vector<std::string> formatIntegers(const TensorView &tensor) {
  std::vector<int64_t> values(tensor.numElements());
  // Sizes are equal, so the copy cannot fail.
  llvm::cantFail(copyElements(tensor, MutableTensorView(values.data(), tensor.sizes())));
  std::vector<std::string> texts;
  for (int64_t value : values)
    texts.push_back(std::to_string(value));
  return texts;
}

static std::vector<std::string> formatElements(const TensorView &tensor) {
  std::vector<double> values = toDoubles(tensor);
  std::vector<std::string> texts;
  switch (tensor.dataType()) {
  case DataType::F64:
  case DataType::F32:
  case DataType::F16:
  case DataType::BF16: {
    const char *format = chooseFormat(values);
    for (double value : values)
      texts.push_back(formatNumber(format, value));
    break;
  }
  case DataType::Bool:
    for (double value : values)
      texts.push_back(value != 0 ? "True" : "False");
    break;
  default:
    texts = formatIntegers(tensor);
  }
  size_t width = 0;
  for (const std::string &text : texts)
    width = std::max(width, text.size());
  for (std::string &text : texts)
    text.insert(0, width - text.size(), ' ');
  return texts;
}

/// One innermost row, broken at the line width.
static void printRow(llvm::raw_ostream &os, llvm::ArrayRef<std::string> texts, size_t indent) {
  size_t width = texts.empty() ? 1 : texts.front().size() + 2;
  size_t perLine = std::max<size_t>(1, (lineWidth - indent) / width);
  for (auto [number, text] : llvm::enumerate(texts)) {
    if (number > 0)
      os << (number % perLine == 0 ? ",\n" + std::string(indent, ' ') : ", ");
    os << text;
  }
}

static void printNested(llvm::raw_ostream &os, llvm::ArrayRef<std::string> texts,
                        llvm::ArrayRef<int64_t> sizes, size_t indent) {
  if (sizes.empty()) {
    os << (texts.empty() ? "" : texts.front());
    return;
  }
  os << "[";
  if (sizes.size() == 1) {
    printRow(os, texts, indent + 1);
  } else {
    size_t step = sizes[0] == 0 ? 0 : texts.size() / sizes[0];
    for (int64_t i = 0; i < sizes[0]; ++i) {
      // Matrices are set apart by an empty line for each dim above them.
      if (i > 0)
        os << "," << std::string(sizes.size() - 1, '\n') << std::string(indent + 1, ' ');
      printNested(os, texts.slice(i * step, step), sizes.drop_front(), indent + 1);
    }
  }
  os << "]";
}

static void printSummary(llvm::raw_ostream &os, const TensorView &tensor) {
  std::vector<double> values = toDoubles(tensor);
  double smallest = values.front(), largest = values.front(), sum = 0;
  for (double value : values) {
    // A NaN shows in all three.
    smallest = value < smallest || std::isnan(value) ? value : smallest;
    largest = value > largest || std::isnan(value) ? value : largest;
    sum += value;
  }
  os << llvm::format("min %.6g, max %.6g, mean %.6g\n", smallest, largest, sum / values.size());
}

void tool::printTensor(llvm::raw_ostream &os, StringRef name, const TensorView &tensor) {
  os << name << ": " << tensor.describe() << "\n";
  if (tensor.numElements() > maxPrinted)
    return printSummary(os, tensor);
  os << "tensor(";
  printNested(os, formatElements(tensor), tensor.sizes(), StringRef("tensor(").size());
  os << ")\n";
}
