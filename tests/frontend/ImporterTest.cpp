// From descriptions to IR: what the language's constructs become, and that the C++ builder gives
// the same.
#include "dialect/AttnOps.h"
#include "frontend/GraphBuilder.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "tests/TemporaryDirectory.h"
#include "tests/frontend/DescriptionTesting.h"
#include "llvm/Support/Regex.h"

using namespace fovea;
using namespace fovea::testing;

static size_t count(llvm::StringRef text, llvm::StringRef piece) { return text.count(piece); }

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
  EXPECT_EQ(typeOf("argmin(x, dim=-1, keepdim=True)"), "tensor<?x6x1xi64>");
  EXPECT_EQ(typeOf("x.amax(dim=(0, 2))"), "tensor<6xf32>");
  EXPECT_EQ(typeOf("x.amin()"), "tensor<f32>");
  EXPECT_EQ(typeOf("x.max(dim=1).indices"), "tensor<?x8xi64>");
  EXPECT_EQ(typeOf("topk(x.to(i32), 3).values"), "tensor<?x6x3xi32>");
  EXPECT_EQ(typeOf("x[:, [0, 2]]"), "tensor<?x2x8xf32>");
  EXPECT_EQ(typeOf("x[..., None, [[0], [1]]]"), "tensor<?x6x1x2x1xf32>");
  EXPECT_EQ(typeOf("ones([1, 2, 3][::-1])"), "tensor<3x2x1xf32>");
  EXPECT_EQ(typeOf("ones([1, 2, 3, 4][-1:0:-2])"), "tensor<4x2xf32>");
  EXPECT_EQ(typeOf("sum(range(4)) * x"), "tensor<?x6x8xf32>");
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
  EXPECT_EQ(typeOf("zeros(B, 2, dtype=i32)"), "tensor<?x2xi32>");
  EXPECT_EQ(typeOf("ones(2, 3)"), "tensor<2x3xf32>");
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
  EXPECT_EQ(typeOf("ones([len(p) if is_list(p) else 1 for p in ((7, 8), 'abc', 3)])"),
            "tensor<2x1x1xf32>");
  EXPECT_EQ(typeOf("ones([p[1] for p in enumerate('ab' == 'ab' and (8, 9))])"), "tensor<8x9xf32>");
}

// Numbers take the type of the tensor beside them, those of sizes too.
TEST_F(ImporterTest, NumbersOfSizesTakeTheTypeBesideThem) {
  EXPECT_EQ(typeOf("float(B)"), "tensor<f32>");
  EXPECT_EQ(typeOf("x / float(B) ** 0.5"), "tensor<?x6x8xf32>");
  EXPECT_EQ(typeOf("x.to(f16) / B ** 0.5"), "tensor<?x6x8xf16>");
  EXPECT_EQ(typeOf("B ** -0.5 * x.to(bf16)"), "tensor<?x6x8xbf16>");
  EXPECT_EQ(typeOf("x.to(f64) * (1 / sqrt(B))"), "tensor<?x6x8xf64>");
  EXPECT_EQ(typeOf("x.to(f16) > 0.1 * B ** 0.5"), "tensor<?x6x8xi1>");
}

// Digits that f32 does not have are not lost on the way to f64.
TEST_F(ImporterTest, NumbersOfSizesAreComputedInTheWiderType) {
  for (const char *y : {"q / D ** 0.5", "attention(q, q, q, score=lambda s: s / D ** 0.5)",
                        "attention(q, q, q, score=lambda s: s * (1 / D ** 0.5))"}) {
    std::string text = ir(std::string("def f(q: f64[L, D]):\n  return y=") + y + "\n");
    EXPECT_EQ(count(text, "arith.extf"), 0u) << text;
    EXPECT_TRUE(llvm::Regex("math.sqrt %[0-9]+ : f64").match(text)) << text;
  }
}

TEST_F(ImporterTest, LoopOverRangeIsOneLoop) {
  std::string text = ir("def f(x: f32[B, 8]):\n"
                        "  for n in range(1, 4):\n"
                        "    y = linear(x, weight(f\"layers.{n}.w\")[8, 8])\n"
                        "    x += y\n"
                        "  return x\n");
  EXPECT_EQ(count(text, "scf.for"), 1u) << text;
  EXPECT_EQ(count(text, "attn.weight \"layers.{}.w\"["), 1u) << text;
  EXPECT_EQ(count(text, " of 4 in [1:4]] : tensor<8x8xf32>"), 1u) << text;
}

TEST_F(ImporterTest, StringsWithALoopVariableMakeLongerOnes) {
  std::string text = ir("def _norm(x, p: str):\n"
                        "  return layer_norm(x, weight(f\"{p}.w\")[8], weight(f\"{p}.b\")[8])\n"
                        "def f(x: f32[B, 8]):\n"
                        "  for n in range(4):\n"
                        "    x += _norm(x, f\"layers.{n}\")\n"
                        "  return x\n");
  EXPECT_EQ(count(text, "attn.weight \"layers.{}.w\"["), 1u) << text;
  EXPECT_EQ(count(text, " of 4] : tensor<8xf32>"), 2u) << text;
}

TEST_F(ImporterTest, ChoiceAtRunTimeIsALoopOfOneStepOrNone) {
  std::string text = ir("def f(x: f32[B, 8]):\n"
                        "  for n in range(4):\n"
                        "    if n % 2 == 1:\n"
                        "      x = x + 1\n"
                        "    else:\n"
                        "      x = x * 2\n"
                        "  return x\n");
  EXPECT_EQ(count(text, "scf.for"), 3u) << text;
  EXPECT_EQ(count(text, "arith.xori"), 1u) << text;
  text = ir("def f(x: f32[B, 8], t: i64):\n  if t > 3:\n    x += 1\n  return x\n");
  EXPECT_EQ(count(text, "scf.for"), 1u) << text;
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
  EXPECT_EQ(messages(text), Messages{"the dim 'B' needs a positive integer, got the integer 0"});
  options.params = {{"B", "many"}};
  EXPECT_EQ(messages(text),
            Messages{"the dim 'B' needs a positive integer, got the string 'many'"});
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
            Messages{options.modelDirectory +
                     "/config.json has no 'hiden_size' (did you mean 'hidden_size'?)"});
  EXPECT_EQ(messages(head + "return ones(config.get())\n"),
            Messages{"a value of a configuration is asked for by a key and a default"});
  // The kind of a value is that of its default, or what the function asks for.
  const std::string path = options.modelDirectory + "/config.json: expected ";
  EXPECT_EQ(messages(head + "return ones(config.get(\"model_type\", 3))\n"),
            Messages{path + "'model_type', an integer, got the string 'llama'"});
  EXPECT_EQ(messages(head + "return ones(2 if config.get(\"hidden_size\", False) else 3)\n"),
            Messages{path + "'hidden_size', true or false, got the integer 32"});
  EXPECT_EQ(messages(head + "return ones(config.size(\"rms_norm_eps\"))\n"),
            Messages{path + "'rms_norm_eps', an integer from 1 to 2^40, got the number 1e-05"});
  EXPECT_EQ(messages(head + "return ones(3 if config.section(\"model_type\") is None else 4)\n"),
            Messages{path + "'model_type', an object, got the string 'llama'"});
  EXPECT_EQ(count(ir(head + "return ones((config.size(\"hidden_size\"), config.size(\"none\", 9), "
                            "3 if config.section(\"none\") is None else 4))\n"),
                  "-> (tensor<32x9x3xf32>"),
            1u);
}

TEST_F(ImporterTest, FunctionsThatExistByCondition) {
  const std::string text = "param W = 0\n"
                           "if W == 0:\n"
                           "  def f(x: f32[2]):\n"
                           "    return a=_twice(x)\n"
                           "elif W == 1:\n"
                           "  def f(x: f32[3], y: f32[3]):\n"
                           "    return b=x + y\n"
                           "else:\n"
                           "  def f(x: f32[4]):\n"
                           "    return c=x\n"
                           "def _twice(x):\n"
                           "  return x + x\n";
  for (int64_t w : {0, 1, 2}) {
    options.params["W"] = w;
    std::string got = ir(text);
    EXPECT_EQ(count(got, "func.func"), 1u);
    EXPECT_EQ(count(got, "-> (tensor<" + std::to_string(w + 2) + "xf32>"), 1u) << got;
  }
}

TEST_F(ImporterTest, ReturnedSequencesKeepTheirLength) {
  for (const char *sequence : {"[]", "[4]", "(4,)", "[4, 5]"}) {
    std::string length = llvm::StringRef(sequence).contains('5')   ? "2"
                         : llvm::StringRef(sequence).contains('4') ? "1"
                                                                   : "0";
    EXPECT_EQ(messages("def g(n):\n  return " + std::string(sequence) +
                       "\ndef f(x: f32[B]):\n  assert len(g(0)) == " + length + "\n  return x\n"),
              Messages())
        << sequence;
  }
}

TEST_F(ImporterTest, ConfigRequirements) {
  TemporaryDirectory dir;
  options.modelDirectory = dir.path();
  dir.write("config.json", R"({"a": -1, "b": 0, "c": 1e-5, "d": [1, 2.5], "e": ["x"], "f": 7,
                               "s": {"t": "u", "v": {"w": 1}}})");
  auto say = [&](const std::string &expression) {
    return messages("config = load_config(\"config.json\")\nk = config." + expression +
                    "\ndef f(x: f32[B]):\n  return x\n");
  };
  const std::string path = dir.path("config.json");
  EXPECT_EQ(say("positive(\"c\")"), Messages());
  EXPECT_EQ(say("positive(\"z\", None)"), Messages());
  EXPECT_EQ(say("positives(\"d\")"), Messages());
  EXPECT_EQ(say("require(\"a\", 1 < 2, \"b\")"), Messages());
  EXPECT_EQ(say("positive(\"a\")"),
            Messages{path + ": expected 'a', a number above 0, got the integer -1"});
  EXPECT_EQ(say("positive(\"b\", 2.0)"),
            Messages{path + ": expected 'b', a number above 0, got the integer 0"});
  EXPECT_EQ(say("positive(\"z\")"), Messages{path + " has no 'z'"});
  EXPECT_EQ(
      say("positives(\"e\")"),
      Messages{path + ": expected 'e', a list of numbers above 0, got a list with the string 'x'"});
  EXPECT_EQ(say("positives(\"f\")"),
            Messages{path + ": expected 'f', a list of numbers above 0, got the integer 7"});
  EXPECT_EQ(say("require(\"f\", 2 < 1, \"an even number\")"),
            Messages{path + ": expected 'f', an even number, got the integer 7"});
  EXPECT_EQ(say("require(\"z\", False, \"'silu'\")"),
            Messages{path + ": expected 'z', 'silu', got no such entry"});
  EXPECT_EQ(say("require(\"f\", True)"),
            Messages{"'require' takes a key, a condition and what is expected"});
  EXPECT_EQ(say("require(\"e\", False, \"letters\", 9)"),
            Messages{path + ": expected 'e', letters, got the integer 9"});
  // Keys of sections are named whole.
  EXPECT_EQ(say("s.size(\"t\")"),
            Messages{path + ": expected 's.t', an integer from 1 to 2^40, got the string 'u'"});
  EXPECT_EQ(say("s.v.wx"), Messages{path + " has no 's.v.wx' (did you mean 'w'?)"});
}

TEST_F(ImporterTest, WrongConfigs) {
  TemporaryDirectory dir;
  options.modelDirectory = dir.path();
  const std::string path = dir.path("config.json");
  auto load = [&](const std::string &name) {
    return messages("config = load_config(\"" + name + "\")\ndef f(x: f32[B]):\n  return x\n");
  };
  EXPECT_EQ(load("config.json"), Messages{path + ": cannot read: No such file or directory"});
  // A description may come from anywhere.
  for (const std::string name : {"/etc/passwd", "../config.json", "a/../../config.json", ""})
    EXPECT_EQ(load(name),
              Messages{"expected a path within the model's directory, got '" + name + "'"});
  dir.write("config.json", "[1]");
  EXPECT_EQ(load("config.json"), Messages{path + ": expected a JSON object, got an array"});
  dir.write("config.json", "{\"a\": 1,}");
  EXPECT_EQ(load("config.json"), Messages{path + ":1:9: error: Expected object key"});
  dir.write("config.json", "{\"a\": " + std::string(100000, '['));
  EXPECT_EQ(load("config.json"), Messages{path + ":1:134: error: nested deeper than 128 levels"});
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
