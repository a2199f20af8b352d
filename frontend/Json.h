// Strict reading of JSON from files that nobody vouches for: llvm::json with a bound on nesting
// (its parser recurses) and with duplicate keys rejected (it keeps the last one).
#ifndef FOVEA_FRONTEND_JSON_H
#define FOVEA_FRONTEND_JSON_H

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

namespace fovea {

/// Deepest nesting of arrays and objects that `parseJson` takes.
constexpr unsigned maxJsonDepth = 128;

/// The value that `text` holds, and nothing but it. Errors begin with "NAME:LINE:COL: ".
llvm::Expected<llvm::json::Value> parseJson(llvm::StringRef text, llvm::StringRef name);

/// The same, of a whole file that must hold an object.
llvm::Expected<llvm::json::Object> readJsonObject(llvm::StringRef path);

/// "an object", "a string", "null", ...: for messages.
llvm::StringRef describeKind(const llvm::json::Value &value);
/// The same of an entry that may be missing (null): "no such entry".
llvm::StringRef kindOf(const llvm::json::Value *entry);

} // namespace fovea

#endif // FOVEA_FRONTEND_JSON_H
