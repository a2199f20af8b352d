// Builds the pipeline that a tokenizer.json describes.
#include "frontend/tokenizer/Pipeline.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;

/// The member `key`, null if it is missing.
static JsonNode memberOrNull(const JsonNode &root, StringRef key) {
  static const llvm::json::Value null = nullptr;
  std::optional<JsonNode> node = root.find(key);
  return node ? *node : JsonNode(null, "", key.str());
}

static llvm::Error checkVersion(const JsonNode &root) {
  std::optional<JsonNode> version = root.find("version");
  if (!version)
    return llvm::Error::success();
  Expected<std::string> text = version->string();
  if (!text)
    return text.takeError();
  return *text == "1.0" ? llvm::Error::success() : version->unsupported(*text, "1.0");
}

static llvm::Error readModelSection(const JsonNode &root, Pipeline &pipeline) {
  Expected<JsonNode> model = root.member("model");
  if (!model)
    return model.takeError();
  Expected<JsonNode> vocab = model->member("vocab");
  if (!vocab)
    return vocab.takeError();
  // Other models have arrays of another meaning there: readModel names them. Those that have a
  // vocabulary there say below what they expected.
  std::optional<JsonNode> type = model->find("type");
  std::optional<StringRef> name = type ? type->json().getAsString() : std::nullopt;
  if (vocab->json().getAsArray() && name && *name != "BPE" && *name != "WordPiece")
    return readModel(*model, pipeline.modelVocabulary).takeError();
  if (llvm::Error error = pipeline.readVocabularies(*vocab))
    return error;
  Expected<std::unique_ptr<Model>> read = readModel(*model, pipeline.modelVocabulary);
  if (!read)
    return read.takeError();
  pipeline.model = std::move(*read);
  return llvm::Error::success();
}

static llvm::Error readAddedTokens(const JsonNode &root, Pipeline &pipeline) {
  std::optional<JsonNode> list = root.find("added_tokens");
  if (!list || list->isNull())
    return llvm::Error::success();
  Expected<std::vector<JsonNode>> elements = list->array();
  if (!elements)
    return elements.takeError();
  for (const JsonNode &element : *elements) {
    Expected<AddedToken> token = readAddedToken(element);
    if (!token)
      return token.takeError();
    if (!pipeline.vocabulary.insert(token->content, token->id))
      return element.error("'" + token->content + "' with id " + llvm::Twine(token->id) +
                           " contradicts the vocabulary");
    if (llvm::Error error = pipeline.added.add(*token, pipeline.normalizer.get()))
      return element.error(llvm::toString(std::move(error)));
  }
  return llvm::Error::success();
}

// Each step reads what the one before made of the text, so that many take long.
static constexpr size_t maxSteps = 1024;

/// The objects with a type, sequences included.
static size_t countSteps(const llvm::json::Value &value) {
  size_t steps = 0;
  if (const llvm::json::Array *elements = value.getAsArray())
    for (const llvm::json::Value &element : *elements)
      steps += countSteps(element);
  if (const llvm::json::Object *members = value.getAsObject()) {
    steps += members->get("type") != nullptr;
    for (const auto &[key, member] : *members)
      steps += countSteps(member);
  }
  return steps;
}

/// Reads one part into its place.
template <typename Part, typename Read>
static llvm::Error readPart(const JsonNode &root, StringRef key, Part &target, Read read) {
  JsonNode node = memberOrNull(root, key);
  if (size_t steps = countSteps(node.json()); steps > maxSteps)
    return node.error("expected at most " + llvm::Twine(maxSteps) + " steps, got " +
                      llvm::Twine(steps));
  Expected<Part> part = read(node);
  if (!part)
    return part.takeError();
  target = std::move(*part);
  return llvm::Error::success();
}

Expected<std::shared_ptr<const Pipeline>> tokenizer::readPipeline(const JsonNode &root) {
  // Truncation and padding are for callers that ask for them; none here does.
  if (llvm::Error error =
          root.expectOnly({"version", "truncation", "padding", "added_tokens", "normalizer",
                           "pre_tokenizer", "post_processor", "decoder", "model"}))
    return std::move(error);
  auto pipeline = std::make_shared<Pipeline>();
  if (llvm::Error error = checkVersion(root))
    return std::move(error);
  if (llvm::Error error = readPart(root, "normalizer", pipeline->normalizer, readNormalizer))
    return std::move(error);
  if (llvm::Error error = readPart(root, "pre_tokenizer", pipeline->preTokenizer, readPreTokenizer))
    return std::move(error);
  if (llvm::Error error = readModelSection(root, *pipeline))
    return std::move(error);
  if (llvm::Error error = readAddedTokens(root, *pipeline))
    return std::move(error);
  auto readPost = [&](const JsonNode &node) {
    return readPostProcessor(node, pipeline->vocabulary);
  };
  if (llvm::Error error = readPart(root, "post_processor", pipeline->surroundings, readPost))
    return std::move(error);
  if (llvm::Error error = readPart(root, "decoder", pipeline->decoder, readDecoder))
    return std::move(error);
  return pipeline;
}
