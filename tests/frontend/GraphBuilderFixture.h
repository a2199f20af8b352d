// A graph under construction for the tests of GraphBuilder, with inputs of common shapes.
#ifndef FOVEA_TESTS_FRONTEND_GRAPHBUILDERFIXTURE_H
#define FOVEA_TESTS_FRONTEND_GRAPHBUILDERFIXTURE_H

#include "dialect/RegisterAll.h"
#include "frontend/GraphBuilder.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

namespace fovea {

class GraphBuilderTest : public ::testing::Test {
protected:
  GraphBuilderTest()
      : context(makeContext()),
        module(mlir::ModuleOp::create(mlir::UnknownLoc::get(context.get()))), b(*module) {}

  mlir::Type f32() { return b.opBuilder().getF32Type(); }
  mlir::Type f64() { return b.opBuilder().getF64Type(); }
  mlir::Type f16() { return b.opBuilder().getF16Type(); }
  mlir::Type bf16() { return b.opBuilder().getBF16Type(); }
  mlir::Type i32() { return b.opBuilder().getI32Type(); }
  mlir::Type i64() { return b.opBuilder().getI64Type(); }
  mlir::Type i1() { return b.opBuilder().getI1Type(); }

  /// Begins `main` with inputs x0, x1, ... of the given types and shapes.
  GraphBuilder::Tensors begin(std::vector<std::pair<mlir::Type, SymbolicShape>> inputs) {
    std::vector<InputSpec> specs;
    for (auto &[type, shape] : inputs)
      specs.push_back({"x" + std::to_string(specs.size()), type, shape});
    return llvm::cantFail(b.beginFunction("main", specs));
  }
  GraphBuilder::Tensors begin(std::vector<SymbolicShape> shapes) {
    std::vector<std::pair<mlir::Type, SymbolicShape>> inputs;
    for (SymbolicShape &shape : shapes)
      inputs.push_back({f32(), std::move(shape)});
    return begin(std::move(inputs));
  }

  /// Ends `main` with the result and returns the module's text, which must parse back to itself.
  std::string finish(GraphBuilder::TensorOrError result) {
    if (!result) {
      ADD_FAILURE() << llvm::toString(result.takeError());
      return "";
    }
    return finish({{"y", *result}});
  }
  std::string finish(llvm::ArrayRef<NamedTensor> results) {
    if (llvm::Error error = b.endFunction(results))
      ADD_FAILURE() << llvm::toString(std::move(error));
    std::string text = print(*module);
    auto parsed = mlir::parseSourceString<mlir::ModuleOp>(text, context.get());
    EXPECT_TRUE(parsed && print(*parsed) == text) << text;
    return text;
  }
  static std::string print(mlir::ModuleOp op) {
    std::string text;
    llvm::raw_string_ostream os(text);
    op.print(os);
    return text;
  }

  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  GraphBuilder b;
  const SymbolicDim B = SymbolicDim::symbol("B"), L = SymbolicDim::symbol("L"),
                    E = SymbolicDim::symbol("E");
};

/// The message of a failed result.
template <typename T>
std::string errorOf(llvm::Expected<T> result) {
  return result ? "no error" : llvm::toString(result.takeError());
}
inline std::string errorOf(llvm::Error error) {
  return error ? llvm::toString(std::move(error)) : "no error";
}

/// All parts occur in the text, in this order.
inline ::testing::AssertionResult inOrder(llvm::StringRef text,
                                          std::vector<llvm::StringRef> parts) {
  llvm::StringRef rest = text;
  for (llvm::StringRef part : parts) {
    size_t position = rest.find(part);
    if (position == llvm::StringRef::npos)
      return ::testing::AssertionFailure() << "no `" << part.str() << "` in\n" << text.str();
    rest = rest.drop_front(position + part.size());
  }
  return ::testing::AssertionSuccess();
}

} // namespace fovea

#endif // FOVEA_TESTS_FRONTEND_GRAPHBUILDERFIXTURE_H
