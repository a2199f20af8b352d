#include "frontend/tokenizer/JsonNode.h"
#include "frontend/Json.h"
#include "frontend/Shortened.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;

llvm::Error JsonNode::error(const llvm::Twine &message) const {
  return llvm::createStringError(file + ": " + path + (path.empty() ? "" : ": ") + message);
}

llvm::Error JsonNode::unsupported(StringRef name, StringRef expected) const {
  return error("'" + shortened(name) + "' is not supported; expected " + expected);
}

llvm::Error JsonNode::wrongKind(StringRef expected) const {
  return error("expected " + expected + ", got " + describeKind(*value));
}

Expected<std::string> JsonNode::string() const {
  if (std::optional<StringRef> text = value->getAsString())
    return text->str();
  return wrongKind("a string");
}

Expected<bool> JsonNode::boolean() const {
  if (std::optional<bool> flag = value->getAsBoolean())
    return *flag;
  return wrongKind("a boolean");
}

Expected<int64_t> JsonNode::integer() const {
  if (std::optional<int64_t> number = value->getAsInteger())
    return *number;
  return wrongKind("an integer");
}

Expected<std::vector<JsonNode>> JsonNode::array() const {
  const llvm::json::Array *elements = value->getAsArray();
  if (!elements)
    return wrongKind("an array");
  std::vector<JsonNode> nodes;
  for (auto [i, element] : llvm::enumerate(*elements))
    nodes.emplace_back(element, file, path + "[" + std::to_string(i) + "]");
  return nodes;
}

Expected<const llvm::json::Object *> JsonNode::object() const {
  if (const llvm::json::Object *members = value->getAsObject())
    return members;
  return wrongKind("an object");
}

std::optional<JsonNode> JsonNode::find(StringRef key) const {
  const llvm::json::Object *members = value->getAsObject();
  const llvm::json::Value *member = members ? members->get(key) : nullptr;
  if (!member)
    return std::nullopt;
  return JsonNode(*member, file, path + (path.empty() ? "" : ".") + key.str());
}

Expected<JsonNode> JsonNode::member(StringRef key) const {
  if (Expected<const llvm::json::Object *> members = object(); !members)
    return members.takeError();
  if (std::optional<JsonNode> node = find(key))
    return *node;
  return error("expected a member '" + key + "', got an object without");
}

Expected<std::string> JsonNode::stringMember(StringRef key) const {
  Expected<JsonNode> node = member(key);
  return node ? node->string() : node.takeError();
}

Expected<int64_t> JsonNode::integerMember(StringRef key) const {
  Expected<JsonNode> node = member(key);
  return node ? node->integer() : node.takeError();
}

Expected<bool> JsonNode::booleanMember(StringRef key) const {
  Expected<JsonNode> node = member(key);
  return node ? node->boolean() : node.takeError();
}

Expected<bool> JsonNode::booleanMember(StringRef key, bool otherwise) const {
  std::optional<JsonNode> node = find(key);
  return node ? node->boolean() : otherwise;
}

Expected<std::vector<JsonNode>> JsonNode::sequence(StringRef key) const {
  if (llvm::Error error = expectOnly({"type", key}))
    return std::move(error);
  Expected<JsonNode> list = member(key);
  if (!list)
    return list.takeError();
  return list->array();
}

llvm::Error JsonNode::expectOnly(std::initializer_list<StringRef> keys) const {
  Expected<const llvm::json::Object *> members = object();
  if (!members)
    return members.takeError();
  for (const auto &[key, member] : **members)
    if (!llvm::is_contained(keys, StringRef(key)))
      return error("the member '" + shortened(key) + "' is not supported; expected " +
                   llvm::join(keys, ", "));
  return llvm::Error::success();
}
