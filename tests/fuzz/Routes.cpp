// One description, compiled several ways; the first disagreement is the fault.
#include "tests/fuzz/Routes.h"
#include "dialect/RegisterAll.h"
#include "frontend/Importer.h"
#include "runtime/Compile.h"
#include "runtime/Reference.h"
#include "tests/fuzz/SharedLibrary.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include <cmath>
#include <cstring>

using namespace fovea;
using namespace fovea::fuzz;

namespace {
using Results = std::vector<std::pair<std::string, Tensor>>;

class Comparer {
public:
  explicit Comparer(const Case &program) : program(program) {}
  llvm::Error run(bool sharedLibrary);

private:
  llvm::Error import();
  llvm::Expected<Results> runCompiled(llvm::StringRef route, llvm::StringRef cpu, unsigned threads);
  llvm::Error checkResults(llvm::StringRef what, const Results &results);
  llvm::Error checkRoute(llvm::StringRef what, llvm::Expected<Results> results);
  llvm::Error checkSameBits(llvm::StringRef what, llvm::Expected<Results> results);

  const Case &program;
  std::unique_ptr<mlir::MLIRContext> context = makeContext();
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<Tensor> references;
  Results fast;
};
} // namespace

static llvm::Error fault(llvm::StringRef what, llvm::Error error) {
  return llvm::createStringError(what + ": " + llvm::toString(std::move(error)));
}

static bool agree(double got, double expected, double allowed) {
  return got == expected || (std::isnan(got) && std::isnan(expected)) ||
         std::fabs(got - expected) <= allowed;
}

llvm::Error Comparer::checkResults(llvm::StringRef what, const Results &results) {
  for (const auto &[result, reference] : llvm::zip_equal(results, references)) {
    std::vector<double> got = toDoubles(result.second), expected = toDoubles(reference);
    double allowed = program.allowedError(result.first, result.second.dataType(), expected);
    for (size_t n = 0; n < expected.size(); ++n)
      if (!agree(got[n], expected[n], allowed))
        return llvm::createStringError(
            llvm::formatv("{0}: {1}, element {2} is {3:E8}, expected {4:E8} within {5:E2}", what,
                          result.first, n, got[n], expected[n], allowed));
  }
  return llvm::Error::success();
}

llvm::Error Comparer::checkRoute(llvm::StringRef what, llvm::Expected<Results> results) {
  return results ? checkResults(what, *results) : fault(what, results.takeError());
}

llvm::Error Comparer::checkSameBits(llvm::StringRef what, llvm::Expected<Results> results) {
  if (!results)
    return fault(what, results.takeError());
  for (auto [result, first] : llvm::zip_equal(*results, fast))
    if (result.second.numBytes() != first.second.numBytes() ||
        std::memcmp(result.second.data(), first.second.data(), first.second.numBytes()) != 0)
      return llvm::createStringError(what + ": other bits in " + first.first +
                                     " than on one thread");
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Routes
//===----------------------------------------------------------------------===//

llvm::Error Comparer::import() {
  ImportOptions options;
  for (const auto &[name, size] : program.fixedSizes)
    options.params[name] = size;
  auto imported = importFov(*context, "fuzz.fov", program.text, options);
  if (!imported)
    return fault("import", imported.takeError());
  module = std::move(*imported);
  return llvm::Error::success();
}

llvm::Expected<Results> Comparer::runCompiled(llvm::StringRef route, llvm::StringRef cpu,
                                              unsigned threads) {
  CompileOptions options;
  options.route = route.str();
  options.cpu = cpu.str();
  options.threads = threads;
  auto executable = compile(*module, options);
  if (!executable)
    return executable.takeError();
  std::vector<NamedView> views;
  for (const Input &input : program.inputs)
    views.emplace_back(input.name, input.view);
  auto named = executable->run(views);
  if (!named)
    return named.takeError();
  Results results;
  for (const ArgumentSpec &output : executable->entries().front().outputs)
    results.emplace_back(output.name, std::move(named->at(output.name)));
  return results;
}

/// Other CPUs whose code this one can run, each with vectors of another size: what every CPU of
/// this architecture can, and AVX2.
static llvm::SmallVector<llvm::StringRef> otherCpus() {
  if (!llvm::Triple(llvm::sys::getProcessTriple()).isX86())
    return {"generic"};
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  llvm::SmallVector<llvm::StringRef> cpus = {"x86-64"};
  if (features.lookup("avx512f") && features.lookup("avx2") && features.lookup("fma"))
    cpus.push_back("x86-64-v3"); // without AVX-512 that is what "native" is
  return cpus;
}

llvm::Error Comparer::run(bool sharedLibrary) {
  if (llvm::Error error = import())
    return error;
  std::vector<TensorView> views;
  for (const Input &input : program.inputs)
    views.push_back(input.view);
  auto expected = runReference(*module, "fuzz", views);
  if (!expected)
    return fault("reference executor", expected.takeError());
  references = std::move(*expected);
  if (llvm::Error error = checkRoute("reference route", runCompiled("reference", "native", 1)))
    return error;
  auto results = runCompiled("fast", "native", 1);
  if (!results)
    return fault("fast route", results.takeError());
  fast = std::move(*results);
  if (llvm::Error error = checkResults("fast route", fast))
    return error;
  for (unsigned threads : {2, 3})
    if (llvm::Error error = checkSameBits(llvm::formatv("{0} threads", threads).str(),
                                          runCompiled("fast", "native", threads)))
      return error;
  for (llvm::StringRef cpu : otherCpus())
    if (llvm::Error error = checkRoute(cpu, runCompiled("fast", cpu, 1)))
      return error;
  if (!sharedLibrary)
    return llvm::Error::success();
  return checkSameBits("shared library", runSharedLibrary(*module, program.inputs, fast));
}

std::string fovea::fuzz::findFault(const Case &program, bool sharedLibrary) {
  return llvm::toString(Comparer(program).run(sharedLibrary));
}
