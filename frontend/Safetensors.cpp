#include "frontend/Safetensors.h"
#include "frontend/FileIO.h"
#include "frontend/Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>
#include <sys/mman.h>

using namespace fovea;
using llvm::json::Value;

static constexpr uint64_t lengthBytes = 8;

// The format's own bound, which keeps a bad length from being parsed for minutes.
static constexpr uint64_t maxHeaderBytes = 100'000'000;

namespace {
/// Where a tensor's bytes lie, from the end of the header.
struct ByteRange {
  int64_t begin;
  int64_t end;
  llvm::StringRef name;
};
} // namespace

/// Reads one header. Messages name the file, and the tensor where one is at fault.
struct SafetensorsFile::HeaderReader {
  SafetensorsFile &result;
  llvm::StringRef bytes; // the tensors' bytes
  std::vector<ByteRange> ranges = {};

  llvm::Error fail(const llvm::Twine &message) {
    return llvm::createStringError(result.location() + ": " + message);
  }
  llvm::Error fail(llvm::StringRef tensor, const llvm::Twine &message) {
    return fail("tensor '" + tensor + "': " + message);
  }

  llvm::Error readHeader(const llvm::json::Object &header);
  llvm::Error readMetadata(const Value &value);
  llvm::Error readTensor(llvm::StringRef name, const Value &value);
  llvm::Expected<DimVector> readIntegers(llvm::StringRef tensor, llvm::StringRef key,
                                         const llvm::json::Object &object);
  llvm::Error addTensor(llvm::StringRef name, DataType type, const DimVector &shape,
                        ByteRange range);
  llvm::Error checkRanges();
};

llvm::Error SafetensorsFile::HeaderReader::readMetadata(const Value &value) {
  const llvm::json::Object *object = value.getAsObject();
  if (!object)
    return fail("expected __metadata__ to be an object of strings, got " + describeKind(value));
  for (const auto &[key, entry] : *object) {
    std::optional<llvm::StringRef> text = entry.getAsString();
    if (!text)
      return fail("expected __metadata__ to hold strings, got " + describeKind(entry) + " for '" +
                  key.str() + "'");
    result.strings[key.str()] = text->str();
  }
  return llvm::Error::success();
}

llvm::Expected<DimVector>
SafetensorsFile::HeaderReader::readIntegers(llvm::StringRef tensor, llvm::StringRef key,
                                            const llvm::json::Object &object) {
  const llvm::json::Array *array = object.getArray(key);
  if (!array)
    return fail(tensor,
                "expected '" + key + "', an array of integers, got " + kindOf(object.get(key)));
  DimVector integers;
  for (const Value &element : *array) {
    std::optional<int64_t> integer = element.getAsInteger();
    if (!integer || *integer < 0)
      return fail(tensor, "expected integers from 0 to 2^63 - 1 in '" + key + "', got " +
                              (integer ? std::to_string(*integer) : describeKind(element).str()));
    integers.push_back(*integer);
  }
  return integers;
}

llvm::Error SafetensorsFile::HeaderReader::readTensor(llvm::StringRef name, const Value &value) {
  const llvm::json::Object *object = value.getAsObject();
  if (!object)
    return fail(name, "expected an object, got " + describeKind(value));
  for (const auto &entry : *object)
    if (!llvm::is_contained({"dtype", "shape", "data_offsets"}, entry.first.str()))
      return fail(name, "unexpected key '" + entry.first.str() + "'");
  std::optional<llvm::StringRef> typeName = object->getString("dtype");
  if (!typeName)
    return fail(name, "expected 'dtype', a string, got " + kindOf(object->get("dtype")));
  std::optional<DataType> type = parseSafetensorsName(*typeName);
  if (!type)
    return fail(name, "element type " + *typeName + " is not one of " +
                          llvm::join(llvm::map_range(allDataTypes(), safetensorsName), " "));
  llvm::Expected<DimVector> shape = readIntegers(name, "shape", *object);
  if (!shape)
    return shape.takeError();
  llvm::Expected<DimVector> offsets = readIntegers(name, "data_offsets", *object);
  if (!offsets)
    return offsets.takeError();
  if (offsets->size() != 2)
    return fail(name, "expected 2 data_offsets, got " + llvm::Twine(offsets->size()));
  return addTensor(name, *type, *shape, {(*offsets)[0], (*offsets)[1], name});
}

llvm::Error SafetensorsFile::HeaderReader::addTensor(llvm::StringRef name, DataType type,
                                                     const DimVector &shape, ByteRange range) {
  if (range.begin > range.end || static_cast<uint64_t>(range.end) > bytes.size())
    return fail(name, "data_offsets [" + llvm::Twine(range.begin) + ", " + llvm::Twine(range.end) +
                          "] are not within the " + llvm::Twine(bytes.size()) + " bytes of data");
  llvm::Expected<int64_t> count = checkedNumElements(type, shape);
  if (!count)
    return fail(name, llvm::toString(count.takeError()));
  if (*count * sizeOf(type) != range.end - range.begin)
    return fail(name, describe(type, shape) + " takes " + llvm::Twine(*count * sizeOf(type)) +
                          " bytes, but data_offsets span " + llvm::Twine(range.end - range.begin));
  ranges.push_back(range);
  Entry entry{TensorView(bytes.data() + range.begin, type, shape), nullptr};
  if (reinterpret_cast<uintptr_t>(entry.stored.data()) % sizeOf(type) != 0) {
    llvm::Expected<Tensor> copy = Tensor::createUninitialized(type, shape);
    if (!copy)
      return fail(name, llvm::toString(copy.takeError()));
    entry.realigned = std::make_unique<Realigned>();
    entry.realigned->copy = std::move(*copy);
  }
  result.tensors.emplace(name.str(), std::move(entry));
  return llvm::Error::success();
}

llvm::Error SafetensorsFile::HeaderReader::checkRanges() {
  llvm::sort(ranges, [](const ByteRange &a, const ByteRange &b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  int64_t end = 0;
  for (const ByteRange &range : ranges) {
    if (range.begin < end)
      return fail(range.name, "its bytes overlap those of another tensor");
    if (range.begin > end)
      return fail("bytes " + llvm::Twine(end) + " to " + llvm::Twine(range.begin) +
                  " of the data belong to no tensor");
    end = range.end;
  }
  if (static_cast<uint64_t>(end) != bytes.size())
    return fail("the tensors end after " + llvm::Twine(end) + " bytes, but the file has " +
                llvm::Twine(bytes.size()) + " bytes of data");
  return llvm::Error::success();
}

llvm::Error SafetensorsFile::HeaderReader::readHeader(const llvm::json::Object &header) {
  for (const auto &entry : header) {
    llvm::StringRef name = entry.first;
    llvm::Error error =
        name == "__metadata__" ? readMetadata(entry.second) : readTensor(name, entry.second);
    if (error)
      return error;
  }
  return checkRanges();
}

llvm::Expected<std::unique_ptr<SafetensorsFile>>
SafetensorsFile::parse(std::unique_ptr<llvm::MemoryBuffer> file) {
  std::unique_ptr<SafetensorsFile> result(new SafetensorsFile(std::move(file)));
  std::string path = result->location();
  llvm::StringRef contents = result->file->getBuffer();
  if (contents.size() < lengthBytes)
    return llvm::createStringError(path + ": expected a safetensors file of 8 bytes or more, got " +
                                   llvm::Twine(contents.size()));
  uint64_t headerBytes = llvm::support::endian::read64le(contents.data());
  contents = contents.drop_front(lengthBytes);
  if (headerBytes > maxHeaderBytes || headerBytes > contents.size())
    return llvm::createStringError(path +
                                   ": not a safetensors file, or a truncated one: the "
                                   "header takes " +
                                   llvm::Twine(headerBytes) + " bytes, the rest of the file " +
                                   llvm::Twine(contents.size()));
  llvm::StringRef text = contents.take_front(headerBytes);
  if (!text.starts_with("{"))
    return llvm::createStringError(path + ": not a safetensors file: its header does not begin "
                                          "with '{'");
  llvm::Expected<Value> header = parseJson(text, path);
  if (!header)
    return header.takeError();
  HeaderReader reader{*result, contents.drop_front(headerBytes)};
  if (llvm::Error error = reader.readHeader(*header->getAsObject()))
    return std::move(error);
  return result;
}

llvm::Expected<std::unique_ptr<SafetensorsFile>> SafetensorsFile::open(llvm::StringRef path) {
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> file = readFile(path);
  if (!file)
    return file.takeError();
  return parse(std::move(*file));
}

std::optional<TensorView> SafetensorsFile::find(llvm::StringRef name) const {
  auto it = tensors.find(name);
  if (it == tensors.end())
    return std::nullopt;
  const Entry &entry = it->second;
  if (!entry.realigned)
    return entry.stored;
  std::call_once(entry.realigned->filled, [&] { fill(entry); });
  return entry.realigned->copy.view();
}

std::optional<TensorView> SafetensorsFile::findStored(llvm::StringRef name) const {
  auto it = tensors.find(name);
  if (it == tensors.end())
    return std::nullopt;
  return it->second.stored;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Copies an entry's tensor to where it is aligned, in pieces, so that not all is there twice.
void SafetensorsFile::fill(const Entry &entry) const {
  constexpr int64_t pieceBytes = int64_t(8) << 20;
  const auto *from = static_cast<const char *>(entry.stored.data());
  int64_t bytes = entry.stored.numBytes();
  for (int64_t begin = 0; begin < bytes; begin += pieceBytes) {
    int64_t size = std::min(pieceBytes, bytes - begin);
    std::memcpy(entry.realigned->copy.dataAs<char>() + begin, from + begin, size);
    releasePages(from + begin, size);
  }
}

void SafetensorsFile::release(llvm::StringRef name, int64_t begin, int64_t end) const {
  std::optional<TensorView> view = findStored(name);
  if (!view || begin < 0 || begin >= end || end > view->numBytes())
    return;
  releasePages(static_cast<const char *>(view->data()) + begin, end - begin);
}

/// Reading a page brings its neighbours in as well, at most those that one table of pages holds. So
/// whole tables go; whoever reads their pages again gets them from the file.
void SafetensorsFile::releasePages(const void *begin, size_t bytes) const {
  // Elsewhere the pages are the only copy.
  if (file->getBufferKind() != llvm::MemoryBuffer::MemoryBuffer_MMap)
    return;
  constexpr uintptr_t tableBytes = uintptr_t(2) << 20;
  auto address = [](const void *at) { return reinterpret_cast<uintptr_t>(at); };
  uintptr_t first =
      std::max(llvm::alignDown(address(begin), tableBytes), address(file->getBufferStart()));
  uintptr_t last =
      std::min(llvm::alignTo(address(begin) + bytes, tableBytes), address(file->getBufferEnd()));
  // A mapping begins with a page; the system rounds the end up.
  madvise(reinterpret_cast<void *>(first), last - first, MADV_DONTNEED);
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> result;
  for (const auto &entry : tensors)
    result.push_back(entry.first);
  return result;
}
