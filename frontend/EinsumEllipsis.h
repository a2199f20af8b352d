// What "..." of an einsum stands for.
#ifndef FOVEA_FRONTEND_EINSUMELLIPSIS_H
#define FOVEA_FRONTEND_EINSUMELLIPSIS_H

#include "frontend/GraphBuilder.h"

namespace fovea {

/// The equation, without spaces, with letters of its own in place of each "...": the dims before,
/// behind or between those that an operand names, counted from the last one. They broadcast: where
/// only one operand has such a dim, or the other's is 1, the result has that one's. Operands lose
/// such dims of 1.
llvm::Expected<std::string> expandEllipsis(GraphBuilder &builder, llvm::StringRef equation,
                                           SymbolicTensor &a, SymbolicTensor &b);

} // namespace fovea

#endif // FOVEA_FRONTEND_EINSUMELLIPSIS_H
