// From descriptions to IR: what the language's constructs become, that the C++ builder gives the
// same, and every kind of error word for word.
#include "frontend/Importer.h"
#include "dialect/AttnOps.h"
#include "dialect/RegisterAll.h"
#include "frontend/GraphBuilder.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"
#include <random>

using namespace fovea;

namespace {

class ImporterTest : public testing::Test {
protected:
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> import(llvm::StringRef text) {
    return importFov(*context, "t.fov", text, options);
  }

  /// The module's text, or the errors.
  std::string ir(llvm::StringRef text) {
    auto module = import(text);
    if (!module)
      return llvm::toString(module.takeError());
    std::string printed;
    llvm::raw_string_ostream os(printed);
    (*module)->print(os);
    return printed;
  }

  /// The rendered errors; empty if there are none.
  std::string errors(llvm::StringRef text) {
    auto module = import(text);
    return module ? std::string() : llvm::toString(module.takeError());
  }

  /// The messages without places and notes.
  std::vector<std::string> messages(llvm::StringRef text) {
    std::vector<std::string> result;
    auto module = import(text);
    if (!module)
      llvm::handleAllErrors(module.takeError(), [&](const DiagnosticError &error) {
        for (const Diagnostic &diagnostic : error.getDiagnostics().get())
          result.push_back(diagnostic.message);
      });
    return result;
  }

  /// The messages for one statement of an entry with `x: f32[B, 6, 8]`, `n: i64`.
  std::vector<std::string> inBody(const std::string &statement) {
    return messages("def f(x: f32[B, 6, 8], n: i64):\n  " + statement + "\n  return x\n");
  }

  /// The type of the entry `f(x: f32[B, 6, 8], n: i64)` that returns `expr`.
  std::string typeOf(const std::string &expr) {
    auto module = import("def f(x: f32[B, 6, 8], n: i64):\n  return " + expr + "\n");
    if (!module)
      return llvm::toString(module.takeError());
    std::string printed;
    llvm::raw_string_ostream os(printed);
    auto function = *(*module)->getOps<mlir::func::FuncOp>().begin();
    os << function.getFunctionType().getResult(0);
    return printed;
  }

  using Messages = std::vector<std::string>;

  std::unique_ptr<mlir::MLIRContext> context = makeContext();
  ImportOptions options;
};

size_t count(llvm::StringRef text, llvm::StringRef piece) { return text.count(piece); }

} // namespace

//===-- What constructs become --------------------------------------------------------------===//

TEST_F(ImporterTest, EntriesNamesAndDims) {
  std::string text =
      ir("param E = 8\n"
         "def helper(x):\n  return x\n"
         "def _private(x: f32[L]):\n  return x\n"
         "def f(x: f32[B, L, E], s: i64):\n  y = helper(x)\n  return y, x + 1, z=x\n");
  EXPECT_NE(text.find("func.func @f(%arg0: tensor<?x?x8xf32> {attn.dims = [\"B\", \"L\", \"\"], "
                      "attn.name = \"x\"}, %arg1: tensor<i64> {attn.dims = [], attn.name = "
                      "\"s\"}) -> (tensor<?x?x8xf32> {attn.name = \"y\"}, tensor<?x?x8xf32> "
                      "{attn.name = \"out1\"}, tensor<?x?x8xf32> {attn.name = \"z\"})"),
            std::string::npos)
      << text;
  EXPECT_EQ(count(text, "func.func"), 1u);
}

TEST_F(ImporterTest, ResultTypes) {
  EXPECT_EQ(typeOf("x.shape[0] * x"), "tensor<?x6x8xf32>");
  EXPECT_EQ(typeOf("x[0]"), "tensor<6x8xf32>");
  EXPECT_EQ(typeOf("x[..., 1:-1]"), "tensor<?x6x6xf32>");
  EXPECT_EQ(typeOf("x[:, ::2, None]"), "tensor<?x3x1x8xf32>");
  EXPECT_EQ(typeOf("x[:, n]"), "tensor<?x8xf32>");
  EXPECT_EQ(typeOf("x.T"), "tensor<?x8x6xf32>");
  EXPECT_EQ(typeOf("x.transpose(-2, -1) @ x"), "tensor<?x8x8xf32>");
  EXPECT_EQ(typeOf("x > 0"), "tensor<?x6x8xi1>");
  EXPECT_EQ(typeOf("0 < x <= 1"), "tensor<?x6x8xi1>");
  EXPECT_EQ(typeOf("~(x > 0) & (x < 1)"), "tensor<?x6x8xi1>");
  EXPECT_EQ(typeOf("x.sum(dim=-1, keepdims=True)"), "tensor<?x6x1xf32>");
  EXPECT_EQ(typeOf("x.mean(dim=(0, 1))"), "tensor<8xf32>");
  EXPECT_EQ(typeOf("argmax(x, dim=-1)"), "tensor<?x6xi64>");
  EXPECT_EQ(typeOf("x.to(f16)"), "tensor<?x6x8xf16>");
  EXPECT_EQ(typeOf("x.reshape(B, 48)"), "tensor<?x48xf32>");
  EXPECT_EQ(typeOf("x.view(-1, 8)"), "tensor<?x8xf32>");
  EXPECT_EQ(typeOf("x.flatten(1)"), "tensor<?x48xf32>");
  EXPECT_EQ(typeOf("x.permute(2, 0, 1)"), "tensor<8x?x6xf32>");
  EXPECT_EQ(typeOf("x.unfold(1, 3, 1)"), "tensor<?x4x8x3xf32>");
  EXPECT_EQ(typeOf("pad(x, (0, 0, 2, 1))"), "tensor<?x9x8xf32>");
  EXPECT_EQ(typeOf("cat((x, x), dim=1)"), "tensor<?x12x8xf32>");
  EXPECT_EQ(typeOf("stack([x, x, x])"), "tensor<3x?x6x8xf32>");
  EXPECT_EQ(typeOf("chunk(x, 2)[1]"), "tensor<?x6x4xf32>");
  EXPECT_EQ(typeOf("split(x, (2, 6))[1]"), "tensor<?x6x6xf32>");
  EXPECT_EQ(typeOf("split_heads(x, 2)"), "tensor<?x2x6x4xf32>");
  EXPECT_EQ(typeOf("attention(x, x, x, return_weights=True)[1]"), "tensor<?x6x6xf32>");
  EXPECT_EQ(typeOf("arange(2, 9, 3)"), "tensor<3xi64>");
  EXPECT_EQ(typeOf("tensor([[1, 2, 3], [4, 5, 6]])"), "tensor<2x3xf32>");
  EXPECT_EQ(typeOf("where(x > 0, x, -inf)"), "tensor<?x6x8xf32>");
  EXPECT_EQ(typeOf("zeros((B, 2), dtype=i32)"), "tensor<?x2xi32>");
  EXPECT_EQ(typeOf("full(2 * B, 1.5)"), "tensor<?xf32>");
}

TEST_F(ImporterTest, CompileTimeValues) {
  EXPECT_EQ(typeOf("ones(7 // 2 * 2 ** 3 - 10 % 4)"), "tensor<22xf32>");
  EXPECT_EQ(typeOf("ones(-7 // 2 + 10)"), "tensor<6xf32>");
  EXPECT_EQ(typeOf("ones(len([i for i in range(10) if i % 2 == 0]))"), "tensor<5xf32>");
  EXPECT_EQ(typeOf("ones(sum([a * b for a, b in zip((1, 2), (3, 4))]))"), "tensor<11xf32>");
  EXPECT_EQ(typeOf("ones([3, 4, 5][-1])"), "tensor<5xf32>");
  EXPECT_EQ(typeOf("ones(((1, 2) + (3,))[1:])"), "tensor<2x3xf32>");
  EXPECT_EQ(typeOf("ones(max(2, 5) - min([1, 2]))"), "tensor<4xf32>");
  EXPECT_EQ(typeOf("ones(int(sqrt(16)))"), "tensor<4xf32>");
  EXPECT_EQ(typeOf("ones(3 if x.ndim == 3 and not n is None else 4)"), "tensor<3xf32>");
  EXPECT_EQ(typeOf("ones((lambda a, b: a - b)(5, 3))"), "tensor<2xf32>");
  EXPECT_EQ(typeOf("ones(2 if x.dtype == f32 else 3)"), "tensor<2xf32>");
  EXPECT_EQ(typeOf("ones([p[1] for p in enumerate('ab' == 'ab' and (8, 9))])"), "tensor<8x9xf32>");
}

TEST_F(ImporterTest, LoopOverRangeIsOneLoop) {
  std::string text = ir("def f(x: f32[B, 8]):\n"
                        "  for n in range(1, 4):\n"
                        "    y = linear(x, weight(f\"layers.{n}.w\")[8, 8])\n"
                        "    x += y\n"
                        "  return x\n");
  EXPECT_EQ(count(text, "scf.for"), 1u) << text;
  EXPECT_EQ(count(text, "attn.weight \"layers.{}.w\"["), 1u) << text;
  EXPECT_EQ(count(text, " of 4] : tensor<8x8xf32>"), 1u) << text;
}

TEST_F(ImporterTest, LoopOverTupleIsUnrolled) {
  std::string text = ir("def f(x: f32[B, 8]):\n"
                        "  for name in (\"a\", \"b\"):\n"
                        "    x = linear(x, weight(f\"{name}.w\")[f32][8, 8])\n"
                        "  return x\n");
  EXPECT_EQ(count(text, "scf.for"), 0u);
  EXPECT_EQ(count(text, "attn.weight \"a.w\" : tensor<8x8xf32>"), 1u) << text;
  EXPECT_EQ(count(text, "attn.weight \"b.w\" : tensor<8x8xf32>"), 1u) << text;
}

TEST_F(ImporterTest, WeightParameters) {
  std::string text = ir("def g(x: f32[B, E], w: weight[E, E]):\n  return linear(x, w)\n"
                        "def f(x: f32[B, 8], a: weight(\"m.a\")[8, 8], b: weight[f16][8]):\n"
                        "  return g(x, a), g(x), b\n");
  for (const char *weight :
       {"attn.weight \"m.a\" : tensor<8x8xf32>", "attn.weight \"w\" : tensor<8x8xf32>",
        "attn.weight \"b\" : tensor<8xf16>"})
    EXPECT_EQ(count(text, weight), 1u) << text;
}

TEST_F(ImporterTest, MaskFunctionsCaptureTensorsSizesAndScalars) {
  std::string text =
      ir("param W = 3\n"
         "def near(i, j):\n  return abs(i - j) <= W\n"
         "def f(q: f32[B, 2, L, 8], doc: i64[B, L], start: i64):\n"
         "  mask = lambda b, h, i, j: near(i, j) and doc[b, i] == doc[b, j] and "
         "(j >= start or i < L - 1)\n"
         "  return attention(q, q, q, mask=mask, score=lambda s: 5 * tanh(s / 5))\n");
  EXPECT_EQ(count(text, "attn.attention"), 1u) << text;
  EXPECT_EQ(count(text, "tensor.extract"), 3u) << text;
  EXPECT_EQ(count(text, "attn.yield"), 2u) << text;
}

TEST_F(ImporterTest, LoopIndexInMasks) {
  std::string text = ir("def f(x: f32[B, L, 8]):\n"
                        "  for n in range(4):\n"
                        "    window = 2 if n < 2 else 100\n"
                        "    x += attention(x, x, x, mask=lambda i, j: i - j < window)\n"
                        "  return x\n");
  EXPECT_EQ(count(text, "scf.for"), 1u) << text;
  EXPECT_EQ(count(text, "arith.select"), 1u) << text;
}

TEST_F(ImporterTest, ParamsAndDimsFromOutside) {
  const char *text = "param H = 8\nparam p = 0.5\nparam on = False\nparam name = \"a\"\n"
                     "def f(x: f32[B, H]):\n"
                     "  return x if not on else linear(x, weight(name)[4, H])\n";
  options.params = {{"H", int64_t(4)}, {"B", int64_t(2)}, {"on", true}, {"name", "w"}, {"p", 0.1}};
  std::string imported = ir(text);
  EXPECT_EQ(count(imported, "attn.weight \"w\" : tensor<4x4xf32>"), 1u) << imported;
  EXPECT_EQ(count(imported, "%arg0: tensor<2x4xf32>"), 1u) << imported;
  options.params = {{"H", 0.5}};
  EXPECT_EQ(messages(text), Messages{"param 'H' has the default the integer 8; it cannot become "
                                     "the number 0.5"});
  options.params = {{"nme", "w"}};
  EXPECT_EQ(messages(text),
            Messages{"'nme' is neither a param nor a dim of this file (did you mean 'name'?)"});
  options.params = {{"B", int64_t(0)}};
  EXPECT_EQ(messages(text), Messages{"the dim 'B' needs a positive integer"});
}

TEST_F(ImporterTest, ParamValuesFromText) {
  EXPECT_EQ(parseParamValue("8"), ParamValue(int64_t(8)));
  EXPECT_EQ(parseParamValue("-1e3"), ParamValue(-1000.0));
  EXPECT_EQ(parseParamValue("True"), ParamValue(true));
  EXPECT_EQ(parseParamValue("f16"), ParamValue(std::string("f16")));
}

TEST_F(ImporterTest, OneEntryOnRequest) {
  const char *text = "def g(x: f32[L]):\n  return x\n"
                     "def h(x):\n  return x\n"
                     "def f(x: f32[L]):\n  return g(x)\n";
  options.entry = "g";
  EXPECT_EQ(count(ir(text), "func.func @g"), 1u);
  options.entry = "gg";
  EXPECT_EQ(messages(text), Messages{"there is no function 'gg' (did you mean 'g'?)"});
  options.entry = "h";
  EXPECT_EQ(messages(text), Messages{"'h' cannot be an entry: parameter 'x' is no tensor and has "
                                     "no default"});
}

TEST_F(ImporterTest, Config) {
  options.modelDirectory = FOVEA_SOURCE_DIR "/tests/frontend/Inputs/llama";
  const std::string head = "config = load_config(\"config.json\")\ndef f(x: f32[B]):\n  ";
  EXPECT_EQ(count(ir(head + "return ones((config.hidden_size, config.get(\"head_dim\", 7), "
                            "config[\"vocab_size\"], config.get(\"none\", 9)))\n"),
                  "-> (tensor<32x7x64x9xf32>"),
            1u);
  EXPECT_EQ(
      count(ir(head + "return ones(2 if \"rope_theta\" in config else 3)\n"), "-> (tensor<2xf32>"),
      1u);
  EXPECT_EQ(messages(head + "return ones(config.hiden_size)\n"),
            Messages{"the configuration has no 'hiden_size' (did you mean 'hidden_size'?)"});
  EXPECT_EQ(messages(head + "return ones(config.get())\n"),
            Messages{"'get' takes a key and a default"});
  options.modelDirectory = "/nowhere";
  EXPECT_EQ(messages(head + "return x\n"), Messages{"cannot read '/nowhere/config.json': No such "
                                                    "file or directory"});
}

// The same graph from C++, op by op.
TEST_F(ImporterTest, BuilderGivesTheSameIR) {
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(context.get()));
  GraphBuilder g(*module);
  mlir::Type f32 = g.opBuilder().getF32Type();
  auto batch = SymbolicDim::symbol("B"), length = SymbolicDim::symbol("L");
  auto arguments = llvm::cantFail(g.beginFunction("f", {{"x", f32, {batch, length, 16}}}));
  SymbolicTensor x = arguments[0];
  SymbolicTensor w = llvm::cantFail(g.weight("w", f32, {16, 16}));
  SymbolicTensor heads = llvm::cantFail(g.splitHeads(llvm::cantFail(g.linear(x, w)), 4));
  AttentionOptions attention;
  attention.mask = [](mlir::OpBuilder &b, mlir::Location loc,
                      mlir::ValueRange args) -> llvm::Expected<mlir::Value> {
    return buildCompare(b, loc, CompareKind::Le, args[3], args[2]);
  };
  SymbolicTensor y = llvm::cantFail(g.attention(heads, heads, heads, attention)).output;
  y = llvm::cantFail(g.add(x, llvm::cantFail(g.mergeHeads(y))));
  llvm::cantFail(g.endFunction({{"y", y}}));
  std::string built;
  llvm::raw_string_ostream os(built);
  module->print(os);
  EXPECT_EQ(built, ir("def f(x: f32[B, L, 16], w: weight[16, 16]):\n"
                      "  heads = split_heads(linear(x, w), 4)\n"
                      "  y = attention(heads, heads, heads, mask=lambda i, j: j <= i)\n"
                      "  return y=x + merge_heads(y)\n"));
}

TEST_F(ImporterTest, OpsKnowTheirPlace) {
  auto module = import("def f(x: f32[B, 8]):\n  y = x\n  return y=softmax(  exp(y))\n");
  ASSERT_TRUE(static_cast<bool>(module)) << llvm::toString(module.takeError());
  bool found = false;
  (*module)->walk([&](attn::SoftmaxOp op) {
    auto place = llvm::dyn_cast<mlir::FileLineColLoc>(op->getLoc());
    ASSERT_TRUE(place);
    EXPECT_EQ(place.getFilename(), "t.fov");
    EXPECT_EQ(place.getLine(), 3u);
    EXPECT_EQ(place.getColumn(), 12u);
    found = true;
  });
  EXPECT_TRUE(found);
}

//===-- Errors ------------------------------------------------------------------------------===//

TEST_F(ImporterTest, ErrorsHavePlaceCaretAndSuggestion) {
  EXPECT_EQ(errors("def f(query: f32[B, 8]):\n  return softmax(qurey)\n"),
            "t.fov:2:18: error: unknown name 'qurey' (did you mean 'query'?)\n"
            "  return softmax(qurey)\n"
            "                 ^~~~~");
}

TEST_F(ImporterTest, ErrorsInCalledFunctionsNameTheCall) {
  EXPECT_EQ(errors("def g(x):\n  return x @ x\ndef f(x: f32[2, 3]):\n  return g(x)\n"),
            errors("def g(x):\n  return x @ x\ndef f(x: f32[2, 3]):\n  return g(x)\n"));
  std::string text = errors("def g(x):\n  return x.foo\ndef f(x: f32[2, 3]):\n  return g(x)\n");
  EXPECT_EQ(text, "t.fov:2:12: error: a tensor has no attribute 'foo'\n"
                  "  return x.foo\n"
                  "           ^~~\n"
                  "t.fov:4:10: note: in this call of 'g'\n"
                  "  return g(x)\n"
                  "         ^~~~");
}

// One run reports the independent errors, and not what follows from them.
TEST_F(ImporterTest, SeveralErrorsInOneRun) {
  EXPECT_EQ(messages("def f(x: f32[B, 8]):\n"
                     "  a = unknwon(x)\n"
                     "  b = a + 1\n"
                     "  c = linear(x, x.T)\n"
                     "  d = x.reshap(8)\n"
                     "  return a + b + c\n"
                     "def g(x: f32[B]):\n"
                     "  return y\n")
                .size(),
            4u);
}

TEST_F(ImporterTest, SpellingSuggestions) {
  EXPECT_EQ(inBody("y = sofmax(x)"), Messages{"unknown name 'sofmax' (did you mean 'softmax'?)"});
  EXPECT_EQ(inBody("y = softmax(x, dmi=1)"),
            Messages{"'softmax' has no parameter 'dmi' (did you mean 'dim'?)"});
  EXPECT_EQ(inBody("y = x.transpos(0, 1)"),
            Messages{"a tensor has no attribute 'transpos' (did you mean 'transpose'?)"});
  EXPECT_EQ(messages("def f(x: f23[B]):\n  return x\n"),
            Messages{"unknown type 'f23' (did you mean 'f32'?)"});
  EXPECT_EQ(messages("def g(x, scale=1):\n  return x\ndef f(x: f32[B]):\n  return g(x, scal=2)\n"),
            Messages{"'g' has no parameter 'scal' (did you mean 'scale'?)"});
  EXPECT_EQ(inBody("y = attention(x, x, x, align='top_lef')"),
            Messages{"expected 'bottom_right' or 'top_left', got 'top_lef' (did you mean "
                     "'top_left'?)"});
}

TEST_F(ImporterTest, Arguments) {
  EXPECT_EQ(inBody("y = softmax()"), Messages{"'softmax' needs an argument for 'x'"});
  EXPECT_EQ(inBody("y = softmax(x, 1, 2)"), Messages{"'softmax' takes at most 2 arguments, got 3"});
  EXPECT_EQ(inBody("y = softmax(x, 1, dim=2)"), Messages{"parameter 'dim' is given twice"});
  EXPECT_EQ(inBody("y = softmax(3)"),
            Messages{"expected a tensor for 'x' of 'softmax', got the integer 3"});
  EXPECT_EQ(inBody("y = softmax(x, dim=x)"),
            Messages{"expected a compile-time integer for 'dim' of 'softmax', got a tensor "
                     "f32[B, 6, 8]"});
  EXPECT_EQ(inBody("y = (lambda a: a)(1, 2)"), Messages{"this lambda takes 1 arguments, got 2"});
  EXPECT_EQ(inBody("y = x(1)"), Messages{"a tensor f32[B, 6, 8] cannot be called"});
  const std::string g = "def g(a, b):\n  return a\ndef f(x: f32[B]):\n  return ";
  EXPECT_EQ(messages(g + "g(x)\n"), Messages{"'g' needs an argument for 'b'"});
  EXPECT_EQ(messages(g + "g(x, 1, 2)\n"), Messages{"'g' takes 2 arguments, got 3"});
  EXPECT_EQ(messages(g + "g(x, a=x)\n"), Messages{"parameter 'a' is given twice"});
}

TEST_F(ImporterTest, Types) {
  const std::string g = "def g(x: f32[B, E], y: f32[E, 2 * E] = None, n: int = 1):\n  return x\n"
                        "def f(x: f32[B, 8], y: f32[8, 12], z: i64[3, 3]):\n  return ";
  EXPECT_EQ(messages(g + "g(x, y)\n"),
            Messages{"dim 1 of parameter 'y' is declared 16, got f32[8, 12]"});
  EXPECT_EQ(messages(g + "g(y, y)\n"),
            Messages{"dim 0 of parameter 'y' is declared 12, got f32[8, 12]"});
  EXPECT_EQ(messages(g + "g(z)\n"), Messages{"parameter 'x' is declared f32, got i64[3, 3]"});
  EXPECT_EQ(messages(g + "g(y[0])\n"), Messages{"expected a tensor of 2 dims, got f32[12]"});
  EXPECT_EQ(messages(g + "g(1)\n"), Messages{"parameter 'x' is a tensor, got the integer 1"});
  EXPECT_EQ(messages(g + "g(x, n=\"a\")\n"),
            Messages{"parameter 'n' is of kind int, got the string 'a'"});
  EXPECT_EQ(messages("def f(x: f32[B, 8]) -> f32[B, 9]:\n  return x\n"),
            Messages{"dim 1 of result 0 is declared 9, got f32[B, 8]"});
  EXPECT_EQ(messages("def f(x: f32[B, 8]) -> (f32[B, 8], f32[B]):\n  return x\n"),
            Messages{"'f' declares 2 results, got 1"});
}

TEST_F(ImporterTest, DimsOfEntries) {
  auto withDims = [&](const std::string &dims) {
    return messages("param H = 4\ndef f(x: f32[" + dims + "]):\n  return x\n");
  };
  EXPECT_EQ(withDims("B, 0"), Messages{"a dim is at least 1, got 0"});
  EXPECT_EQ(withDims("B, H - 8"), Messages{"a dim is at least 1, got -4"});
  EXPECT_EQ(withDims("B, B + 1"),
            Messages{"a dim of an entry's argument is a number or a name, got B + 1"});
  EXPECT_EQ(withDims("..., B"),
            Messages{"'...' in a type needs an argument that says what it stands for"});
  EXPECT_EQ(withDims("2.5"), Messages{"expected an integer or a size as dim, got the number 2.5"});
  EXPECT_EQ(withDims("H ** 40"), Messages{"4 ** 40 does not fit in 64 bits"});
  EXPECT_EQ(withDims("4611686018427387904, 4"),
            Messages{"a tensor of shape [4611686018427387904, 4] has more than 2^60 elements"});
}

TEST_F(ImporterTest, Arithmetic) {
  EXPECT_EQ(inBody("y = 9223372036854775807 + 1"),
            Messages{"9223372036854775807 + 1 does not fit in 64 bits"});
  EXPECT_EQ(inBody("y = 3037000500 * 3037000500"),
            Messages{"3037000500 * 3037000500 does not fit in 64 bits"});
  EXPECT_EQ(inBody("y = (-9223372036854775807 - 1) // -1"),
            Messages{"-9223372036854775808 // -1 does not fit in 64 bits"});
  EXPECT_EQ(inBody("y = 1 // 0"), Messages{"division of 1 by zero"});
  EXPECT_EQ(inBody("y = 1 / 0"), Messages{"division by zero"});
  EXPECT_EQ(inBody("y = 'a' - 1"),
            Messages{"'-' does not apply to the string 'a' and the integer 1"});
  EXPECT_EQ(inBody("y = 'a' < 1"),
            Messages{"'<' does not apply to the string 'a' and the integer 1"});
  EXPECT_EQ(inBody("y = n + 0.5"),
            Messages{"the number 0.5 is combined with i64; convert one of them, as in x.to(f32)"});
  EXPECT_EQ(inBody("y = x @ 2"),
            Messages{"'@' multiplies two tensors, got a tensor f32[B, 6, 8] and the integer 2"});
  EXPECT_EQ(inBody("y = x and x"), Messages{"'and' takes single truth values; write '&' for "
                                            "tensors"});
}

TEST_F(ImporterTest, Conditions) {
  EXPECT_EQ(inBody("y = 1 if x else 2"),
            Messages{"a condition must be known at compile time, and this is a tensor "
                     "f32[B, 6, 8]; use where(condition, a, b)"});
  EXPECT_EQ(inBody("y = 1 if B > 3 else 2"),
            Messages{"whether the size B > the integer 3 is not known at compile time"});
  EXPECT_EQ(inBody("assert x.shape[1] == 7, 'seven'"), Messages{"assertion failed: seven"});
}

TEST_F(ImporterTest, Indices) {
  EXPECT_EQ(inBody("y = (1, 2)[2]"), Messages{"index 2 is outside a sequence of 2"});
  EXPECT_EQ(inBody("y = (1, 2)[x]"), Messages{"the index of a sequence must be a compile-time "
                                              "integer, got a tensor f32[B, 6, 8]"});
  EXPECT_EQ(inBody("y = x[0, 0, 0, 0]"), Messages{"too many indices for f32[B, 6, 8]: got 4"});
  EXPECT_EQ(inBody("y = x[..., 0, ...]"), Messages{"an index has at most one '...'"});
  EXPECT_EQ(inBody("y = x['a']"), Messages{"expected an integer, a size or an integer scalar as "
                                           "index, got the string 'a'"});
  EXPECT_EQ(inBody("y = x[n:]"),
            Messages{"the bounds of a slice are sizes known at compile time, got a tensor i64[]; "
                     "use dynamic_slice"});
  EXPECT_EQ(inBody("y = 3[0]"), Messages{"the integer 3 cannot be indexed"});
}

TEST_F(ImporterTest, Statements) {
  EXPECT_EQ(inBody("x + 1"), Messages{"the value of this expression is not used"});
  EXPECT_EQ(inBody("a, b = x.shape"), Messages{"expected 2 values, got a sequence of 3"});
  EXPECT_EQ(inBody("for a in 3: pass"),
            Messages{"expected a tuple, a list or a range, got the integer 3"});
  EXPECT_EQ(messages("def f(x: f32[B]):\n  y = x\n"), Messages{"'f' ends without a 'return'"});
  EXPECT_EQ(messages("def f(x: f32[B]):\n  return 1\n"),
            Messages{"an entry returns tensors, got the integer 1"});
  EXPECT_EQ(messages("def f(x: f32[B]):\n  return a=x, a=x\n").size(), 0u);
}

TEST_F(ImporterTest, Loops) {
  auto loop = [&](const std::string &body) {
    return messages("def f(x: f32[B, 8]):\n  k = 1\n  for n in range(4):\n    " + body +
                    "\n  return x\n");
  };
  EXPECT_EQ(loop("y = x"), Messages{"this loop changes no tensor that is known before it, so it "
                                    "does nothing"});
  EXPECT_EQ(loop("k = k + 1"), Messages{"'k' changes in a loop that runs at run time, so it must "
                                        "be a tensor; it is the integer 1"});
  EXPECT_EQ(loop("x = x[:, :4]"), Messages{"'x' is f32[B, 8] before the loop and a tensor "
                                           "f32[B, 4] after a step; it must keep its type"});
  EXPECT_EQ(loop("return x"), Messages{"this loop changes no tensor that is known before it, so "
                                       "it does nothing"});
  EXPECT_EQ(loop("x = x + 1\n    return x"),
            Messages{"'return' cannot leave a loop that runs at run time"});
  EXPECT_EQ(loop("x = x + (1, 2, 3, 4)[n]"),
            Messages{"the index of a sequence must be a compile-time integer, got a run-time "
                     "index"});
  EXPECT_EQ(loop("x = x + weight(f'{n + 1}')[8]"),
            Messages{"only the variable of a loop over a range of known length can stand in a "
                     "string at run time"});
  EXPECT_EQ(loop("x = x + weight(f'{n}.{n}')[8]"),
            Messages{"a string can hold one loop variable, and has one already"});
  EXPECT_EQ(messages("def f(x: f32[B, 8]):\n  for n in range(2):\n    y = x\n    x = x + y\n"
                     "  return y\n"),
            Messages{"unknown name 'y'"});
}

TEST_F(ImporterTest, MaskFunctions) {
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i: i > 0)"),
            Messages{"a mask function takes (i, j) or (b, h, i, j), got one of 1 parameters"});
  EXPECT_EQ(inBody("y = attention(x, x, x, score=lambda s, i: s)"),
            Messages{"a score function takes (s), (s, i, j) or (s, b, h, i, j), got one of 2 "
                     "parameters"});
  EXPECT_EQ(inBody("y = attention(x, x, x, score=x)"),
            Messages{"expected a function for 'score' of 'attention', got a tensor "
                     "f32[B, 6, 8]"});
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i, j: x[i, j] > 0)"),
            Messages{"inside a mask or score function every dim of a tensor is indexed: "
                     "f32[B, 6, 8] takes 3 indices, got 2"});
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i, j: x > i)"),
            Messages{"expected a scalar, got a tensor f32[B, 6, 8]; index it"});
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i, j: i <= jj)"),
            Messages{"unknown name 'jj' (did you mean 'j'?)"});
}

TEST_F(ImporterTest, Recursion) {
  EXPECT_EQ(errors("def f(x: f32[B]):\n  return g(x)\ndef g(x):\n  return f(x)\n"),
            "t.fov:4:10: error: 'f' calls itself: f -> g -> f\n"
            "  return f(x)\n"
            "         ^");
  EXPECT_EQ(messages("def f(x: f32[B]):\n  return f(x)\n"), Messages{"'f' calls itself: f -> f"});
  // Through a value, which only shows when it is called.
  EXPECT_EQ(messages("def g(h, x):\n  return h(h, x)\ndef f(x: f32[B]):\n  return g(g, x)\n"),
            Messages{"'g' calls itself: g -> g"});
  // A parameter that is called as a function of the file is not that function.
  EXPECT_EQ(messages("def mask(x):\n  return x\n"
                     "def f(x: f32[B], mask: f32[B]):\n  return x * mask\n"),
            Messages{});
}

TEST_F(ImporterTest, Explosion) {
  std::string text = "def f0(x):\n  return x\n";
  for (int i = 1; i < 40; ++i)
    text += "def f" + std::to_string(i) + "(x):\n  return (f" + std::to_string(i - 1) + "(x), f" +
            std::to_string(i - 1) + "(x))[0]\n";
  EXPECT_EQ(messages(text + "def f(x: f32[B]):\n  return f39(x)\n"),
            Messages{"the description takes more than 2000000 steps to expand"});
  EXPECT_EQ(inBody("y = [i for i in range(100000000)]"),
            Messages{"a compile-time sequence has at most 65536 elements"});
}

TEST_F(ImporterTest, DeepCallChain) {
  std::string text = "def f0(x):\n  return x\n";
  for (int i = 1; i < 1000; ++i)
    text += "def f" + std::to_string(i) + "(x):\n  return f" + std::to_string(i - 1) + "(x)\n";
  EXPECT_EQ(messages(text + "def f(x: f32[B]):\n  return f999(x)\n"),
            Messages{"calls and expressions are nested more than 400 deep here"});
}

TEST_F(ImporterTest, Definitions) {
  EXPECT_EQ(errors("param a = 1\ndef a(x: f32[B]):\n  return x\n"),
            "t.fov:2:5: error: 'a' is defined twice\n"
            "def a(x: f32[B]):\n"
            "    ^\n"
            "t.fov:1:7: note: the first definition is here\n"
            "param a = 1\n"
            "      ^");
  EXPECT_EQ(messages("def f(x: f32[B], x: f32[B]):\n  return x\n"),
            Messages{"parameter 'x' is there twice"});
  EXPECT_EQ(messages("a = ones(3)\ndef f(x: f32[B]):\n  return x\n").size(), 1u);
  EXPECT_EQ(errors("def f(x):\n  return x\n"),
            "t.fov: error: there is no entry: a function that no other calls, whose name does not "
            "begin with '_' and whose parameters are tensors or weights or have defaults\n"
            "t.fov:1:7: note: 'f' is none because of 'x'\n"
            "def f(x):\n"
            "      ^");
}

TEST_F(ImporterTest, Files) {
  auto missing = importFovFile(*context, "/nowhere/a.fov");
  EXPECT_EQ(llvm::toString(missing.takeError()),
            "/nowhere/a.fov: cannot read: No such file or directory");
}

//===-- Random programs ---------------------------------------------------------------------===//

namespace {

/// Expressions that parse, of random operators, names and builtins.
class ExpressionMaker {
public:
  explicit ExpressionMaker(unsigned seed) : random(seed) {}

  std::string make(int depth) {
    static const char *const leaves[] = {"x",  "w",   "n",    "B",    "8",      "0",
                                         "-1", "2.5", "True", "None", "'a'",    "(1, 2)",
                                         "[]", "f32", "inf",  "k",    "unknown"};
    static const char *const operators[] = {"+", "-", "*", "/",  "//", "%",  "**",  "@", "&",
                                            "|", "^", "<", "==", "in", "is", "and", "or"};
    static const char *const callees[] = {
        "softmax", "linear",      "attention", "matmul",      "x.reshape",   "x.transpose",
        "x.sum",   "cat",         "stack",     "unfold",      "pad",         "where",
        "range",   "len",         "max",       "arange",      "zeros",       "tensor",
        "chunk",   "split_heads", "rope",      "embedding",   "masked_fill", "tril",
        "x.to",    "float",       "weight",    "create_mask", "dropout",     "sample",
        "einsum",  "helper",      "update",    "zip"};
    if (depth == 0)
      return pick(leaves);
    switch (random() % 8) {
    case 0:
      return "(" + make(depth - 1) + " if " + make(depth - 1) + " else " + make(depth - 1) + ")";
    case 1:
      return "[" + make(depth - 1) + " for k in " + make(depth - 1) + "]";
    case 2:
      return make(depth - 1) + "[" + make(depth - 1) + (random() % 2 ? ":" : "") + "]";
    case 3:
      return "(lambda i, j: " + make(depth - 1) + ")";
    case 4:
    case 5: {
      std::string call = std::string(pick(callees)) + "(" + make(depth - 1);
      for (unsigned more = random() % 3; more > 0; --more)
        call += ", " + make(depth - 1);
      return call + ")";
    }
    default:
      return "(" + make(depth - 1) + " " + pick(operators) + " " + make(depth - 1) + ")";
    }
  }

private:
  template <size_t N>
  const char *pick(const char *const (&choices)[N]) {
    return choices[random() % N];
  }

  std::mt19937 random;
};

} // namespace

// Whatever a program says, it ends in a module or in errors.
TEST_F(ImporterTest, RandomProgramsNeverCrash) {
  size_t imported = 0;
  for (unsigned seed = 0; seed < 3000; ++seed) {
    ExpressionMaker maker(seed);
    std::string text = "def helper(a, b=2):\n  return a\n"
                       "def f(x: f32[B, 6, 8], w: weight[8, 8], n: i64):\n";
    text += "  k = 1\n  y = " + maker.make(1 + seed % 4) + "\n";
    if (seed % 3 == 0)
      text += "  for k in range(3):\n    x = " + maker.make(2) + "\n";
    text += "  return x, y\n";
    auto module = import(text);
    imported += static_cast<bool>(module);
    if (!module)
      EXPECT_FALSE(llvm::toString(module.takeError()).empty()) << text;
  }
  EXPECT_GT(imported, 0u);
}
