#include "frontend/tokenizer/PostProcessor.h"
#include "llvm/ADT/StringSwitch.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;

/// ["[CLS]", 101], which must be in the vocabulary.
static Expected<TokenId> readNamedId(const JsonNode &node, StringRef key,
                                     const Vocabulary &vocabulary) {
  Expected<JsonNode> member = node.member(key);
  if (!member)
    return member.takeError();
  Expected<std::vector<JsonNode>> pair = member->array();
  if (!pair)
    return pair.takeError();
  if (pair->size() != 2)
    return member->error("expected a token and its id");
  Expected<std::string> token = (*pair)[0].string();
  if (!token)
    return token.takeError();
  Expected<TokenId> id = readTokenId((*pair)[1]);
  if (!id)
    return id.takeError();
  if (vocabulary.idOf(*token) != *id)
    return member->error("'" + *token + "' does not have the id " + llvm::Twine(*id) +
                         " in the vocabulary");
  return *id;
}

/// BertProcessing and RobertaProcessing: CLS before, SEP behind.
static Expected<Surroundings> readBert(const JsonNode &node, const Vocabulary &vocabulary) {
  if (llvm::Error error =
          node.expectOnly({"type", "sep", "cls", "trim_offsets", "add_prefix_space"}))
    return std::move(error);
  Expected<TokenId> cls = readNamedId(node, "cls", vocabulary);
  if (!cls)
    return cls.takeError();
  Expected<TokenId> sep = readNamedId(node, "sep", vocabulary);
  if (!sep)
    return sep.takeError();
  return Surroundings{{*cls}, {*sep}};
}

/// The ids that `special_tokens` of a template gives to a name.
static Expected<std::vector<TokenId>> readSpecial(const JsonNode &node, const JsonNode &item,
                                                  const Vocabulary &vocabulary) {
  Expected<std::string> name = item.stringMember("id");
  if (!name)
    return name.takeError();
  Expected<JsonNode> table = node.member("special_tokens");
  if (!table)
    return table.takeError();
  Expected<JsonNode> entry = table->member(*name);
  if (!entry)
    return entry.takeError();
  Expected<JsonNode> list = entry->member("ids");
  if (!list)
    return list.takeError();
  Expected<std::vector<JsonNode>> elements = list->array();
  if (!elements)
    return elements.takeError();
  std::vector<TokenId> ids;
  for (const JsonNode &element : *elements) {
    Expected<TokenId> id = readTokenId(element);
    if (!id)
      return id.takeError();
    if (!vocabulary.tokenOf(*id))
      return element.error("the id " + llvm::Twine(*id) + " is not in the vocabulary");
    ids.push_back(*id);
  }
  return ids;
}

static Expected<Surroundings> readTemplate(const JsonNode &node, const Vocabulary &vocabulary) {
  if (llvm::Error error = node.expectOnly({"type", "single", "pair", "special_tokens"}))
    return std::move(error);
  Expected<JsonNode> single = node.member("single");
  if (!single)
    return single.takeError();
  Expected<std::vector<JsonNode>> items = single->array();
  if (!items)
    return items.takeError();
  Surroundings around;
  bool afterText = false;
  for (const JsonNode &item : *items) {
    if (std::optional<JsonNode> sequence = item.find("Sequence")) {
      Expected<std::string> id = sequence->stringMember("id");
      if (!id)
        return id.takeError();
      if (*id != "A" || afterText)
        return sequence->error("expected sequence A once in the template of one text");
      afterText = true;
      continue;
    }
    Expected<JsonNode> special = item.member("SpecialToken");
    if (!special)
      return special.takeError();
    Expected<std::vector<TokenId>> ids = readSpecial(node, *special, vocabulary);
    if (!ids)
      return ids.takeError();
    llvm::append_range(afterText ? around.suffix : around.prefix, *ids);
  }
  if (!afterText)
    return single->error("expected sequence A once in the template of one text");
  return around;
}

/// Each processor puts its tokens around what those before it made.
static Expected<Surroundings> readSequence(const JsonNode &node, const Vocabulary &vocabulary) {
  Expected<std::vector<JsonNode>> elements = node.sequence("processors");
  if (!elements)
    return elements.takeError();
  Surroundings around;
  for (const JsonNode &element : *elements) {
    Expected<Surroundings> next = readPostProcessor(element, vocabulary);
    if (!next)
      return next.takeError();
    around.prefix.insert(around.prefix.begin(), next->prefix.begin(), next->prefix.end());
    llvm::append_range(around.suffix, next->suffix);
  }
  return around;
}

/// ByteLevel changes the offsets of tokens, which are not computed here.
static Expected<Surroundings> readByteLevel(const JsonNode &node, const Vocabulary &) {
  if (llvm::Error error =
          node.expectOnly({"type", "add_prefix_space", "trim_offsets", "use_regex"}))
    return std::move(error);
  return Surroundings();
}

Expected<Surroundings> tokenizer::readPostProcessor(const JsonNode &node,
                                                    const Vocabulary &vocabulary) {
  if (node.isNull())
    return Surroundings();
  Expected<std::string> type = node.stringMember("type");
  if (!type)
    return type.takeError();
  auto read =
      llvm::StringSwitch<Expected<Surroundings> (*)(const JsonNode &, const Vocabulary &)>(*type)
          .Case("Sequence", readSequence)
          .Case("TemplateProcessing", readTemplate)
          .Cases({"BertProcessing", "RobertaProcessing"}, readBert)
          .Case("ByteLevel", readByteLevel)
          .Default(nullptr);
  if (!read)
    return node.find("type")->unsupported(
        *type, "Sequence, TemplateProcessing, BertProcessing, RobertaProcessing or ByteLevel");
  return read(node, vocabulary);
}
