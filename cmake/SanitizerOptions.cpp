// What the sanitizers do in the programs of a sanitizer build, wherever they are started; the
// variables ASAN_OPTIONS and so on still override it. LLVM and MLIR are packages and not
// instrumented, hence the first three options.

#define FOVEA_SANITIZER_DEFAULTS extern "C" __attribute__((used, visibility("default")))

// detect_container_overflow: a std::vector that LLVM's code grows looks overrun in ours.
// detect_leaks: what those libraries keep is not asked after.
// allow_user_poisoning: LLVM's allocators poison their memory in our code, and LLVM's own code,
//   which then uses it, does not unpoison it.
// allocator_may_return_null: libraries report a lack of memory, and tests see to that.
FOVEA_SANITIZER_DEFAULTS const char *__asan_default_options() {
  return "detect_container_overflow=0:detect_leaks=0:allow_user_poisoning=0:"
         "allocator_may_return_null=1";
}

FOVEA_SANITIZER_DEFAULTS const char *__ubsan_default_options() { return "print_stacktrace=1"; }

FOVEA_SANITIZER_DEFAULTS const char *__tsan_default_options() {
  return "allocator_may_return_null=1:halt_on_error=1";
}

// Passes of MLIR that threads run at once synchronise where ThreadSanitizer does not see it.
FOVEA_SANITIZER_DEFAULTS const char *__tsan_default_suppressions() {
  return "race:libMLIR.so\nrace:libLLVM.so\n";
}
