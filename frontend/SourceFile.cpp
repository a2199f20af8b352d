// Lines and columns of a source file.
#include "frontend/SourceFile.h"
#include <algorithm>

namespace fovea {

SourceFile::SourceFile(std::string fileName, std::string fileText)
    : name(std::move(fileName)), text(std::move(fileText)), lineStarts{0} {
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] == '\n')
      lineStarts.push_back(static_cast<uint32_t>(i + 1));
}

LineColumn SourceFile::getLineColumn(uint32_t offset) const {
  auto next = std::upper_bound(lineStarts.begin(), lineStarts.end(), offset);
  auto line = static_cast<uint32_t>(next - lineStarts.begin());
  return {line, offset - lineStarts[line - 1] + 1};
}

SourceRange SourceFile::getRange(LineColumn place) const {
  if (place.line == 0 || place.line > lineStarts.size() || place.column == 0)
    return SourceRange::nowhere();
  uint32_t begin = lineStarts[place.line - 1] + place.column - 1;
  return {begin, begin + 1};
}

llvm::StringRef SourceFile::getLine(uint32_t line) const {
  if (line == 0 || line > lineStarts.size())
    return {};
  return llvm::StringRef(text).substr(lineStarts[line - 1]).take_until([](char c) {
    return c == '\n' || c == '\r';
  });
}

} // namespace fovea
