// Compiling a module for what the compilation says of it.
#ifndef FOVEA_TESTS_RUNTIME_INSPECT_RECORDTESTING_H
#define FOVEA_TESTS_RUNTIME_INSPECT_RECORDTESTING_H

#include "runtime/Compile.h"
#include "runtime/inspect/CompilationRecord.h"
#include "tests/ErrorTesting.h"
#include "gtest/gtest.h"

namespace fovea::testing {

/// A module with the record of its lowering.
struct Recorded {
  Graph graph;
  CompilationRecord record;
  std::string error; // of the lowering

  explicit Recorded(llvm::StringRef source, CompileOptions options = {}) {
    llvm::Expected<Graph> read = Graph::fromMlir(source, "test.mlir");
    if (!read) {
      ADD_FAILURE() << llvm::toString(read.takeError());
      return;
    }
    graph = std::move(*read);
    options.observer = &record;
    options.target = options.target.empty() ? "avx2" : options.target;
    if (llvm::Error failed = observe(graph.module(), options))
      error = llvm::toString(std::move(failed));
  }
};

/// Attention of `heads` heads over q, k, v of [1, heads, Lq or Lk, 16] with a mask region, whose
/// arguments are %b, %h, %i, %j and which yields %m.
inline std::string attentionSource(llvm::StringRef mask, unsigned heads = 2) {
  std::string h = std::to_string(heads), q = "tensor<1x" + h + "x?x16xf32>";
  return R"(
    func.func @f(%q: )" +
         q + R"( {attn.name = "q", attn.dims = ["", "", "Lq", ""]},
                 %k: )" +
         q + R"( {attn.name = "k", attn.dims = ["", "", "Lk", ""]},
                 %v: )" +
         q + R"( {attn.name = "v", attn.dims = ["", "", "Lk", ""]})
        -> ()" +
         q + R"( {attn.name = "y"}) {
      %c2 = arith.constant 2 : index
      %n = tensor.dim %q, %c2 : )" +
         q + R"(
      %init = tensor.empty(%n) : )" +
         q + R"(
      %y = attn.attention ins(%q, %k, %v : )" +
         q + ", " + q + ", " + q + R"()
                          outs(%init : )" +
         q + R"()
        mask {
        ^bb0(%b: index, %h: index, %i: index, %j: index):
          )" +
         mask.str() + R"(
          attn.yield %m : i1
        } -> )" +
         q + R"(
      return %y : )" +
         q + R"(
    })";
}

} // namespace fovea::testing

#endif // FOVEA_TESTS_RUNTIME_INSPECT_RECORDTESTING_H
