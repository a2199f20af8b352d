// Writes the C header of compiled code.
#include "Header.h"
#include "AbiText.h"
#include "HeaderCheck.h"
#include "llvm/ADT/StringExtras.h"

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

static bool isIdentifier(StringRef name) {
  return !name.empty() && !llvm::isDigit(name.front()) &&
         llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

/// A name as part of a macro: "q.weight" is "q_weight".
static std::string toMacro(StringRef name) {
  std::string macro = name.str();
  for (char &c : macro)
    c = llvm::isAlnum(c) ? c : '_';
  return macro;
}

/// Text that cannot end the comment it stands in.
static std::string toComment(std::string text) {
  for (size_t at = text.find("*/"); at != std::string::npos; at = text.find("*/"))
    text.replace(at, 2, "* /");
  return text;
}

static void writeArguments(llvm::raw_ostream &os, StringRef entry, StringRef kind,
                           llvm::ArrayRef<ArgumentSpec> arguments) {
  os << "#define " << entry << "_" << kind << "S " << arguments.size() << "\n";
  for (auto [number, argument] : llvm::enumerate(arguments))
    os << "#define " << entry << "_" << kind << "_" << toMacro(argument.name) << " " << number
       << " /* " << toComment(argument.describe()) << " */\n";
}

static void writeEntry(llvm::raw_ostream &os, const EntrySignature &entry) {
  StringRef name = entry.name;
  os << "\n/* Entry " << name << ". Tensors are contiguous, in this order: */\n";
  writeArguments(os, name, "INPUT", entry.inputs);
  writeArguments(os, name, "OUTPUT", entry.outputs);
  os << "\nvoid " << name
     << "(const fovea_context *context, const fovea_tensor *inputs,\n"
        "    const fovea_tensor *outputs);\n"
        "/* Bytes of fovea_context.workspace for these inputs. */\n"
        "int64_t "
     << name
     << "_workspace_size(const fovea_tensor *inputs, int64_t workers);\n"
        "/* Writes the dims of output i to sizes[i]. */\n"
        "void "
     << name << "_result_shapes(const fovea_tensor *inputs, int64_t *const *sizes);\n";
  writeInputCheck(os, entry);
}

static std::string describe(const WeightSpec &weight) {
  return describe(weight.type, weight.slots().storedSizes(weight.sizes));
}

/// Writes one macro with a line a slot.
static void writeSlots(llvm::raw_ostream &os, llvm::ArrayRef<WeightSpec> weights, StringRef macro,
                       llvm::function_ref<void(const WeightSpec &, int64_t)> write) {
  os << "#define " << macro << " \\\n  {";
  const char *separator = "";
  for (const WeightSpec &weight : weights)
    for (int64_t slot = 0, size = weight.slots().size(); slot < size; ++slot) {
      os << separator << " ";
      separator = ", \\\n   ";
      write(weight, slot);
    }
  os << " \\\n  }\n";
}

/// The initialiser of a fovea_weight.
static void writeLayout(llvm::raw_ostream &os, const WeightSpec &spec, int64_t slot) {
  fovea_weight weight = spec.toC("", slot);
  os << "{";
  writeQuoted(os, spec.slots().nameOf(slot));
  static constexpr const char *formats[] = {"FOVEA_AS_STORED", "FOVEA_PANELS", "FOVEA_Q8_PANELS",
                                            "FOVEA_Q4_PANELS"};
  os << ", " << formats[weight.format];
  for (int64_t value :
       {int64_t(weight.element_size), weight.rows, weight.depth, weight.row_stride,
        weight.depth_stride, weight.panel, weight.streams, int64_t(weight.element), weight.begin})
    os << ", " << value;
  os << "}";
}

static void writeWeights(llvm::raw_ostream &os, llvm::ArrayRef<WeightSpec> weights,
                         StringRef prefix) {
  int64_t slots = 0;
  for (const WeightSpec &weight : weights)
    slots += weight.slots().size();
  os << "\n/* The slots of fovea_context.weights, one a line. */\n#define " << prefix << "_WEIGHTS "
     << slots << "\n";
  if (slots == 0)
    return;
  int64_t slot = 0;
  writeSlots(os, weights, (prefix + "_WEIGHT_NAMES").str(),
             [&](const WeightSpec &weight, int64_t number) {
               writeQuoted(os, weight.slots().nameOf(number));
               os << " /* " << slot++ << ": " << toComment(describe(weight))
                  << (weight.slots().isReached(number) ? "" : ", which no index chooses") << " */";
             });
  os << "\n/* A fovea_weight a slot: what it points to. */\n";
  writeSlots(os, weights, (prefix + "_WEIGHT_TABLE").str(),
             [&](const WeightSpec &weight, int64_t number) { writeLayout(os, weight, number); });
}

llvm::Expected<std::string> tool::makeHeader(const CompiledCode &code, StringRef model) {
  for (const EntrySignature &entry : code.entries)
    if (!isIdentifier(entry.name))
      return llvm::createStringError("entry '" + entry.name +
                                     "' has no C header: its name is no C identifier");
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "/* Made by fovea from " << toComment(model.str()) << ". */\n" << abiText;
  std::string prefix = code.entries.front().name;
  os << "\n#ifndef " << prefix << "_ENTRIES\n#define " << prefix << "_ENTRIES\n"
     << "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n";
  for (const EntrySignature &entry : code.entries)
    writeEntry(os, entry);
  writeWeights(os, code.weights, prefix);
  os << "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
  return text;
}
