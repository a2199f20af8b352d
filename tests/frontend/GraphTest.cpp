// Graphs from files: what is read, what is described, and how wrong files end.
#include "frontend/Graph.h"
#include "frontend/GraphBuilder.h"
#include "tests/TemporaryDirectory.h"
#include <thread>

using namespace fovea;
using fovea::testing::TemporaryDirectory;

namespace {

constexpr llvm::StringLiteral scaled = R"mlir(
func.func @scaled(%x: tensor<?x4xf32> {attn.name = "x", attn.dims = ["L", ""]}, %s: tensor<f32>)
    -> (tensor<?x4xf32> {attn.name = "y"}) {
  return %x : tensor<?x4xf32>
}
func.func private @helper() {
  return
}
)mlir";

std::string errorOf(llvm::Expected<Graph> graph) {
  return graph ? "no error" : llvm::toString(graph.takeError());
}

TEST(Graph, DescribesItsEntries) {
  Graph graph = llvm::cantFail(Graph::fromMlir(scaled));
  EXPECT_EQ(graph.entries(), std::vector<std::string>{"scaled"});
  auto inputs = llvm::cantFail(graph.inputs("scaled"));
  ASSERT_EQ(inputs.size(), 2u);
  EXPECT_EQ(inputs[0].name, "x");
  EXPECT_EQ(formatShape(inputs[0].shape), "[L, 4]");
  EXPECT_EQ(inputs[1].name, "arg1");
  EXPECT_EQ(formatShape(inputs[1].shape), "[]");
  auto outputs = llvm::cantFail(graph.outputs("scaled"));
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(outputs[0].name, "y");
  EXPECT_EQ(formatShape(outputs[0].shape), "[?, 4]");
  EXPECT_NE(graph.toString().find("func.func @scaled"), std::string::npos);
}

TEST(Graph, UnknownEntryListsTheOthers) {
  Graph graph = llvm::cantFail(Graph::fromMlir(scaled));
  auto inputs = graph.inputs("helper");
  ASSERT_FALSE(static_cast<bool>(inputs));
  EXPECT_EQ(llvm::toString(inputs.takeError()), "no entry 'helper'; the entries are: scaled");
}

TEST(Graph, Moves) {
  Graph first = llvm::cantFail(Graph::fromMlir(scaled)), second;
  second = std::move(first);
  Graph third = std::move(second);
  EXPECT_EQ(third.entries().size(), 1u);
}

TEST(Graph, IsBuiltIntoFromCpp) {
  Graph graph;
  GraphBuilder b(graph.module());
  auto x = llvm::cantFail(
      b.beginFunction("f", InputSpec{"x", b.opBuilder().getF32Type(), {SymbolicDim::symbol("L")}}));
  llvm::cantFail(b.endFunction({{"y", llvm::cantFail(b.unary(UnaryKind::Exp, x[0]))}}));
  // What was built reads back.
  Graph copy = llvm::cantFail(Graph::fromMlir(graph.toString()));
  EXPECT_EQ(copy.toString(), graph.toString());
}

TEST(Graph, ManyOnManyThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      for (int repeat = 0; repeat < 3; ++repeat)
        EXPECT_EQ(llvm::cantFail(Graph::fromMlir(scaled)).entries().size(), 1u);
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST(GraphFile, ReadsMlirFiles) {
  TemporaryDirectory folder;
  Graph graph = llvm::cantFail(Graph::fromFile(folder.write("m.mlir", scaled)));
  EXPECT_EQ(graph.entries(), std::vector<std::string>{"scaled"});
}

TEST(GraphFile, ReadsDescriptionsWithParams) {
  TemporaryDirectory folder;
  std::string path =
      folder.write("m.fov", "param N = 2\n\ndef f(x: f32[L, N]):\n    return exp(x)\n");
  Graph graph = llvm::cantFail(Graph::fromFile(path, {{"N", 8}}));
  EXPECT_EQ(formatShape(llvm::cantFail(graph.inputs("f"))[0].shape), "[L, 8]");
}

// A description and the calls of GraphBuilder that say the same give the same IR.
TEST(GraphFile, DescriptionAndBuilderAgree) {
  TemporaryDirectory folder;
  std::string path = folder.write("m.fov", "def f(x: f32[B, L, 64], w: f32[64, 64]):\n"
                                           "    q = split_heads(linear(x, w), 8)\n"
                                           "    y = attention(q, q, q, mask=lambda i, j: i >= j)\n"
                                           "    return gelu(merge_heads(y)) + x\n");
  Graph described = llvm::cantFail(Graph::fromFile(path)), built;
  GraphBuilder b(built.module());
  mlir::Type f32 = b.opBuilder().getF32Type();
  SymbolicDim B = SymbolicDim::symbol("B"), L = SymbolicDim::symbol("L");
  auto x = llvm::cantFail(b.beginFunction("f", {{"x", f32, {B, L, 64}}, {"w", f32, {64, 64}}}));
  auto q = llvm::cantFail(b.splitHeads(llvm::cantFail(b.linear(x[0], x[1])), 8));
  AttentionOptions options;
  options.mask = [](mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange indices) {
    return llvm::Expected<mlir::Value>(
        buildCompare(builder, loc, CompareKind::Ge, indices[2], indices[3]));
  };
  auto y = llvm::cantFail(b.attention(q, q, q, options)).output;
  auto gelu = llvm::cantFail(b.unary(UnaryKind::Gelu, llvm::cantFail(b.mergeHeads(y))));
  std::string name = llvm::cantFail(described.outputs("f")).front().name;
  llvm::cantFail(b.endFunction({{name, llvm::cantFail(b.add(gelu, x[0]))}}));
  EXPECT_EQ(described.toString(), built.toString());
}

TEST(GraphFile, ReadsNoFileOfWeightsThatAreGiven) {
  TemporaryDirectory directory;
  directory.write("model.fov",
                  "def f(x: f32[B, 4], w: weight[3, 4]):\n    return y=linear(x, w)\n");
  directory.write("model.safetensors", "no weights");
  EXPECT_NE(errorOf(Graph::fromFile(directory.path())).find("model.safetensors"),
            std::string::npos);
  auto weights = std::make_shared<InMemoryWeights>();
  llvm::cantFail(weights->add("w", llvm::cantFail(Tensor::create(DataType::F16, {3, 4}))));
  auto graph = Graph::fromFile(directory.path(), {}, "", "", weights);
  ASSERT_EQ(errorOf(std::move(graph)), "no error");
  graph = Graph::fromFile(directory.path(), {}, "", "", weights);
  EXPECT_NE(llvm::cantFail(std::move(graph)).toString().find("tensor<3x4xf16>"), std::string::npos);
}

TEST(GraphFile, WrongFiles) {
  TemporaryDirectory folder;
  std::string missing = folder.path("none.mlir"), text = folder.write("m.txt", "");
  EXPECT_EQ(errorOf(Graph::fromFile(missing)),
            missing + ": cannot read: No such file or directory");
  EXPECT_EQ(errorOf(Graph::fromFile(folder.path("none"))),
            folder.path("none") + ": error: no such file or directory");
  EXPECT_EQ(errorOf(Graph::fromFile(text)),
            text + ": error: expected a .fov file, an .mlir file or a model directory");
  std::string mlir = folder.write("m.mlir", scaled);
  EXPECT_EQ(errorOf(Graph::fromFile(mlir, {{"H", 8}})),
            mlir + ": error: an .mlir file has no param 'H' to set");
}

TEST(GraphFile, ModelDirectoryOfUnknownArchitecture) {
  TemporaryDirectory folder;
  folder.write("config.json", "{\"model_type\": \"no_such_model\"}");
  std::string error = errorOf(Graph::fromFile(folder.path()));
  EXPECT_NE(error.find("got 'no_such_model'"), std::string::npos) << error;
}

} // namespace
