// The forms in which the graph builder writes attention: each must be raised, and two ways of
// writing one computation must give one kernel.
#include "dialect/AttnOps.h"
#include "dialect/RegisterAll.h"
#include "frontend/GraphBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Pipelines.h"
#include <gtest/gtest.h>
#include <limits>

using namespace mlir;
using namespace fovea;
using llvm::cantFail;

namespace {

constexpr double negativeInfinity = -std::numeric_limits<double>::infinity();

class BuilderForms : public ::testing::Test {
protected:
  BuilderForms()
      : context(makeContext()), module(ModuleOp::create(UnknownLoc::get(context.get()))) {
    context->getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
      report += diagnostic.str() + "\n";
      return success();
    });
  }

  Type f32() { return Float32Type::get(context.get()); }

  /// Queries, keys and values of one shape.
  GraphBuilder::Tensors begin(GraphBuilder &g, SymbolicShape shape) {
    return cantFail(
        g.beginFunction("f", {{"q", f32(), shape}, {"k", f32(), shape}, {"v", f32(), shape}}));
  }

  /// The fused IR of a graph whose result is built by `build` from q, k and v, without the
  /// conditions on sizes: they are the entry's, and a form with unfold wants a position at least.
  std::string
  fuse(SymbolicShape shape,
       llvm::function_ref<SymbolicTensor(GraphBuilder &, GraphBuilder::Tensors &)> build) {
    module = ModuleOp::create(UnknownLoc::get(context.get()));
    report.clear();
    GraphBuilder g(*module);
    GraphBuilder::Tensors arguments = begin(g, shape);
    SymbolicTensor result = build(g, arguments);
    cantFail(g.endFunction({{"y", result}}));
    PassManager passes(context.get());
    FoveaPipelineOptions options;
    options.compileTo = Phase::Fused;
    buildFoveaPipeline(passes, options);
    EXPECT_TRUE(succeeded(passes.run(*module))) << report;
    module->walk([](func::FuncOp function) { function->removeAttr("attn.requires"); });
    std::string text;
    llvm::raw_string_ostream os(text);
    module->print(os);
    return text;
  }

  template <typename OpTy>
  int count() {
    int found = 0;
    module->walk([&](OpTy) { ++found; });
    return found;
  }

  /// Only attention and reshapes are left.
  void expectRaised(const std::string &text) {
    EXPECT_EQ(count<attn::AttentionOp>(), 1) << report << text;
    EXPECT_EQ(count<attn::SoftmaxOp>(), 0) << report << text;
    EXPECT_EQ(count<attn::UnfoldOp>(), 0) << report << text;
    EXPECT_EQ(count<linalg::GenericOp>(), 0) << report << text;
  }

  std::unique_ptr<MLIRContext> context;
  OwningOpRef<ModuleOp> module;
  std::string report;
};

SymbolicDim L() { return SymbolicDim::symbol("L"); }
SymbolicDim B() { return SymbolicDim::symbol("B"); }

/// scores * scale, with a product of queries and transposed keys.
SymbolicTensor scaledScores(GraphBuilder &g, GraphBuilder::Tensors &in, double scale) {
  SymbolicTensor keys = cantFail(g.transpose(in[1], -2, -1));
  SymbolicTensor scores = cantFail(g.matmul(in[0], keys));
  SymbolicTensor factor = cantFail(g.scalar(scale, in[0].elementType()));
  return cantFail(g.mul(scores, factor));
}

SymbolicTensor finish(GraphBuilder &g, const SymbolicTensor &scores, const SymbolicTensor &values) {
  SymbolicTensor weights = cantFail(g.softmax(scores));
  return cantFail(g.matmul(weights, values));
}

TEST_F(BuilderForms, PlainAttentionOfEveryRank) {
  for (SymbolicShape shape :
       {SymbolicShape{L(), 64}, {B(), L(), 64}, {B(), 8, L(), 64}, {2, B(), 8, L(), 64}}) {
    std::string text = fuse(shape, [](GraphBuilder &g, GraphBuilder::Tensors &in) {
      return finish(g, scaledScores(g, in, 0.125), in[2]);
    });
    expectRaised(text);
    EXPECT_EQ(text.find("scale"), std::string::npos) << "1/sqrt(64) is the default\n" << text;
    EXPECT_EQ(text.find("top_left"), std::string::npos) << "rows and keys are both L\n" << text;
  }
}

TEST_F(BuilderForms, CausalByMaskedFill) {
  std::string text = fuse({B(), 8, L(), 64}, [](GraphBuilder &g, GraphBuilder::Tensors &in) {
    SymbolicTensor ones = cantFail(g.ones(in[0].elementType(), {L(), L()}));
    SymbolicTensor lower = cantFail(g.triangle(TriangleKind::Lower, ones));
    SymbolicTensor zero = cantFail(g.scalar(0, in[0].elementType()));
    SymbolicTensor masked = cantFail(g.compare(CompareKind::Eq, lower, zero));
    SymbolicTensor fill = cantFail(g.scalar(negativeInfinity, in[0].elementType()));
    SymbolicTensor scores = cantFail(g.where(masked, fill, scaledScores(g, in, 0.125)));
    return finish(g, scores, in[2]);
  });
  expectRaised(text);
  EXPECT_NE(report.find("[mask] keys where j - i <= 0"), std::string::npos) << report << text;
}

TEST_F(BuilderForms, CausalByRenormalizing) {
  std::string text = fuse({L(), 2}, [](GraphBuilder &g, GraphBuilder::Tensors &in) {
    SymbolicTensor weights = cantFail(g.softmax(scaledScores(g, in, 0.5)));
    SymbolicTensor lower = cantFail(g.triangle(TriangleKind::Lower, weights));
    SymbolicTensor sums = cantFail(g.reduce(ReduceKind::Sum, lower, {-1}, /*keepDims=*/true));
    SymbolicTensor renormalized = cantFail(g.div(lower, sums));
    return cantFail(g.matmul(renormalized, in[2]));
  });
  expectRaised(text);
  EXPECT_NE(report.find("[mask] keys where j - i <= 0"), std::string::npos) << report << text;
}

TEST_F(BuilderForms, WindowByMaskAndByUnfoldAreOneKernel) {
  for (SymbolicDim length : {SymbolicDim(100), L()}) {
    SymbolicShape shape{B(), 8, length, 64};
    auto bySlots = [&](GraphBuilder &g, GraphBuilder::Tensors &in) {
      SymbolicTensor windows[2];
      for (int n : {0, 1})
        windows[n] = cantFail(g.unfold(cantFail(g.pad(in[n + 1], 2, 4, 4)), 2, 9, 1));
      SymbolicTensor scores = cantFail(g.einsum("bhld,bhldw->bhlw", in[0], windows[0]));
      SymbolicTensor factor = cantFail(g.scalar(0.25, in[0].elementType()));
      scores = cantFail(g.mul(scores, factor));
      Value size = cantFail(g.dimValue(length));
      auto inside = [&](OpBuilder &b, Location loc, ValueRange at) -> llvm::Expected<Value> {
        Value zero = arith::ConstantIndexOp::create(b, loc, 0);
        Value left = arith::ConstantIndexOp::create(b, loc, 4);
        Value key =
            arith::SubIOp::create(b, loc, arith::AddIOp::create(b, loc, at[0], at[1]), left);
        Value low = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, key, zero);
        Value high = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, key, size);
        return arith::AndIOp::create(b, loc, low, high).getResult();
      };
      SymbolicTensor mask = cantFail(g.createMask({length, 9}, inside));
      scores = cantFail(g.applyMask(scores, mask, negativeInfinity));
      SymbolicTensor weights = cantFail(g.softmax(scores));
      return cantFail(g.einsum("bhlw,bhldw->bhld", weights, windows[1]));
    };
    auto byMask = [&](GraphBuilder &g, GraphBuilder::Tensors &in) {
      AttentionOptions options;
      options.scale = 0.25;
      options.mask = [](OpBuilder &b, Location loc, ValueRange at) -> llvm::Expected<Value> {
        Value width = arith::ConstantIndexOp::create(b, loc, 4);
        Value distance = math::AbsIOp::create(b, loc, arith::SubIOp::create(b, loc, at[2], at[3]));
        return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, distance, width)
            .getResult();
      };
      return cantFail(g.attention(in[0], in[1], in[2], options)).output;
    };
    std::string unfolded = fuse(shape, bySlots);
    expectRaised(unfolded);
    EXPECT_EQ(unfolded, fuse(shape, byMask)) << report;
  }
}

TEST_F(BuilderForms, UnmaskedPaddingBecomesSink) {
  std::string text = fuse({B(), 8, L(), 64}, [](GraphBuilder &g, GraphBuilder::Tensors &in) {
    SymbolicTensor keys = cantFail(g.unfold(cantFail(g.pad(in[1], 2, 2, 2)), 2, 5, 1));
    SymbolicTensor values = cantFail(g.unfold(cantFail(g.pad(in[2], 2, 2, 2)), 2, 5, 1));
    SymbolicTensor scores = cantFail(g.einsum("bhld,bhldw->bhlw", in[0], keys));
    SymbolicTensor weights = cantFail(g.softmax(scores));
    return cantFail(g.einsum("bhlw,bhldw->bhld", weights, values));
  });
  expectRaised(text);
  EXPECT_NE(text.find("} sink {"), std::string::npos) << text;
}

TEST_F(BuilderForms, RepeatedHeadsAreNotStored) {
  std::string text = fuse({B(), 2, L(), 64}, [](GraphBuilder &g, GraphBuilder::Tensors &in) {
    SymbolicTensor repeated[2];
    for (int n : {0, 1}) {
      SymbolicTensor split = cantFail(g.unsqueeze(in[n + 1], 2));
      split = cantFail(g.broadcastTo(split, {B(), 2, 3, L(), 64}));
      repeated[n] = cantFail(g.reshape(split, {B(), 6, L(), 64}));
    }
    SymbolicTensor queries =
        cantFail(g.broadcastTo(cantFail(g.unsqueeze(in[0], 2)), {B(), 2, 3, L(), 64}));
    queries = cantFail(g.reshape(queries, {B(), 6, L(), 64}));
    SymbolicTensor scores = cantFail(g.matmul(queries, cantFail(g.transpose(repeated[0], -2, -1))));
    return finish(g, scores, repeated[1]);
  });
  EXPECT_EQ(count<attn::AttentionOp>(), 1) << report << text;
  EXPECT_NE(text.find("tensor<?x6x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>"),
            std::string::npos)
      << text;
}

} // namespace
