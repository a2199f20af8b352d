#include "runtime/Finding.h"
#include "inspect/RecordTesting.h"

using namespace fovea;
using namespace fovea::testing;

static const char causal[] = "%m = arith.cmpi sge, %i, %j : index";

/// A softmax whose weights are used twice, which no pass makes an attention of.
static const char unfused[] = R"mlir(
  func.func @f(%x: tensor<16x8xf32> {attn.name = "x", attn.dims = ["", ""]},
               %g: tensor<16x16xf32> {attn.name = "g", attn.dims = ["", ""]})
      -> (tensor<16x8xf32> {attn.name = "y"}) {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<16x16xf32>
    %p = attn.softmax ins(%g : tensor<16x16xf32>) outs(%e : tensor<16x16xf32>) dim(1) -> tensor<16x16xf32>
    %o = tensor.empty() : tensor<16x8xf32>
    %z = linalg.fill ins(%zero : f32) outs(%o : tensor<16x8xf32>) -> tensor<16x8xf32>
    %y = linalg.matmul ins(%p, %x : tensor<16x16xf32>, tensor<16x8xf32>)
                       outs(%z : tensor<16x8xf32>) -> tensor<16x8xf32>
    return %y : tensor<16x8xf32>
  })mlir";

TEST(FindingTest, KeepsPlaceTopicAndMessageApart) {
  Recorded recorded(attentionSource(causal));
  ASSERT_FALSE(recorded.record.findings.empty()) << recorded.error;
  const Finding &finding = recorded.record.findings.front();
  EXPECT_EQ(finding.place, (SourcePlace{"test.mlir", 9, 12}));
  EXPECT_EQ(finding.topic, "mask");
  EXPECT_EQ(finding.message, "keys where j - i <= 0");
  EXPECT_EQ(finding.shortfall, Shortfall::None);
  EXPECT_EQ(finding.str(), "test.mlir:9:12: remark: [mask] keys where j - i <= 0");
}

TEST(FindingTest, RequiredFusionThatIsMissedIsAnError) {
  Recorded free(unfused);
  EXPECT_EQ(free.error, "");
  ASSERT_FALSE(free.record.findings.empty());
  EXPECT_EQ(free.record.findings.front().shortfall, Shortfall::NotFused);

  CompileOptions options;
  options.require.fused = true;
  Recorded required(unfused, options);
  EXPECT_EQ(required.error,
            "test.mlir:7:10: error: [attention] this softmax stays: its scores do not come from a "
            "contraction of queries and keys (--require=fused)");
  Recorded fused(attentionSource(causal), options);
  EXPECT_EQ(fused.error, "");
}

TEST(FindingTest, RequiredVectorsThatAreMissedAreAnError) {
  // A region in the body has no form on vectors.
  const char nested[] = R"mlir(
    func.func @f(%x: tensor<64xf32> {attn.name = "x", attn.dims = [""]})
        -> (tensor<64xf32> {attn.name = "y"}) {
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<64xf32>
      %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
                           iterator_types = ["parallel"]}
          ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) {
        ^bb0(%a: f32, %o: f32):
          %p = arith.cmpf ogt, %a, %zero : f32
          %r = scf.if %p -> f32 {
            %s = math.sqrt %a : f32
            scf.yield %s : f32
          } else {
            %n = math.exp %a : f32
            scf.yield %n : f32
          }
          linalg.yield %r : f32
      } -> tensor<64xf32>
      return %y : tensor<64xf32>
    })mlir";
  CompileOptions options;
  options.require.fused = true;
  EXPECT_EQ(Recorded(nested, options).error, "");
  options.require.vectorized = true;
  Recorded required(nested, options);
  EXPECT_NE(required.error.find("test.mlir:6:12: error: [vectorize] scalar loops: "),
            std::string::npos)
      << required.error;
  EXPECT_NE(required.error.find(" (--require=vectorized)"), std::string::npos);
}
