#include "frontend/tokenizer/Bpe.h"
#include "frontend/tokenizer/Unicode.h"
#include "llvm/Support/FormatVariadic.h"
#include <queue>

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::StringRef;

static uint64_t hashOf(TokenId left, TokenId right) {
  return uint64_t(left) << 32 | static_cast<uint32_t>(right);
}

Bpe::Bpe(const Vocabulary &vocabulary, BpeOptions options)
    : vocabulary(vocabulary), options(std::move(options)) {
  for (unsigned byte = 0; byte < 256; ++byte)
    byteTokens[byte] = vocabulary.idOf(llvm::formatv("<0x{0:X-2}>", byte).str());
}

llvm::Error Bpe::addMerge(StringRef left, StringRef right) {
  if (!right.starts_with(options.continuingPrefix))
    return llvm::createStringError("'" + right + "' does not begin with '" +
                                   options.continuingPrefix + "'");
  std::string whole = (left + right.drop_front(options.continuingPrefix.size())).str();
  StringRef tokens[] = {left, right, whole};
  TokenId ids[3];
  for (int i = 0; i < 3; ++i) {
    std::optional<TokenId> id = vocabulary.idOf(tokens[i]);
    if (!id)
      return llvm::createStringError("'" + tokens[i] + "' is not in the vocabulary");
    ids[i] = *id;
  }
  Merge merge{ids[0], ids[1], ids[2], mergeCount++};
  if (std::optional<uint32_t> index = indexOf(merge.left, merge.right)) {
    merges[*index] = merge; // of two of one pair the second counts
    return llvm::Error::success();
  }
  merges.push_back(merge);
  byPair.add([&](uint32_t index) { return hashOf(merges[index].left, merges[index].right); });
  return llvm::Error::success();
}

std::optional<uint32_t> Bpe::indexOf(TokenId left, TokenId right) const {
  return byPair.find(hashOf(left, right), [&](uint32_t index) {
    return merges[index].left == left && merges[index].right == right;
  });
}

const Bpe::Merge *Bpe::find(TokenId left, TokenId right) const {
  std::optional<uint32_t> index = indexOf(left, right);
  return index ? &merges[*index] : nullptr;
}

/// The tokens of a piece as a list in which neighbours merge. A queue holds the merges that are
/// possible; those whose tokens have changed meanwhile are dropped when they come up. So a piece
/// of n code points takes O(n log n) steps.
class Bpe::Word {
public:
  Word(const Bpe &bpe, llvm::ArrayRef<TokenId> ids) : bpe(bpe) {
    int count = static_cast<int>(ids.size());
    for (int i = 0; i < count; ++i)
      symbols.push_back({ids[i], i - 1, i + 1 < count ? i + 1 : -1});
    std::vector<Candidate> first;
    for (int i = 0; i + 1 < count; ++i)
      if (const Merge *merge = bpe.find(ids[i], ids[i + 1]))
        first.push_back({merge->rank, i, ids[i], ids[i + 1], merge->result});
    queue = Queue(std::greater<>(), std::move(first));
  }

  void mergeAll() {
    while (!queue.empty()) {
      Candidate candidate = queue.top();
      queue.pop();
      if (isCurrent(candidate))
        merge(candidate);
    }
  }

  void appendTo(std::vector<TokenId> &ids) const {
    for (int i = symbols.empty() ? -1 : 0; i >= 0; i = symbols[i].next)
      ids.push_back(symbols[i].id);
  }

private:
  struct Symbol {
    TokenId id; // -1 once it is part of the symbol before
    int previous, next;
  };
  struct Candidate {
    uint32_t rank;
    int position;
    TokenId left, right, result;
    auto operator<=>(const Candidate &) const = default; // by rank, then by position
  };
  using Queue = std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>>;

  bool isCurrent(const Candidate &candidate) const {
    const Symbol &left = symbols[candidate.position];
    return left.id == candidate.left && left.next >= 0 && symbols[left.next].id == candidate.right;
  }

  void merge(const Candidate &candidate) {
    int position = candidate.position;
    Symbol &left = symbols[position], &right = symbols[left.next];
    left.id = candidate.result;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0)
      symbols[left.next].previous = position;
    consider(left.previous);
    consider(position);
  }

  /// Queues the merge of the symbol at `position` with the next one.
  void consider(int position) {
    if (position < 0 || symbols[position].next < 0)
      return;
    TokenId left = symbols[position].id, right = symbols[symbols[position].next].id;
    if (const Merge *merge = bpe.find(left, right))
      queue.push({merge->rank, position, left, right, merge->result});
  }

  const Bpe &bpe;
  std::vector<Symbol> symbols;
  Queue queue;
};

bool Bpe::fallBack(StringRef symbol, std::vector<TokenId> &ids) const {
  auto isMissing = [&](unsigned char byte) { return !byteTokens[byte]; };
  if (!options.byteFallback || llvm::any_of(symbol, isMissing))
    return false;
  for (unsigned char byte : symbol)
    ids.push_back(*byteTokens[byte]);
  return true;
}

/// The ids of the code points of `piece`.
llvm::Error Bpe::split(StringRef piece, std::vector<TokenId> &ids) const {
  bool afterUnknown = false;
  for (StringRef rest = piece; !rest.empty();) {
    bool isFirst = rest.size() == piece.size();
    StringRef character = rest.take_front(*codePointLength(rest));
    rest = rest.drop_front(character.size());
    std::string spelled;
    if (!isFirst && !options.continuingPrefix.empty())
      spelled = options.continuingPrefix;
    spelled += character;
    if (rest.empty())
      spelled += options.endSuffix;
    std::optional<TokenId> id = vocabulary.idOf(spelled);
    bool isUnknown = !id && !fallBack(spelled, ids);
    if (isUnknown && !options.unknown) {
      CodePoint c = takeCodePoint(character);
      return llvm::createStringError("the vocabulary has no token for '" + toUtf8(c) + "' (" +
                                     describeCodePoint(c) + "), and there is no unknown token");
    }
    if (id)
      ids.push_back(*id);
    else if (isUnknown && !(afterUnknown && options.fuseUnknown))
      ids.push_back(*options.unknown);
    afterUnknown = isUnknown;
  }
  return llvm::Error::success();
}

llvm::Error Bpe::encode(StringRef piece, std::vector<TokenId> &ids) const {
  if (options.ignoreMerges)
    if (std::optional<TokenId> id = vocabulary.idOf(piece)) {
      ids.push_back(*id);
      return llvm::Error::success();
    }
  std::vector<TokenId> characters;
  if (llvm::Error error = split(piece, characters))
    return error;
  Word word(*this, characters);
  word.mergeAll();
  word.appendTo(ids);
  return llvm::Error::success();
}
