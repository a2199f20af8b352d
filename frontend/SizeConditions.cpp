#include "frontend/SizeConditions.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"

using namespace mlir;
using namespace fovea;
using llvm::Expected;

static constexpr llvm::StringLiteral attributeName = "attn.requires";

//===----------------------------------------------------------------------===//
// Polynomials as affine maps of symbols
//===----------------------------------------------------------------------===//

static AffineExpr toAffine(const SymbolicDim &dim, llvm::ArrayRef<std::string> symbols,
                           MLIRContext *context) {
  AffineExpr sum = getAffineConstantExpr(0, context);
  for (const auto &[monomial, coefficient] : dim.terms()) {
    AffineExpr product = getAffineConstantExpr(coefficient, context);
    for (const SymbolicDim::FactorPtr &factor : monomial) {
      if (factor->dividend)
        product = product * toAffine(*factor->dividend, symbols, context)
                                .floorDiv(toAffine(*factor->divisor, symbols, context));
      else
        product = product *
                  getAffineSymbolExpr(llvm::find(symbols, factor->text) - symbols.begin(), context);
    }
    sum = sum + product;
  }
  return sum;
}

static Expected<SymbolicDim> fromAffine(AffineExpr expr, llvm::ArrayRef<std::string> symbols) {
  if (auto constant = llvm::dyn_cast<AffineConstantExpr>(expr))
    return SymbolicDim(constant.getValue());
  if (auto symbol = llvm::dyn_cast<AffineSymbolExpr>(expr))
    return SymbolicDim::symbol(symbols[symbol.getPosition()]);
  auto binary = llvm::dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return llvm::createStringError("expected no dims in the maps of attn.requires");
  Expected<SymbolicDim> left = fromAffine(binary.getLHS(), symbols);
  Expected<SymbolicDim> right = left ? fromAffine(binary.getRHS(), symbols) : left.takeError();
  if (!right)
    return right.takeError();
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return left->plus(*right);
  case AffineExprKind::Mul:
    return left->times(*right);
  case AffineExprKind::FloorDiv:
    return left->floorDiv(*right);
  case AffineExprKind::Mod:
    return left->mod(*right);
  default:
    return llvm::createStringError("expected no ceildiv in the maps of attn.requires");
  }
}

//===----------------------------------------------------------------------===//
// Conditions
//===----------------------------------------------------------------------===//

static std::string print(Location loc) {
  auto place = loc->findInstanceOf<FileLineColLoc>();
  if (!place)
    return "";
  return (place.getFilename().getValue() + ":" + Twine(place.getLine()) + ":" +
          Twine(place.getColumn()))
      .str();
}

/// Adds a condition that is not certain, once.
static void addCondition(func::FuncOp function, Location loc, const SymbolicDim &slack,
                         const std::string &text) {
  std::vector<std::string> symbols;
  slack.walkSymbols([&](llvm::StringRef name) {
    if (!llvm::is_contained(symbols, name))
      symbols.push_back(name.str());
  });
  Builder b(function.getContext());
  auto named = [&](llvm::StringRef name, Attribute value) { return b.getNamedAttr(name, value); };
  llvm::SmallVector<llvm::StringRef> names(symbols.begin(), symbols.end());
  auto map = AffineMap::get(0, symbols.size(), toAffine(slack, symbols, b.getContext()));
  auto condition = b.getDictionaryAttr(
      {named("symbols", b.getStrArrayAttr(names)), named("slack", AffineMapAttr::get(map)),
       named("text", b.getStringAttr(text)), named("place", b.getStringAttr(print(loc)))});
  llvm::SmallVector<Attribute> conditions;
  if (auto known = function->getAttrOfType<ArrayAttr>(attributeName))
    conditions.assign(known.begin(), known.end());
  auto isSame = [&](Attribute other) {
    auto entry = cast<DictionaryAttr>(other);
    return entry.get("slack") == condition.get("slack") &&
           entry.get("symbols") == condition.get("symbols");
  };
  if (llvm::any_of(conditions, isSame))
    return;
  conditions.push_back(condition);
  function->setAttr(attributeName, b.getArrayAttr(conditions));
}

void fovea::requireNotNegative(func::FuncOp function, Location loc, const SymbolicDim &slack,
                               const std::string &text) {
  if (!slack.isAtLeast(0, 0))
    addCondition(function, loc, slack, text);
}

llvm::Error fovea::requireAtMost(func::FuncOp function, Location loc, const SymbolicDim &least,
                                 const SymbolicDim &most) {
  Expected<SymbolicDim> slack = most.minus(least);
  if (!slack)
    return slack.takeError();
  requireNotNegative(function, loc, *slack, least.str() + " <= " + most.str());
  return llvm::Error::success();
}

llvm::Error fovea::requireMultiple(func::FuncOp function, Location loc, const SymbolicDim &size,
                                   const SymbolicDim &divisor) {
  Expected<SymbolicDim> rest = size.mod(divisor);
  Expected<SymbolicDim> slack = rest ? rest->times(-1) : rest.takeError();
  if (!slack)
    return slack.takeError();
  requireNotNegative(function, loc, *slack, size.str() + " to be a multiple of " + divisor.str());
  return llvm::Error::success();
}

static Expected<SizeCondition> readCondition(Attribute attribute) {
  auto entry = dyn_cast<DictionaryAttr>(attribute);
  auto symbols = entry ? entry.getAs<ArrayAttr>("symbols") : ArrayAttr();
  auto slack = entry ? entry.getAs<AffineMapAttr>("slack") : AffineMapAttr();
  auto text = entry ? entry.getAs<StringAttr>("text") : StringAttr();
  auto place = entry ? entry.getAs<StringAttr>("place") : StringAttr();
  std::vector<std::string> names;
  for (Attribute symbol : symbols ? symbols.getValue() : llvm::ArrayRef<Attribute>())
    if (auto name = dyn_cast<StringAttr>(symbol); name && !name.empty())
      names.push_back(name.str());
  if (!slack || !text || !place || slack.getValue().getNumResults() != 1 ||
      slack.getValue().getNumDims() != 0 || slack.getValue().getNumSymbols() != names.size())
    return llvm::createStringError("expected symbols, slack, text and place in each entry of "
                                   "attn.requires");
  Expected<SymbolicDim> dim = fromAffine(slack.getValue().getResult(0), names);
  if (!dim)
    return dim.takeError();
  return SizeCondition{std::move(*dim), text.str(), place.str()};
}

Expected<std::vector<SizeCondition>> fovea::readSizeConditions(func::FuncOp function) {
  std::vector<SizeCondition> conditions;
  auto attribute = function->getAttrOfType<ArrayAttr>(attributeName);
  for (Attribute entry : attribute ? attribute.getValue() : llvm::ArrayRef<Attribute>()) {
    Expected<SizeCondition> condition = readCondition(entry);
    if (!condition)
      return condition.takeError();
    conditions.push_back(std::move(*condition));
  }
  return conditions;
}

llvm::Error SizeCondition::check(
    llvm::function_ref<std::optional<int64_t>(llvm::StringRef symbol)> sizeOf) const {
  bool allKnown = true;
  Expected<SymbolicDim> value =
      slack.substitute([&](llvm::StringRef name) -> std::optional<SymbolicDim> {
        std::optional<int64_t> size = sizeOf(name);
        allKnown &= size.has_value();
        return size ? std::optional(SymbolicDim(*size)) : std::nullopt;
      });
  // A division by a size of 0 holds nothing.
  bool holds = value && value->constant().value_or(-1) >= 0;
  if (!value)
    llvm::consumeError(value.takeError());
  if (!allKnown || holds)
    return llvm::Error::success();
  std::vector<std::string> sizes;
  slack.walkSymbols([&](llvm::StringRef name) {
    std::optional<int64_t> size = sizeOf(name);
    std::string said = size ? (name + " = " + Twine(*size)).str() : "";
    if (size && !llvm::is_contained(sizes, said))
      sizes.push_back(std::move(said));
  });
  return llvm::createStringError((place.empty() ? "" : place + ": ") + "expected " + text +
                                 ", got " + llvm::join(sizes, ", "));
}
