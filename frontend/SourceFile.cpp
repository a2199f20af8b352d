// Lines and columns of a description and of the files that it imports.
#include "frontend/SourceFile.h"
#include <algorithm>

namespace fovea {

SourceFile::SourceFile(std::string name, std::string text) : SourceFile(std::move(name)) {
  append(this->name, text, 1);
}

void SourceFile::append(llvm::StringRef file, llvm::StringRef lines, uint32_t firstLine) {
  // A place at the very end of the text before is on that one's last line.
  if (!text.empty() && text.back() == '\n')
    lineStarts.pop_back();
  else if (!text.empty())
    text += '\n';
  parts.push_back({file.str(), static_cast<uint32_t>(text.size()), firstLine, lineStarts.size()});
  lineStarts.push_back(static_cast<uint32_t>(text.size()));
  size_t begin = text.size();
  text += lines;
  for (size_t i = begin; i < text.size(); ++i)
    if (text[i] == '\n')
      lineStarts.push_back(static_cast<uint32_t>(i + 1));
}

const SourceFile::Part &SourceFile::partAt(uint32_t offset) const {
  auto next = std::upper_bound(parts.begin(), parts.end(), offset,
                               [](uint32_t at, const Part &part) { return at < part.begin; });
  return next == parts.begin() ? *next : *std::prev(next);
}

size_t SourceFile::lineIndex(uint32_t offset) const {
  auto next = std::upper_bound(lineStarts.begin(), lineStarts.end(), offset);
  return static_cast<size_t>(next - lineStarts.begin()) - 1;
}

LineColumn SourceFile::getLineColumn(uint32_t offset) const {
  size_t index = lineIndex(offset);
  const Part &part = partAt(offset);
  return {static_cast<uint32_t>(index - part.firstIndex) + part.firstLine,
          offset - lineStarts[index] + 1};
}

SourceRange SourceFile::getRange(LineColumn place) const {
  if (place.line == 0 || place.line > lineStarts.size() || place.column == 0)
    return SourceRange::nowhere();
  uint32_t begin = lineStarts[place.line - 1] + place.column - 1;
  return {begin, begin + 1};
}

llvm::StringRef SourceFile::getLineAt(uint32_t offset) const {
  return llvm::StringRef(text).substr(lineStarts[lineIndex(offset)]).take_until([](char c) {
    return c == '\n' || c == '\r';
  });
}

} // namespace fovea
