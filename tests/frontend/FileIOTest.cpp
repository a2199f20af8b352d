#include "frontend/FileIO.h"
#include "tests/ErrorTesting.h"
#include "tests/TemporaryDirectory.h"
#include <csignal>
#include <sys/stat.h>
#include <unistd.h>

using namespace fovea;
using namespace fovea::testing;

static llvm::Error print(llvm::StringRef path, llvm::StringRef text) {
  return writeFile(path, [&](llvm::raw_ostream &os) {
    os << text;
    return llvm::Error::success();
  });
}

TEST(FileIOTest, WritesAndReplaces) {
  TemporaryDirectory dir;
  EXPECT_TRUE(succeeds(print(dir.path("100%"), "one")));
  EXPECT_TRUE(succeeds(print(dir.path("100%"), "two")));
  EXPECT_EQ(dir.read("100%"), "two");
  EXPECT_EQ(dir.list(), std::vector<std::string>{"100%"});
}

TEST(FileIOTest, FailedWriteLeavesWhatWasThere) {
  TemporaryDirectory dir;
  dir.write("f", "old");
  llvm::Error error = writeFile(dir.path("f"), [](llvm::raw_ostream &os) {
    os << "partial";
    return llvm::createStringError("stopped");
  });
  EXPECT_TRUE(failsWith(std::move(error), "stopped"));
  EXPECT_EQ(dir.read("f"), "old");
  EXPECT_EQ(dir.list(), std::vector<std::string>{"f"});
}

TEST(FileIOTest, StagedFilesAppearTogether) {
  TemporaryDirectory dir;
  dir.write("b", "old");
  auto text = [](llvm::raw_ostream &os) {
    os << "new";
    return llvm::Error::success();
  };
  {
    auto dropped = StagedFile::write(dir.path("a"), text);
    ASSERT_TRUE(succeeds(dropped));
  }
  EXPECT_EQ(dir.list(), std::vector<std::string>{"b"});
  std::vector<StagedFile> files;
  for (llvm::StringRef name : {"a", "b"}) {
    auto file = StagedFile::write(dir.path(name), text);
    ASSERT_TRUE(succeeds(file));
    files.push_back(std::move(*file));
  }
  EXPECT_EQ(dir.read("b"), "old");
  for (StagedFile &file : files)
    EXPECT_TRUE(succeeds(file.commit()));
  files.clear();
  EXPECT_EQ(dir.read("a") + dir.read("b"), "newnew");
  EXPECT_EQ(dir.list().size(), 2u);
}

TEST(FileIOTest, ChecksWhatCanBeWritten) {
  TemporaryDirectory dir;
  dir.write("f", "old");
  for (const std::string &path : {dir.path("new"), dir.path("f"), std::string("/dev/null")})
    EXPECT_TRUE(succeeds(checkWritable(path))) << path;
  EXPECT_EQ(dir.read("f"), "old");
  EXPECT_EQ(dir.list(), std::vector<std::string>{"f"});
  EXPECT_TRUE(failsWith(checkWritable(""), "expected the name of a file, got an empty one"));
  EXPECT_TRUE(failsWith(checkWritable(dir.path()), "cannot write: it is a directory"));
  EXPECT_TRUE(failsWith(checkWritable(dir.path("no/f")), "cannot write: No such file"));
}

TEST(FileIOTest, ReportsPathsThatCannotBeWritten) {
  TemporaryDirectory dir;
  EXPECT_TRUE(failsWith(print(dir.path("no/such/f"), "x"), "cannot write: No such file"));
  EXPECT_TRUE(failsWith(print(dir.path(), "x"), "cannot write: it is a directory"));
  EXPECT_TRUE(failsWith(print("/dev/full", std::string(100000, 'x')), "cannot write: No space"));
  EXPECT_TRUE(dir.list().empty());
}

TEST(FileIOTest, ASignalTakesUnfinishedFilesAlong) {
  TemporaryDirectory dir;
  auto writeUntilSignal = [&] {
    removeUnfinishedFilesOnSignals();
    (void)writeFile(dir.path("f"), [](llvm::raw_ostream &) -> llvm::Error {
      raise(SIGTERM);
      return llvm::Error::success();
    });
  };
  EXPECT_EXIT(writeUntilSignal(), ::testing::KilledBySignal(SIGTERM), "");
  EXPECT_TRUE(dir.list().empty());
}

TEST(FileIOTest, WritesBehindALink) {
  TemporaryDirectory dir;
  dir.write("f", "old");
  ASSERT_FALSE(llvm::sys::fs::create_link("f", dir.path("link")));
  EXPECT_TRUE(succeeds(print(dir.path("link"), "new")));
  EXPECT_EQ(dir.read("f"), "new");
  EXPECT_TRUE(llvm::sys::fs::is_symlink_file(dir.path("link")));
}

TEST(FileIOTest, RefusesAnEmptyName) {
  EXPECT_TRUE(failsWith(readFile(""), "expected the name of a file, got an empty one"));
  EXPECT_TRUE(failsWith(print("", "x"), "expected the name of a file, got an empty one"));
}

TEST(FileIOTest, ACopyOutlivesItsFile) {
  TemporaryDirectory dir;
  dir.write("f", std::string(1 << 20, 'x'));
  auto copy = readFile(dir.path("f"), /*isCopied=*/true);
  ASSERT_TRUE(succeeds(copy));
  ASSERT_EQ(truncate(dir.path("f").c_str(), 0), 0);
  EXPECT_EQ((*copy)->getBuffer().count('x'), size_t(1) << 20);
}

TEST(FileIOTest, ALinkToNothingIsPresent) {
  TemporaryDirectory dir;
  ASSERT_FALSE(llvm::sys::fs::create_link("gone", dir.path("link")));
  EXPECT_TRUE(isPresent(dir.path("link")) && isPresent(dir.path()));
  EXPECT_FALSE(isPresent(dir.path("gone")) || isPresent(""));
  dir.write("f", "");
  EXPECT_FALSE(isPresent(dir.path("f/below")));
  EXPECT_TRUE(isPresent(dir.path(std::string(300, 'n')))); // nobody can say
}

TEST(FileIOTest, WritesDevicesInPlace) {
  EXPECT_TRUE(succeeds(print("/dev/null", "x")));
  EXPECT_TRUE(llvm::sys::fs::exists("/dev/null"));
  EXPECT_FALSE(llvm::sys::fs::is_regular_file("/dev/null"));
}

static unsigned modeOf(const std::string &path) {
  return llvm::cantFail(llvm::errorOrToExpected(llvm::sys::fs::getPermissions(path)));
}

TEST(FileIOTest, AFileThatIsReplacedKeepsItsMode) {
  TemporaryDirectory dir;
  for (unsigned mode : {0600u, 0755u, 0664u}) {
    dir.write("f", "old");
    ASSERT_EQ(chmod(dir.path("f").c_str(), mode), 0);
    EXPECT_TRUE(succeeds(print(dir.path("f"), "new")));
    EXPECT_EQ(modeOf(dir.path("f")), mode);
    EXPECT_EQ(dir.read("f"), "new");
  }
}

TEST(FileIOTest, ANewFileHasTheModeOfTheMask) {
  TemporaryDirectory dir;
  mode_t before = umask(027);
  EXPECT_TRUE(succeeds(print(dir.path("f"), "x")));
  umask(before);
  EXPECT_EQ(modeOf(dir.path("f")), 0640u);
}

TEST(FileIOTest, NothingCanBeReadBeforeTheModeIsSet) {
  TemporaryDirectory dir;
  dir.write("f", "old");
  ASSERT_EQ(chmod(dir.path("f").c_str(), 0600), 0);
  auto look = [&](llvm::raw_ostream &) {
    for (const std::string &name : dir.list())
      EXPECT_EQ(modeOf(dir.path(name)), 0600u) << name;
    return llvm::Error::success();
  };
  EXPECT_TRUE(succeeds(writeFile(dir.path("f"), look)));
}

TEST(FileIOTest, RefusesFilesThatMayNotBeWritten) {
  if (geteuid() == 0)
    GTEST_SKIP() << "nothing is forbidden to root";
  TemporaryDirectory dir;
  dir.write("f", "old");
  ASSERT_EQ(chmod(dir.path("f").c_str(), 0444), 0);
  EXPECT_TRUE(failsWith(print(dir.path("f"), "new"), "cannot write: Permission denied"));
  EXPECT_TRUE(failsWith(checkWritable(dir.path("f")), "cannot write: Permission denied"));
}

TEST(FileIOTest, WritesLongNames) {
  TemporaryDirectory dir;
  std::string name(255, 'n');
  EXPECT_TRUE(succeeds(print(dir.path(name), "x")));
  EXPECT_EQ(dir.list(), std::vector<std::string>{name});
  EXPECT_TRUE(failsWith(print(dir.path(name + "n"), "x"), "cannot write: File name too long"));
}

TEST(FileIOTest, WritesBehindALinkToNothing) {
  TemporaryDirectory dir;
  ASSERT_FALSE(llvm::sys::fs::create_link("second", dir.path("first")));
  ASSERT_FALSE(llvm::sys::fs::create_link(dir.path("f"), dir.path("second")));
  EXPECT_TRUE(succeeds(print(dir.path("first"), "new")));
  EXPECT_EQ(dir.read("f"), "new");
  EXPECT_TRUE(llvm::sys::fs::is_symlink_file(dir.path("first")));
  ASSERT_FALSE(llvm::sys::fs::create_link("loop", dir.path("loop")));
  EXPECT_TRUE(failsWith(print(dir.path("loop"), "x"), "cannot write: Too many"));
}

TEST(FileIOTest, KnowsOnePlaceByOtherNames) {
  TemporaryDirectory dir;
  dir.write("f", "");
  dir.write("other", "");
  ASSERT_FALSE(llvm::sys::fs::create_directory(dir.path("sub")));
  ASSERT_FALSE(llvm::sys::fs::create_link("f", dir.path("link")));
  ASSERT_FALSE(llvm::sys::fs::create_link("new", dir.path("dangling")));
  ASSERT_FALSE(llvm::sys::fs::create_link(".", dir.path("folder")));
  ASSERT_FALSE(llvm::sys::fs::create_hard_link(dir.path("f"), dir.path("hard")));
  for (llvm::StringRef name : {"f", "./f", "sub/../f", "link", "folder/f"})
    EXPECT_TRUE(isOnePlace(dir.path("f"), dir.path(name))) << name.str();
  for (llvm::StringRef name : {"new", "./new", "dangling", "folder/dangling"})
    EXPECT_TRUE(isOnePlace(dir.path(name), dir.path("new"))) << name.str();
  EXPECT_TRUE(isOnePlace("/dev/null", "/dev/../dev/null"));
  EXPECT_TRUE(isOnePlace("f", "./f"));
  // Each of two names of one file is replaced alone.
  for (llvm::StringRef name : {"other", "hard", "new", "sub/f", "none/f", "sub", "/dev/null"})
    EXPECT_FALSE(isOnePlace(dir.path("f"), dir.path(name))) << name.str();
}
