// How many tokens of a prompt are processed at once where nobody says.
#ifndef FOVEA_RUNTIME_GENERATE_CHUNKSIZE_H
#define FOVEA_RUNTIME_GENERATE_CHUNKSIZE_H

#include "runtime/generate/KvCache.h"

namespace fovea {

/// 512 tokens, beyond which little is gained by reading weights once for many, or as many fewer, in
/// steps of 64, as keep memory within a tenth of weights and cache, with the workspace of the entry
/// `step` and what a process needs besides. A workspace of 4 MiB is no reason to process fewer, nor
/// does any lead to less than 64. `capacity` is that of the cache of one sequence. An error if even
/// the least takes more memory than the machine has.
llvm::Expected<int64_t> chooseChunkSize(const Executable &executable, const CacheLayout &layout,
                                        int64_t capacity);

} // namespace fovea

#endif // FOVEA_RUNTIME_GENERATE_CHUNKSIZE_H
