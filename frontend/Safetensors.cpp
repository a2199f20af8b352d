#include "frontend/Safetensors.h"
#include "frontend/FileIO.h"
#include "frontend/Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"

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
    return fail(tensor, "expected '" + key + "', an array of integers");
  DimVector integers;
  for (const Value &element : *array) {
    std::optional<int64_t> integer = element.getAsInteger();
    if (!integer || *integer < 0)
      return fail(tensor, "expected integers from 0 to 2^63 - 1 in '" + key + "'");
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
    return fail(name, "expected 'dtype', a string");
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
  TensorView view(bytes.data() + range.begin, type, shape);
  if (reinterpret_cast<uintptr_t>(view.data()) % sizeOf(type) != 0) {
    llvm::Expected<Tensor> copy = Tensor::copyOf(view);
    if (!copy)
      return fail(name, llvm::toString(copy.takeError()));
    view = copy->view();
    result.realigned.push_back(std::move(*copy));
  }
  result.tensors.emplace(name.str(), std::move(view));
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
  return it->second;
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> result;
  for (const auto &entry : tensors)
    result.push_back(entry.first);
  return result;
}
