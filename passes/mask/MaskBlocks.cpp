#include "passes/mask/MaskBlocks.h"
#include "passes/mask/BlockProjection.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fovea;
using Kind = MaskPredicate::Kind;

//===----------------------------------------------------------------------===//
// Derivation
//===----------------------------------------------------------------------===//

MaskBlocks::MaskBlocks(Region &region, function_ref<bool(const Data &)> summarised)
    : region(region), predicate(analyzeMaskRegion(region)), corners(std::make_unique<Block>()) {
  Type index = IndexType::get(region.getContext());
  Location loc = region.getLoc();
  for (int corner = 0; corner < 4; ++corner)
    corners->addArgument(index, loc);
  collectData(predicate);
  BlockContext block{&region,
                     region.getArgument(2),
                     region.getArgument(3),
                     firstQuery(),
                     lastQuery(),
                     firstKey(),
                     lastKey(),
                     {}};
  for (Data &read : data) {
    if (summarised && !summarised(read))
      continue;
    read.min = corners->addArgument(index, loc);
    read.max = corners->addArgument(index, loc);
    block.data.push_back(
        {read.value, LinearForm::ofValue(read.min), LinearForm::ofValue(read.max)});
  }
  some = projectSome(predicate, block);
  every = projectSome(predicate.negation(), block).negation();
  seen = projectSeen(predicate, block);
  shared = projectShared(predicate, block);
  gaps = !isOneRange(predicate, block) && !(some.isTrue() && every.isFalse());
}

bool MaskBlocks::hasData(Value value) const {
  return llvm::any_of(data, [&](const Data &read) { return read.value == value; });
}

void MaskBlocks::collectData(const MaskPredicate &part) {
  SmallVector<Value> values;
  if (part.getKind() == Kind::Opaque)
    values.push_back(part.getValue());
  else if (part.getKind() == Kind::Linear)
    part.getForm().collectValues(values);
  Value i = region.getArgument(2), j = region.getArgument(3);
  for (Value value : values) {
    bool ofQuery = dependsOn(value, i, region), ofKey = dependsOn(value, j, region);
    if (value != i && value != j && (ofQuery || ofKey) && !hasData(value))
      data.push_back({value, ofQuery, ofKey, Value(), Value()});
  }
  for (const MaskPredicate &operand : part.getOperands())
    collectData(operand);
}

bool MaskBlocks::isBounded() const { return !(some.isTrue() && every.isFalse()); }

//===----------------------------------------------------------------------===//
// Classification
//===----------------------------------------------------------------------===//

BlockClass MaskBlocks::classify(const PositionBlock &block, Lookup lookup) const {
  auto numberOf = [&](Value value) -> std::optional<int64_t> {
    std::pair<Value, int64_t> known[] = {
        {region.getArgument(0), block.batch}, {region.getArgument(1), block.head},
        {firstQuery(), block.firstQuery},     {lastQuery(), block.lastQuery},
        {firstKey(), block.firstKey},         {lastKey(), block.lastKey}};
    for (auto [corner, number] : known)
      if (corner == value)
        return number;
    return lookup(value);
  };
  if (some.evaluate(numberOf) == false)
    return BlockClass::Empty;
  return every.evaluate(numberOf) == true ? BlockClass::Full : BlockClass::Partial;
}

ClassifiedBlocks fovea::mapBlocks(const MaskBlocks &mask, const HeadShape &head,
                                  int64_t queriesPerBlock, int64_t keysPerBlock,
                                  MaskBlocks::Lookup lookup) {
  ClassifiedBlocks map;
  map.queryBlocks = llvm::divideCeil(head.queries, queriesPerBlock);
  map.keyBlocks = llvm::divideCeil(head.keys, keysPerBlock);
  for (int64_t row = 0; row < head.queries; row += queriesPerBlock)
    for (int64_t key = 0; key < head.keys; key += keysPerBlock) {
      int64_t rows = std::min(queriesPerBlock, head.queries - row);
      int64_t keys = std::min(keysPerBlock, head.keys - key);
      int64_t first = head.firstPosition + row;
      map.classes.push_back(mask.classify(
          {head.batch, head.head, first, first + rows - 1, key, key + keys - 1}, lookup));
    }
  return map;
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

std::string MaskBlocks::nameOf(Value value, MaskNamer &namer) const {
  static constexpr StringLiteral cornerNames[] = {"first", "last", "firstKey", "lastKey"};
  auto corner = dyn_cast<BlockArgument>(value);
  if (!corner || corner.getOwner() != corners.get())
    return namer(value);
  unsigned number = corner.getArgNumber();
  if (number < 4)
    return cornerNames[number].str();
  const Data &read = *llvm::find_if(
      data, [&](const Data &read) { return value == read.min || value == read.max; });
  return (value == read.min ? "min " : "max ") + namer(read.value);
}

std::string MaskBlocks::testStr() const {
  constexpr size_t longest = 300;
  MaskNamer namer(region);
  auto name = [&](Value value) { return nameOf(value, namer); };
  std::string test = "blocks where " + some.str(name) + ", full where " + every.str(name);
  return test.size() > longest ? "blocks by a test of their corners" : test;
}

std::string MaskBlocks::str() const {
  MaskNamer namer(region);
  auto name = [&](Value value) { return nameOf(value, namer); };
  std::string text = "keys " + seen.str(name) + ", shared " + shared.str(name);
  return gaps ? text + "; " + testStr() : text;
}
