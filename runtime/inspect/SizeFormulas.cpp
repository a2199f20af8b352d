#include "runtime/inspect/SizeFormulas.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "passes/mask/DataNames.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace fovea;
using namespace mlir;

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

SymbolicDim SizeFormulas::symbol(StringRef name) const {
  auto it = known.find(name.str());
  return it == known.end() ? SymbolicDim::symbol(name) : SymbolicDim(it->second);
}

SymbolicDim SizeFormulas::unknown() {
  return SymbolicDim::symbol("?" + std::to_string(++numUnknown));
}

SymbolicDim SizeFormulas::take(llvm::Expected<SymbolicDim> result) {
  if (result)
    return *result;
  llvm::consumeError(result.takeError());
  return unknown();
}

SymbolicDim SizeFormulas::add(const SymbolicDim &lhs, const SymbolicDim &rhs) {
  return take(lhs.plus(rhs));
}

SymbolicDim SizeFormulas::subtract(const SymbolicDim &lhs, const SymbolicDim &rhs) {
  return take(lhs.minus(rhs));
}

SymbolicDim SizeFormulas::multiply(const SymbolicDim &lhs, const SymbolicDim &rhs) {
  return take(lhs.times(rhs));
}

SymbolicDim SizeFormulas::floorDivide(const SymbolicDim &lhs, const SymbolicDim &rhs) {
  return take(lhs.floorDiv(rhs));
}

SymbolicDim SizeFormulas::ceilDivide(const SymbolicDim &lhs, const SymbolicDim &rhs) {
  return floorDivide(add(lhs, subtract(rhs, 1)), rhs);
}

SymbolicDim SizeFormulas::minimum(const SymbolicDim &lhs, const SymbolicDim &rhs) {
  std::optional<int64_t> less = subtract(lhs, rhs).constant();
  if (less)
    return *less <= 0 ? lhs : rhs;
  return SymbolicDim::symbol("min(" + lhs.str() + ", " + rhs.str() + ")");
}

SymbolicDim SizeFormulas::maximum(const SymbolicDim &lhs, const SymbolicDim &rhs) {
  std::optional<int64_t> less = subtract(lhs, rhs).constant();
  if (less)
    return *less <= 0 ? rhs : lhs;
  return SymbolicDim::symbol("max(" + lhs.str() + ", " + rhs.str() + ")");
}

//===----------------------------------------------------------------------===//
// Index arithmetic of the IR
//===----------------------------------------------------------------------===//

static std::optional<bool> compareNumbers(arith::CmpIPredicate predicate, int64_t lhs,
                                          int64_t rhs) {
  using Predicate = arith::CmpIPredicate;
  switch (predicate) {
  case Predicate::eq:
    return lhs == rhs;
  case Predicate::ne:
    return lhs != rhs;
  case Predicate::slt:
    return lhs < rhs;
  case Predicate::sle:
    return lhs <= rhs;
  case Predicate::sgt:
    return lhs > rhs;
  case Predicate::sge:
    return lhs >= rhs;
  default:
    return std::nullopt;
  }
}

static StringRef symbolOf(arith::CmpIPredicate predicate) {
  using Predicate = arith::CmpIPredicate;
  switch (predicate) {
  case Predicate::eq:
    return "==";
  case Predicate::ne:
    return "!=";
  case Predicate::slt:
  case Predicate::ult:
    return "<";
  case Predicate::sle:
  case Predicate::ule:
    return "<=";
  case Predicate::sgt:
  case Predicate::ugt:
    return ">";
  case Predicate::sge:
  case Predicate::uge:
    return ">=";
  }
  return "?";
}

/// A choice by a comparison of two formulas: one of them where it is decided, else spelled out.
SymbolicDim SizeFormulas::choose(Value condition, const SymbolicDim &yes, const SymbolicDim &no) {
  if (yes == no)
    return yes;
  auto compare = condition.getDefiningOp<arith::CmpIOp>();
  if (!compare || !compare.getLhs().getType().isIndex())
    return unknown();
  SymbolicDim lhs = of(compare.getLhs()), rhs = of(compare.getRhs());
  if (std::optional<int64_t> difference = subtract(lhs, rhs).constant())
    if (auto decided = compareNumbers(compare.getPredicate(), *difference, 0))
      return *decided ? yes : no;
  return SymbolicDim::symbol("(" + yes.str() + " if " + lhs.str() + " " +
                             symbolOf(compare.getPredicate()).str() + " " + rhs.str() + " else " +
                             no.str() + ")");
}

SymbolicDim SizeFormulas::ofAffine(AffineExpr expr, ArrayRef<SymbolicDim> operands,
                                   unsigned numDims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return operands[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return operands[numDims + symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  SymbolicDim lhs = ofAffine(binary.getLHS(), operands, numDims);
  SymbolicDim rhs = ofAffine(binary.getRHS(), operands, numDims);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return add(lhs, rhs);
  case AffineExprKind::Mul:
    return multiply(lhs, rhs);
  case AffineExprKind::FloorDiv:
    return floorDivide(lhs, rhs);
  case AffineExprKind::CeilDiv:
    return ceilDivide(lhs, rhs);
  default: // AffineExprKind::Mod
    return take(lhs.mod(rhs));
  }
}

/// affine.apply, affine.min and affine.max.
SymbolicDim SizeFormulas::computeAffine(Operation *op) {
  AffineMap map = llvm::TypeSwitch<Operation *, AffineMap>(op)
                      .Case<affine::AffineApplyOp, affine::AffineMinOp, affine::AffineMaxOp>(
                          [](auto affine) { return affine.getMap(); });
  SmallVector<SymbolicDim> operands;
  for (Value operand : op->getOperands())
    operands.push_back(of(operand));
  SymbolicDim result = ofAffine(map.getResult(0), operands, map.getNumDims());
  for (AffineExpr expr : map.getResults().drop_front()) {
    SymbolicDim next = ofAffine(expr, operands, map.getNumDims());
    result = isa<affine::AffineMinOp>(op) ? minimum(result, next) : maximum(result, next);
  }
  return result;
}

/// A number that is read from a tensor: a symbol such as "lens[b]".
SymbolicDim SizeFormulas::element(Value tensor, ValueRange indices) {
  std::string name = nameData(tensor);
  if (name.empty())
    return unknown();
  std::string at;
  for (Value index : indices)
    at += (at.empty() ? "" : ", ") + of(index).str();
  return SymbolicDim::symbol(at.empty() ? name : name + "[" + at + "]");
}

SymbolicDim SizeFormulas::compute(Value index) {
  Operation *op = index.getDefiningOp();
  if (!op) {
    std::optional<std::string> loop = nameLoopIndex(index);
    return loop ? symbol(*loop) : unknown();
  }
  auto lhs = [&] { return of(op->getOperand(0)); };
  auto rhs = [&] { return of(op->getOperand(1)); };
  return llvm::TypeSwitch<Operation *, SymbolicDim>(op)
      .Case([&](arith::ConstantOp constant) -> SymbolicDim {
        auto value = dyn_cast<IntegerAttr>(constant.getValue());
        return value ? SymbolicDim(value.getInt()) : unknown();
      })
      .Case([&](arith::AddIOp) { return add(lhs(), rhs()); })
      .Case([&](arith::SubIOp) { return subtract(lhs(), rhs()); })
      .Case([&](arith::MulIOp) { return multiply(lhs(), rhs()); })
      .Case<arith::FloorDivSIOp, arith::DivSIOp, arith::DivUIOp>(
          [&](auto) { return floorDivide(lhs(), rhs()); })
      .Case<arith::CeilDivSIOp, arith::CeilDivUIOp>([&](auto) { return ceilDivide(lhs(), rhs()); })
      .Case<arith::RemSIOp, arith::RemUIOp>([&](auto) { return take(lhs().mod(rhs())); })
      .Case<arith::MinSIOp, arith::MinUIOp>([&](auto) { return minimum(lhs(), rhs()); })
      .Case<arith::MaxSIOp, arith::MaxUIOp>([&](auto) { return maximum(lhs(), rhs()); })
      .Case([&](arith::SelectOp select) {
        return choose(select.getCondition(), of(select.getTrueValue()), of(select.getFalseValue()));
      })
      .Case<arith::IndexCastOp, arith::ExtSIOp>([&](auto) { return lhs(); })
      .Case<affine::AffineApplyOp, affine::AffineMinOp, affine::AffineMaxOp>(
          [&](auto) { return computeAffine(op); })
      .Case<tensor::DimOp, memref::DimOp>([&](auto dimOp) {
        std::optional<int64_t> at = dimOp.getConstantIndex();
        return at ? dim(dimOp.getSource(), *at) : unknown();
      })
      .Case([&](tensor::ExtractOp read) { return element(read.getTensor(), read.getIndices()); })
      .Case([&](attn::WorkersOp) { return symbol("workers"); })
      .Default([&](Operation *) { return unknown(); });
}

SymbolicDim SizeFormulas::of(Value index) {
  auto it = formulas.find(index);
  if (it != formulas.end())
    return it->second;
  SymbolicDim formula = compute(index);
  formulas[index] = formula;
  return formula;
}

SymbolicDim SizeFormulas::of(OpFoldResult index) {
  if (auto value = dyn_cast<Value>(index))
    return of(value);
  return cast<IntegerAttr>(cast<Attribute>(index)).getInt();
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

SymbolicDim SizeFormulas::dim(Value shaped, int64_t dim) {
  auto type = cast<ShapedType>(shaped.getType());
  if (!type.isDynamicDim(dim))
    return type.getDimSize(dim);
  if (auto argument = dyn_cast<BlockArgument>(shaped)) {
    auto it = shapes.find(argument);
    if (it != shapes.end())
      return it->second[dim];
    auto loop = dyn_cast<LoopLikeOpInterface>(argument.getOwner()->getParentOp());
    OpOperand *init = loop ? loop.getTiedLoopInit(argument) : nullptr;
    return init ? this->dim(init->get(), dim) : unknown();
  }
  Operation *op = shaped.getDefiningOp();
  unsigned position = type.getNumDynamicDims() ? type.getDynamicDimIndex(dim) : 0;
  if (auto sliced = dyn_cast<OffsetSizeAndStrideOpInterface>(op)) {
    SmallVector<OpFoldResult> sizes = sliced.getMixedSizes();
    // A slice that drops unit dims says nothing simple about the others.
    return static_cast<int64_t>(sizes.size()) == type.getRank() ? of(sizes[dim]) : unknown();
  }
  if (auto loop = dyn_cast<LoopLikeOpInterface>(op)) {
    OpOperand *init = loop.getTiedLoopInit(cast<OpResult>(shaped));
    return init ? this->dim(init->get(), dim) : unknown();
  }
  if (auto style = dyn_cast<DestinationStyleOpInterface>(op))
    return this->dim(style.getTiedOpOperand(cast<OpResult>(shaped))->get(), dim);
  return llvm::TypeSwitch<Operation *, SymbolicDim>(op)
      .Case<memref::AllocOp, tensor::EmptyOp>(
          [&](auto made) { return of(made.getDynamicSizes()[position]); })
      .Case([&](memref::ViewOp view) { return of(view.getSizes()[position]); })
      .Case<tensor::CastOp, memref::CastOp>(
          [&](auto cast) { return this->dim(cast.getSource(), dim); })
      .Case<tensor::ExpandShapeOp, memref::ExpandShapeOp>(
          [&](auto expand) { return of(expand.getMixedOutputShape()[dim]); })
      .Case<tensor::CollapseShapeOp, memref::CollapseShapeOp>([&](auto collapse) {
        SymbolicDim product = 1;
        SmallVector<ReassociationIndices> groups = collapse.getReassociationIndices();
        for (int64_t part : groups[dim])
          product = multiply(product, this->dim(collapse.getSrc(), part));
        return product;
      })
      .Default([&](Operation *) { return unknown(); });
}

SymbolicDim SizeFormulas::bytes(Value shaped) {
  auto type = cast<ShapedType>(shaped.getType());
  SymbolicDim bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    bytes = multiply(bytes, this->dim(shaped, dim));
  return bytes;
}

SymbolicDim SizeFormulas::iterationsAround(Operation *op) {
  SymbolicDim iterations = 1;
  for (auto loop = op->getParentOfType<scf::ForOp>(); loop;
       loop = loop->getParentOfType<scf::ForOp>()) {
    SymbolicDim extent = subtract(of(loop.getUpperBound()), of(loop.getLowerBound()));
    iterations = multiply(iterations, ceilDivide(extent, of(loop.getStep())));
  }
  return iterations;
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

/// The dim's name in `attn.dims`, or one made from the argument's.
SymbolicDim SizeFormulas::argumentDim(BlockArgument argument, int64_t dim) {
  auto type = cast<ShapedType>(argument.getType());
  if (!type.isDynamicDim(dim))
    return type.getDimSize(dim);
  auto function = cast<func::FuncOp>(argument.getOwner()->getParentOp());
  unsigned number = argument.getArgNumber();
  auto dims = function.getArgAttrOfType<ArrayAttr>(number, "attn.dims");
  StringRef name = dims ? cast<StringAttr>(dims[dim]).getValue() : "";
  if (!name.empty() && name.front() != '?')
    return symbol(name);
  auto argumentName = function.getArgAttrOfType<StringAttr>(number, "attn.name");
  return symbol((argumentName ? argumentName.str() : "arg" + std::to_string(number)) + "." +
                std::to_string(dim));
}

void SizeFormulas::bindEntry(func::FuncOp entry) {
  auto numResults = entry->getAttrOfType<IntegerAttr>("attn.num_results");
  unsigned numInputs = entry.getNumArguments() - (numResults ? numResults.getInt() : 0);
  SmallVector<SymbolicDim> inputDims;
  for (BlockArgument argument : entry.getArguments().take_front(numInputs)) {
    SymbolicShape shape;
    for (int64_t dim = 0; dim < cast<ShapedType>(argument.getType()).getRank(); ++dim)
      shape.push_back(argumentDim(argument, dim));
    llvm::append_range(inputDims, shape);
    shapes[argument] = std::move(shape);
  }
  auto companion = entry->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(
      (entry.getName() + ".result_shapes").str());
  if (!companion || companion.getNumArguments() != inputDims.size())
    return;
  for (auto [argument, dim] : llvm::zip_equal(companion.getArguments(), inputDims))
    bind(argument, dim);
  auto results = cast<func::ReturnOp>(companion.getBody().back().getTerminator());
  unsigned next = 0;
  for (BlockArgument argument : entry.getArguments().drop_front(numInputs))
    for (int64_t dim = 0; dim < cast<ShapedType>(argument.getType()).getRank(); ++dim)
      shapes[argument].push_back(of(results.getOperand(next++)));
}
