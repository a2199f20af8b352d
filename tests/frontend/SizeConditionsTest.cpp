// Conditions on sizes: what is noted, what is read back, and what a run is told.
#include "frontend/SizeConditions.h"
#include "dialect/RegisterAll.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Builders.h"
#include "tests/ErrorTesting.h"
#include <gtest/gtest.h>

using namespace fovea;
using fovea::testing::failsWith;

namespace {
class SizeConditionsTest : public ::testing::Test {
protected:
  SizeConditionsTest()
      : b(context.get()), loc(mlir::FileLineColLoc::get(b.getStringAttr("m.fov"), 2, 5)) {
    module = mlir::ModuleOp::create(loc);
    b.setInsertionPointToEnd(module->getBody());
    function = mlir::func::FuncOp::create(b, loc, "f", b.getFunctionType({}, {}));
  }

  void require(const SymbolicDim &least, const SymbolicDim &most) {
    llvm::cantFail(requireAtMost(function, loc, least, most));
  }
  std::vector<SizeCondition> conditions() { return llvm::cantFail(readSizeConditions(function)); }
  /// The error of the only condition, empty if it holds.
  std::string check(std::optional<int64_t> l, std::optional<int64_t> m = std::nullopt) {
    auto sizeOf = [&](llvm::StringRef name) { return name == "L" ? l : m; };
    return llvm::toString(conditions().at(0).check(sizeOf));
  }

  std::unique_ptr<mlir::MLIRContext> context = makeContext();
  mlir::OpBuilder b;
  mlir::Location loc;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  SymbolicDim L = SymbolicDim::symbol("L"), M = SymbolicDim::symbol("M");
};
} // namespace

TEST_F(SizeConditionsTest, WhatIsCertainIsNoCondition) {
  require(2, 3);
  require(L, L);
  require(L, llvm::cantFail(L.plus(1)));
  require(0, llvm::cantFail(L.times(M)));
  require(0, llvm::cantFail(llvm::cantFail(L.plus(3)).floorDiv(2)));
  EXPECT_TRUE(conditions().empty());
}

TEST_F(SizeConditionsTest, SaysWhereWhatAndOfWhichSizes) {
  require(0, llvm::cantFail(L.minus(2)));
  EXPECT_EQ(check(2), "");
  EXPECT_EQ(check(1), "m.fov:2:5: expected 0 <= L - 2, got L = 1");
  EXPECT_EQ(check(std::nullopt), "");
}

TEST_F(SizeConditionsTest, EachIsNotedOnce) {
  require(2, L);
  require(2, L);
  require(0, llvm::cantFail(L.minus(2)));
  EXPECT_EQ(conditions().size(), 1u);
  require(3, L);
  EXPECT_EQ(conditions().size(), 2u);
}

TEST_F(SizeConditionsTest, MultiplesAreConditionsWhereThatIsNotCertain) {
  auto multiple = [&](const SymbolicDim &size, const SymbolicDim &divisor) {
    llvm::cantFail(requireMultiple(function, loc, size, divisor));
  };
  multiple(8, 4);
  multiple(llvm::cantFail(L.times(4)), 4);
  multiple(llvm::cantFail(L.times(M)), M);
  EXPECT_TRUE(conditions().empty());
  multiple(L, 4);
  multiple(L, 4);
  EXPECT_EQ(conditions().size(), 1u);
  EXPECT_EQ(check(8), "");
  EXPECT_EQ(check(6), "m.fov:2:5: expected L to be a multiple of 4, got L = 6");
  multiple(L, M);
  EXPECT_EQ(conditions().size(), 2u);
}

// L // 2 - L * M + (L - 3) % 4, in which affine expressions know the remainder.
TEST_F(SizeConditionsTest, ProductsQuotientsAndRemaindersAreReadAsTheyWere) {
  SymbolicDim half = llvm::cantFail(L.floorDiv(2));
  SymbolicDim rest = llvm::cantFail(llvm::cantFail(L.minus(3)).mod(4));
  SymbolicDim least = llvm::cantFail(L.times(M)), most = llvm::cantFail(half.plus(rest));
  require(least, most);
  EXPECT_EQ(conditions().at(0).slack, llvm::cantFail(most.minus(least)));
  EXPECT_EQ(check(6, 1), "");
  EXPECT_NE(check(6, 2).find("got L = 6, M = 2"), std::string::npos) << check(6, 2);
}

TEST_F(SizeConditionsTest, DivisionByASizeOfZeroDoesNotHold) {
  require(1, llvm::cantFail(llvm::cantFail(L.plus(1)).floorDiv(M)));
  EXPECT_EQ(check(2, 3), "");
  EXPECT_NE(check(2, 0), "");
}

TEST_F(SizeConditionsTest, OtherAttributesAreErrors) {
  auto set = [&](llvm::StringRef text) {
    function->setAttr("attn.requires", mlir::parseAttribute(text, context.get()));
    return readSizeConditions(function);
  };
  llvm::StringRef message = "expected symbols, slack, text and place in each entry";
  EXPECT_TRUE(failsWith(set("[1]"), message.str()));
  EXPECT_TRUE(failsWith(set("[{symbols = [\"L\"], slack = affine_map<()[s0, s1] -> (s0)>, text = "
                            "\"\", place = \"\"}]"),
                        message.str()));
  EXPECT_TRUE(failsWith(set("[{symbols = [], slack = affine_map<(d0) -> (d0)>, text = \"\", place "
                            "= \"\"}]"),
                        message.str()));
  EXPECT_TRUE(failsWith(set("[{symbols = [\"L\"], slack = affine_map<()[s0] -> (s0 ceildiv 2)>, "
                            "text = \"\", place = \"\"}]"),
                        "expected no ceildiv in the maps of attn.requires"));
}
