// The list of peers that this build has.
#include "bench/peers/Peers.h"
#include "bench/Solver.h"

using namespace fovea::bench;

std::vector<Solver> fovea::bench::peerSolvers() {
  std::vector<Solver> solvers;
#ifdef FOVEA_HAVE_OPENBLAS
  solvers.push_back(openBlasSolver());
#endif
#ifdef FOVEA_HAVE_ONEDNN
  solvers.push_back(oneDnnSolver());
#endif
  return solvers;
}

std::vector<std::string> fovea::bench::missingPeers() {
  std::vector<std::string> missing;
#ifndef FOVEA_HAVE_OPENBLAS
  missing.push_back(
      "built without OpenBLAS (Debian: libopenblas-dev); its benchmarks are left out");
#endif
#ifndef FOVEA_HAVE_ONEDNN
  missing.push_back("built without oneDNN (Debian: libdnnl-dev); its benchmarks are left out");
#endif
  return missing;
}
