// Rendering of diagnostics in clang's form, and spelling suggestions.
#include "frontend/Diagnostics.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>

namespace fovea {

char DiagnosticError::ID = 0;

// Source lines longer than this are cut in messages.
static constexpr size_t maxShownColumns = 200;

Diagnostic &DiagnosticList::error(SourceRange range, const llvm::Twine &message) {
  if (isFull()) {
    ++dropped;
    overflow = {range, message.str(), {}};
    return overflow;
  }
  diagnostics.push_back({range, message.str(), {}});
  return diagnostics.back();
}

// Tabs are kept in the marker line so that the caret stays under its column.
static std::string makeMarker(llvm::StringRef line, size_t column, size_t length) {
  std::string marker;
  for (size_t i = 0; i < column; ++i)
    marker += i < line.size() && line[i] == '\t' ? '\t' : ' ';
  marker += '^';
  marker.append(length > 1 ? length - 1 : 0, '~');
  return marker;
}

std::string renderMessage(const SourceFile &source, SourceRange range, llvm::StringRef severity,
                          llvm::StringRef message) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (range.isNowhere()) {
    os << source.getName() << ": " << severity << ": " << message << '\n';
    return text;
  }
  LineColumn at = source.getLineColumn(range.begin);
  os << source.getName(range.begin) << ':' << at.line << ':' << at.column << ": " << severity
     << ": " << message << '\n';
  llvm::StringRef line = source.getLineAt(range.begin);
  size_t column = at.column - 1;
  if (line.trim().empty() || column > maxShownColumns)
    return text;
  line = line.take_front(maxShownColumns);
  size_t rest = line.size() > column ? line.size() - column : 0;
  size_t length = std::min<size_t>(range.end > range.begin ? range.end - range.begin : 1, rest);
  os << line << '\n' << makeMarker(line, column, length) << '\n';
  return text;
}

std::string DiagnosticList::render() const {
  std::string text;
  for (const Diagnostic &diagnostic : diagnostics) {
    text += renderMessage(*source, diagnostic.range, "error", diagnostic.message);
    for (const DiagnosticNote &note : diagnostic.notes)
      text += renderMessage(*source, note.range, "note", note.message);
  }
  if (dropped)
    text += std::to_string(dropped) + " more errors are not shown\n";
  return text;
}

void DiagnosticError::log(llvm::raw_ostream &os) const {
  std::string text = list.render();
  os << llvm::StringRef(text).rtrim('\n');
}

std::error_code DiagnosticError::convertToErrorCode() const {
  return llvm::inconvertibleErrorCode();
}

// The letters to insert, drop, change or swap with their neighbour to get from one to the other.
static unsigned editDistance(llvm::StringRef a, llvm::StringRef b) {
  std::vector<std::vector<unsigned>> distance(a.size() + 1, std::vector<unsigned>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        distance[i][j] = static_cast<unsigned>(i + j);
        continue;
      }
      unsigned changed = distance[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      distance[i][j] = std::min({distance[i - 1][j] + 1, distance[i][j - 1] + 1, changed});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        distance[i][j] = std::min(distance[i][j], distance[i - 2][j - 2] + 1);
    }
  }
  return distance[a.size()][b.size()];
}

std::string didYouMean(llvm::StringRef name, llvm::ArrayRef<llvm::StringRef> candidates) {
  // A third of the letters may be wrong: more, and the suggestion is noise. Names longer than
  // people write are not worth the square of their length.
  if (name.size() > 64)
    return {};
  unsigned best = std::max<unsigned>(1, name.size() / 3) + 1;
  llvm::StringRef nearest;
  for (llvm::StringRef candidate : candidates) {
    if (candidate == name || candidate.empty() || candidate.size() > name.size() + best)
      continue;
    unsigned distance = editDistance(name, candidate);
    // A one-letter name is not a misspelling of every other one-letter name.
    if (distance < best && distance < std::max(name.size(), candidate.size())) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest.empty() ? std::string() : (" (did you mean '" + nearest + "'?)").str();
}

} // namespace fovea
