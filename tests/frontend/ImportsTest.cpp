// Files that import others, and what places in them are called.
#include "frontend/Imports.h"
#include "frontend/Graph.h"
#include "tests/ErrorTesting.h"
#include "tests/TemporaryDirectory.h"
#include "tests/frontend/DescriptionTesting.h"

using namespace fovea;
using namespace fovea::testing;

TEST(Imports, DefinitionsStandInPlace) {
  TemporaryDirectory dir;
  dir.write("b.fov", "\"What b is.\"\nc = a + 1\n");
  std::string path = dir.write("m.fov", "a = 2\nimport b\nd = c\n\n"
                                        "def f(x: f32[L]):\n  return ones((c, d)) + x[0]\n");
  Graph graph = llvm::cantFail(Graph::fromFile(path));
  EXPECT_TRUE(llvm::StringRef(graph.toString()).contains("tensor<3x3xf32>"));
}

TEST(Imports, FileIsReadOnceThoughImportedTwice) {
  TemporaryDirectory dir;
  dir.write("a.fov", "import b\nimport c\n");
  dir.write("b.fov", "import c\n");
  dir.write("c.fov", "import a\nn = 3\n"); // In a circle, too.
  std::string path = dir.write("m.fov", "import a\ndef f(x: f32[L]):\n  return ones(n) + x[0]\n");
  EXPECT_FALSE(static_cast<bool>(Graph::fromFile(path).takeError()));
}

TEST(Imports, ErrorsAreInTheirFiles) {
  TemporaryDirectory dir;
  dir.write("b.fov", "# one\n\ndef g(x):\n  return y + x\n");
  std::string path = dir.write("m.fov", "# two\nimport b\n\ndef f(x: f32[L]):\n  return g(z)\n");
  EXPECT_TRUE(failsWith(Graph::fromFile(path).takeError(), "m.fov:5:12: error: unknown name 'z'"));
  path = dir.write("n.fov", "import b\ndef f(x: f32[L]):\n  return g(x)\n");
  EXPECT_TRUE(failsWith(Graph::fromFile(path).takeError(),
                        "b.fov:4:10: error: unknown name 'y'\n  return y + x\n"));
  EXPECT_TRUE(failsWith(Graph::fromFile(path).takeError(), "n.fov:3:10: note: in this call"));
}

TEST(Imports, ShippedFilesAreFoundLast) {
  TemporaryDirectory dir;
  std::string path = dir.write("m.fov", "import sampling\n");
  EXPECT_EQ(llvm::cantFail(Graph::fromFile(path)).entries(),
            (std::vector<std::string>{"penalize", "draw"}));
  dir.write("sampling.fov", "def mine(x: f32[L]):\n  return x\n");
  EXPECT_EQ(llvm::cantFail(Graph::fromFile(path)).entries(), std::vector<std::string>{"mine"});
}

TEST(Imports, MayFollowAFunction) {
  TemporaryDirectory dir;
  dir.write("b.fov", "def last(x: f32[L]):\n  return x\n");
  std::string path = dir.write("m.fov", "def first(x: f32[L]):\n  if True:\n    return x\n\n"
                                        "import b"); // And end the file.
  EXPECT_EQ(llvm::cantFail(Graph::fromFile(path)).entries(),
            (std::vector<std::string>{"first", "last"}));
}

TEST(Imports, MissingFile) {
  TemporaryDirectory dir;
  std::string path = dir.write("m.fov", "import nothing\n");
  EXPECT_TRUE(failsWith(Graph::fromFile(path).takeError(),
                        "m.fov:1:8: error: there is no 'nothing.fov' beside this file, nor among "
                        "the descriptions that Fovea ships ("));
}

TEST_F(ImporterTest, Exports) {
  Graph graph = llvm::cantFail(Graph::fromMlir(
      ir("export a = 3\nexport b = [\"x\", 0.5, True]\nc = 4\ndef f(x: f32[L]):\n  return x\n")));
  EXPECT_EQ(llvm::cast<mlir::IntegerAttr>(graph.exported("a")).getInt(), 3);
  EXPECT_EQ(llvm::cast<mlir::ArrayAttr>(graph.exported("b")).size(), 3u);
  EXPECT_FALSE(graph.exported("c"));
  EXPECT_EQ(messages("export f = lambda x: x\ndef g(x: f32[L]):\n  return x\n"),
            Messages{"an exported constant is a number, a boolean, a string or a sequence of "
                     "those, and this is a lambda"});
}

TEST_F(ImporterTest, WeightsHaveTheTypeOfTheFile) {
  auto weights = std::make_shared<InMemoryWeights>();
  llvm::cantFail(weights->add("w.0", llvm::cantFail(Tensor::create(DataType::BF16, {4, 4}))));
  llvm::cantFail(weights->add("w.1", llvm::cantFail(Tensor::create(DataType::BF16, {4, 4}))));
  options.weights = weights;
  std::string text = ir("def f(x: f32[L, 4]):\n  for n in range(2):\n"
                        "    x = linear(x, weight(f\"w.{n}\")[4, 4])\n  return x\n");
  EXPECT_TRUE(llvm::StringRef(text).contains("of 2] : tensor<4x4xbf16>")) << text;
  EXPECT_TRUE(llvm::StringRef(text).contains("arith.extf")) << text;
  // What is declared stays as it is.
  text = ir("def f(w: weight(\"w.0\")[f32][4, 4]):\n  return y=w + 1\n");
  EXPECT_TRUE(llvm::StringRef(text).contains("\"w.0\" : tensor<4x4xf32>")) << text;
  // Rows of a table are widened, not the table.
  text = ir("def f(ids: i64[L], w: weight(\"w.0\")[4, 4]):\n  return y=embedding(ids, w)\n");
  EXPECT_TRUE(llvm::StringRef(text).contains("tensor.extract")) << text;
  EXPECT_TRUE(llvm::StringRef(text).contains("-> tensor<?x4xf32>")) << text;
  EXPECT_EQ(messages("a = has_weight(\"w.0\")\nb = has_weight(\"v\")\ndef f(x: f32[L]):\n"
                     "  assert a and not b\n  return x\n"),
            Messages{});
}

TEST_F(ImporterTest, SumsAndProductsOfLoopIndicesNumberLayers) {
  std::string text = ir("def f(x: f32[L, 4]):\n  for g in range(3):\n    for m in range(2):\n"
                        "      x = linear(x, weight(f\"w.{g * 2 + m}\")[4, 4])\n  return x\n");
  EXPECT_TRUE(llvm::StringRef(text).contains("of 6] : tensor<4x4xf32>")) << text;
  EXPECT_EQ(messages("def f(x: f32[L, 4]):\n  for g in range(3):\n"
                     "    x = linear(x, weight(f\"w.{g - 1}\")[4, 4])\n  return x\n"),
            Messages{"expected a number that is at least 0 in a string at run time, got one from "
                     "-1 to 1"});
  // What they may be decides which tensors there are.
  for (auto [number, count] : {std::pair("g - 1", "2"),
                               {"g + 1", "4 in [2:4]"},
                               {"3 - g", "3 in [1:3]"},
                               {"g // 2", "2"},
                               {"g % 2", "2"},
                               {"max(g, 2) * 2", "5 in [4:5]"}}) {
    std::string layers =
        ir(std::string("def f(x: f32[L, 4]):\n  for g in range(1, 3):\n") +
           "    x = linear(x, weight(f\"w.{" + number + "}\")[4, 4])\n  return x\n");
    EXPECT_TRUE(llvm::StringRef(layers).contains(std::string("of ") + count + "] :")) << layers;
  }
}

// A loop without steps needs none of the weights that it names.
TEST_F(ImporterTest, LoopsWithoutSteps) {
  for (const char *range : {"0", "3, 3", "3, 1"}) {
    std::string text = ir(std::string("def f(x: f32[L, 4]):\n  for g in range(") + range +
                          "):\n    x = linear(x, weight(f\"w.{g}\")[4, 4])\n  return x\n");
    EXPECT_TRUE(llvm::StringRef(text).contains("return %arg0")) << text;
    EXPECT_FALSE(llvm::StringRef(text).contains("attn.weight")) << text;
  }
}
