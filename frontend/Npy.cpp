#include "frontend/Npy.h"
#include "frontend/FileIO.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/EndianStream.h"
#include "llvm/Support/MathExtras.h"

using namespace fovea;

static constexpr llvm::StringLiteral magic = "\x93NUMPY";

// NumPy pads headers so that the data of a mapped file is aligned for any vector unit.
static constexpr uint64_t dataAlignment = 64;

static constexpr std::pair<DataType, llvm::StringLiteral> descriptors[] = {
    {DataType::F64, "<f8"}, {DataType::F32, "<f4"}, {DataType::F16, "<f2"},
    {DataType::I64, "<i8"}, {DataType::I32, "<i4"}, {DataType::I16, "<i2"},
    {DataType::I8, "|i1"},  {DataType::U8, "|u1"},  {DataType::Bool, "|b1"},
};

namespace {
struct Header {
  std::optional<DataType> type;
  std::optional<bool> fortranOrder;
  std::optional<DimVector> shape;
};

/// Parses the header's Python literal, a dict of exactly three entries in any order.
class HeaderParser {
public:
  explicit HeaderParser(llvm::StringRef text) : text(text) {}

  llvm::Expected<Header> parse();

private:
  llvm::Error parseEntry(Header &header);
  llvm::Expected<llvm::StringRef> parseString();
  llvm::Expected<DataType> parseDescriptor();
  llvm::Expected<bool> parseBoolean();
  llvm::Expected<DimVector> parseShape();

  bool consume(llvm::StringRef token) {
    text = text.ltrim(" \t\n");
    return text.consume_front(token);
  }
  llvm::Error expected(const llvm::Twine &what) {
    std::string rest;
    llvm::raw_string_ostream(rest).write_escaped(text.take_front(20));
    return llvm::createStringError("expected " + what + " in the header, got '" + rest + "'");
  }

  llvm::StringRef text;
};
} // namespace

llvm::Expected<llvm::StringRef> HeaderParser::parseString() {
  char quote = consume("'") ? '\'' : consume("\"") ? '"' : 0;
  size_t end = quote ? text.find(quote) : llvm::StringRef::npos;
  if (end == llvm::StringRef::npos)
    return expected("a quoted string");
  llvm::StringRef value = text.take_front(end);
  text = text.drop_front(end + 1);
  return value;
}

llvm::Expected<DataType> HeaderParser::parseDescriptor() {
  llvm::Expected<llvm::StringRef> descriptor = parseString();
  if (!descriptor)
    return descriptor.takeError();
  for (auto [type, name] : descriptors) {
    // The byte order of a single byte says nothing.
    bool oneByte = sizeOf(type) == 1 && !descriptor->empty();
    if (*descriptor == name || (oneByte && descriptor->drop_front() == name.drop_front() &&
                                llvm::StringRef("<>=|").contains(descriptor->front())))
      return type;
  }
  return llvm::createStringError("element type '" + *descriptor +
                                 "' is not one of <f8 <f4 <f2 <i8 <i4 <i2 |i1 |u1 |b1");
}

llvm::Expected<bool> HeaderParser::parseBoolean() {
  if (consume("True"))
    return true;
  if (consume("False"))
    return false;
  return expected("True or False");
}

llvm::Expected<DimVector> HeaderParser::parseShape() {
  DimVector shape;
  if (!consume("("))
    return expected("a shape in parentheses");
  while (!consume(")")) {
    int64_t size;
    text = text.ltrim(" \t\n");
    // Not getAsInteger alone: that takes a sign.
    if (text.empty() || !llvm::isDigit(text.front()) || text.consumeInteger(10, size))
      return expected("a size from 0 to 2^63 - 1");
    shape.push_back(size);
    // A tuple of one needs its comma; a larger one may end in one.
    if (consume(","))
      continue;
    if (shape.size() == 1 || !text.ltrim(" \t\n").starts_with(")"))
      return expected("',' or ')'");
  }
  return shape;
}

template <typename T>
static llvm::Error assignOnce(std::optional<T> &field, llvm::StringRef key,
                              llvm::Expected<T> value) {
  if (!value)
    return value.takeError();
  if (field)
    return llvm::createStringError("the header has '" + key + "' twice");
  field = std::move(*value);
  return llvm::Error::success();
}

llvm::Error HeaderParser::parseEntry(Header &header) {
  llvm::Expected<llvm::StringRef> key = parseString();
  if (!key)
    return key.takeError();
  if (!consume(":"))
    return expected("':'");
  if (*key == "descr")
    return assignOnce(header.type, *key, parseDescriptor());
  if (*key == "fortran_order")
    return assignOnce(header.fortranOrder, *key, parseBoolean());
  if (*key == "shape")
    return assignOnce(header.shape, *key, parseShape());
  return llvm::createStringError("unexpected key '" + *key + "' in the header");
}

llvm::Expected<Header> HeaderParser::parse() {
  Header header;
  if (!consume("{"))
    return expected("'{'");
  while (!consume("}")) {
    if (llvm::Error error = parseEntry(header))
      return std::move(error);
    if (!consume(",") && !text.ltrim(" \t\n").starts_with("}"))
      return expected("',' or '}'");
  }
  if (!text.trim(" \t\n").empty())
    return expected("nothing after '}'");
  if (!header.type || !header.fortranOrder || !header.shape)
    return llvm::createStringError("the header lacks one of 'descr', 'fortran_order', 'shape'");
  return header;
}

/// Splits off the header's text, leaving the data in `contents`.
static llvm::Expected<llvm::StringRef> takeHeaderText(llvm::StringRef &contents) {
  if (!contents.consume_front(magic))
    return llvm::createStringError("not an .npy file: it does not begin with \\x93NUMPY");
  if (contents.size() < 2)
    return llvm::createStringError("the file ends within its header");
  unsigned major = static_cast<uint8_t>(contents[0]), minor = static_cast<uint8_t>(contents[1]);
  if (major < 1 || major > 3 || minor != 0)
    return llvm::createStringError("expected version 1.0, 2.0 or 3.0 of the format, got " +
                                   llvm::Twine(major) + "." + llvm::Twine(minor));
  contents = contents.drop_front(2);
  size_t lengthBytes = major == 1 ? 2 : 4;
  if (contents.size() < lengthBytes)
    return llvm::createStringError("the file ends within its header");
  uint64_t length = major == 1 ? llvm::support::endian::read16le(contents.data())
                               : llvm::support::endian::read32le(contents.data());
  contents = contents.drop_front(lengthBytes);
  if (length > contents.size())
    return llvm::createStringError("the header takes " + llvm::Twine(length) +
                                   " bytes, the rest of the file " + llvm::Twine(contents.size()));
  llvm::StringRef text = contents.take_front(length);
  contents = contents.drop_front(length);
  return text;
}

static DimVector fortranStrides(llvm::ArrayRef<int64_t> sizes) {
  DimVector reversed(llvm::reverse(sizes));
  return DimVector(llvm::reverse(contiguousStrides(reversed)));
}

static llvm::Expected<Tensor> readTensor(llvm::StringRef contents) {
  llvm::Expected<llvm::StringRef> text = takeHeaderText(contents);
  if (!text)
    return text.takeError();
  llvm::Expected<Header> header = HeaderParser(*text).parse();
  if (!header)
    return header.takeError();
  DataType type = *header->type;
  const DimVector &shape = *header->shape;
  llvm::Expected<int64_t> count = checkedNumElements(type, shape);
  if (!count)
    return count.takeError();
  if (static_cast<uint64_t>(*count) * sizeOf(type) != contents.size())
    return llvm::createStringError(describe(type, shape) + " takes " +
                                   llvm::Twine(*count * sizeOf(type)) + " bytes, the file has " +
                                   llvm::Twine(contents.size()) + " bytes of data");
  return Tensor::copyOf(
      TensorView(contents.data(), type, shape,
                 *header->fortranOrder ? fortranStrides(shape) : contiguousStrides(shape)));
}

llvm::Expected<Tensor> fovea::parseNpy(llvm::StringRef contents, llvm::StringRef name) {
  llvm::Expected<Tensor> tensor = readTensor(contents);
  if (!tensor)
    return llvm::createStringError(name + ": " + llvm::toString(tensor.takeError()));
  return tensor;
}

llvm::Expected<Tensor> fovea::readNpy(llvm::StringRef path) {
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> file = readFile(path);
  if (!file)
    return file.takeError();
  return parseNpy((*file)->getBuffer(), path);
}

static std::string makeHeader(llvm::StringRef descriptor, llvm::ArrayRef<int64_t> sizes) {
  std::string header;
  llvm::raw_string_ostream os(header);
  os << "{'descr': '" << descriptor << "', 'fortran_order': False, 'shape': (";
  llvm::interleaveComma(sizes, os);
  os << (sizes.size() == 1 ? ",), }" : "), }");
  uint64_t before = magic.size() + 4;
  uint64_t total = llvm::alignTo(before + header.size() + 1, dataAlignment);
  header.append(total - before - header.size() - 1, ' ');
  header.push_back('\n');
  return header;
}

/// Null if there is none.
static const char *findDescriptor(DataType type) {
  for (auto [known, name] : descriptors)
    if (known == type)
      return name.data();
  return nullptr;
}

llvm::Error fovea::checkNpyType(llvm::StringRef path, DataType type) {
  if (findDescriptor(type))
    return llvm::Error::success();
  return llvm::createStringError(path + ": .npy files have no element type " + stringify(type));
}

llvm::Error fovea::writeNpy(llvm::StringRef path, const TensorView &tensor) {
  if (llvm::Error error = tensor.validate())
    return llvm::createStringError(path + ": " + llvm::toString(std::move(error)));
  if (llvm::Error error = checkNpyType(path, tensor.dataType()))
    return error;
  std::string header = makeHeader(findDescriptor(tensor.dataType()), tensor.sizes());
  if (header.size() > 0xffff)
    return llvm::createStringError(path + ": rank " + llvm::Twine(tensor.rank()) +
                                   " does not fit in the header of an .npy file");
  llvm::Expected<Tensor> packed = Tensor::copyOf(tensor);
  if (!packed)
    return llvm::createStringError(path + ": " + llvm::toString(packed.takeError()));
  return writeFile(path, [&](llvm::raw_ostream &os) -> llvm::Error {
    os << magic << '\x01' << '\x00';
    llvm::support::endian::write<uint16_t>(os, header.size(), llvm::endianness::little);
    os << header;
    os.write(static_cast<const char *>(packed->data()), packed->numBytes());
    return llvm::Error::success();
  });
}
