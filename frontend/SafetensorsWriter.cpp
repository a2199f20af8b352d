// The writing half of Safetensors.h.
#include "frontend/FileIO.h"
#include "frontend/Safetensors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/EndianStream.h"
#include "llvm/Support/JSON.h"

using namespace fovea;

static llvm::Error checkNames(llvm::ArrayRef<NamedTensorView> tensors) {
  llvm::StringSet<> seen;
  for (const auto &[name, view] : tensors) {
    if (!llvm::json::isUTF8(name))
      return llvm::createStringError("expected tensor names in UTF-8, got '" +
                                     llvm::json::fixUTF8(name) + "'");
    if (name == "__metadata__")
      return llvm::createStringError("a tensor cannot be called __metadata__");
    if (!seen.insert(name).second)
      return llvm::createStringError("two tensors are called '" + name + "'");
    if (llvm::Error error = view.validate())
      return llvm::createStringError("tensor '" + name + "': " + llvm::toString(std::move(error)));
  }
  return llvm::Error::success();
}

/// The header of tensors that are stored in the given order, padded to 8 bytes.
static std::string makeHeader(llvm::ArrayRef<const NamedTensorView *> tensors,
                              const std::map<std::string, std::string> &metadata) {
  std::string header;
  llvm::raw_string_ostream os(header);
  llvm::json::OStream json(os);
  int64_t offset = 0;
  json.object([&] {
    if (!metadata.empty())
      json.attributeObject("__metadata__", [&] {
        for (const auto &[key, value] : metadata)
          json.attribute(llvm::json::fixUTF8(key), llvm::json::fixUTF8(value));
      });
    for (const NamedTensorView *tensor : tensors) {
      const TensorView &view = tensor->second;
      json.attributeObject(tensor->first, [&] {
        json.attribute("dtype", safetensorsName(view.dataType()));
        json.attribute("shape", llvm::json::Array(view.sizes()));
        json.attribute("data_offsets", llvm::json::Array({offset, offset + view.numBytes()}));
      });
      offset += view.numBytes();
    }
  });
  header.append(llvm::alignTo(header.size(), 8) - header.size(), ' ');
  return header;
}

static llvm::Error writeElements(llvm::raw_ostream &os, const TensorView &view) {
  if (view.isContiguous()) {
    os.write(static_cast<const char *>(view.data()), view.numBytes());
    return llvm::Error::success();
  }
  llvm::Expected<Tensor> packed = Tensor::copyOf(view);
  if (!packed)
    return packed.takeError();
  os.write(static_cast<const char *>(packed->data()), packed->numBytes());
  return llvm::Error::success();
}

llvm::Error fovea::writeSafetensors(llvm::StringRef path, llvm::ArrayRef<NamedTensorView> tensors,
                                    const std::map<std::string, std::string> &metadata) {
  if (llvm::Error error = checkNames(tensors))
    return llvm::createStringError(path + ": " + llvm::toString(std::move(error)));
  // Widest elements first: every tensor then lies aligned to its elements.
  std::vector<const NamedTensorView *> order;
  for (const NamedTensorView &tensor : tensors)
    order.push_back(&tensor);
  llvm::sort(order, [](const NamedTensorView *a, const NamedTensorView *b) {
    int64_t sizeA = sizeOf(a->second.dataType()), sizeB = sizeOf(b->second.dataType());
    return sizeA != sizeB ? sizeA > sizeB : a->first < b->first;
  });
  std::string header = makeHeader(order, metadata);
  return writeFile(path, [&](llvm::raw_ostream &os) -> llvm::Error {
    llvm::support::endian::write<uint64_t>(os, header.size(), llvm::endianness::little);
    os << header;
    for (const NamedTensorView *tensor : order)
      if (llvm::Error error = writeElements(os, tensor->second))
        return error;
    return llvm::Error::success();
  });
}
