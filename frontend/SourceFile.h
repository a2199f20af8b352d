// The text of one description with its name, and places in it. A place is a byte offset; lines and
// columns are computed only when a message is printed or an op gets its location. The files that a
// description imports stand in its text at the import, so that a place needs no file of its own.
#ifndef FOVEA_FRONTEND_SOURCEFILE_H
#define FOVEA_FRONTEND_SOURCEFILE_H

#include "llvm/ADT/ArrayRef.h"
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
  /// An empty description, to append to.
  explicit SourceFile(std::string name) : name(std::move(name)) {}

  /// Appends whole lines of the file `name`, the first of them its line `firstLine`.
  void append(llvm::StringRef name, llvm::StringRef lines, uint32_t firstLine);

  /// The description's name, or that of the file that `offset` is in.
  llvm::StringRef getName() const { return name; }
  llvm::StringRef getName(uint32_t offset) const { return partAt(offset).name; }
  llvm::StringRef getText() const { return text; }
  llvm::StringRef getText(SourceRange range) const {
    return llvm::StringRef(text).slice(range.begin, range.end);
  }
  /// Within the file that `offset` is in.
  LineColumn getLineColumn(uint32_t offset) const;
  /// The byte at a line and column of a description without imports; nowhere if it has no such
  /// line.
  SourceRange getRange(LineColumn place) const;
  /// The line that holds `offset`, without its end.
  llvm::StringRef getLineAt(uint32_t offset) const;

private:
  struct Part {
    std::string name;
    uint32_t begin;
    uint32_t firstLine; // in its file
    size_t firstIndex;  // into lineStarts
  };
  const Part &partAt(uint32_t offset) const;
  size_t lineIndex(uint32_t offset) const;

  std::string name;
  std::vector<Part> parts;
  std::string text;
  std::vector<uint32_t> lineStarts;
};

} // namespace fovea

#endif
