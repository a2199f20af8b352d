// Checks on llvm::Error and llvm::Expected for GoogleTest.
#ifndef FOVEA_TESTS_ERRORTESTING_H
#define FOVEA_TESTS_ERRORTESTING_H

#include "llvm/Support/Error.h"
#include "gtest/gtest.h"

namespace fovea::testing {

/// Passes if there is an error and its message contains `part`.
inline ::testing::AssertionResult failsWith(llvm::Error error, llvm::StringRef part) {
  if (!error)
    return ::testing::AssertionFailure() << "expected an error with '" << part.str() << "'";
  std::string message = llvm::toString(std::move(error));
  if (llvm::StringRef(message).contains(part))
    return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << "expected an error with '" << part.str() << "', got '" << message << "'";
}

template <typename T>
::testing::AssertionResult failsWith(llvm::Expected<T> value, llvm::StringRef part) {
  return failsWith(value.takeError(), part);
}

inline ::testing::AssertionResult succeeds(llvm::Error error) {
  if (!error)
    return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "unexpected error: " << llvm::toString(std::move(error));
}

template <typename T>
::testing::AssertionResult succeeds(llvm::Expected<T> &value) {
  if (value)
    return ::testing::AssertionSuccess();
  return succeeds(value.takeError());
}

} // namespace fovea::testing

#endif // FOVEA_TESTS_ERRORTESTING_H
