#include "runtime/CodeCache.h"
#include "inspect/RecordTesting.h"
#include "runtime/Compile.h"
#include "tests/ErrorTesting.h"
#include "tests/TemporaryDirectory.h"
#include "llvm/Support/MemoryBuffer.h"
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace fovea;
using namespace fovea::testing;
namespace fs = llvm::sys::fs;

static constexpr int64_t large = int64_t(1) << 30;

static CachedCode exampleCode() {
  Finding note = {{"model.fov", 3, 5}, Finding::Severity::Note, "",
                  "see here",          Shortfall::None,         {}};
  Finding finding = {{"model.fov", 2, 1}, Finding::Severity::Remark, "attention",
                     "not \"fused\"",     Shortfall::NotFused,       {note}};
  std::string zeros(3, '\0');
  return {"[{name = \"w\"}]", {"first object" + zeros, "", "second"}, {finding}};
}

static void expectEqual(const CachedCode &code, const CachedCode &expected) {
  EXPECT_EQ(code.weights, expected.weights);
  EXPECT_EQ(code.objects, expected.objects);
  ASSERT_EQ(code.report.size(), expected.report.size());
  for (size_t i = 0; i < code.report.size(); ++i) {
    EXPECT_EQ(code.report[i].str(), expected.report[i].str());
    EXPECT_EQ(code.report[i].shortfall, expected.report[i].shortfall);
  }
}

static std::string contentsOf(const std::string &path) {
  auto file = llvm::MemoryBuffer::getFile(path, false, false);
  EXPECT_TRUE(bool(file));
  return file ? (*file)->getBuffer().str() : "";
}

static void overwrite(const std::string &path, llvm::StringRef contents) {
  std::error_code error;
  llvm::raw_fd_ostream(path, error) << contents;
  EXPECT_FALSE(error);
}

static std::string messageOf(llvm::Error error) { return llvm::toString(std::move(error)); }

TEST(CodeCacheTest, GivesBackWhatWasStored) {
  TemporaryDirectory dir;
  CodeCache cache(dir.path("new/deep"), large);
  EXPECT_FALSE(cache.find("key"));
  EXPECT_EQ(messageOf(cache.store("key", exampleCode())), "");
  std::optional<CachedCode> found = cache.find("key");
  ASSERT_TRUE(found);
  expectEqual(*found, exampleCode());
  EXPECT_FALSE(cache.find("kez"));
  // Only its owner may change what will be run.
  struct stat status;
  ASSERT_EQ(stat(dir.path("new/deep").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

// What others may have put there is not run.
TEST(CodeCacheTest, TrustsNoDirectoryThatOthersMayWriteTo) {
  TemporaryDirectory dir;
  std::string path = dir.path("shared");
  CodeCache cache(path, large);
  ASSERT_EQ(messageOf(cache.store("key", exampleCode())), "");
  for (mode_t mode : {0777, 0720, 01777}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    EXPECT_FALSE(cache.find("key"));
    EXPECT_TRUE(failsWith(cache.store("other", exampleCode()),
                          "shared: expected a directory that its owner alone may write to, got one "
                          "of mode "));
  }
  ASSERT_EQ(chmod(path.c_str(), 0755), 0);
  EXPECT_TRUE(cache.find("key"));
  EXPECT_FALSE(cache.find("other"));
}

TEST(CodeCacheTest, TrustsNoDirectoryOfAnotherUser) {
  if (geteuid() != 0)
    GTEST_SKIP() << "only root gives a directory away";
  TemporaryDirectory dir;
  std::string path = dir.path("theirs");
  CodeCache cache(path, large);
  ASSERT_EQ(messageOf(cache.store("key", exampleCode())), "");
  ASSERT_EQ(chown(path.c_str(), 65534, 65534), 0);
  EXPECT_FALSE(cache.find("key"));
  EXPECT_TRUE(failsWith(cache.store("key", exampleCode()),
                        "theirs: expected a directory of user 0, got one of user 65534"));
}

TEST(CodeCacheTest, StoresCodeWithNothingInIt) {
  TemporaryDirectory dir;
  CodeCache cache(dir.path(), large);
  EXPECT_EQ(messageOf(cache.store("", {})), "");
  std::optional<CachedCode> found = cache.find("");
  ASSERT_TRUE(found);
  expectEqual(*found, {});
}

TEST(CodeCacheTest, TakesNoEntryWithADamagedByte) {
  TemporaryDirectory dir;
  CodeCache cache(dir.path(), large);
  ASSERT_EQ(messageOf(cache.store("key", exampleCode())), "");
  std::string path = cache.pathOf("key"), contents = contentsOf(path);
  for (size_t i = 0; i < contents.size(); ++i) {
    std::string damaged = contents;
    damaged[i] ^= 0x10;
    overwrite(path, damaged);
    EXPECT_FALSE(cache.find("key")) << "byte " << i;
  }
  overwrite(path, contents);
  EXPECT_TRUE(cache.find("key"));
}

TEST(CodeCacheTest, TakesNoEntryOfAnotherLength) {
  TemporaryDirectory dir;
  CodeCache cache(dir.path(), large);
  ASSERT_EQ(messageOf(cache.store("key", exampleCode())), "");
  std::string path = cache.pathOf("key"), contents = contentsOf(path);
  for (size_t size = 0; size < contents.size(); ++size) {
    overwrite(path, llvm::StringRef(contents).take_front(size));
    EXPECT_FALSE(cache.find("key")) << size << " bytes";
  }
  overwrite(path, contents + "x");
  EXPECT_FALSE(cache.find("key"));
  // What was damaged is replaced.
  EXPECT_EQ(messageOf(cache.store("key", exampleCode())), "");
  EXPECT_TRUE(cache.find("key"));
}

TEST(CodeCacheTest, TakesNoEntryOfAnotherKeyAndNoDirectory) {
  TemporaryDirectory dir;
  CodeCache cache(dir.path(), large);
  ASSERT_EQ(messageOf(cache.store("key", exampleCode())), "");
  ASSERT_FALSE(fs::copy_file(cache.pathOf("key"), cache.pathOf("other")));
  EXPECT_FALSE(cache.find("other"));
  ASSERT_FALSE(fs::create_directory(cache.pathOf("third")));
  EXPECT_FALSE(cache.find("third"));
}

TEST(CodeCacheTest, SaysWhatIsThereInPlaceOfADirectory) {
  TemporaryDirectory dir;
  overwrite(dir.path("file"), "");
  ASSERT_FALSE(fs::create_link("gone", dir.path("link")));
  auto messageFor = [](const std::string &path) {
    return messageOf(CodeCache(path, large).store("key", exampleCode()));
  };
  EXPECT_EQ(messageFor("/dev/null"), "/dev/null: expected a directory, got a special file");
  EXPECT_EQ(messageFor(dir.path("file")), dir.path("file") + ": expected a directory, got a file");
  EXPECT_EQ(messageFor(dir.path("file/below")),
            dir.path("file/below") + ": cannot make this directory: Not a directory");
  EXPECT_EQ(messageFor(dir.path("link")),
            dir.path("link") + ": expected a directory: No such file or directory");
  EXPECT_EQ(dir.list().size(), 2u);
}

TEST(CodeCacheTest, DropsWhatWasNotUsedForLongest) {
  TemporaryDirectory dir;
  ASSERT_EQ(messageOf(CodeCache(dir.path(), large).store("size", exampleCode())), "");
  auto bytes = static_cast<int64_t>(contentsOf(CodeCache(dir.path(), large).pathOf("size")).size());
  fs::remove(CodeCache(dir.path(), large).pathOf("size"));
  CodeCache cache(dir.path(), 3 * bytes);
  for (const char *key : {"a", "b", "c"}) {
    ASSERT_EQ(messageOf(cache.store(key, exampleCode())), "");
    usleep(20000);
  }
  EXPECT_TRUE(cache.find("a")) << "a use counts";
  usleep(20000);
  ASSERT_EQ(messageOf(cache.store("d", exampleCode())), "");
  EXPECT_TRUE(cache.find("a"));
  EXPECT_FALSE(cache.find("b"));
  EXPECT_TRUE(cache.find("c"));
  EXPECT_TRUE(cache.find("d"));
  // What is larger than all it may hold is not stored, and moves nothing out.
  CodeCache tiny(dir.path(), bytes - 1);
  EXPECT_EQ(messageOf(tiny.store("e", exampleCode())), "");
  EXPECT_FALSE(tiny.find("e"));
  EXPECT_TRUE(tiny.find("a"));
}

TEST(CodeCacheTest, LeavesOtherFilesOfItsDirectoryAlone) {
  TemporaryDirectory dir;
  overwrite(dir.path("notes.txt"), std::string(100000, 'x'));
  CodeCache cache(dir.path(), 10000);
  EXPECT_EQ(messageOf(cache.store("a", exampleCode())), "");
  EXPECT_TRUE(cache.find("a"));
  EXPECT_TRUE(fs::exists(dir.path("notes.txt")));
}

// Nor are they its own because the directory is called so.
TEST(CodeCacheTest, GoesByTheNamesOfFilesAlone) {
  TemporaryDirectory dir;
  std::string path = dir.path("x.fovea-code");
  CodeCache cache(path, 10000);
  EXPECT_EQ(messageOf(cache.store("a", exampleCode())), "");
  auto writeOld = [&](const char *name) {
    std::string file = path + "/" + name;
    overwrite(file, "x");
    timespec old[2] = {{1, 0}, {1, 0}};
    EXPECT_EQ(utimensat(AT_FDCWD, file.c_str(), old, 0), 0);
    return file;
  };
  std::string other = writeOld("notes.txt"), unfinished = writeOld("ab.fovea-code.tmp-1-2");
  EXPECT_EQ(messageOf(cache.store("b", exampleCode())), "");
  EXPECT_TRUE(fs::exists(other));
  EXPECT_FALSE(fs::exists(unfinished));
}

TEST(CodeCacheTest, SaysWhyItCannotStore) {
  TemporaryDirectory dir;
  overwrite(dir.path("file"), "");
  std::string path = dir.path("file/cache");
  EXPECT_EQ(messageOf(CodeCache(path, large).store("key", exampleCode())),
            path + ": cannot make this directory: Not a directory");
}

// Processes that write, read and evict the same few entries see whole ones or none.
TEST(CodeCacheTest, IsSharedByProcesses) {
  TemporaryDirectory dir;
  std::vector<pid_t> children;
  for (int child = 0; child < 4; ++child) {
    pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid != 0) {
      children.push_back(pid);
      continue;
    }
    CodeCache cache(dir.path(), 2000);
    bool good = true;
    for (int i = 0; i < 300; ++i) {
      std::string key = "key" + std::to_string((i + child) % 5);
      CachedCode code = {key, {std::string(200, key.back())}, {}};
      llvm::Error error = cache.store(key, code);
      good &= !error;
      llvm::consumeError(std::move(error));
      if (std::optional<CachedCode> found = cache.find(key))
        good &= found->weights == key && found->objects == code.objects;
    }
    _exit(good ? 0 : 1);
  }
  for (pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

//===----------------------------------------------------------------------===//
// Compilations
//===----------------------------------------------------------------------===//

/// y = factor x.
static Graph doubling(const std::string &factor = "2.0") {
  llvm::Expected<Graph> graph = Graph::fromMlir(R"(
    func.func @f(%x: tensor<2xf32> {attn.name = "x"}) -> (tensor<2xf32> {attn.name = "y"}) {
      %factor = arith.constant dense<)" + factor +
                                                R"(> : tensor<2xf32>
      %y = arith.mulf %x, %factor : tensor<2xf32>
      return %y : tensor<2xf32>
    })");
  EXPECT_TRUE(succeeds(graph));
  return std::move(*graph);
}

/// Compiles and runs; whether code came from the cache.
static bool hits(const Graph &graph, const CompileOptions &options, float factor = 2) {
  llvm::Expected<Executable> executable = compile(graph, options);
  if (!executable) {
    ADD_FAILURE() << llvm::toString(executable.takeError());
    return false;
  }
  float x[] = {1, -3};
  auto results = executable->run({{"x", TensorView(x, {2})}});
  if (!results) {
    ADD_FAILURE() << llvm::toString(results.takeError());
    return false;
  }
  const auto *y = static_cast<const float *>((*results)["y"].view().data());
  EXPECT_EQ(y[0], factor);
  EXPECT_EQ(y[1], -3 * factor);
  return llvm::any_of(executable->compileTimes(),
                      [](const PhaseTime &phase) { return phase.name == "cache hit"; });
}

TEST(CachedCompilationTest, TakesCodeOfTheSameGraphTargetAndOptionsOnly) {
  TemporaryDirectory dir;
  CompileOptions options;
  options.threads = 1;
  options.cacheDirectory = dir.path();
  EXPECT_FALSE(hits(doubling(), options));
  EXPECT_TRUE(hits(doubling(), options));
  // Threads change no code, but everything else here does.
  options.threads = 2;
  EXPECT_TRUE(hits(doubling(), options));
  EXPECT_FALSE(hits(doubling("3.0"), options, 3));
  options.optLevel = 0;
  EXPECT_FALSE(hits(doubling(), options));
  options.optLevel = 2;
  options.route = "reference";
  EXPECT_FALSE(hits(doubling(), options));
  options.route = "fast";
  options.quantize = "q8";
  EXPECT_FALSE(hits(doubling(), options));
  options.quantize = "";
  options.entry = "f";
  EXPECT_FALSE(hits(doubling(), options));
#if defined(__x86_64__)
  options.entry = "";
  options.cpu = "x86-64";
  EXPECT_FALSE(hits(doubling(), options));
  EXPECT_TRUE(hits(doubling(), options));
#endif
}

TEST(CachedCompilationTest, CompilesAnewWhereAnEntryIsDamaged) {
  TemporaryDirectory dir;
  CompileOptions options;
  options.threads = 1;
  options.cacheDirectory = dir.path();
  EXPECT_FALSE(hits(doubling(), options));
  std::error_code error;
  for (fs::directory_iterator it(dir.path(), error), end; it != end && !error; it.increment(error))
    overwrite(it->path(), llvm::StringRef(contentsOf(it->path())).drop_back(1));
  EXPECT_FALSE(hits(doubling(), options));
  EXPECT_TRUE(hits(doubling(), options));
}

TEST(CachedCompilationTest, KeepsTheReport) {
  TemporaryDirectory dir;
  CompileOptions options;
  options.threads = 1;
  options.cacheDirectory = dir.path();
  auto graph = Graph::fromMlir(attentionSource("%m = arith.cmpi sge, %i, %j : index"));
  ASSERT_TRUE(succeeds(graph));
  auto first = compile(*graph, options), second = compile(*graph, options);
  ASSERT_TRUE(bool(first) && bool(second));
  ASSERT_FALSE(first->report().empty());
  ASSERT_EQ(first->report().size(), second->report().size());
  for (size_t i = 0; i < first->report().size(); ++i)
    EXPECT_EQ(first->report()[i].str(), second->report()[i].str());
}

TEST(CachedCompilationTest, SaysWhyNothingWasStored) {
  TemporaryDirectory dir;
  overwrite(dir.path("file"), "");
  CompileOptions options;
  options.threads = 1;
  options.cacheDirectory = dir.path("file");
  auto executable = compile(doubling(), options);
  ASSERT_TRUE(bool(executable));
  const Finding *warning = llvm::find_if(
      executable->report(), [](const Finding &finding) { return finding.topic == "cache"; });
  ASSERT_NE(warning, executable->report().end());
  EXPECT_EQ(warning->severity, Finding::Severity::Warning);
  EXPECT_TRUE(llvm::StringRef(warning->message).contains("code is not stored: "))
      << warning->message;
}

TEST(CachedCompilationTest, WatchedAndTracedCodeIsMadeAnew) {
  TemporaryDirectory dir;
  CompileOptions options;
  options.threads = 1;
  options.cacheDirectory = dir.path();
  EXPECT_FALSE(hits(doubling(), options));
  LoweringObserver observer;
  options.observer = &observer;
  EXPECT_FALSE(hits(doubling(), options));
  options.observer = nullptr;
  options.trace = true;
  EXPECT_FALSE(hits(doubling(), options));
}
