// Recursive descent over the tokens of a description file, by the grammar of docs/language.md.
#ifndef FOVEA_FRONTEND_PARSER_H
#define FOVEA_FRONTEND_PARSER_H

#include "frontend/Ast.h"
#include "frontend/Diagnostics.h"
#include <memory>

namespace fovea {

/// Reads a file. After an error the parser goes on at the next statement, so that one run
/// reports several; the module then lacks what could not be read. Callers that need a whole
/// module check `diagnostics.empty()`.
std::unique_ptr<ast::Module> parseModule(DiagnosticList &diagnostics);

} // namespace fovea

#endif
