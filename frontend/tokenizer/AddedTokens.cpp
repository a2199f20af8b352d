#include "frontend/tokenizer/AddedTokens.h"
#include "frontend/tokenizer/Unicode.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;

Expected<AddedToken> tokenizer::readAddedToken(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly(
          {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"}))
    return std::move(error);
  AddedToken token;
  Expected<JsonNode> id = node.member("id");
  if (!id)
    return id.takeError();
  Expected<TokenId> number = readTokenId(*id);
  if (!number)
    return number.takeError();
  token.id = *number;
  Expected<std::string> content = node.stringMember("content");
  if (!content)
    return content.takeError();
  token.content = std::move(*content);
  std::pair<StringRef, bool *> switches[] = {{"single_word", &token.singleWord},
                                             {"lstrip", &token.stripLeft},
                                             {"rstrip", &token.stripRight},
                                             {"normalized", &token.normalized},
                                             {"special", &token.special}};
  for (auto [key, target] : switches) {
    Expected<bool> value = node.booleanMember(key);
    if (!value)
      return value.takeError();
    *target = *value;
  }
  return token;
}

const uint32_t *TokenFinder::Node::find(unsigned char byte) const {
  const auto *entry = llvm::find_if(next, [&](auto edge) { return edge.first == byte; });
  return entry == next.end() ? nullptr : &entry->second;
}

void TokenFinder::add(StringRef content, const AddedToken &token) {
  if (content.empty())
    return;
  begins[static_cast<unsigned char>(content.front())] = true;
  uint32_t node = 0;
  for (unsigned char byte : content) {
    if (const uint32_t *known = nodes[node].find(byte)) {
      node = *known;
      continue;
    }
    uint32_t added = nodes.size();
    nodes[node].next.emplace_back(byte, added);
    nodes.emplace_back();
    node = added;
  }
  if (nodes[node].token >= 0) // of two with one content, the first is found
    return;
  nodes[node].token = static_cast<int>(tokens.size());
  tokens.push_back(token);
}

/// The token that `text` begins with and its length in bytes, or -1.
std::pair<int, size_t> TokenFinder::longestAt(StringRef text) const {
  std::pair<int, size_t> found{-1, 0};
  uint32_t node = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const uint32_t *next = nodes[node].find(static_cast<unsigned char>(text[i]));
    if (!next)
      break;
    node = *next;
    if (nodes[node].token >= 0)
      found = {nodes[node].token, i + 1};
  }
  return found;
}

static bool isWithinWord(StringRef text, Span match) {
  StringRef before = text.take_front(match.begin), after = text.drop_front(match.end);
  return (!before.empty() && isWordCharacter(lastCodePoint(before))) ||
         (!after.empty() && isWordCharacter(takeCodePoint(after)));
}

/// `match` with the spaces around it that its token takes along, back to `limit` at most.
static Span withSpaces(StringRef text, Span match, size_t limit, const AddedToken &token) {
  while (token.stripLeft && match.begin > limit) {
    CodePoint c = lastCodePoint(text.take_front(match.begin));
    if (!isWhitespace(c))
      break;
    match.begin -= toUtf8(c).size();
  }
  for (StringRef rest = text.drop_front(match.end); token.stripRight && !rest.empty();) {
    if (!isWhitespace(takeCodePoint(rest)))
      break;
    match.end = text.size() - rest.size();
  }
  return match;
}

std::vector<Segment> TokenFinder::split(StringRef text) const {
  std::vector<Segment> segments;
  size_t done = 0; // all before it is in `segments`
  for (size_t at = 0; at < text.size();) {
    auto [index, length] = begins[static_cast<unsigned char>(text[at])]
                               ? longestAt(text.drop_front(at))
                               : std::pair<int, size_t>(-1, 0);
    if (index < 0) {
      ++at;
      continue;
    }
    Span match{at, at + length};
    at = match.end;
    const AddedToken &token = tokens[index];
    if (token.singleWord && isWithinWord(text, match))
      continue;
    match = withSpaces(text, match, done, token);
    if (match.begin > done)
      segments.push_back({text.slice(done, match.begin), std::nullopt});
    segments.push_back({text.slice(match.begin, match.end), token.id});
    done = at = match.end;
  }
  if (done < text.size())
    segments.push_back({text.drop_front(done), std::nullopt});
  return segments;
}

llvm::Error AddedTokens::add(const AddedToken &token, const Normalizer *normalizer) {
  if (token.special)
    special.insert(token.id);
  if (!token.normalized) {
    raw.add(token.content, token);
    return llvm::Error::success();
  }
  Expected<std::string> content = normalizer ? normalizer->apply(token.content) : token.content;
  if (!content)
    return content.takeError();
  normalizedBytes += content->size();
  if (normalizedBytes > maxAddedBytes)
    return llvm::createStringError("normalizing the added tokens makes them longer than " +
                                   llvm::Twine(maxAddedBytes) + " bytes together");
  normalized.add(*content, token);
  return llvm::Error::success();
}
