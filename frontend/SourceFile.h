// The text of one description file with its name, and places in it. A place is a byte offset;
// lines and columns are computed only when a message is printed or an op gets its location.
#ifndef FOVEA_FRONTEND_SOURCEFILE_H
#define FOVEA_FRONTEND_SOURCEFILE_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>
#include <vector>

namespace fovea {

/// Bytes [begin, end) of a source file.
struct SourceRange {
  uint32_t begin = 0;
  uint32_t end = 0;

  /// For errors that concern no place of the file.
  static constexpr SourceRange nowhere() { return {UINT32_MAX, UINT32_MAX}; }
  bool isNowhere() const { return begin == UINT32_MAX; }
};

/// A line and a column, both counted from 1, the column in bytes.
struct LineColumn {
  uint32_t line = 1;
  uint32_t column = 1;
};

class SourceFile {
public:
  /// Files above this size are refused: descriptions are written by hand.
  static constexpr size_t maxBytes = 4u << 20;

  SourceFile(std::string name, std::string text);

  llvm::StringRef getName() const { return name; }
  llvm::StringRef getText() const { return text; }
  llvm::StringRef getText(SourceRange range) const {
    return llvm::StringRef(text).slice(range.begin, range.end);
  }
  LineColumn getLineColumn(uint32_t offset) const;
  /// The byte at a line and column; nowhere if the file has no such line.
  SourceRange getRange(LineColumn place) const;
  /// The text of a line without its end, counted from 1.
  llvm::StringRef getLine(uint32_t line) const;

private:
  std::string name;
  std::string text;
  std::vector<uint32_t> lineStarts;
};

} // namespace fovea

#endif
