#include "runtime/CodeCache.h"
#include "frontend/FileIO.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/xxhash.h"

using namespace fovea;
using llvm::StringRef;

// An entry: the magic, the key's hash (32 bytes), the size of the payload and its checksum (8 and
// 16 bytes, little-endian), the payload. The payload: the size of a JSON object (8 bytes), that
// object, the objects one after the other.
static constexpr StringRef magic = "FOVEACC1";
static constexpr size_t keyBytes = 32, headerBytes = 8 + keyBytes + 8 + 16;

static std::string checksumOf(StringRef payload) {
  return bytesOf(llvm::xxh3_128bits(llvm::arrayRefFromStringRef(payload)));
}

//===----------------------------------------------------------------------===//
// Findings
//===----------------------------------------------------------------------===//

static llvm::json::Value toValue(const Finding &finding) {
  llvm::json::Array notes;
  for (const Finding &note : finding.notes)
    notes.push_back(toValue(note));
  return llvm::json::Object{{"file", finding.place.file},
                            {"line", finding.place.line},
                            {"column", finding.place.column},
                            {"severity", static_cast<int>(finding.severity)},
                            {"topic", finding.topic},
                            {"message", finding.message},
                            {"shortfall", static_cast<int>(finding.shortfall)},
                            {"notes", std::move(notes)}};
}

static bool fromValue(const llvm::json::Value &value, Finding &finding, unsigned depth = 0) {
  llvm::json::Path::Root root;
  llvm::json::ObjectMapper map(value, root);
  int severity = 0, shortfall = 0;
  if (!map || !map.map("file", finding.place.file) || !map.map("line", finding.place.line) ||
      !map.map("column", finding.place.column) || !map.map("severity", severity) ||
      !map.map("topic", finding.topic) || !map.map("message", finding.message) ||
      !map.map("shortfall", shortfall) || severity < 0 ||
      severity > static_cast<int>(Finding::Severity::Note) || shortfall < 0 ||
      shortfall > static_cast<int>(Shortfall::NotVectorized))
    return false;
  finding.severity = static_cast<Finding::Severity>(severity);
  finding.shortfall = static_cast<Shortfall>(shortfall);
  const llvm::json::Array *notes = value.getAsObject()->getArray("notes");
  if (!notes || depth > 8)
    return false;
  return llvm::all_of(*notes, [&](const llvm::json::Value &note) {
    return fromValue(note, finding.notes.emplace_back(), depth + 1);
  });
}

//===----------------------------------------------------------------------===//
// Payloads
//===----------------------------------------------------------------------===//

static std::string encode(const CachedCode &code) {
  llvm::json::Array sizes, report;
  for (const std::string &object : code.objects)
    sizes.push_back(static_cast<int64_t>(object.size()));
  for (const Finding &finding : code.report)
    report.push_back(toValue(finding));
  std::string json;
  llvm::raw_string_ostream(json) << llvm::json::Value(llvm::json::Object{
      {"weights", code.weights}, {"objects", std::move(sizes)}, {"report", std::move(report)}});
  std::string payload = bytesOf(json.size()) + json;
  for (const std::string &object : code.objects)
    payload += object;
  return payload;
}

/// Takes `size` bytes from the front, if there are as many.
static std::optional<StringRef> take(StringRef &rest, uint64_t size) {
  if (size > rest.size())
    return std::nullopt;
  StringRef taken = rest.take_front(size);
  rest = rest.drop_front(size);
  return taken;
}

static std::optional<uint64_t> takeNumber(StringRef &rest) {
  std::optional<StringRef> bytes = take(rest, 8);
  return bytes ? std::optional(llvm::support::endian::read64le(bytes->data())) : std::nullopt;
}

static std::optional<CachedCode> decode(StringRef payload) {
  std::optional<uint64_t> size = takeNumber(payload);
  std::optional<StringRef> text = size ? take(payload, *size) : std::nullopt;
  if (!text)
    return std::nullopt;
  llvm::Expected<llvm::json::Value> json = llvm::json::parse(*text);
  if (!json) {
    llvm::consumeError(json.takeError());
    return std::nullopt;
  }
  CachedCode code;
  const llvm::json::Object *fields = json->getAsObject();
  std::optional<StringRef> weights = fields ? fields->getString("weights") : std::nullopt;
  const llvm::json::Array *sizes = fields ? fields->getArray("objects") : nullptr;
  const llvm::json::Array *report = fields ? fields->getArray("report") : nullptr;
  if (!weights || !sizes || !report)
    return std::nullopt;
  code.weights = weights->str();
  for (const llvm::json::Value &value : *sizes) {
    std::optional<int64_t> bytes = value.getAsInteger();
    std::optional<StringRef> object =
        bytes && *bytes >= 0 ? take(payload, *bytes) : std::optional<StringRef>();
    if (!object)
      return std::nullopt;
    code.objects.push_back(object->str());
  }
  for (const llvm::json::Value &value : *report)
    if (!fromValue(value, code.report.emplace_back()))
      return std::nullopt;
  return payload.empty() ? std::optional(std::move(code)) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

std::string CodeCache::pathOf(StringRef key) const { return directory.pathOf(key); }

std::optional<CachedCode> CodeCache::find(StringRef key) const {
  if (llvm::Error error = directory.check()) {
    llvm::consumeError(std::move(error));
    return std::nullopt;
  }
  std::string path = pathOf(key);
  auto file = readFile(path, /*isCopied=*/true); // others share the directory
  if (!file) {
    llvm::consumeError(file.takeError());
    return std::nullopt;
  }
  StringRef rest = (*file)->getBuffer();
  if (rest.size() < headerBytes || !rest.consume_front(magic) || !rest.consume_front(keyHash(key)))
    return std::nullopt;
  std::optional<uint64_t> size = takeNumber(rest);
  StringRef checksum = *take(rest, 16);
  if (*size != rest.size() || checksum != checksumOf(rest))
    return std::nullopt;
  std::optional<CachedCode> code = decode(rest);
  if (code)
    directory.use(path);
  return code;
}

llvm::Error CodeCache::store(StringRef key, const CachedCode &code) const {
  std::string payload = encode(code);
  if (static_cast<int64_t>(headerBytes + payload.size()) > directory.limit())
    return llvm::Error::success();
  return directory.store(pathOf(key), [&](llvm::raw_ostream &os) {
    os << magic << keyHash(key) << bytesOf(payload.size()) << checksumOf(payload) << payload;
    return llvm::Error::success();
  });
}
