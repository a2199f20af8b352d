#include "frontend/tokenizer/Model.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;

Expected<std::string> tokenizer::readOptionalText(const JsonNode &node, StringRef key) {
  std::optional<JsonNode> member = node.find(key);
  return member && !member->isNull() ? member->string() : std::string();
}

/// Older files leave out the type: only BPE has merges, and only WordPiece a limit for words.
static Expected<std::string> typeOf(const JsonNode &node) {
  if (node.find("type"))
    return node.stringMember("type");
  if (node.find("merges"))
    return "BPE";
  if (node.find("max_input_chars_per_word"))
    return "WordPiece";
  return node.stringMember("type");
}

Expected<std::unique_ptr<Model>> tokenizer::readModel(const JsonNode &node,
                                                      const Vocabulary &vocabulary) {
  Expected<std::string> type = typeOf(node);
  if (!type)
    return type.takeError();
  if (*type == "BPE")
    return readBpe(node, vocabulary);
  if (*type == "WordPiece")
    return readWordPiece(node, vocabulary);
  return node.find("type")->unsupported(*type, "BPE or WordPiece");
}
