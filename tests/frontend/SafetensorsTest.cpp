#include "frontend/Safetensors.h"
#include "tests/ErrorTesting.h"
#include "tests/TemporaryDirectory.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include <random>

using namespace fovea;
using namespace fovea::testing;

/// The bytes of a file with that header and data.
static std::string makeFile(llvm::StringRef header, llvm::StringRef data) {
  std::string file(8, '\0');
  llvm::support::endian::write64le(file.data(), header.size());
  return file + header.str() + data.str();
}

static llvm::Expected<std::unique_ptr<SafetensorsFile>> parse(llvm::StringRef bytes) {
  return SafetensorsFile::parse(llvm::MemoryBuffer::getMemBufferCopy(bytes, "f.safetensors"));
}

static llvm::Expected<std::unique_ptr<SafetensorsFile>> parse(llvm::StringRef header,
                                                              llvm::StringRef data) {
  return parse(makeFile(header, data));
}

/// A file with tensors of 2, 1 and no elements, and metadata.
static std::string validFile() {
  return makeFile(R"({"__metadata__":{"format":"pt"},)"
                  R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                  R"("b":{"dtype":"I8","shape":[],"data_offsets":[8,9]},)"
                  R"("c":{"dtype":"F64","shape":[0,3],"data_offsets":[9,9]}})",
                  llvm::StringRef("\0\0\x80\x3f\0\0\0\x40\x05", 9));
}

TEST(SafetensorsTest, ReadsTensorsAndMetadata) {
  auto file = parse(validFile());
  ASSERT_TRUE(succeeds(file));
  EXPECT_EQ((*file)->names(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(toDoubles(*(*file)->find("a")), (std::vector<double>{1, 2}));
  EXPECT_EQ((*file)->find("b")->at({}), 5);
  EXPECT_EQ((*file)->find("c")->describe(), "f64[0, 3]");
  EXPECT_EQ((*file)->find("d"), std::nullopt);
  EXPECT_EQ((*file)->metadata().at("format"), "pt");
}

TEST(SafetensorsTest, ReadsMisalignedTensors) {
  // An odd header length puts the floats at an odd address.
  std::string header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  for (int pad = 0; pad < 4; ++pad, header += ' ') {
    auto file = parse(header, llvm::StringRef("\0\0\x80\x3f", 4));
    ASSERT_TRUE(succeeds(file));
    EXPECT_TRUE(succeeds((*file)->find("a")->validate()));
    EXPECT_EQ((*file)->find("a")->at({0}), 1);
  }
}

TEST(SafetensorsTest, CopiesMisalignedTensorsOnlyForWhoNeedsThem) {
  std::string header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  header.append(65 - header.size() % 64, ' ');
  std::string bytes = makeFile(header, llvm::StringRef("\0\0\x80\x3f", 4));
  auto file = SafetensorsFile::parse(llvm::MemoryBuffer::getMemBuffer(bytes, "f", false));
  ASSERT_TRUE(succeeds(file));
  auto stored = (*file)->findStored("a");
  EXPECT_EQ(stored->data(), bytes.data() + bytes.size() - 4);
  EXPECT_EQ(stored->describe(), "f32[1]");
  auto aligned = (*file)->find("a");
  EXPECT_NE(aligned->data(), stored->data());
  EXPECT_EQ((*file)->find("a")->data(), aligned->data());
  EXPECT_EQ((*file)->findStored("b"), std::nullopt);
}

// Pages come back from the file, whether they are released once, twice or with their neighbours.
TEST(SafetensorsTest, ReadsWhatWasReleased) {
  std::string data(40000, '\1');
  data.back() = 2;
  TemporaryDirectory directory;
  auto file = SafetensorsFile::open(directory.write(
      "f", makeFile(R"({"a":{"dtype":"I8","shape":[40000],"data_offsets":[0,40000]}})", data)));
  ASSERT_TRUE(succeeds(file));
  auto view = (*file)->find("a");
  for (auto [begin, end] : {std::pair(0, 40000), {0, 40000}, {39999, 40000}, {5000, 5001}}) {
    (*file)->release("a", begin, end);
    EXPECT_EQ(view->at({0}), 1);
    EXPECT_EQ(view->at({39999}), 2);
  }
  // Nothing is released outside of the tensor.
  (*file)->release("a", 0, 40001);
  (*file)->release("a", -1, 5);
  (*file)->release("a", 7, 7);
  (*file)->release("b", 0, 1);
  EXPECT_EQ(view->at({39999}), 2);
}

TEST(SafetensorsTest, RejectsBadHeaderLengths) {
  EXPECT_TRUE(failsWith(parse(""), "8 bytes or more, got 0"));
  EXPECT_TRUE(failsWith(parse("1234567"), "8 bytes or more, got 7"));
  EXPECT_TRUE(failsWith(parse(std::string(8, '\xff')), "18446744073709551615 bytes"));
  EXPECT_TRUE(failsWith(parse(std::string(20, '\x7f')), "header takes"));
  EXPECT_TRUE(failsWith(parse("", ""), "does not begin with '{'"));
  EXPECT_TRUE(failsWith(parse(" {}", ""), "does not begin with '{'"));
  EXPECT_TRUE(failsWith(parse("[]", ""), "does not begin with '{'"));
}

TEST(SafetensorsTest, RejectsMalformedHeaders) {
  auto rejects = [](llvm::StringRef header, llvm::StringRef message) {
    return failsWith(parse(header, "abcd"), message);
  };
  EXPECT_TRUE(rejects("{", "error"));
  EXPECT_TRUE(rejects("{} {}", "error"));
  EXPECT_TRUE(rejects(R"({"a":1})", "tensor 'a': expected an object, got a number"));
  EXPECT_TRUE(rejects(R"({"a":{}})", "expected 'dtype', a string, got no such entry"));
  EXPECT_TRUE(rejects(R"({"a":{"dtype":1}})", "expected 'dtype', a string, got a number"));
  EXPECT_TRUE(rejects(R"({"a":{"dtype":"F7"}})", "F7 is not one of F64 F32 F16 BF16"));
  EXPECT_TRUE(rejects(R"({"a":{"dtype":"F32"}})", "expected 'shape', an array"));
  EXPECT_TRUE(rejects(R"({"a":{"dtype":"F32","shape":[1]}})", "expected 'data_offsets'"));
  EXPECT_TRUE(rejects(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", "got 1"));
  EXPECT_TRUE(rejects(R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})",
                      "expected integers from 0"));
  EXPECT_TRUE(rejects(R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})",
                      "expected integers from 0"));
  EXPECT_TRUE(rejects(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":0}})",
                      "unexpected key 'x'"));
  EXPECT_TRUE(rejects(R"({"__metadata__":[]})", "expected __metadata__ to be an object"));
  EXPECT_TRUE(rejects(R"({"__metadata__":{"k":1}})", "hold strings, got a number for 'k'"));
  EXPECT_TRUE(rejects(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                      R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                      "duplicate key 'a'"));
}

TEST(SafetensorsTest, RejectsBadShapesAndOffsets) {
  auto rejects = [](llvm::StringRef shape, llvm::StringRef offsets, llvm::StringRef message) {
    return failsWith(parse(("{\"a\":{\"dtype\":\"F32\",\"shape\":" + shape +
                            ",\"data_offsets\":" + offsets + "}}")
                               .str(),
                           "abcdefgh"),
                     message);
  };
  EXPECT_TRUE(rejects("[-1]", "[0,8]", "expected integers from 0"));
  EXPECT_TRUE(rejects("[18446744073709551616]", "[0,8]", "expected integers from 0"));
  EXPECT_TRUE(rejects("[18446744073709551615]", "[0,8]", "expected integers from 0"));
  EXPECT_TRUE(rejects("[4611686018427387904,2]", "[0,8]", "more than 2^63 - 1 bytes"));
  EXPECT_TRUE(rejects("[4294967296,4294967296]", "[0,0]", "more than 2^63 - 1 bytes"));
  EXPECT_TRUE(rejects("[0,9223372036854775807]", "[0,0]", "more than 2^63 - 1 bytes"));
  EXPECT_TRUE(rejects("[3]", "[0,8]", "f32[3] takes 12 bytes, but data_offsets span 8"));
  EXPECT_TRUE(rejects("[2]", "[8,0]", "[8, 0] are not within the 8 bytes"));
  EXPECT_TRUE(rejects("[2]", "[4,12]", "[4, 12] are not within the 8 bytes"));
  EXPECT_TRUE(rejects("[2]", "[0,-8]", "expected integers from 0"));
  EXPECT_TRUE(rejects("[1]", "[0,4]", "the tensors end after 4 bytes, but the file has 8"));
  EXPECT_TRUE(rejects("[1]", "[4,8]", "bytes 0 to 4 of the data belong to no tensor"));
}

TEST(SafetensorsTest, RejectsOverlapsAndHoles) {
  auto two = [](llvm::StringRef a, llvm::StringRef b) {
    return parse(("{\"a\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":" + a +
                  "},\"b\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":" + b + "}}")
                     .str(),
                 "abcdefgh");
  };
  auto backwards = two("[4,8]", "[0,4]");
  EXPECT_TRUE(succeeds(backwards));
  EXPECT_TRUE(failsWith(two("[0,4]", "[0,4]"), "overlap"));
  EXPECT_TRUE(failsWith(two("[2,6]", "[0,4]"), "tensor 'a': its bytes overlap"));
  EXPECT_TRUE(failsWith(two("[4,8]", "[3,7]"), "belong to no tensor"));
}

TEST(SafetensorsTest, RejectsNestingBombs) {
  std::string bomb = "{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}";
  EXPECT_TRUE(failsWith(parse(bomb, ""), "nested deeper"));
}

TEST(SafetensorsTest, RejectsTruncationAtEveryByte) {
  std::string valid = validFile();
  for (size_t size = 0; size < valid.size(); ++size)
    EXPECT_TRUE(failsWith(parse(llvm::StringRef(valid).take_front(size)), "f.safetensors")) << size;
  EXPECT_TRUE(failsWith(parse(valid + "x"), "but the file has 10 bytes"));
}

// Any file either fails cleanly or holds tensors that are all readable.
static void expectReadableOrError(llvm::StringRef bytes) {
  auto file = parse(bytes);
  if (!file) {
    EXPECT_FALSE(llvm::toString(file.takeError()).empty());
    return;
  }
  for (const std::string &name : (*file)->names())
    toDoubles(*(*file)->find(name));
}

TEST(SafetensorsTest, SurvivesEveryBitFlip) {
  std::string bytes = validFile();
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= 1 << bit % 8;
    expectReadableOrError(bytes);
    bytes[bit / 8] ^= 1 << bit % 8;
  }
}

TEST(SafetensorsTest, SurvivesRandomDamage) {
  std::mt19937 random(7);
  const std::string valid = validFile();
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = valid;
    for (int edit = random() % 6; edit >= 0; --edit) {
      size_t at = random() % bytes.size();
      switch (random() % 3) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes.insert(at, 1, "0129[]{},:\"\\-e"[random() % 14]);
        break;
      case 2:
        bytes.erase(at, 1);
        break;
      }
      // Keep the length right most of the time, or nothing gets past it.
      if (random() % 4 && bytes.size() > 17)
        llvm::support::endian::write64le(bytes.data(), bytes.size() - 17);
    }
    expectReadableOrError(bytes);
  }
}

TEST(SafetensorsTest, WriterRoundTripsEveryType) {
  TemporaryDirectory dir;
  std::vector<Tensor> tensors;
  std::vector<NamedTensorView> named;
  for (DataType type : allDataTypes())
    tensors.push_back(llvm::cantFail(Tensor::fromDoubles(type, {3}, {0, 1, 1})));
  for (const Tensor &tensor : tensors)
    named.emplace_back(stringify(tensor.dataType()).str(), tensor);
  std::string path = dir.path("all.safetensors");
  EXPECT_TRUE(succeeds(writeSafetensors(path, named, {{"key", "a \"b\""}})));
  auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(succeeds(file));
  EXPECT_EQ((*file)->names().size(), tensors.size());
  for (const Tensor &tensor : tensors) {
    TensorView view = *(*file)->find(stringify(tensor.dataType()));
    EXPECT_EQ(view.dataType(), tensor.dataType());
    EXPECT_EQ(toDoubles(view), toDoubles(tensor));
  }
  EXPECT_EQ((*file)->metadata().at("key"), "a \"b\"");
  EXPECT_EQ(dir.list(), std::vector<std::string>{"all.safetensors"});
}

TEST(SafetensorsTest, WriterPacksStridedTensors) {
  TemporaryDirectory dir;
  float data[6] = {0, 1, 2, 3, 4, 5};
  TensorView transposed(data, DataType::F32, {3, 2}, {1, 3});
  EXPECT_TRUE(succeeds(writeSafetensors(dir.path("t"), NamedTensorView("x", transposed))));
  auto file = SafetensorsFile::open(dir.path("t"));
  ASSERT_TRUE(succeeds(file));
  EXPECT_EQ(toDoubles(*(*file)->find("x")), (std::vector<double>{0, 3, 1, 4, 2, 5}));
}

TEST(SafetensorsTest, WriterWritesNoTensors) {
  TemporaryDirectory dir;
  EXPECT_TRUE(succeeds(writeSafetensors(dir.path("t"), {})));
  auto file = SafetensorsFile::open(dir.path("t"));
  ASSERT_TRUE(succeeds(file));
  EXPECT_TRUE((*file)->names().empty());
}

TEST(SafetensorsTest, WriterRejects) {
  TemporaryDirectory dir;
  float data[2] = {};
  TensorView view(data, {2});
  auto write = [&](llvm::ArrayRef<NamedTensorView> tensors) {
    return writeSafetensors(dir.path("t"), tensors);
  };
  EXPECT_TRUE(failsWith(write({{"a", view}, {"a", view}}), "two tensors are called 'a'"));
  EXPECT_TRUE(failsWith(write({{"__metadata__", view}}), "cannot be called __metadata__"));
  EXPECT_TRUE(failsWith(write({{"\xff", view}}), "UTF-8"));
  EXPECT_TRUE(failsWith(write({{"a", TensorView(data, {-2})}}), "tensor 'a'"));
  EXPECT_TRUE(dir.list().empty());
}

TEST(SafetensorsTest, OpenReportsThePath) {
  TemporaryDirectory dir;
  EXPECT_TRUE(
      failsWith(SafetensorsFile::open(dir.path("none")), "none: cannot read: No such file"));
  EXPECT_TRUE(failsWith(SafetensorsFile::open(dir.path()), "got a directory"));
  EXPECT_TRUE(failsWith(SafetensorsFile::open(dir.write("short", "abc")), "short: expected"));
}

TEST(SafetensorsTest, InMemoryWeightsPackAndRejectDuplicates) {
  InMemoryWeights weights;
  Tensor tensor = llvm::cantFail(Tensor::fromDoubles(DataType::F32, {2, 2}, {1, 2, 3, 4}));
  void *data = tensor.data();
  Tensor transposed =
      Tensor::adopt(MutableTensorView(data, DataType::F32, {2, 2}, {1, 2}), nullptr);
  EXPECT_TRUE(succeeds(weights.add("w", std::move(transposed))));
  EXPECT_TRUE(weights.find("w")->isContiguous());
  EXPECT_EQ(toDoubles(*weights.find("w")), (std::vector<double>{1, 3, 2, 4}));
  EXPECT_TRUE(failsWith(weights.add("w", std::move(tensor)), "a weight 'w' already"));
  EXPECT_EQ(weights.find("v"), std::nullopt);
}
