// A JSON value with its path, read strictly: a member that nobody asked for is an error, since it
// may change the meaning of what was read.
#ifndef FOVEA_FRONTEND_TOKENIZER_JSONNODE_H
#define FOVEA_FRONTEND_TOKENIZER_JSONNODE_H

#include "llvm/ADT/Twine.h"
#include "llvm/Support/JSON.h"
#include <string>
#include <vector>

namespace fovea::tokenizer {

class JsonNode {
public:
  /// `file` is named in messages; `path` is the way from its root, such as "decoders[0].type".
  JsonNode(const llvm::json::Value &value, llvm::StringRef file, std::string path = "")
      : value(&value), file(file), path(std::move(path)) {}

  bool isNull() const { return value->kind() == llvm::json::Value::Null; }
  const llvm::json::Value &json() const { return *value; }

  /// "FILE: PATH: message".
  llvm::Error error(const llvm::Twine &message) const;
  /// "FILE: PATH: 'name' is not supported; expected ...".
  llvm::Error unsupported(llvm::StringRef name, llvm::StringRef expected) const;
  /// "FILE: PATH: expected EXPECTED, got a number".
  llvm::Error wrongKind(llvm::StringRef expected) const;

  llvm::Expected<std::string> string() const;
  llvm::Expected<bool> boolean() const;
  llvm::Expected<int64_t> integer() const;
  llvm::Expected<std::vector<JsonNode>> array() const;
  llvm::Expected<const llvm::json::Object *> object() const;

  /// The member `key` of an object; nothing if it is missing or this is no object.
  std::optional<JsonNode> find(llvm::StringRef key) const;
  /// The same, an error if it is missing.
  llvm::Expected<JsonNode> member(llvm::StringRef key) const;

  llvm::Expected<std::string> stringMember(llvm::StringRef key) const;
  llvm::Expected<int64_t> integerMember(llvm::StringRef key) const;
  llvm::Expected<bool> booleanMember(llvm::StringRef key) const;
  /// `otherwise` if the member is missing.
  llvm::Expected<bool> booleanMember(llvm::StringRef key, bool otherwise) const;

  /// The array `key` of a part that is a sequence of parts, "type" beside it and nothing else.
  llvm::Expected<std::vector<JsonNode>> sequence(llvm::StringRef key) const;

  /// An error that names a member which is not among `keys`.
  llvm::Error expectOnly(std::initializer_list<llvm::StringRef> keys) const;

private:
  const llvm::json::Value *value;
  llvm::StringRef file;
  std::string path;
};

} // namespace fovea::tokenizer

#endif // FOVEA_FRONTEND_TOKENIZER_JSONNODE_H
