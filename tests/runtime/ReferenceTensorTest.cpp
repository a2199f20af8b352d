// tensor and linalg ops of the reference executor against values computed by hand.
#include "ReferenceHarness.h"

using namespace fovea;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

class ReferenceTensorTest : public ReferenceHarness {
protected:
  Tensor matrix = floats({2, 3}, {1, 2, 3, 4, 5, 6});
};

TEST_F(ReferenceTensorTest, EmptyTensorsAreNaN) {
  EXPECT_THAT(result(R"mlir(
    func.func @f() -> tensor<1xf32> {
      %t = tensor.empty() : tensor<1xf32>
      return %t : tensor<1xf32>
    })mlir"),
              ElementsAre(testing::IsNan()));
}

TEST_F(ReferenceTensorTest, SplatInsertExtract) {
  EXPECT_THAT(result(R"mlir(
    func.func @f() -> tensor<2x?xf32> {
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %x = arith.constant 7.0 : f32
      %y = arith.constant 1.0 : f32
      %s = tensor.splat %x[%c2] : tensor<2x?xf32>
      %e = tensor.extract %s[%c1, %c1] : tensor<2x?xf32>
      %d = arith.addf %e, %y : f32
      %t = tensor.insert %d into %s[%c1, %c1] : tensor<2x?xf32>
      return %t : tensor<2x?xf32>
    })mlir"),
              ElementsAre(7, 7, 7, 8));
}

TEST_F(ReferenceTensorTest, InsertLeavesTheOriginal) {
  auto both = results(R"mlir(
    func.func @f(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
      %c0 = arith.constant 0 : index
      %v = arith.constant 9.0 : f32
      %t = tensor.insert %v into %x[%c0, %c0] : tensor<2x3xf32>
      return %x, %t : tensor<2x3xf32>, tensor<2x3xf32>
    })mlir",
                      {matrix});
  EXPECT_EQ(both[0][0], 1);
  EXPECT_EQ(both[1][0], 9);
}

TEST_F(ReferenceTensorTest, SlicesWithStridesAndDroppedDims) {
  EXPECT_THAT(result(R"mlir(
    func.func @f(%x: tensor<2x3xf32>) -> tensor<2xf32> {
      %s = tensor.extract_slice %x[1, 0] [1, 2] [1, 2] : tensor<2x3xf32> to tensor<2xf32>
      return %s : tensor<2xf32>
    })mlir",
                     {matrix}),
              ElementsAre(4, 6));
  EXPECT_THAT(result(R"mlir(
    func.func @f(%x: tensor<2x3xf32>, %y: tensor<2xf32>) -> tensor<2x3xf32> {
      %s = tensor.insert_slice %y into %x[0, 1] [2, 1] [1, 1] : tensor<2xf32> into tensor<2x3xf32>
      return %s : tensor<2x3xf32>
    })mlir",
                     {matrix, floats({2}, {8, 9})}),
              ElementsAre(1, 8, 3, 4, 9, 6));
}

TEST_F(ReferenceTensorTest, SlicesOutOfRangeAreErrors) {
  std::string text = R"mlir(
    func.func @f(%x: tensor<?xf32>, %n: tensor<2xindex>) -> tensor<?xf32> {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %offset = tensor.extract %n[%c0] : tensor<2xindex>
      %size = tensor.extract %n[%c1] : tensor<2xindex>
      %s = tensor.extract_slice %x[%offset] [%size] [2] : tensor<?xf32> to tensor<?xf32>
      return %s : tensor<?xf32>
    })mlir";
  Tensor x = floats({5}, {0, 1, 2, 3, 4});
  EXPECT_THAT(result(text, {x, integers({2}, {0, 3})}), ElementsAre(0, 2, 4));
  EXPECT_THAT(result(text, {x, integers({2}, {5, 0})}), ElementsAre());
  EXPECT_THAT(error(text, {x, integers({2}, {1, 3})}),
              HasSubstr("offset 1, size 3, stride 2 is out of range for dim 0 of size 5"));
  EXPECT_THAT(error(text, {x, integers({2}, {-1, 1})}), HasSubstr("out of range"));
  EXPECT_THAT(error(text, {x, integers({2}, {0, -1})}), HasSubstr("out of range"));
  EXPECT_THAT(error(text, {x, integers({2}, {1, 0x1p62})}), HasSubstr("out of range"));
}

TEST_F(ReferenceTensorTest, ShapesChangeAndElementsStay) {
  EXPECT_THAT(result(R"mlir(
    func.func @f(%x: tensor<2x3xf32>) -> tensor<3x2xf32> {
      %a = tensor.collapse_shape %x [[0, 1]] : tensor<2x3xf32> into tensor<6xf32>
      %b = tensor.expand_shape %a [[0, 1]] output_shape [3, 2] : tensor<6xf32> into tensor<3x2xf32>
      %c = tensor.cast %b : tensor<3x2xf32> to tensor<?x?xf32>
      %shape = arith.constant dense<[3, 2]> : tensor<2xindex>
      %d = tensor.reshape %c(%shape) : (tensor<?x?xf32>, tensor<2xindex>) -> tensor<3x2xf32>
      return %d : tensor<3x2xf32>
    })mlir",
                     {matrix}),
              ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(ReferenceTensorTest, WrongShapesAreErrors) {
  EXPECT_THAT(error(R"mlir(
    func.func @f(%x: tensor<?xf32>) -> tensor<3x?xf32> {
      %c2 = arith.constant 2 : index
      %b = tensor.expand_shape %x [[0, 1]] output_shape [3, %c2] : tensor<?xf32> into tensor<3x?xf32>
      return %b : tensor<3x?xf32>
    })mlir",
                    {floats({4}, {1, 2, 3, 4})}),
              HasSubstr("'tensor.expand_shape': expected 4 elements, got a shape of 6"));
  EXPECT_THAT(error(R"mlir(
    func.func @f(%x: tensor<?xf32>) -> tensor<3xf32> {
      %b = tensor.cast %x : tensor<?xf32> to tensor<3xf32>
      return %b : tensor<3xf32>
    })mlir",
                    {floats({4}, {1, 2, 3, 4})}),
              HasSubstr("expected a source of sizes [3], got [4]"));
  EXPECT_THAT(error(R"mlir(
    func.func @f(%x: tensor<1xindex>) -> tensor<?xf32> {
      %c0 = arith.constant 0 : index
      %n = tensor.extract %x[%c0] : tensor<1xindex>
      %t = tensor.empty(%n) : tensor<?xf32>
      return %t : tensor<?xf32>
    })mlir",
                    {integers({1}, {-3})}),
              HasSubstr("'tensor.empty': expected sizes of 0 or more"));
}

TEST_F(ReferenceTensorTest, PadAndConcat) {
  EXPECT_THAT(result(R"mlir(
    func.func @f(%x: tensor<2x3xf32>) -> tensor<2x5xf32> {
      %zero = arith.constant 0.0 : f32
      %p = tensor.pad %x low[0, 1] high[0, 1] {
      ^bb0(%i: index, %j: index):
        tensor.yield %zero : f32
      } : tensor<2x3xf32> to tensor<2x5xf32>
      return %p : tensor<2x5xf32>
    })mlir",
                     {matrix}),
              ElementsAre(0, 1, 2, 3, 0, 0, 4, 5, 6, 0));
  EXPECT_THAT(result(R"mlir(
    func.func @f(%x: tensor<2x3xf32>, %y: tensor<2x1xf32>) -> tensor<2x4xf32> {
      %c = tensor.concat dim(1) %x, %y : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
      return %c : tensor<2x4xf32>
    })mlir",
                     {matrix, floats({2, 1}, {8, 9})}),
              ElementsAre(1, 2, 3, 8, 4, 5, 6, 9));
}

//===----------------------------------------------------------------------===//
// linalg
//===----------------------------------------------------------------------===//

TEST_F(ReferenceTensorTest, MatmulAddsToItsInit) {
  EXPECT_THAT(result(R"mlir(
    func.func @f(%x: tensor<2x3xf32>, %y: tensor<3x1xf32>) -> tensor<2x1xf32> {
      %one = arith.constant dense<1.0> : tensor<2x1xf32>
      %r = linalg.matmul ins(%x, %y : tensor<2x3xf32>, tensor<3x1xf32>)
                         outs(%one : tensor<2x1xf32>) -> tensor<2x1xf32>
      return %r : tensor<2x1xf32>
    })mlir",
                     {matrix, floats({3, 1}, {1, 10, 100})}),
              ElementsAre(322, 655));
}

TEST_F(ReferenceTensorTest, BatchMatmulTransposeBroadcastReduceMapFill) {
  EXPECT_THAT(
      result(R"mlir(
    func.func @f(%x: tensor<1x2x3xf32>, %y: tensor<1x3x2xf32>) -> tensor<1x2x2xf32> {
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<1x2x2xf32>
      %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x2xf32>) -> tensor<1x2x2xf32>
      %r = linalg.batch_matmul ins(%x, %y : tensor<1x2x3xf32>, tensor<1x3x2xf32>)
                               outs(%i : tensor<1x2x2xf32>) -> tensor<1x2x2xf32>
      return %r : tensor<1x2x2xf32>
    })mlir",
             {floats({1, 2, 3}, {1, 2, 3, 4, 5, 6}), floats({1, 3, 2}, {1, 0, 0, 1, 1, 1})}),
      ElementsAre(4, 5, 10, 11));
  EXPECT_THAT(result(R"mlir(
    func.func @f(%x: tensor<2x3xf32>) -> tensor<3x2xf32> {
      %e = tensor.empty() : tensor<3x2xf32>
      %r = linalg.transpose ins(%x : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
      return %r : tensor<3x2xf32>
    })mlir",
                     {matrix}),
              ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(result(R"mlir(
    func.func @f(%x: tensor<2x3xf32>) -> tensor<2x2xf32> {
      %m = arith.constant dense<0.0> : tensor<2xf32>
      %e = tensor.empty() : tensor<2x2xf32>
      %s = linalg.reduce { arith.addf } ins(%x : tensor<2x3xf32>) outs(%m : tensor<2xf32>) dimensions = [1]
      %b = linalg.broadcast ins(%s : tensor<2xf32>) outs(%e : tensor<2x2xf32>) dimensions = [1]
      %r = linalg.map { math.sqrt } ins(%b : tensor<2x2xf32>) outs(%e : tensor<2x2xf32>)
      return %r : tensor<2x2xf32>
    })mlir",
                     {floats({2, 3}, {1, 1, 2, 3, 3, 3})}),
              ElementsAre(2, 2, 3, 3));
}

/// The products of a contraction have a loop of their own; the same body with another op between
/// must not take it.
TEST_F(ReferenceTensorTest, BodiesThatAreNearlyProducts) {
  auto generic = [](const std::string &body) {
    return R"mlir(
    func.func @f(%x: tensor<2x3xf32>, %y: tensor<3xf32>) -> tensor<2xf32> {
      %o = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
      %r = linalg.generic {
          indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i)>],
          iterator_types = ["parallel", "reduction"]}
          ins(%x, %y : tensor<2x3xf32>, tensor<3xf32>) outs(%o : tensor<2xf32>) {
      ^bb0(%a: f32, %b: f32, %c: f32):
        )mlir" +
           body +
           R"mlir(
      } -> tensor<2xf32>
      return %r : tensor<2xf32>
    })mlir";
  };
  Tensor row = floats({3}, {1, 10, 100});
  Inputs in = {matrix, row};
  EXPECT_THAT(result(generic("%m = arith.mulf %b, %a : f32\n%s = arith.addf %m, %c : f32\n"
                             "linalg.yield %s : f32"),
                     in),
              ElementsAre(322, 656));
  EXPECT_THAT(result(generic("%m = arith.mulf %a, %b : f32\n%s = arith.addf %m, %m : f32\n"
                             "linalg.yield %s : f32"),
                     in),
              ElementsAre(600, 1200));
  EXPECT_THAT(result(generic("%m = arith.mulf %a, %c : f32\n%s = arith.addf %m, %b : f32\n"
                             "linalg.yield %s : f32"),
                     in),
              ElementsAre(142, 430));
}

TEST_F(ReferenceTensorTest, GenericWithIndexGatherAndSeveralResults) {
  auto both = results(R"mlir(
    func.func @f(%ids: tensor<2xi64>, %table: tensor<3x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xindex>) {
      %e = tensor.empty() : tensor<2x2xf32>
      %n = tensor.empty() : tensor<2x2xindex>
      %r:2 = linalg.generic {
          indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
          iterator_types = ["parallel", "parallel"]}
          ins(%ids : tensor<2xi64>) outs(%e, %n : tensor<2x2xf32>, tensor<2x2xindex>) {
      ^bb0(%id: i64, %a: f32, %b: index):
        %row = arith.index_cast %id : i64 to index
        %j = linalg.index 1 : index
        %v = tensor.extract %table[%row, %j] : tensor<3x2xf32>
        %s = arith.addi %row, %j : index
        linalg.yield %v, %s : f32, index
      } -> (tensor<2x2xf32>, tensor<2x2xindex>)
      return %r#0, %r#1 : tensor<2x2xf32>, tensor<2x2xindex>
    })mlir",
                      {integers({2}, {2, 0}), floats({3, 2}, {1, 2, 3, 4, 5, 6})});
  EXPECT_THAT(both[0], ElementsAre(5, 6, 1, 2));
  EXPECT_THAT(both[1], ElementsAre(2, 3, 0, 1));
}

TEST_F(ReferenceTensorTest, GatherOutOfRangeIsAnError) {
  EXPECT_THAT(error(R"mlir(
    func.func @f(%ids: tensor<1xi64>, %table: tensor<3xf32>) -> tensor<1xf32> {
      %e = tensor.empty() : tensor<1xf32>
      %r = linalg.map ins(%ids : tensor<1xi64>) outs(%e : tensor<1xf32>)
        (%id: i64, %out: f32) {
          %row = arith.index_cast %id : i64 to index
          %v = tensor.extract %table[%row] : tensor<3xf32>
          linalg.yield %v : f32
        }
      return %r : tensor<1xf32>
    })mlir",
                    {integers({1}, {3}), floats({3}, {1, 2, 3})}),
              HasSubstr("'tensor.extract': index 3 is out of range for dim 0 of size 3"));
}

TEST_F(ReferenceTensorTest, WindowsAreLinearMaps) {
  // A convolution: the input is indexed by i + k.
  std::string text = R"mlir(
    func.func @f(%x: tensor<?xf32>, %k: tensor<?xf32>, %o: tensor<?xf32>) -> tensor<?xf32> {
      %r = linalg.conv_1d ins(%x, %k : tensor<?xf32>, tensor<?xf32>) outs(%o : tensor<?xf32>) -> tensor<?xf32>
      return %r : tensor<?xf32>
    })mlir";
  Tensor x = floats({4}, {1, 2, 3, 4}), k = floats({2}, {1, 10});
  EXPECT_THAT(result(text, {x, k, floats({3}, {0, 0, 0})}), ElementsAre(21, 32, 43));
  EXPECT_THAT(error(text, {x, k, floats({4}, {0, 0, 0, 0})}),
              HasSubstr("indices 0 to 4 are out of range for dim 0 of size 4"));
}

TEST_F(ReferenceTensorTest, OperandsOfDifferentExtentsAreErrors) {
  EXPECT_THAT(error(R"mlir(
    func.func @f(%x: tensor<?x?xf32>, %y: tensor<?x?xf32>, %o: tensor<?x?xf32>) -> tensor<?x?xf32> {
      %r = linalg.matmul ins(%x, %y : tensor<?x?xf32>, tensor<?x?xf32>)
                         outs(%o : tensor<?x?xf32>) -> tensor<?x?xf32>
      return %r : tensor<?x?xf32>
    })mlir",
                    {matrix, matrix, matrix}),
              HasSubstr("'linalg.matmul': expected dim 0 of operand 1 to be of size 3, got 2"));
}

TEST_F(ReferenceTensorTest, ModuloInMapsIsNotSupported) {
  EXPECT_THAT(error(R"mlir(
    func.func @f(%x: tensor<2xf32>, %o: tensor<4xf32>) -> tensor<4xf32> {
      %r = linalg.generic {
          indexing_maps = [affine_map<(i) -> (i mod 2)>, affine_map<(i) -> (i)>],
          iterator_types = ["parallel"]}
          ins(%x : tensor<2xf32>) outs(%o : tensor<4xf32>) {
      ^bb0(%a: f32, %b: f32):
        linalg.yield %a : f32
      } -> tensor<4xf32>
      return %r : tensor<4xf32>
    })mlir",
                    {floats({2}, {1, 2}), floats({4}, {0, 0, 0, 0})}),
              HasSubstr("expected indexing maps without mod"));
}

TEST_F(ReferenceTensorTest, EmptyLoopsGiveTheInit) {
  EXPECT_THAT(result(R"mlir(
    func.func @f(%x: tensor<2x?xf32>) -> tensor<2xf32> {
      %m = arith.constant dense<5.0> : tensor<2xf32>
      %s = linalg.reduce { arith.addf } ins(%x : tensor<2x?xf32>) outs(%m : tensor<2xf32>) dimensions = [1]
      return %s : tensor<2xf32>
    })mlir",
                     {floats({2, 0}, {})}),
              ElementsAre(5, 5));
}

TEST_F(ReferenceTensorTest, SoftmaxOfLinalg) {
  EXPECT_THAT(result(R"mlir(
    func.func @f(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
      %e = tensor.empty() : tensor<2x2xf32>
      %r = linalg.softmax dimension(0) ins(%x : tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
      return %r : tensor<2x2xf32>
    })mlir",
                     {floats({2, 2}, {1000, 0, 1000, 0})}),
              ElementsAre(0.5, 0.5, 0.5, 0.5));
}

} // namespace
