#include "frontend/tokenizer/PreTokenizer.h"
#include "llvm/ADT/StringSwitch.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::ArrayRef;

namespace {
struct Part {
  Span span;
  bool isMatch;
};
} // namespace

/// The whole of a text, matches and what lies between.
static std::vector<Part> partsOf(ArrayRef<Span> found, size_t length, bool inverted) {
  std::vector<Part> parts;
  size_t end = 0;
  for (Span match : found) {
    if (end < match.begin)
      parts.push_back({{end, match.begin}, inverted});
    parts.push_back({match, !inverted});
    end = match.end;
  }
  if (end < length)
    parts.push_back({{end, length}, inverted});
  return parts;
}

/// True if `part` continues the piece that ends with `previous`.
static bool continues(const Part &previous, const Part &part, Separation separation) {
  switch (separation) {
  case Separation::Removed:
  case Separation::Isolated:
    return false;
  case Separation::MergedWithPrevious:
    return part.isMatch && !previous.isMatch;
  case Separation::MergedWithNext:
    return previous.isMatch && !part.isMatch;
  case Separation::Contiguous:
    return previous.isMatch == part.isMatch;
  }
  return false;
}

void tokenizer::separate(const Piece &piece, ArrayRef<Span> found, Separation separation,
                         bool inverted, std::vector<Piece> &result) {
  const Part *previous = nullptr;
  std::vector<Part> parts = partsOf(found, piece.text.size(), inverted);
  for (const Part &part : parts) {
    auto [begin, end] = part.span;
    bool dropped = part.isMatch && separation == Separation::Removed;
    if (previous && continues(*previous, part, separation))
      result.back().text.append(piece.text, begin, end - begin);
    else if (!dropped)
      result.push_back({piece.text.substr(begin, end - begin), piece.atStart && begin == 0});
    previous = &part;
  }
}

llvm::Expected<Separation> tokenizer::readSeparation(const JsonNode &node) {
  llvm::Expected<std::string> name = node.string();
  if (!name)
    return name.takeError();
  auto separation = llvm::StringSwitch<std::optional<Separation>>(*name)
                        .Case("Removed", Separation::Removed)
                        .Case("Isolated", Separation::Isolated)
                        .Case("MergedWithPrevious", Separation::MergedWithPrevious)
                        .Case("MergedWithNext", Separation::MergedWithNext)
                        .Case("Contiguous", Separation::Contiguous)
                        .Default(std::nullopt);
  if (!separation)
    return node.unsupported(*name,
                            "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
  return *separation;
}
