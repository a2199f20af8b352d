#include "passes/tile/OutermostLoop.h"

using namespace mlir;

scf::ForallOp fovea::outermostLoop(Operation *op) {
  scf::ForallOp found;
  for (auto loop = op->getParentOfType<scf::ForallOp>(); loop;
       loop = loop->getParentOfType<scf::ForallOp>())
    found = loop;
  return found;
}
