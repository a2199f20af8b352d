// NumPy's .npy files (NEP 1): one tensor each. Read: versions 1 to 3, C and Fortran order,
// little-endian f2 f4 f8 i1 i2 i4 i8 u1 b1. Written: version 1, C order.
#ifndef FOVEA_FRONTEND_NPY_H
#define FOVEA_FRONTEND_NPY_H

#include "runtime/tensor/Tensor.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace fovea {

/// The tensor of a file, contiguous in row-major order whatever the file's order.
llvm::Expected<Tensor> readNpy(llvm::StringRef path);

/// The same from bytes; `name` stands for the path in messages.
llvm::Expected<Tensor> parseNpy(llvm::StringRef contents, llvm::StringRef name);

/// Fails for types that NumPy does not have; `path` is for the message.
llvm::Error checkNpyType(llvm::StringRef path, DataType type);

/// Writes a file atomically (see writeFile). bf16 has no NumPy type and is an error.
llvm::Error writeNpy(llvm::StringRef path, const TensorView &tensor);

} // namespace fovea

#endif // FOVEA_FRONTEND_NPY_H
