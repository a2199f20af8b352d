// The alphabet of byte-level BPE: GPT-2 writes each byte as one printable code point, itself where
// it is printable in Latin-1 and one from U+0100 on where it is not, in order.
#ifndef FOVEA_FRONTEND_TOKENIZER_BYTEALPHABET_H
#define FOVEA_FRONTEND_TOKENIZER_BYTEALPHABET_H

#include "frontend/tokenizer/Unicode.h"

namespace fovea::tokenizer {

/// The text that spells the bytes.
std::string spellBytes(llvm::StringRef bytes);

/// The bytes that `text` spells; nothing if a code point of it spells none.
std::optional<std::string> bytesSpelledBy(llvm::StringRef text);

} // namespace fovea::tokenizer

#endif // FOVEA_FRONTEND_TOKENIZER_BYTEALPHABET_H
