// The ops of an entry as a graph of nodes and edges, for a picture.
#ifndef FOVEA_RUNTIME_INSPECT_GRAPHPICTURE_H
#define FOVEA_RUNTIME_INSPECT_GRAPHPICTURE_H

#include "mlir/IR/BuiltinOps.h"
#include "runtime/Finding.h"

namespace fovea {

struct GraphNode {
  enum class Kind { Input, Weight, Op, Attention, Result };

  Kind kind;
  std::string label; // "linalg.matmul"
  std::string type;  // of its first result
  SourcePlace place;
};

struct GraphPicture {
  /// Of larger graphs the first so many nodes are kept.
  static constexpr size_t maxNodes = 400;

  std::string entry;
  std::vector<GraphNode> nodes;
  std::vector<std::pair<unsigned, unsigned>> edges; // from, to
  size_t numNodes = 0;                              // with those left out
};

/// One picture a public function. Constants, sizes and empty tensors are left out; the ops of a
/// loop stand for all its iterations.
std::vector<GraphPicture> pictureGraphs(mlir::ModuleOp module);

} // namespace fovea

#endif // FOVEA_RUNTIME_INSPECT_GRAPHPICTURE_H
