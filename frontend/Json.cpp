#include "frontend/Json.h"
#include "frontend/FileIO.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"
#include <vector>

using namespace fovea;
using llvm::json::Value;

static llvm::Error errorAt(llvm::StringRef text, size_t offset, llvm::StringRef name,
                           const llvm::Twine &message) {
  llvm::StringRef before = text.take_front(offset);
  size_t line = before.count('\n') + 1;
  size_t column = offset - (before.rfind('\n') + 1) + 1;
  return llvm::createStringError(name + ":" + llvm::Twine(line) + ":" + llvm::Twine(column) +
                                 ": error: " + message);
}

/// The end of the string literal that starts at `begin`, one past its closing quote.
static size_t endOfString(llvm::StringRef text, size_t begin) {
  for (size_t i = begin + 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      return i + 1;
  }
  return text.size();
}

/// The characters that a string literal stands for; as it is if it is malformed.
static std::string decodeString(llvm::StringRef literal) {
  // Most have no escapes: a vocabulary has a hundred thousand.
  if (literal.size() >= 2 && !literal.contains('\\'))
    return literal.drop_front().drop_back().str();
  if (llvm::Expected<Value> value = llvm::json::parse(literal)) {
    if (std::optional<llvm::StringRef> text = value->getAsString())
      return text->str();
  } else {
    llvm::consumeError(value.takeError());
  }
  return literal.str();
}

/// Checks what llvm::json does not: the nesting, and that no object has a key twice. Everything
/// else that is malformed passes, for llvm::json to report.
static llvm::Error checkStructure(llvm::StringRef text, llvm::StringRef name) {
  std::vector<llvm::StringSet<>> open; // the keys so far of each open bracket
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{' || text[i] == '[') {
      if (open.size() == maxJsonDepth)
        return errorAt(text, i, name,
                       "nested deeper than " + llvm::Twine(maxJsonDepth) + " levels");
      open.emplace_back();
    } else if ((text[i] == '}' || text[i] == ']') && !open.empty()) {
      open.pop_back();
    } else if (text[i] == '"') {
      size_t end = endOfString(text, i);
      // Only a key is followed by a colon.
      if (!open.empty() && text.drop_front(end).ltrim(" \t\r\n").starts_with(":")) {
        std::string key = decodeString(text.slice(i, end));
        if (!open.back().insert(key).second)
          return errorAt(text, i, name, "duplicate key '" + key + "'");
      }
      i = end - 1;
    }
  }
  return llvm::Error::success();
}

llvm::Expected<Value> fovea::parseJson(llvm::StringRef text, llvm::StringRef name) {
  if (llvm::Error error = checkStructure(text, name))
    return std::move(error);
  llvm::Expected<Value> value = llvm::json::parse(text);
  if (value)
    return value;
  // Its errors read "[LINE:COLUMN, byte=OFFSET]: message".
  std::string rendered = llvm::toString(value.takeError());
  auto [position, rest] = llvm::StringRef(rendered).split(", byte=");
  return llvm::createStringError(name + ":" + position.drop_front() +
                                 ": error: " + rest.split("]: ").second);
}

llvm::Expected<llvm::json::Object> fovea::readJsonObject(llvm::StringRef path) {
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> file = readFile(path);
  if (!file)
    return file.takeError();
  llvm::Expected<Value> value = parseJson((*file)->getBuffer(), path);
  if (!value)
    return value.takeError();
  if (llvm::json::Object *object = value->getAsObject())
    return std::move(*object);
  return llvm::createStringError(path + ": expected a JSON object, got " + describeKind(*value));
}

llvm::StringRef fovea::kindOf(const Value *entry) {
  return entry ? describeKind(*entry) : "no such entry";
}

llvm::StringRef fovea::describeKind(const Value &value) {
  switch (value.kind()) {
  case Value::Null:
    return "null";
  case Value::Boolean:
    return "a boolean";
  case Value::Number:
    return "a number";
  case Value::String:
    return "a string";
  case Value::Array:
    return "an array";
  case Value::Object:
    return "an object";
  }
  return "nothing";
}
