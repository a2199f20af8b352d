#include "frontend/Shortened.h"

std::string fovea::shortened(llvm::StringRef text) {
  size_t shown = 60;
  if (text.size() <= shown)
    return text.str();
  while (shown > 0 && (text[shown] & 0xC0) == 0x80) // within a character
    --shown;
  return text.take_front(shown).str() + "...";
}
