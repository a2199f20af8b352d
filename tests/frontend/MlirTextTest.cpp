// Modules from text: how wrong, deep and unconventional ones end.
#include "frontend/MlirText.h"
#include "dialect/RegisterAll.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

using namespace fovea;

/// The errors, each with its line and caret, or "no error".
static std::string errorsOf(llvm::StringRef text) {
  auto context = makeContext();
  auto module = parseMlir(*context, text, "m.mlir");
  return module ? "no error" : llvm::toString(module.takeError());
}

/// The place and the message.
static std::string errorOf(llvm::StringRef text) {
  return llvm::StringRef(errorsOf(text)).split('\n').first.str();
}

static std::string repeat(llvm::StringRef piece, int times) {
  std::string text;
  for (int i = 0; i < times; ++i)
    text += piece;
  return text;
}

TEST(MlirText, ErrorsPointAtThePlace) {
  EXPECT_EQ(errorsOf("func.func @f() {\n  nonsense\n}\n"),
            "m.mlir:2:3: error: custom op 'nonsense' is unknown (tried 'func.nonsense' as well)\n"
            "  nonsense\n"
            "  ^");
  // So do the verifier's, with the notes that belong to them.
  EXPECT_EQ(errorsOf("func.func @f(%x: tensor<4xf32>) -> tensor<3xf32> {\n"
                     "  return %x : tensor<4xf32>\n}\n"),
            "m.mlir:2:3: error: type of return operand 0 ('tensor<4xf32>') doesn't match function "
            "result type ('tensor<3xf32>') in function @f\n"
            "  return %x : tensor<4xf32>\n"
            "  ^");
}

TEST(MlirText, DeepNestingIsAnErrorNotACrash) {
  const std::string tooDeep = "error: expected nesting of at most 256 levels";
  EXPECT_EQ(errorOf("\n" + repeat("[", 10000)), "m.mlir:2:257: " + tooDeep);
  EXPECT_EQ(errorOf("module attributes {a.b = " + repeat("[", 254) + repeat("]", 254) + "} {}"),
            "no error");
  // Brackets in comments and strings do not count.
  EXPECT_EQ(errorOf("// " + repeat("[", 10000) + "\n"), "no error");
  EXPECT_EQ(errorOf("module attributes {a.b = \"" + repeat("[", 10000) + "\"} {}"), "no error");
}

TEST(MlirText, ChainsOfAliasesAreNesting) {
  auto chain = [](int length) {
    std::string text = "#a0 = 1\n!t0 = i1\n";
    for (int i = 1; i <= length; ++i)
      text += "#a" + std::to_string(i) + " = [#a" + std::to_string(i - 1) + "]\n!t" +
              std::to_string(i) + " = tuple<!t" + std::to_string(i - 1) + ">\n";
    return text + "module attributes {a.b = #a" + std::to_string(length) + "} {}";
  };
  EXPECT_EQ(errorOf(chain(100)), "no error");
  EXPECT_EQ(errorOf(chain(100000)), "m.mlir:259:10: error: expected nesting of at most 256 levels");
  // Many uses of one alias are no chain.
  EXPECT_EQ(errorOf("#a = 1\n#b = [" + repeat("#a, ", 1000) + "#a]\nmodule {}"), "no error");
}

TEST(MlirText, LongAffineExpressions) {
  auto map = [](const std::string &expr) {
    return errorOf("module attributes {a.b = affine_map<(i) -> (" + expr + ")>} {}");
  };
  const std::string tooLong = "error: expected at most 1000 operators in one expression";
  EXPECT_EQ(map("i" + repeat(" + i", 900)), "no error");
  EXPECT_EQ(map(repeat("-", 10000) + "i"), "m.mlir:1:1045: " + tooLong);
  EXPECT_EQ(map("i" + repeat(" + i", 100000)), "m.mlir:1:4047: " + tooLong);
  EXPECT_EQ(map("i" + repeat(" mod 7", 100000)), "m.mlir:1:6047: " + tooLong);
}

TEST(MlirText, ListsOfLinalgOpsHoldIntegers) {
  auto transpose = [](const std::string &permutation) {
    return errorOf("func.func @f(%x: tensor<2x3xf32>, %y: tensor<3x2xf32>) -> tensor<3x2xf32> {\n"
                   "  %t = linalg.transpose ins(%x : tensor<2x3xf32>) outs(%y : tensor<3x2xf32>)\n"
                   "    permutation = " +
                   permutation + "\n  return %t : tensor<3x2xf32>\n}");
  };
  EXPECT_EQ(transpose("[1, 0]"), "no error");
  for (const char *broken :
       {"[p, 0]", "[1, 0", "[1,, 0]", "1", "[99999999999999999999, 0]", "[1 0]"})
    EXPECT_EQ(transpose(broken), "m.mlir:3:5: error: expected integers in brackets") << broken;
  // Empty lists are the verifier's.
  EXPECT_NE(transpose("[]"), "m.mlir:3:5: error: expected integers in brackets");
  EXPECT_EQ(errorOf("// ) permutation = [p]\nmodule attributes {a.b = \") dimensions = [p]\"} {}"),
            "no error");
}

TEST(MlirText, EntriesTakeTensors) {
  EXPECT_EQ(errorOf("func.func @f(%x: f32) { return }"),
            "m.mlir:1:1: error: entry 'f': argument 0: expected a ranked tensor, got 'f32'");
  for (const char *dims : {"[]", "3", "[4]"})
    EXPECT_EQ(errorOf(std::string("func.func @f(%x: tensor<2xf32> {attn.dims = ") + dims +
                      "}) { return }"),
              "m.mlir:1:1: error: entry 'f': argument 0: expected attn.dims to have 1 names");
  EXPECT_EQ(errorOf("func.func @f(%x: tensor<2xf32>) -> index {\n"
                    "  %i = arith.constant 0 : index\n  return %i : index\n}"),
            "m.mlir:1:1: error: entry 'f': expected ranked tensors as results, got 'index'");
  EXPECT_EQ(errorOf("func.func private @f(%x: f32) { return }"), "no error");
}

TEST(MlirText, CallsAreInlined) {
  const std::string call = "  %r = call @g(%x) : (tensor<2xf32>) -> tensor<2xf32>\n"
                           "  return %r : tensor<2xf32>\n}\n";
  const std::string f = "func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {\n" + call;
  const std::string g = "func.func private @g(%x: tensor<2xf32>) -> tensor<2xf32>";
  EXPECT_EQ(errorOf(f + g + " { return %x : tensor<2xf32> }"), "no error");
  EXPECT_EQ(errorOf(f + g), "m.mlir:2:8: error: 'g' has no body here to be inlined");
  EXPECT_EQ(errorOf(f + g + " {\n" + call),
            "m.mlir:6:8: error: 'g' calls itself; calls are inlined");
}

TEST(MlirText, DimsExist) {
  EXPECT_EQ(errorOf("func.func @f(%x: tensor<2xf32>) {\n  %c = arith.constant 1 : index\n"
                    "  %d = tensor.dim %x, %c : tensor<2xf32>\n  return\n}"),
            "m.mlir:3:8: error: dim 1 is out of range for 'tensor<2xf32>'");
}
