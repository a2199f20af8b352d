// Finds and reads imported files. Imports are found by the lexer alone: what a file defines does
// not matter here, and whatever is wrong with it is reported when all are parsed.
#include "frontend/Imports.h"
#include "frontend/Architectures.h"
#include "frontend/FileIO.h"
#include "frontend/Lexer.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"
#include <set>

using namespace fovea;
using llvm::StringRef;

/// More are a mistake; the limit also bounds how deep files import each other.
static constexpr size_t maxImports = 64;

namespace {
struct Import {
  StringRef name; // within the text of the file
  SourceRange range;
};

class ImportReader {
public:
  explicit ImportReader(SourceFile &result) : result(result) {}

  /// Appends the file, with what it imports in place.
  llvm::Error read(StringRef path, StringRef text);

private:
  llvm::Error readImport(const SourceFile &from, const Import &import);
  static llvm::Error fail(const SourceFile &from, const Import &import, const llvm::Twine &message);

  SourceFile &result;
  std::set<std::string> seen;
};
} // namespace

/// The imports of a file: the word first on a line, then a name.
static std::vector<Import> findImports(const std::shared_ptr<const SourceFile> &source) {
  DiagnosticList ignored(source);
  std::vector<Import> imports;
  auto tokens = Lexer(ignored).run();
  for (size_t i = 0; tokens && i + 1 < tokens->size(); ++i) {
    bool startsLine =
        i == 0 || (*tokens)[i - 1].is(TokenKind::Newline) || (*tokens)[i - 1].is(TokenKind::Dedent);
    const Token &name = (*tokens)[i + 1];
    if (startsLine && (*tokens)[i].is(TokenKind::KwImport) && name.is(TokenKind::Name))
      imports.push_back({source->getText(name.range), name.range});
  }
  return imports;
}

llvm::Error ImportReader::fail(const SourceFile &from, const Import &import,
                               const llvm::Twine &message) {
  DiagnosticList diagnostics(std::make_shared<SourceFile>(from));
  diagnostics.error(import.range, message);
  return llvm::make_error<DiagnosticError>(std::move(diagnostics));
}

llvm::Error ImportReader::readImport(const SourceFile &from, const Import &import) {
  if (seen.size() >= maxImports)
    return fail(from, import, "more than " + llvm::Twine(maxImports) + " files are imported");
  llvm::SmallString<128> path = llvm::sys::path::parent_path(from.getName());
  llvm::sys::path::append(path, import.name + ".fov");
  if (isPresent(path)) {
    auto contents = readFile(path);
    return contents ? read(path, (*contents)->getBuffer()) : contents.takeError();
  }
  if (std::optional<StringRef> shipped = findDescription(import.name))
    return read(("<" + import.name + ".fov>").str(), *shipped);
  return fail(from, import,
              "there is no '" + llvm::Twine(import.name) +
                  ".fov' beside this file, nor among the descriptions that Fovea ships (" +
                  llvm::join(descriptionNames(), ", ") + ")");
}

llvm::Error ImportReader::read(StringRef path, StringRef text) {
  if (!seen.insert(path.str()).second)
    return llvm::Error::success();
  auto source = std::make_shared<const SourceFile>(path.str(), text.str());
  size_t begin = 0;
  for (const Import &import : findImports(source)) {
    // The line of the import stays in front of what it brings in.
    size_t end = std::min(text.find('\n', import.range.end), text.size() - 1) + 1;
    result.append(path, text.slice(begin, end),
                  source->getLineColumn(static_cast<uint32_t>(begin)).line);
    begin = end;
    if (llvm::Error error = readImport(*source, import))
      return error;
  }
  result.append(path, text.drop_front(begin),
                source->getLineColumn(static_cast<uint32_t>(begin)).line);
  return llvm::Error::success();
}

llvm::Expected<std::shared_ptr<const SourceFile>> fovea::readWithImports(StringRef name,
                                                                         StringRef text) {
  // A text too large to be parsed is not searched either.
  if (text.size() > SourceFile::maxBytes)
    return std::make_shared<const SourceFile>(name.str(), text.str());
  auto source = std::make_shared<SourceFile>(name.str());
  if (llvm::Error error = ImportReader(*source).read(name, text))
    return std::move(error);
  return source;
}
