// Scalar ops, control flow, calls and constants of the reference executor.
#include "ReferenceHarness.h"
#include <cmath>
#include <ostream>

using namespace fovea;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

struct ScalarCase {
  std::string body; // computes %r : TYPE from %a, %b : TYPE
  std::string type;
  double a, b, expected;

  /// Names the case in test listings.
  friend void PrintTo(const ScalarCase &scalar, std::ostream *os) { *os << scalar.body; }
};

class ReferenceScalarTest : public ReferenceHarness,
                            public testing::WithParamInterface<ScalarCase> {};

/// A module that applies a scalar body to two rank-0 tensors.
std::string scalarModule(const ScalarCase &c, const std::string &resultType) {
  return "func.func @f(%x: tensor<" + c.type + ">, %y: tensor<" + c.type + ">) -> tensor<" +
         resultType + "> {\n  %a = tensor.extract %x[] : tensor<" + c.type +
         ">\n  %b = tensor.extract %y[] : tensor<" + c.type + ">\n  " + c.body +
         "\n  %t = tensor.from_elements %r : tensor<" + resultType + ">\n  return %t : tensor<" +
         resultType + ">\n}";
}

TEST_P(ReferenceScalarTest, ComputesTheValue) {
  const ScalarCase &c = GetParam();
  DataType type =
      c.type[0] == 'f' ? DataType::F64 : *parseDataType(c.type == "i1" ? "bool" : c.type);
  Tensor a = llvm::cantFail(Tensor::fromDoubles(type, {}, {c.a}));
  Tensor b = llvm::cantFail(Tensor::fromDoubles(type, {}, {c.b}));
  EXPECT_THAT(result(scalarModule(c, c.type), {a, b}),
              ElementsAre(testing::NanSensitiveDoubleEq(c.expected)))
      << c.body;
}

INSTANTIATE_TEST_SUITE_P(
    Floats, ReferenceScalarTest,
    testing::Values(
        ScalarCase{"%r = arith.addf %a, %b : f32", "f32", 1.5, 2, 3.5},
        ScalarCase{"%r = arith.subf %a, %b : f32", "f32", 1.5, 2, -0.5},
        ScalarCase{"%r = arith.mulf %a, %b : f32", "f32", 1.5, 2, 3},
        ScalarCase{"%r = arith.divf %a, %b : f32", "f32", 1, 3, 1.0 / 3},
        ScalarCase{"%r = arith.divf %a, %b : f32", "f32", 1, 0, infinity},
        ScalarCase{"%r = arith.remf %a, %b : f32", "f32", -7, 4, -3},
        ScalarCase{"%r = arith.negf %a : f32", "f32", 2, 0, -2},
        ScalarCase{"%r = arith.maximumf %a, %b : f32", "f32", 1, notANumber, notANumber},
        ScalarCase{"%r = arith.minimumf %a, %b : f32", "f32", notANumber, 1, notANumber},
        ScalarCase{"%r = arith.maxnumf %a, %b : f32", "f32", 1, notANumber, 1},
        ScalarCase{"%r = arith.minnumf %a, %b : f32", "f32", 1, 2, 1},
        ScalarCase{"%c = arith.cmpf olt, %a, %b : f32 %r = arith.select %c, %a, %b : f32", "f32", 3,
                   2, 2},
        ScalarCase{"%c = arith.cmpf ult, %a, %b : f32 %r = arith.uitofp %c : i1 to f32", "f32",
                   notANumber, 2, 1},
        ScalarCase{"%c = arith.cmpf one, %a, %b : f32 %r = arith.uitofp %c : i1 to f32", "f32",
                   notANumber, 2, 0},
        ScalarCase{"%c = arith.fptosi %a : f32 to i8 %r = arith.sitofp %c : i8 to f32", "f32",
                   -2.75, 0, -2},
        // 1 / 49 * 49 is a little less than 1 in float64, and 1 in f32.
        ScalarCase{"%c = arith.divf %a, %b : f32 %d = arith.mulf %c, %b : f32 "
                   "%i = arith.fptosi %d : f32 to i8 %r = arith.sitofp %i : i8 to f32",
                   "f32", 1, 49, 1},
        ScalarCase{"%c = arith.divf %a, %b : f32 %d = arith.mulf %c, %b : f32 "
                   "%r = math.floor %d : f32",
                   "f32", 1, 49, 1},
        ScalarCase{"%c = arith.divf %a, %b : f64 %d = arith.mulf %c, %b : f64 "
                   "%r = math.floor %d : f64",
                   "f64", 1, 49, 0},
        // f16 holds neither 1/3 nor 2049; the reference keeps both.
        ScalarCase{"%c = arith.truncf %a : f32 to f16 %r = arith.extf %c : f16 to f32", "f32",
                   1.0 / 3, 0, 1.0 / 3},
        ScalarCase{"%r = math.exp %a : f32", "f32", 1, 0, std::exp(1.0)},
        ScalarCase{"%r = math.rsqrt %a : f32", "f32", 4, 0, 0.5},
        ScalarCase{"%r = math.tanh %a : f32", "f32", 0.5, 0, std::tanh(0.5)},
        ScalarCase{"%r = math.erf %a : f32", "f32", 0.5, 0, std::erf(0.5)},
        ScalarCase{"%r = math.roundeven %a : f32", "f32", 2.5, 0, 2},
        ScalarCase{"%r = math.round %a : f32", "f32", 2.5, 0, 3},
        ScalarCase{"%r = math.powf %a, %b : f32", "f32", 2, 10, 1024},
        ScalarCase{"%r = math.fma %a, %b, %a : f32", "f32", 2, 10, 22}));

INSTANTIATE_TEST_SUITE_P(
    Integers, ReferenceScalarTest,
    testing::Values(
        ScalarCase{"%r = arith.addi %a, %b : i8", "i8", 127, 1, -128},
        ScalarCase{"%r = arith.muli %a, %b : i32", "i32", 65536, 65536, 0},
        ScalarCase{"%r = arith.divsi %a, %b : i32", "i32", -7, 2, -3},
        ScalarCase{"%r = arith.floordivsi %a, %b : i32", "i32", -7, 2, -4},
        ScalarCase{"%r = arith.ceildivsi %a, %b : i32", "i32", 7, 2, 4},
        ScalarCase{"%r = arith.remsi %a, %b : i32", "i32", -7, 2, -1},
        ScalarCase{"%r = arith.divui %a, %b : i8", "i8", -1, 2, 127},
        ScalarCase{"%r = arith.shrsi %a, %b : i8", "i8", -4, 1, -2},
        ScalarCase{"%r = arith.shrui %a, %b : i8", "i8", -4, 1, 126},
        ScalarCase{"%r = arith.maxui %a, %b : i8", "i8", -1, 1, -1},
        ScalarCase{"%r = arith.minsi %a, %b : i8", "i8", -1, 1, -1},
        ScalarCase{"%r = math.absi %a : i32", "i32", -5, 0, 5},
        ScalarCase{"%c = arith.cmpi ult, %a, %b : i8 %r = arith.extui %c : i1 to i8", "i8", -1, 1,
                   0},
        ScalarCase{"%c = arith.cmpi slt, %a, %b : i8 %r = arith.extsi %c : i1 to i8", "i8", -1, 1,
                   -1},
        ScalarCase{"%c = arith.extui %a : i8 to i32 %r = arith.trunci %c : i32 to i8", "i8", -3, 0,
                   -3},
        ScalarCase{"%r = arith.xori %a, %b : i1", "i1", 1, 1, 0},
        ScalarCase{"%c = arith.index_cast %a : i64 to index %r = arith.index_cast %c : index to "
                   "i64",
                   "i64", -9, 0, -9}));

TEST_F(ReferenceHarness, I64KeepsAllBits) {
  std::string text = R"mlir(
    func.func @f() -> tensor<i64> {
      %c = arith.constant dense<9007199254740993> : tensor<i64>
      return %c : tensor<i64>
    })mlir";
  std::vector<Tensor> tensors = llvm::cantFail(run(text));
  EXPECT_EQ(*tensors[0].dataAs<int64_t>(), 9007199254740993);
}

TEST_F(ReferenceHarness, ConstantsAreExactInTheirType) {
  // 0.1 as f32 is not 0.1 as f64.
  EXPECT_THAT(result(R"mlir(
    func.func @f() -> tensor<2xf32> {
      %c = arith.constant dense<[0.1, 2.0]> : tensor<2xf32>
      return %c : tensor<2xf32>
    })mlir"),
              ElementsAre(static_cast<double>(0.1f), 2));
}

TEST_F(ReferenceHarness, ResourceConstantsAreRead) {
  EXPECT_THAT(result(R"mlir(
    func.func @f() -> tensor<2xf32> {
      %c = arith.constant dense_resource<blob> : tensor<2xf32>
      return %c : tensor<2xf32>
    }
    {-#
      dialect_resources: { builtin: { blob: "0x040000000000803F00000040" } }
    #-})mlir"),
              ElementsAre(1, 2));
}

TEST_F(ReferenceHarness, ScalarOpsApplyToTensorsElementByElement) {
  EXPECT_THAT(result(R"mlir(
    func.func @f(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
      %true = arith.constant true
      %s = arith.addf %x, %y : tensor<?xf32>
      %r = arith.select %true, %s, %x : tensor<?xf32>
      return %r : tensor<?xf32>
    })mlir",
                     {floats({2}, {1, 2}), floats({2}, {10, 20})}),
              ElementsAre(11, 22));
}

TEST_F(ReferenceHarness, LoopsCarryTensorsAndScalars) {
  // Fibonacci: the carried values swap, so all are read before one is written.
  EXPECT_THAT(result(R"mlir(
    func.func @f() -> tensor<2xindex> {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c10 = arith.constant 10 : index
      %a, %b = scf.for %i = %c0 to %c10 step %c1 iter_args(%x = %c0, %y = %c1) -> (index, index) {
        %s = arith.addi %x, %y : index
        scf.yield %y, %s : index, index
      }
      %r = tensor.from_elements %a, %b : tensor<2xindex>
      return %r : tensor<2xindex>
    })mlir"),
              ElementsAre(55, 89));
}

/// A body of tensor.generate runs as a compiled program: the same control flow, once more.
TEST_F(ReferenceHarness, RegionsHaveLoopsBranchesAndCalls) {
  EXPECT_THAT(result(R"mlir(
    func.func private @twice(%x: index) -> index {
      %c2 = arith.constant 2 : index
      %r = arith.muli %x, %c2 : index
      return %r : index
    }
    func.func @f() -> tensor<5xindex> {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c3 = arith.constant 3 : index
      %t = tensor.generate {
      ^bb0(%i: index):
        %a, %b = scf.for %k = %c0 to %i step %c1 iter_args(%x = %c0, %y = %c1) -> (index, index) {
          %s = arith.addi %x, %y : index
          scf.yield %y, %s : index, index
        }
        %big = arith.cmpi sge, %i, %c3 : index
        %r = scf.if %big -> index {
          %d = func.call @twice(%a) : (index) -> index
          %e = func.call @twice(%d) : (index) -> index
          scf.yield %e : index
        } else {
          scf.yield %a : index
        }
        tensor.yield %r : index
      } : tensor<5xindex>
      return %t : tensor<5xindex>
    })mlir"),
              ElementsAre(0, 1, 1, 8, 12));
}

TEST_F(ReferenceHarness, RegionsHaveScalarsAsTensors) {
  EXPECT_THAT(result(R"(func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
    %c0 = arith.constant 0 : index
    %t = tensor.generate {
    ^bb0(%i: index):
      %e = tensor.extract %x[%i] : tensor<2xf32>
      %s = tensor.from_elements %e : tensor<f32>
      %a = tensor.extract %s[] : tensor<f32>
      %r = arith.addf %a, %a : f32
      tensor.yield %r : f32
    } : tensor<2xf32>
    return %t : tensor<2xf32>
  })",
                     {llvm::cantFail(Tensor::fromDoubles(DataType::F32, {2}, {1.5, 4}))}),
              ElementsAre(3, 8));
}

TEST_F(ReferenceHarness, BranchesRunOneSide) {
  std::string text = R"mlir(
    func.func @f(%c: tensor<i1>, %x: tensor<2xf32>) -> tensor<2xf32> {
      %p = tensor.extract %c[] : tensor<i1>
      %r = scf.if %p -> tensor<2xf32> {
        %d = arith.addf %x, %x : tensor<2xf32>
        scf.yield %d : tensor<2xf32>
      } else {
        scf.yield %x : tensor<2xf32>
      }
      return %r : tensor<2xf32>
    })mlir";
  EXPECT_THAT(result(text, {bools({}, {1}), floats({2}, {1, 2})}), ElementsAre(2, 4));
  EXPECT_THAT(result(text, {bools({}, {0}), floats({2}, {1, 2})}), ElementsAre(1, 2));
}

TEST_F(ReferenceHarness, AffineOpsFold) {
  EXPECT_THAT(result(R"mlir(
    func.func @f(%x: tensor<?xf32>) -> tensor<3xindex> {
      %c0 = arith.constant 0 : index
      %n = tensor.dim %x, %c0 : tensor<?xf32>
      %a = affine.apply affine_map<()[s0] -> (s0 floordiv 2)>()[%n]
      %b = affine.min affine_map<()[s0] -> (s0, 4)>()[%n]
      %c = affine.max affine_map<()[s0] -> (s0, 4)>()[%n]
      %r = tensor.from_elements %a, %b, %c : tensor<3xindex>
      return %r : tensor<3xindex>
    })mlir",
                     {floats({7}, {1, 2, 3, 4, 5, 6, 7})}),
              ElementsAre(3, 4, 7));
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

TEST_F(ReferenceHarness, NamesTheOpThatItDoesNotKnow) {
  EXPECT_EQ(error("func.func @f() -> tensor<1xf32> {\n"
                  "  %v = vector.step : vector<1xindex>\n"
                  "  %t = tensor.empty() : tensor<1xf32>\n"
                  "  return %t : tensor<1xf32>\n}"),
            "test.mlir:2:8: error: 'vector.step': the reference executor does not know this op");
}

TEST_F(ReferenceHarness, RejectsUnknownOpsInRegions) {
  EXPECT_THAT(error(R"mlir(
    func.func @f() -> tensor<2xf32> {
      %t = tensor.generate {
      ^bb0(%i: index):
        %v = vector.step : vector<1xindex>
        %c = arith.constant 0.0 : f32
        tensor.yield %c : f32
      } : tensor<2xf32>
      return %t : tensor<2xf32>
    })mlir"),
              HasSubstr("test.mlir:5:14: error: 'vector.step': the reference executor does not "
                        "know this op inside a region"));
}

TEST_F(ReferenceHarness, DivisionByZeroIsAnError) {
  std::string divide = R"mlir(
    func.func @f(%x: tensor<2xi32>, %y: tensor<2xi32>) -> tensor<2xi32> {
      %r = arith.divsi %x, %y : tensor<2xi32>
      return %r : tensor<2xi32>
    })mlir";
  Tensor x = llvm::cantFail(Tensor::fromDoubles(DataType::I32, {2}, {1, -2147483648.0}));
  Tensor zero = llvm::cantFail(Tensor::fromDoubles(DataType::I32, {2}, {1, 0}));
  Tensor minusOne = llvm::cantFail(Tensor::fromDoubles(DataType::I32, {2}, {1, -1}));
  EXPECT_THAT(error(divide, {x, zero}), HasSubstr("'arith.divsi': the result is undefined"));
  EXPECT_THAT(error(divide, {x, minusOne}), HasSubstr("'arith.divsi': the result is undefined"));
}

TEST_F(ReferenceHarness, FloatsBeyondTheIntegerTypeAreAnError) {
  EXPECT_THAT(error(R"mlir(
    func.func @f(%x: tensor<1xf32>) -> tensor<1xi8> {
      %r = arith.fptosi %x : tensor<1xf32> to tensor<1xi8>
      return %r : tensor<1xi8>
    })mlir",
                    {floats({1}, {128})}),
              HasSubstr("'arith.fptosi': the result is undefined"));
}

TEST_F(ReferenceHarness, StepsOfZeroAreAnError) {
  std::string text = R"mlir(
    func.func @f(%s: tensor<index>) -> tensor<index> {
      %c0 = arith.constant 0 : index
      %c9 = arith.constant 9 : index
      %step = tensor.extract %s[] : tensor<index>
      %r = scf.for %i = %c0 to %c9 step %step iter_args(%x = %c0) -> index {
        scf.yield %i : index
      }
      %t = tensor.from_elements %r : tensor<index>
      return %t : tensor<index>
    })mlir";
  EXPECT_THAT(result(text, {integers({}, {4})}), ElementsAre(8));
  EXPECT_THAT(error(text, {integers({}, {0})}), HasSubstr("expected a step of at least 1, got 0"));
}

TEST_F(ReferenceHarness, RecursionIsAnError) {
  EXPECT_THAT(error(R"mlir(
    func.func @f(%x: tensor<1xf32>) -> tensor<1xf32> {
      %r = func.call @f(%x) : (tensor<1xf32>) -> tensor<1xf32>
      return %r : tensor<1xf32>
    })mlir",
                    {floats({1}, {1})}),
              HasSubstr("is @f recursive?"));
}

TEST_F(ReferenceHarness, RecursionInARegionIsAnError) {
  EXPECT_THAT(error(R"mlir(
    func.func private @g(%x: index) -> index {
      %r = func.call @g(%x) : (index) -> index
      return %r : index
    }
    func.func @f() -> tensor<2xindex> {
      %t = tensor.generate {
      ^bb0(%i: index):
        %r = func.call @g(%i) : (index) -> index
        tensor.yield %r : index
      } : tensor<2xindex>
      return %t : tensor<2xindex>
    })mlir"),
              HasSubstr("@g calls itself"));
}

TEST_F(ReferenceHarness, FailedAssertionsGiveTheirMessage) {
  EXPECT_THAT(error(R"mlir(
    func.func @f() -> tensor<1xf32> {
      %false = arith.constant false
      cf.assert %false, "L must be even"
      %t = tensor.empty() : tensor<1xf32>
      return %t : tensor<1xf32>
    })mlir"),
              HasSubstr("error: 'cf.assert': L must be even"));
}

TEST_F(ReferenceHarness, ChecksTheInputs) {
  std::string text = R"mlir(
    func.func @f(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
      return %x : tensor<?x2xf32>
    })mlir";
  EXPECT_THAT(error(text), HasSubstr("expected 1 inputs, got 0"));
  EXPECT_THAT(error(text, {floats({1, 3}, {1, 2, 3})}),
              HasSubstr("argument 0: expected tensor<?x2xf32>, got f64[1, 3]"));
  EXPECT_THAT(error(text, {integers({1, 2}, {1, 2})}),
              HasSubstr("argument 0: expected elements of f32, got i64[1, 2]"));
  EXPECT_THAT(result(text, {floats({0, 2}, {})}), ElementsAre());
}

TEST_F(ReferenceHarness, ReadsStridedInputs) {
  std::vector<int32_t> memory = {1, 2, 3, 4, 5, 6};
  TensorView transposed(memory.data(), DataType::I32, {3, 2}, {1, 3});
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"mlir(
    func.func @f(%x: tensor<3x2xi32>) -> tensor<3x2xi32> { return %x : tensor<3x2xi32> })mlir",
                                                        context.get());
  std::vector<Tensor> tensors = llvm::cantFail(runReference(*module, "f", {transposed}, {}));
  EXPECT_EQ(tensors[0].dataType(), DataType::I32);
  EXPECT_THAT(toDoubles(tensors[0]), ElementsAre(1, 4, 2, 5, 3, 6));
}

TEST_F(ReferenceHarness, ThereMustBeTheEntry) {
  EXPECT_EQ(error("func.func @g() { return }"), "there is no function 'f'");
  EXPECT_THAT(error("func.func private @f()"), HasSubstr("to have a body of one block"));
}

} // namespace
