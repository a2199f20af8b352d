// Small modules, and what their tests need to compile and run them.
#ifndef FOVEA_TESTS_RUNTIME_COMPILETESTING_H
#define FOVEA_TESTS_RUNTIME_COMPILETESTING_H

#include "dialect/RegisterAll.h"
#include "mlir/Parser/Parser.h"
#include "runtime/Compile.h"
#include "tests/ErrorTesting.h"
#include "gtest/gtest.h"
#include <random>

namespace fovea::testing {

/// A module with the context that owns it.
struct Module {
  std::unique_ptr<mlir::MLIRContext> context = makeContext();
  mlir::OwningOpRef<mlir::ModuleOp> op;

  explicit Module(llvm::StringRef source)
      : op(mlir::parseSourceString<mlir::ModuleOp>(source, context.get(), "test.mlir")) {
    EXPECT_TRUE(op);
  }

  llvm::Expected<Executable> compile(const CompileOptions &options = {.threads = 2}) {
    return fovea::compile(*op, options);
  }
};
inline constexpr char addSource[] = R"mlir(
  func.func @add(%x: tensor<?x4xf32> {attn.name = "x", attn.dims = ["L", ""]},
                 %y: tensor<?x4xf32> {attn.name = "y", attn.dims = ["L", ""]})
      -> (tensor<?x4xf32> {attn.name = "sum"}) {
    %c0 = arith.constant 0 : index
    %l = tensor.dim %x, %c0 : tensor<?x4xf32>
    %init = tensor.empty(%l) : tensor<?x4xf32>
    %sum = linalg.add ins(%x, %y : tensor<?x4xf32>, tensor<?x4xf32>)
                      outs(%init : tensor<?x4xf32>) -> tensor<?x4xf32>
    return %sum : tensor<?x4xf32>
  })mlir";

/// relu(x w) with a sum, so that there are several loops and an intermediate buffer.
inline constexpr char matmulSource[] = R"mlir(
  func.func @main(%x: tensor<?x33xf32> {attn.name = "x", attn.dims = ["L", ""]},
                  %w: tensor<33x17xf32> {attn.name = "w", attn.dims = ["", ""]})
      -> (tensor<?x17xf32> {attn.name = "y"}) {
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %l = tensor.dim %x, %c0 : tensor<?x33xf32>
    %init = tensor.empty(%l) : tensor<?x17xf32>
    %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x17xf32>) -> tensor<?x17xf32>
    %xw = linalg.matmul ins(%x, %w : tensor<?x33xf32>, tensor<33x17xf32>)
                        outs(%zeros : tensor<?x17xf32>) -> tensor<?x17xf32>
    %relu = linalg.max ins(%xw, %zeros : tensor<?x17xf32>, tensor<?x17xf32>)
                       outs(%init : tensor<?x17xf32>) -> tensor<?x17xf32>
    return %relu : tensor<?x17xf32>
  })mlir";

/// Adds the weights of three layers to a vector, one after the other.
inline constexpr char weightSource[] = R"mlir(
  func.func @main(%x: tensor<4xf32> {attn.name = "x", attn.dims = [""]})
      -> (tensor<4xf32> {attn.name = "y"}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %init = tensor.empty() : tensor<4xf32>
    %y = scf.for %i = %c0 to %c3 step %c1 iter_args(%t = %x) -> (tensor<4xf32>) {
      %w = attn.weight "layers.{}.w"[%i of 3] : tensor<4xf32>
      %u = linalg.add ins(%t, %w : tensor<4xf32>, tensor<4xf32>)
                      outs(%init : tensor<4xf32>) -> tensor<4xf32>
      scf.yield %u : tensor<4xf32>
    }
    return %y : tensor<4xf32>
  })mlir";

inline Tensor randomTensor(llvm::ArrayRef<int64_t> sizes, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  Tensor tensor = llvm::cantFail(Tensor::create(DataType::F32, sizes));
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    tensor.dataAs<float>()[i] = uniform(random);
  return tensor;
}

inline std::shared_ptr<InMemoryWeights> makeWeights(int64_t layers, DataType type, int64_t size) {
  auto weights = std::make_shared<InMemoryWeights>();
  for (int64_t i = 0; i < layers; ++i)
    llvm::cantFail(weights->add(
        "layers." + std::to_string(i) + ".w",
        llvm::cantFail(Tensor::fromDoubles(type, {size}, std::vector<double>(size, 1 << i)))));
  return weights;
}

} // namespace fovea::testing

#endif // FOVEA_TESTS_RUNTIME_COMPILETESTING_H
