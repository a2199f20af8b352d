#include "runtime/inspect/Inspection.h"
#include "runtime/inspect/Report.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace fovea;
namespace json = llvm::json;

/// Maps of more blocks are not drawn, longer descriptions not shown.
static constexpr size_t maxMapBlocks = size_t(1) << 18, maxSourceBytes = size_t(1) << 20;

void Inspection::reached(Phase phase, mlir::ModuleOp module) {
  CompilationRecord::reached(phase, module);
  phases.push_back({phase, describeIr(module)});
  if (phase == Phase::Input)
    inputGraphs = pictureGraphs(module);
  if (phase == Phase::Fused)
    fusedGraphs = pictureGraphs(module);
  if (phase == Phase::Bufferized)
    bufferizedModule = module.clone();
}

std::vector<KernelWork> Inspection::work(const SymbolSizes &sizes) const {
  if (!bufferizedModule)
    return {};
  return describeWork(*bufferizedModule, attentions(sizes), sizes);
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

namespace {
/// Files are listed once; places are [file, line].
class FileTable {
public:
  json::Value place(const SourcePlace &place) {
    if (!place.isKnown())
      return nullptr;
    unsigned number = llvm::find(files, place.file) - files.begin();
    if (number == files.size())
      files.push_back(place.file);
    return json::Array{number, place.line};
  }

  /// The lines of each file; none of what cannot be read any more.
  json::Array toJson() const;

private:
  std::vector<std::string> files;
};
} // namespace

json::Array FileTable::toJson() const {
  json::Array array;
  for (const std::string &file : files) {
    json::Array lines;
    auto buffer = llvm::MemoryBuffer::getFile(file, /*IsText=*/true);
    if (buffer && (*buffer)->getBufferSize() <= maxSourceBytes) {
      llvm::SmallVector<llvm::StringRef> split;
      (*buffer)->getBuffer().split(split, '\n');
      for (llvm::StringRef line : split)
        lines.push_back(json::fixUTF8(line));
    }
    array.push_back(json::Object{{"name", json::fixUTF8(file)}, {"lines", std::move(lines)}});
  }
  return array;
}

static json::Object phaseToJson(const Inspection::PhaseText &phase, FileTable &files) {
  json::Array lines, places;
  for (const std::string &line : phase.ir.lines)
    lines.push_back(json::fixUTF8(line));
  for (const SourcePlace &place : phase.ir.places)
    places.push_back(files.place(place));
  return json::Object{{"name", stringifyPhase(phase.phase)},
                      {"lines", std::move(lines)},
                      {"places", std::move(places)},
                      {"num_lines", phase.ir.numLines}};
}

static llvm::StringRef nameOf(GraphNode::Kind kind) {
  switch (kind) {
  case GraphNode::Kind::Input:
    return "input";
  case GraphNode::Kind::Weight:
    return "weight";
  case GraphNode::Kind::Op:
    return "op";
  case GraphNode::Kind::Attention:
    return "attention";
  case GraphNode::Kind::Result:
    return "result";
  }
  return "";
}

static json::Object graphToJson(const GraphPicture &picture, llvm::StringRef phase,
                                FileTable &files) {
  json::Array nodes, edges;
  for (const GraphNode &node : picture.nodes)
    nodes.push_back(json::Object{{"kind", nameOf(node.kind)},
                                 {"label", json::fixUTF8(node.label)},
                                 {"type", node.type},
                                 {"place", files.place(node.place)}});
  for (auto [from, to] : picture.edges)
    edges.push_back(json::Array{from, to});
  return json::Object{{"entry", picture.entry},
                      {"phase", phase},
                      {"nodes", std::move(nodes)},
                      {"edges", std::move(edges)},
                      {"num_nodes", picture.numNodes}};
}

static json::Value mapToJson(const AttentionFacts &facts) {
  if (!facts.map || facts.map->kinds.size() > maxMapBlocks)
    return nullptr;
  return json::Object{{"panels", facts.map->panels},
                      {"key_blocks", facts.map->keyBlocks},
                      {"kinds", facts.map->kinds}};
}

/// The kernels of a run with their times, and their work where a loop of that kind and place is
/// known: the n-th such loop for the n-th such kernel.
static json::Array kernelsToJson(const InspectedRun &run, llvm::ArrayRef<KernelWork> works,
                                 FileTable &files) {
  std::vector<bool> taken(works.size());
  json::Array array;
  for (const auto &[number, kernel] : llvm::enumerate(run.trace.kernels)) {
    int64_t time = 0, launches = 0;
    for (const TraceSpan &launch : run.trace.launches)
      if (launch.kernel == number) {
        time += launch.end - launch.start;
        ++launches;
      }
    if (launches == 0)
      continue;
    llvm::StringRef name = llvm::StringRef(kernel.name).rsplit('.').second;
    json::Object object{{"name", name},
                        {"place", files.place(kernel.place)},
                        {"launches", launches},
                        {"seconds", static_cast<double>(time) / 1e9}};
    for (const auto &[i, work] : llvm::enumerate(works)) {
      if (taken[i] || !(work.place == kernel.place) || !name.starts_with(work.kind))
        continue;
      taken[i] = true;
      object["operations"] = work.operations;
      object["bytes"] = work.bytes;
      break;
    }
    array.push_back(std::move(object));
  }
  return array;
}

json::Object fovea::inspectionToJson(const Inspection &inspection, llvm::StringRef title,
                                     const SymbolSizes &sizes, const InspectedRun *run,
                                     llvm::StringRef whyNotRun) {
  FileTable files;
  json::Array phases, graphs, maps, known;
  for (const Inspection::PhaseText &phase : inspection.phases)
    phases.push_back(phaseToJson(phase, files));
  for (const GraphPicture &picture : inspection.fusedGraphs)
    graphs.push_back(graphToJson(picture, "fused", files));
  for (const GraphPicture &picture : inspection.inputGraphs)
    graphs.push_back(graphToJson(picture, "input", files));
  for (const AttentionFacts &facts : inspection.attentions(sizes))
    maps.push_back(mapToJson(facts));
  for (const auto &[name, size] : sizes)
    known.push_back(json::Array{json::fixUTF8(name), size});
  json::Object data{{"title", json::fixUTF8(title)},
                    {"sizes", std::move(known)},
                    {"report", reportToJson(inspection, sizes)},
                    {"phases", std::move(phases)},
                    {"graphs", std::move(graphs)},
                    {"maps", std::move(maps)}};
  if (run)
    data["run"] = json::Object{{"entry", run->trace.entry},
                               {"threads", run->threads},
                               {"seconds", static_cast<double>(run->trace.duration) / 1e9},
                               {"peak_operations", run->ceilings.operations},
                               {"peak_bytes", run->ceilings.bytes},
                               {"kernels", kernelsToJson(*run, inspection.work(sizes), files)}};
  else
    data["why_not_run"] = whyNotRun;
  data["files"] = files.toJson();
  return data;
}

//===----------------------------------------------------------------------===//
// The page
//===----------------------------------------------------------------------===//

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc23-extensions"
static constexpr char pageHtml[] = {
#embed "page/page.html" suffix(, )
    0};
static constexpr char pageCss[] = {
#embed "page/page.css" suffix(, )
    0};
static constexpr char pageScript[] = {
#embed "page/draw.js" suffix(, )
#embed "page/graph.js" suffix(, )
#embed "page/ir.js" suffix(, )
#embed "page/panes.js" suffix(, )
    0};
#pragma clang diagnostic pop

/// JSON in which no "<" stands: the same to who reads it, and no tag to who reads the page.
static std::string inertJson(json::Object data) {
  std::string text, inert;
  llvm::raw_string_ostream(text) << json::Value(std::move(data));
  for (char c : text)
    c == '<' ? inert += "\\u003c" : inert += c;
  return inert;
}

void fovea::writePage(llvm::raw_ostream &os, json::Object data) {
  std::string inert = inertJson(std::move(data));
  const std::pair<llvm::StringRef, llvm::StringRef> parts[] = {
      {"/*CSS*/", pageCss}, {"/*DATA*/", inert}, {"/*SCRIPT*/", pageScript}};
  llvm::StringRef rest = pageHtml;
  for (auto [mark, text] : parts) {
    auto [before, after] = rest.split(mark);
    os << before << text;
    rest = after;
  }
  os << rest;
}
