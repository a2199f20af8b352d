// Compiled code in a plain C program: an object of compileToFile, linked with fovea_rt alone.
#include "dialect/RegisterAll.h"
#include "mlir/Parser/Parser.h"
#include "runtime/Compile.h"
#include "tests/ErrorTesting.h"
#include "tests/TemporaryDirectory.h"
#include "llvm/Support/Program.h"

using namespace fovea;
using namespace fovea::testing;

static const char source[] = R"mlir(
  func.func @scale(%x: tensor<?xf32> {attn.name = "x", attn.dims = ["N"]})
      -> (tensor<?xf32> {attn.name = "y"}) {
    %c0 = arith.constant 0 : index
    %w = attn.weight "w" : tensor<1xf32>
    %factor = tensor.extract %w[%c0] : tensor<1xf32>
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %init = tensor.empty(%n) : tensor<?xf32>
    %factors = linalg.fill ins(%factor : f32) outs(%init : tensor<?xf32>) -> tensor<?xf32>
    %y = linalg.mul ins(%x, %factors : tensor<?xf32>, tensor<?xf32>)
                    outs(%init : tensor<?xf32>) -> tensor<?xf32>
    return %y : tensor<?xf32>
  })mlir";

static const char program[] = R"c(
#include "runtime/standalone/Pool.h"
#include <stdlib.h>

void scale(const fovea_context *, const fovea_tensor *, const fovea_tensor *);
int64_t scale_workspace_size(const fovea_tensor *, int64_t);
void scale_result_shapes(const fovea_tensor *, int64_t *const *);

enum { count = 1000 };

int main(void) {
  static float x[count], y[count];
  for (int i = 0; i < count; ++i)
    x[i] = (float)i;
  int64_t sizes[] = {count}, strides[] = {1}, resultSizes[1];
  int64_t *results[] = {resultSizes};
  fovea_tensor input = {x, sizes, strides}, output = {y, sizes, strides};
  scale_result_shapes(&input, results);
  if (resultSizes[0] != count)
    return 2;
  float factor = 3;
  const void *weights[] = {&factor};
  fovea_pool *pool = fovea_pool_create(3);
  int64_t workers = fovea_pool_size(pool);
  size_t bytes = (size_t)scale_workspace_size(&input, workers);
  fovea_context context = {weights, aligned_alloc(64, (bytes + 64) / 64 * 64), workers,
                           fovea_pool_run, pool};
  scale(&context, &input, &output);
  fovea_pool_destroy(pool);
  free(context.workspace);
  for (int i = 0; i < count; ++i)
    if (y[i] != 3 * x[i])
      return 3;
  return 0;
}
)c";

TEST(AheadOfTimeTest, ObjectLinksIntoACProgram) {
  auto compiler = llvm::sys::findProgramByName(FOVEA_C_COMPILER);
  ASSERT_TRUE(compiler);
  auto context = makeContext();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(source, context.get());
  ASSERT_TRUE(module);
  auto code = compileToFile(*module, CodeKind::Object);
  ASSERT_TRUE(succeeds(code));
  TemporaryDirectory dir;
  std::string object = dir.write("scale.o", code->contents), main = dir.write("main.c", program);
  std::string binary = dir.path("main"), library = FOVEA_BINARY_DIR "/lib/libfovea_rt.a";
  std::vector<llvm::StringRef> command = {
      *compiler, "-I" FOVEA_SOURCE_DIR, main, object, library, "-lpthread", "-lm", "-o", binary};
  if (llvm::StringRef flag = FOVEA_SANITIZE_FLAG; !flag.empty())
    command.push_back(flag);
  std::string message;
  ASSERT_EQ(llvm::sys::ExecuteAndWait(*compiler, command, {}, {}, 60, 0, &message), 0) << message;
  EXPECT_EQ(llvm::sys::ExecuteAndWait(binary, {binary}, {}, {}, 60, 0, &message), 0) << message;
}
