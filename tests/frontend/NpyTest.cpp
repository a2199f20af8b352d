#include "frontend/Npy.h"
#include "tests/ErrorTesting.h"
#include "tests/TemporaryDirectory.h"
#include "llvm/Support/Endian.h"

using namespace fovea;
using namespace fovea::testing;

/// A file of the given version; version 1 has a length of two bytes.
static std::string makeFile(int version, llvm::StringRef header, llvm::StringRef data) {
  std::string file = "\x93NUMPY";
  file += static_cast<char>(version);
  file += '\0';
  char length[4];
  llvm::support::endian::write32le(length, header.size());
  file.append(length, version == 1 ? 2 : 4);
  return file + header.str() + data.str();
}

static llvm::Expected<Tensor> parse(llvm::StringRef header, llvm::StringRef data, int version = 1) {
  return parseNpy(makeFile(version, header, data), "f.npy");
}

static const llvm::StringRef sixBytes("\0\1\2\3\4\5", 6);

TEST(NpyTest, ReadsEachVersion) {
  for (int version : {1, 2, 3}) {
    auto tensor = parse("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }   \n",
                        sixBytes, version);
    ASSERT_TRUE(succeeds(tensor));
    EXPECT_EQ(tensor->describe(), "u8[2, 3]");
    EXPECT_EQ(toDoubles(*tensor), (std::vector<double>{0, 1, 2, 3, 4, 5}));
  }
}

TEST(NpyTest, ReadsFortranOrder) {
  auto tensor = parse("{'descr': '|i1', 'fortran_order': True, 'shape': (2, 3), }\n", sixBytes);
  ASSERT_TRUE(succeeds(tensor));
  EXPECT_TRUE(tensor->view().isContiguous());
  EXPECT_EQ(toDoubles(*tensor), (std::vector<double>{0, 2, 4, 1, 3, 5}));
}

TEST(NpyTest, ReadsShapes) {
  auto read = [](llvm::StringRef shape, size_t bytes) {
    return parse(("{\"shape\":" + shape + ",'fortran_order':False,'descr':'|b1'}").str(),
                 std::string(bytes, 1));
  };
  EXPECT_EQ(llvm::cantFail(read("()", 1)).rank(), 0);
  EXPECT_EQ(llvm::cantFail(read("(3,)", 3)).describe(), "bool[3]");
  EXPECT_EQ(llvm::cantFail(read("(3, 0)", 0)).describe(), "bool[3, 0]");
  EXPECT_EQ(llvm::cantFail(read("(1,2,)", 2)).describe(), "bool[1, 2]");
  EXPECT_TRUE(failsWith(read("(3)", 3), "expected ',' or ')'"));
  EXPECT_TRUE(failsWith(read("(1 2)", 2), "expected ',' or ')'"));
  EXPECT_TRUE(failsWith(read("(-1,)", 1), "expected a size from 0"));
  EXPECT_TRUE(failsWith(read("(+1,)", 1), "expected a size from 0"));
  EXPECT_TRUE(failsWith(read("(,)", 1), "expected a size from 0"));
  EXPECT_TRUE(failsWith(read("(9223372036854775808,)", 1), "expected a size from 0"));
  EXPECT_TRUE(failsWith(read("(9223372036854775807, 2)", 1), "more than 2^63 - 1 bytes"));
  EXPECT_TRUE(failsWith(read("(3,)", 2), "bool[3] takes 3 bytes, the file has 2"));
  EXPECT_TRUE(failsWith(read("(3,)", 4), "bool[3] takes 3 bytes, the file has 4"));
  EXPECT_TRUE(failsWith(read("[3]", 3), "expected a shape in parentheses"));
}

TEST(NpyTest, RejectsElementTypes) {
  auto read = [](llvm::StringRef descriptor) {
    return parse(("{'descr': " + descriptor + ", 'fortran_order': False, 'shape': ()}").str(),
                 "\1");
  };
  auto oneByte = read("'<i1'");
  EXPECT_TRUE(succeeds(oneByte));
  EXPECT_TRUE(failsWith(read("'>f4'"), "element type '>f4' is not one of"));
  EXPECT_TRUE(failsWith(read("'<c8'"), "element type '<c8'"));
  EXPECT_TRUE(failsWith(read("'|O'"), "element type '|O'"));
  EXPECT_TRUE(failsWith(read("''"), "element type ''"));
  EXPECT_TRUE(failsWith(read("[('a', '<f4')]"), "expected a quoted string"));
}

TEST(NpyTest, RejectsMalformedHeaders) {
  auto rejects = [](llvm::StringRef header, llvm::StringRef message) {
    return failsWith(parse(header, "\1"), message);
  };
  EXPECT_TRUE(rejects("", "expected '{'"));
  EXPECT_TRUE(rejects("{", "expected a quoted string"));
  EXPECT_TRUE(rejects("{}", "lacks one of"));
  EXPECT_TRUE(rejects("{'descr': '|b1', 'shape': ()}", "lacks one of"));
  EXPECT_TRUE(rejects("{'descr' '|b1'}", "expected ':'"));
  EXPECT_TRUE(rejects("{'descr': '|b1' 'shape': ()}", "expected ',' or '}'"));
  EXPECT_TRUE(rejects("{'fortran_order': 0}", "expected True or False"));
  EXPECT_TRUE(rejects("{'shape': (), 'shape': ()}", "has 'shape' twice"));
  EXPECT_TRUE(rejects("{'other': ()}", "unexpected key 'other'"));
  EXPECT_TRUE(rejects("{'descr': '|b1', 'fortran_order': False, 'shape': ()} x",
                      "expected nothing after '}'"));
}

TEST(NpyTest, RejectsBadPreambles) {
  EXPECT_TRUE(failsWith(parseNpy("", "f.npy"), "f.npy: not an .npy file"));
  EXPECT_TRUE(failsWith(parseNpy("PK\3\4", "f.npy"), "not an .npy file"));
  EXPECT_TRUE(failsWith(parse("{}", "", 4), "got 4.0"));
  EXPECT_TRUE(failsWith(parse("{}", "", 0), "got 0.0"));
  EXPECT_TRUE(failsWith(parseNpy(llvm::StringRef("\x93NUMPY\2\0\xff\xff\xff\xff", 12), "f.npy"),
                        "the header takes 4294967295 bytes"));
}

TEST(NpyTest, RejectsTruncationAtEveryByteAndSurvivesBitFlips) {
  std::string bytes =
      makeFile(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }\n", "abcdefgh");
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_TRUE(failsWith(parseNpy(llvm::StringRef(bytes).take_front(size), "f.npy"), "f.npy"));
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= 1 << bit % 8;
    if (auto tensor = parseNpy(bytes, "f.npy"))
      EXPECT_EQ(tensor->numBytes(), 8);
    else
      EXPECT_FALSE(llvm::toString(tensor.takeError()).empty());
    bytes[bit / 8] ^= 1 << bit % 8;
  }
}

TEST(NpyTest, WriterRoundTrips) {
  TemporaryDirectory dir;
  std::vector<DimVector> shapes = {{}, {4}, {2, 2}, {1, 0, 3}};
  for (DataType type : allDataTypes()) {
    if (type == DataType::BF16)
      continue;
    for (const DimVector &shape : shapes) {
      Tensor tensor = llvm::cantFail(Tensor::create(type, shape));
      ASSERT_TRUE(succeeds(writeNpy(dir.path("t.npy"), tensor)));
      EXPECT_EQ((dir.read("t.npy").size() - tensor.numBytes()) % 64, 0u); // NumPy's alignment
      auto back = readNpy(dir.path("t.npy"));
      ASSERT_TRUE(succeeds(back));
      EXPECT_EQ(back->describe(), tensor.describe());
    }
  }
}

TEST(NpyTest, WriterPacksAndKeepsValues) {
  TemporaryDirectory dir;
  double data[4] = {1, 2.5, -3, 4};
  TensorView transposed(data, DataType::F64, {2, 2}, {1, 2});
  ASSERT_TRUE(succeeds(writeNpy(dir.path("t.npy"), transposed)));
  EXPECT_EQ(toDoubles(llvm::cantFail(readNpy(dir.path("t.npy")))),
            (std::vector<double>{1, -3, 2.5, 4}));
}

TEST(NpyTest, WriterRejects) {
  TemporaryDirectory dir;
  Tensor tensor = llvm::cantFail(Tensor::create(DataType::BF16, {1}));
  EXPECT_TRUE(failsWith(writeNpy(dir.path("t.npy"), tensor), "no element type bf16"));
  EXPECT_TRUE(failsWith(writeNpy(dir.path("t.npy"), TensorView(nullptr, DataType::F32, {1})),
                        "pointer is null"));
  EXPECT_TRUE(dir.list().empty());
  EXPECT_TRUE(failsWith(readNpy(dir.path("t.npy")), "No such file"));
}
