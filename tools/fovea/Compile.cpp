// fovea compile: a model to a file, at any stage from MLIR to a shared library.
#include "runtime/Compile.h"
#include "CommandLine.h"
#include "Header.h"
#include "Link.h"
#include "Model.h"
#include "Reporting.h"
#include "Subcommands.h"
#include "frontend/FileIO.h"
#include "llvm/ADT/StringSwitch.h"

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

namespace {
enum class Emit { Mlir, Llvm, Assembly, Object, SharedLibrary };

struct CompileCommandOptions {
  std::string model, output, weights, emit, compileTo, header, route = "fast", cpu = "native";
  std::string triple, quantize;
  std::vector<std::string> assignments;
  ReportingOptions reporting;
};
} // namespace

static llvm::Expected<bool> parseOptions(llvm::ArrayRef<const char *> arguments,
                                         CompileCommandOptions &options) {
  CommandLine line("compile", "Compiles a model to a file.");
  line.model(options.model);
  line.text("-o,--output", "OUT", "the file to write, - for stdout; must be given", options.output);
  line.text("--emit", "FORM",
            "mlir, llvm, asm, obj or so (default: by the ending of OUT: .mlir, .ll, .s, .o, .so)",
            options.emit);
  line.text("--compile-to", "PHASE",
            "with --emit=mlir, the last phase to run: input, fused, tiled, bufferized, vector or "
            "llvm (the default)",
            options.compileTo);
  line.text("--header", "FILE", "also write the C header of the code", options.header);
  line.text("--weights", "DIR", "the model directory whose config.json the description reads",
            options.weights);
  line.repeated("--set", "NAME=VALUE", "a parameter of the description", options.assignments);
  line.cpu(options.cpu);
  line.text("--target-triple", "TRIPLE",
            "target to compile for, such as aarch64-linux-gnu (default: this machine)",
            options.triple);
  line.quantize(options.quantize);
  line.route(options.route);
  options.reporting.declare(line);
  return line.parse(arguments);
}

static llvm::Expected<Emit> chooseEmit(const CompileCommandOptions &options) {
  StringRef name = options.emit;
  if (name.empty() && !options.compileTo.empty() && options.compileTo != "object")
    name = "mlir";
  if (name.empty())
    name = StringRef(options.output).rsplit('.').second;
  auto emit = llvm::StringSwitch<std::optional<Emit>>(name)
                  .Case("mlir", Emit::Mlir)
                  .Cases({"llvm", "ll"}, Emit::Llvm)
                  .Cases({"asm", "s"}, Emit::Assembly)
                  .Cases({"obj", "o"}, Emit::Object)
                  .Case("so", Emit::SharedLibrary)
                  .Default(std::nullopt);
  if (emit)
    return *emit;
  return options.emit.empty()
             ? usageError("'" + options.output +
                          "' does not say what to write: give "
                          "--emit=mlir|llvm|asm|obj|so")
             : usageError("--emit expects mlir, llvm, asm, obj or so, got '" + options.emit + "'");
}

static llvm::Expected<Phase> choosePhase(const CompileCommandOptions &options, Emit emit) {
  if (options.compileTo.empty())
    return emit == Emit::Mlir ? Phase::Llvm : Phase::Object;
  std::optional<Phase> phase = parsePhase(options.compileTo);
  if (!phase)
    return usageError("--compile-to expects input, fused, tiled, bufferized, vector, llvm or "
                      "object, got '" +
                      options.compileTo + "'");
  if ((emit == Emit::Mlir) != (*phase != Phase::Object))
    return usageError("--compile-to=" + options.compileTo + " goes with --emit=" +
                      (*phase == Phase::Object ? "llvm, asm, obj or so" : "mlir"));
  return *phase;
}

namespace {
struct OutputText {
  StringRef path, text;
};
} // namespace

/// All of them or none.
static llvm::Error writeTexts(llvm::ArrayRef<OutputText> outputs) {
  std::vector<StagedFile> files;
  for (OutputText output : outputs) {
    if (output.path == "-")
      continue;
    llvm::Expected<StagedFile> file = StagedFile::write(output.path, [&](llvm::raw_ostream &os) {
      os << output.text;
      return llvm::Error::success();
    });
    if (!file)
      return file.takeError();
    files.push_back(std::move(*file));
  }
  for (OutputText output : outputs)
    if (output.path == "-")
      llvm::outs() << output.text;
  for (StagedFile &file : files)
    if (llvm::Error error = file.commit())
      return error;
  return llvm::Error::success();
}

static llvm::Error writeCode(const CompileCommandOptions &options, Emit emit, const Model &model,
                             const CompileOptions &compileOptions) {
  CodeKind kind = emit == Emit::Llvm       ? CodeKind::LlvmIr
                  : emit == Emit::Assembly ? CodeKind::Assembly
                                           : CodeKind::Object;
  auto code = compileToFile(model.graph.module(), kind, compileOptions);
  if (!code)
    return code.takeError();
  std::unique_ptr<llvm::MemoryBuffer> library;
  if (emit == Emit::SharedLibrary)
    if (llvm::Error error = linkSharedLibrary(code->contents).moveInto(library))
      return error;
  llvm::SmallVector<OutputText> outputs{
      {options.output, library ? library->getBuffer() : StringRef(code->contents)}};
  std::string header;
  if (!options.header.empty()) {
    if (llvm::Error error = makeHeader(*code, options.model).moveInto(header))
      return error;
    outputs.push_back({options.header, header});
  }
  return writeTexts(outputs);
}

static llvm::Error writeMlir(const CompileCommandOptions &options, Phase phase, const Model &model,
                             const CompileOptions &compileOptions) {
  auto text = compileToMlir(model.graph.module(), phase, compileOptions);
  if (!text)
    return text.takeError();
  return writeTexts(OutputText{options.output, *text});
}

static llvm::Error compileModel(const CompileCommandOptions &options) {
  if (options.output.empty())
    return usageError("expected -o OUT");
  llvm::Expected<Emit> emit = chooseEmit(options);
  if (!emit)
    return emit.takeError();
  llvm::Expected<Phase> phase = choosePhase(options, *emit);
  if (!phase)
    return phase.takeError();
  if (*emit == Emit::Mlir && !options.header.empty())
    return usageError("--header goes with --emit=llvm, asm, obj or so");
  auto place = [](const std::string &path) { return path == "-" ? "/dev/stdout" : path; };
  if (!options.header.empty() && isOnePlace(place(options.header), place(options.output)))
    return usageError("-o and --header both write '" + options.output + "'");
  if (*emit == Emit::SharedLibrary && !options.triple.empty())
    return usageError("--emit=so links for this machine; with --target-triple give --emit=obj");
  for (StringRef path : {StringRef(options.output), StringRef(options.header)})
    if (!path.empty() && path != "-")
      if (llvm::Error error = checkWritable(path))
        return error;
  llvm::Expected<Requirements> require = options.reporting.requirements();
  if (!require)
    return require.takeError();
  llvm::Expected<Model> model =
      openModel(options.model, options.assignments, modelDirectoryOf(options.weights));
  if (!model)
    return model.takeError();
  CompilationRecord record;
  CompileOptions compileOptions;
  compileOptions.route = options.route;
  compileOptions.cpu = options.cpu;
  compileOptions.quantize = options.quantize;
  compileOptions.triple = options.triple;
  compileOptions.require = *require;
  if (options.reporting.wantsRecord())
    compileOptions.observer = &record;
  llvm::Error error = *emit == Emit::Mlir ? writeMlir(options, *phase, *model, compileOptions)
                                          : writeCode(options, *emit, *model, compileOptions);
  printReports(options.reporting, record, model->dims);
  return error;
}

llvm::Error tool::compileCommand(llvm::ArrayRef<const char *> arguments) {
  CompileCommandOptions options;
  llvm::Expected<bool> proceed = parseOptions(arguments, options);
  return proceed && *proceed ? compileModel(options) : proceed.takeError();
}
