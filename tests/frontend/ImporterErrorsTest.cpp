// Every kind of error in a description, word for word; ImporterMaskErrorsTest.cpp has those in
// masks.
#include "tests/frontend/DescriptionTesting.h"

using namespace fovea;
using namespace fovea::testing;

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
  EXPECT_EQ(inBody("y = dropout(x, None, 1)"), Messages{"'dropout' needs an argument for 'p'"});
  EXPECT_EQ(inBody("y = cache_append(x, x, None)"),
            Messages{"'cache_append' needs an argument for 'position'"});
  EXPECT_EQ(inBody("y = softmax()"), Messages{"'softmax' needs an argument for 'x'"});
  EXPECT_EQ(inBody("y = softmax(x, 1, f32, 2)"),
            Messages{"'softmax' takes at most 3 arguments, got 4"});
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

// Builtins that are made of others name themselves, and what their arguments call themselves.
TEST_F(ImporterTest, BuiltinsNameThemselves) {
  auto inEntry = [&](const std::string &value) {
    return messages("def f(x: f32[B, 8], y: f32[5], m: bool[5]):\n  return y=" + value + "\n");
  };
  const std::string differ = ": shapes do not broadcast: [B, 8] and [5]: 8 against 5";
  EXPECT_EQ(inEntry("clamp(x, y)"), Messages{"clamp" + differ});
  EXPECT_EQ(inEntry("x.clamp(max=y)"), Messages{"clamp" + differ});
  EXPECT_EQ(inEntry("maximum(x, y)"), Messages{"maximum" + differ});
  EXPECT_EQ(inEntry("x + y"), Messages{"add" + differ});
  EXPECT_EQ(inEntry("masked_fill(x, m, 0.0)"), Messages{"masked_fill" + differ});
  EXPECT_EQ(inEntry("x.expand(B, 9)"),
            Messages{"expand: shapes do not broadcast: [B, 8] and [B, 9]: 8 against 9"});
  EXPECT_EQ(inEntry("cat((x, y))"),
            Messages{"cat: expected dims equal to [B, 8] except dim 0, got f32[5]"});
  EXPECT_EQ(inEntry("x.flatten().split((3, 5))"), Messages{"the parts make 8, the dim is 8*B"});
  EXPECT_EQ(inEntry("dot(x, y)"),
            Messages{"dot: inner dims differ: expected 8 (from a: [B, 8]), got 5"});
  EXPECT_EQ(inEntry("x.float().to(f16).half().log_softmax(3)"),
            Messages{"log_softmax: dim 3 is out of range for rank 2"});
  // What a function of the description does is its own.
  EXPECT_EQ(inEntry("attention(x, x, x, score=lambda s: s & s)"),
            Messages{"and: expected bool elements, got f32"});
}

TEST_F(ImporterTest, TruthNormsAndLargest) {
  auto inEntry = [&](const std::string &value) {
    return messages("def f(x: f32[B, 8], m: bool[B, 8], n: i64[B]):\n  return y=" + value + "\n");
  };
  EXPECT_EQ(inEntry("m.any(2)"), Messages{"any: dim 2 is out of range for rank 2"});
  EXPECT_EQ(inEntry("all((m, m))"),
            Messages{"expected a tensor, or booleans known at compile time, for 'x' of 'all', got "
                     "a sequence with a tensor bool[B, 8]"});
  EXPECT_EQ(inEntry("x if all((True, 1)) and not any([]) else m.any(2)"), Messages{});
  EXPECT_EQ(inEntry("x.norm('nuc')"),
            Messages{"expected 1, 2, inf or 'fro' for 'p' of 'norm', got the string 'nuc'"});
  EXPECT_EQ(inEntry("x.norm(0)"), Messages{"norm: expected an order of 1, 2 or inf, got 0.0"});
  EXPECT_EQ(inEntry("std(n)"), Messages{"std: expected the input of floats, got i64[B]"});
  EXPECT_EQ(inEntry("x.var(0, True, correction=2)"),
            Messages{"'var' takes 'unbiased' or 'correction', not both"});
  EXPECT_EQ(inEntry("x.topk(9)"), Messages{"topk: expected 1 to 8 elements of f32[B, 8], got 9"});
  EXPECT_EQ(inEntry("x.topk(n)"), Messages{"expected a compile-time integer for 'k' of 'topk', got "
                                           "a tensor i64[B]"});
  EXPECT_EQ(inEntry("full_like(x, n)"),
            Messages{"expected a compile-time number for 'value' of 'full_like', got a tensor "
                     "i64[B]"});
  EXPECT_EQ(inEntry("zeros_like(3)"),
            Messages{"expected a tensor for 'x' of 'zeros_like', got the integer 3"});
}

TEST_F(ImporterTest, Limits) {
  EXPECT_EQ(inBody("y = finfo(i64).max"),
            Messages{"expected a float type for 'dtype' of 'finfo', got the element type i64"});
  EXPECT_EQ(inBody("y = iinfo(x.dtype).max"),
            Messages{"expected an integer type for 'dtype' of 'iinfo', got the element type f32"});
  EXPECT_EQ(inBody("y = finfo(f32).mxa"),
            Messages{"the limits of f32 have no attribute 'mxa' (did you mean 'max'?)"});
  EXPECT_EQ(inBody("y = iinfo(i8).eps"), Messages{"the limits of i8 have no attribute 'eps'"});
  EXPECT_EQ(inBody("y = finfo(f32) + 1"),
            Messages{"'+' does not apply to the limits of f32 and the integer 1"});
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

// Numbers of sizes take the float type of the tensor beside them, integers any.
TEST_F(ImporterTest, ElementTypesThatDiffer) {
  const std::string hint = "; convert one of them, as in x.to(f32)";
  // 0.1 has been rounded to f32.
  EXPECT_EQ(inBody("y = x.to(f64) * (0.1 * B ** 0.5)"),
            Messages{"a number of sizes that was rounded to f32 is combined with f64; convert it, "
                     "as in x.to(f64)"});
  EXPECT_EQ(inBody("y = layer_norm(x.to(f16), x[0, 0])"),
            Messages{"layer_norm: element types differ: f16[B, 6, 8] and f32[8]" + hint});
  EXPECT_EQ(inBody("y = (x > 0) - (x < 1)"),
            Messages{"sub: expected float or integer elements, got bool"});
  EXPECT_EQ(inBody("y = x.to(i8) + 300"), Messages{"constant: expected a value of i8, got 300"});
  EXPECT_EQ(inBody("y = x.to(i64) ** -2"),
            Messages{"a negative power of integers is no integer: expected an exponent of at least "
                     "0, got -2; convert the base, as in x.float()"});
  EXPECT_EQ(inBody("y = where(x > 0, 'a', 1)"),
            Messages{"expected a tensor or a number, got the string 'a'"});
  EXPECT_EQ(inBody("y = cat((x, 1))"), Messages{"expected a sequence of tensors for 'tensors' of "
                                                "'cat', got one with the integer 1"});
  EXPECT_EQ(inBody("y = x @ x.to(i64).T"),
            Messages{"matmul: element types differ: f32[B, 6, 8] and i64[B, 8, 6]" + hint});
}

TEST_F(ImporterTest, Arithmetic) {
  EXPECT_EQ(inBody("y = 9223372036854775807 + 1"),
            Messages{"9223372036854775807 + 1 does not fit in 64 bits"});
  EXPECT_EQ(inBody("y = 3037000500 * 3037000500"),
            Messages{"3037000500 * 3037000500 does not fit in 64 bits"});
  EXPECT_EQ(inBody("y = (-9223372036854775807 - 1) // -1"),
            Messages{"-9223372036854775808 // -1 does not fit in 64 bits"});
  EXPECT_EQ(inBody("y = 1 // 0"), Messages{"division of 1 by zero"});
  EXPECT_EQ(messages("def f(n: i64[B]):\n  return n // 0\n"),
            Messages{"division of a tensor i64[B] by zero"});
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i, j: j % 0 == i)"),
            Messages{"division of a run-time index by zero"});
  EXPECT_EQ(inBody("y = 1 / 0"), Messages{"division by zero"});
  EXPECT_EQ(inBody("y = 'a' - 1"),
            Messages{"'-' does not apply to the string 'a' and the integer 1"});
  EXPECT_EQ(inBody("y = 'a' < 1"),
            Messages{"'<' does not apply to the string 'a' and the integer 1"});
  EXPECT_EQ(inBody("y = dynamic_slice(x, 1, 0.5, 2)"),
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
            Messages{"'return' cannot leave a loop or a choice that runs at run time"});
  EXPECT_EQ(loop("x = x + (1, 2, 3, 4)[n]"),
            Messages{"the index of a sequence must be a compile-time integer, got a run-time "
                     "index"});
  EXPECT_EQ(loop("x = x + weight(f'{n - 1}')[8]"),
            Messages{"expected a number that is at least 0 in a string at run time, got one from "
                     "-1 to 2"});
  EXPECT_EQ(loop("x = x + weight(f'{n / 2}')[8]"),
            Messages{"only the variable of a loop over a range of known length can stand in a "
                     "string at run time, or what +, -, *, // and % make of such and integers"});
  EXPECT_EQ(loop("x = x + (1 if has_weight(f'{n}') else 0)"),
            Messages{"expected a string without variables of loops that run at run time for 'name' "
                     "of 'has_weight', got the string '{}'"});
  EXPECT_EQ(loop("p = f'{n}.'\n    x = x + weight(f'{p}{n}')[8]"),
            Messages{"a string can hold a loop variable once, and has it already"});
  EXPECT_EQ(loop("x = x + weight(f'{n}.{n}')[8]"),
            Messages{"a string can hold a loop variable once, and has it already"});
  EXPECT_EQ(messages("def f(x: f32[B, 8]):\n  for n in range(2):\n    y = x\n    x = x + y\n"
                     "  return y\n"),
            Messages{"unknown name 'y'"});
}

TEST_F(ImporterTest, ChoicesAtRunTime) {
  auto choice = [&](const std::string &condition, const std::string &body) {
    return messages("def f(x: f32[B, 8], t: i64):\n  k = 1\n  if " + condition + ":\n    " + body +
                    "\n  return x\n");
  };
  EXPECT_EQ(choice("t > 0", "x = x + 1").size(), 0u);
  EXPECT_EQ(choice("t > 0", "y = x"), Messages{"this choice changes no tensor that is known before "
                                               "it, so it does nothing"});
  EXPECT_EQ(choice("t > 0", "k = 2"), Messages{"'k' changes in a choice that runs at run time, so "
                                               "it must be a tensor; it is the integer 1"});
  EXPECT_EQ(choice("t > 0", "x = x[:, :4]"),
            Messages{"'x' is f32[B, 8] before the choice and a tensor f32[B, 4] after a step; it "
                     "must keep its type"});
  EXPECT_EQ(choice("t > 0", "x = x + 1\n    return x"),
            Messages{"'return' cannot leave a loop or a choice that runs at run time"});
  EXPECT_EQ(choice("t", "x = x + 1"),
            Messages{"a condition at run time is a boolean, got a tensor i64[]"});
  EXPECT_EQ(choice("x > 0", "x = x + 1"),
            Messages{"a condition must be known at compile time, and this is a tensor bool[B, 8]; "
                     "use where(condition, a, b)"});
}

TEST_F(ImporterTest, NumbersThatAreNotFinite) {
  EXPECT_EQ(inBody("y = x * 0 ** -1"), Messages{"a negative power of zero is a division by zero"});
  EXPECT_EQ(inBody("y = x * 2.0 ** 100000"),
            Messages{"the number 2.0 ** the number 100000.0 is too large for f64"});
  EXPECT_EQ(inBody("y = x * (1e200 * 1e200)"),
            Messages{"the number 1e+200 * the number 1e+200 is too large for f64"});
  EXPECT_EQ(inBody("y = x * (inf + 1)"), Messages{});
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
  EXPECT_EQ(messages("def f(x: f32[B]):\n  return ones(2, f16)\n"),
            Messages{"expected an integer or a size in 'ones', got the element type f16"});
  EXPECT_EQ(messages("a = ones(3)\ndef f(x: f32[B]):\n  return x\n").size(), 1u);
  EXPECT_EQ(errors("def f(x):\n  return x\n"),
            "t.fov: error: there is no entry: a function that no other calls, whose name does not "
            "begin with '_' and whose parameters are tensors or weights or have defaults\n"
            "t.fov:1:7: note: 'f' is none because of 'x'\n"
            "def f(x):\n"
            "      ^");
}

TEST_F(ImporterTest, AFailedAssertEndsTheFunction) {
  EXPECT_EQ(messages("def f(x: f32[B]):\n  assert 1 > 2, 'no'\n  return y\n"),
            Messages{"assertion failed: no"});
  EXPECT_EQ(
      messages(
          "def f(x: f32[B]):\n  for n in range(2):\n    assert 1 > 2\n    x = y\n  return x\n"),
      Messages{"assertion failed"});
}

TEST_F(ImporterTest, ConditionsOfFunctions) {
  const std::string body = "(x: f32[B]):\n    return x\n";
  EXPECT_EQ(messages("if 1:\n  def f" + body + "if 2 > 1:\n  def f" + body),
            Messages{"'f' is defined twice"});
  EXPECT_EQ(messages("a = 1\nif 1:\n  def a" + body), Messages{"'a' is defined twice"});
  EXPECT_EQ(messages("if b:\n  def f" + body), Messages{"unknown name 'b'"});
  EXPECT_EQ(messages("if ones(2) > 1:\n  def f" + body).size(), 1u);
  // One that does not exist cannot be called, nor by a constant before it is known whether it does.
  EXPECT_EQ(messages("if 0:\n  def f" + body + "def g(x: f32[B]):\n  return f(x)\n"),
            Messages{"unknown name 'f'"});
  EXPECT_EQ(messages("if 1:\n  def f(x):\n    return x\na = f(1)\ndef g(x: f32[B]):\n  return x\n"),
            Messages{"unknown name 'f'"});
  EXPECT_EQ(messages("if 0:\n  def f" + body).size(), 1u);
}

TEST_F(ImporterTest, Files) {
  auto missing = importFovFile(*context, "/nowhere/a.fov");
  EXPECT_EQ(llvm::toString(missing.takeError()),
            "/nowhere/a.fov: cannot read: No such file or directory");
}
