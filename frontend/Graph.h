// A model as its users hold it: the graph of a description, an `.mlir` file or a model directory,
// with the MLIR context that owns it. A Graph shares nothing with any other: use as many as you
// like on as many threads, one thread at a time each.
#ifndef FOVEA_FRONTEND_GRAPH_H
#define FOVEA_FRONTEND_GRAPH_H

#include "frontend/Importer.h"
#include "frontend/SymbolicDim.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <memory>
#include <vector>

namespace fovea {

/// Compile-time values by name: they override `param` declarations of a description and fix dims.
/// The last of several of one name counts.
using Params = std::vector<std::pair<std::string, ParamValue>>;

/// An input or output of an entry. Dims are constants or symbols; equal symbols are equal sizes,
/// except `?`, which is any size.
struct TensorSpec {
  std::string name;
  mlir::Type elementType;
  SymbolicShape shape;
};

class Graph {
public:
  /// An empty graph, to build into with `GraphBuilder(graph.module())`.
  Graph();
  Graph(Graph &&other) noexcept;
  Graph &operator=(Graph &&other) noexcept;
  ~Graph();

  /// Reads a `.fov` description, an `.mlir` module or a model directory. A directory is described
  /// by its `model.fov` or else by what Fovea ships for its model_type. Descriptions load their
  /// configuration from `modelDirectory`, by default the folder that they are in; weights without a
  /// declared element type have that of its weight files, if it has any, which a caller that has
  /// them open already gives as `weights`. `entry` limits a description to one entry. `.mlir` files
  /// take no params.
  static llvm::Expected<Graph> fromFile(llvm::StringRef path, const Params &params = {},
                                        llvm::StringRef modelDirectory = "",
                                        llvm::StringRef entry = "",
                                        std::shared_ptr<const WeightSource> weights = nullptr);
  /// Parses and verifies a module of our dialects; `name` stands for the file in messages. A wrong
  /// module gives a DiagnosticError.
  static llvm::Expected<Graph> fromMlir(llvm::StringRef source, llvm::StringRef name = "<string>");

  mlir::MLIRContext &context() const { return *ownedContext; }
  mlir::ModuleOp module() const { return *ownedModule; }

  /// The names of the entry functions, in order.
  std::vector<std::string> entries() const;
  /// The value of a constant that the description exports, null if it exports none of the name:
  /// an i64, f64, bool, string or array attribute.
  mlir::Attribute exported(llvm::StringRef name) const;
  /// What an entry takes and gives; an error that lists the entries if there is none of the name.
  llvm::Expected<std::vector<TensorSpec>> inputs(llvm::StringRef entry) const;
  llvm::Expected<std::vector<TensorSpec>> outputs(llvm::StringRef entry) const;
  /// The module as text.
  std::string toString() const;

private:
  llvm::Expected<mlir::func::FuncOp> findEntry(llvm::StringRef name) const;

  std::unique_ptr<mlir::MLIRContext> ownedContext;
  mlir::OwningOpRef<mlir::ModuleOp> ownedModule;
};

} // namespace fovea

#endif // FOVEA_FRONTEND_GRAPH_H
