#include "runtime/inspect/GraphPicture.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "passes/Entries.h"
#include "llvm/ADT/SetVector.h"

using namespace fovea;
using namespace mlir;

namespace {
class Painter {
public:
  explicit Painter(func::FuncOp function) : function(function) {
    picture.entry = function.getName().str();
  }

  GraphPicture run();

private:
  bool isShown(Operation &op) const;
  void addArguments();
  void addBlock(Block &block);
  void addOp(Operation &op);
  void addReturn(func::ReturnOp op);
  void connect(ValueRange values, unsigned to);
  unsigned addNode(GraphNode node);

  func::FuncOp function;
  GraphPicture picture;
  /// The nodes that a value comes from: of ops that are not shown, those of their operands.
  DenseMap<Value, llvm::SmallSetVector<unsigned, 4>> sources;
};
} // namespace

static std::string textOf(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

unsigned Painter::addNode(GraphNode node) {
  ++picture.numNodes;
  if (picture.nodes.size() == GraphPicture::maxNodes)
    return GraphPicture::maxNodes;
  picture.nodes.push_back(std::move(node));
  return picture.nodes.size() - 1;
}

void Painter::connect(ValueRange values, unsigned to) {
  llvm::SmallSetVector<unsigned, 8> from;
  for (Value value : values)
    from.insert_range(sources[value]);
  for (unsigned node : from)
    if (node < GraphPicture::maxNodes && to < GraphPicture::maxNodes)
      picture.edges.emplace_back(node, to);
}

void Painter::addArguments() {
  for (BlockArgument argument : function.getArguments()) {
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "attn.name");
    sources[argument].insert(addNode({GraphNode::Kind::Input, name ? name.str() : "argument",
                                      textOf(argument.getType()), placeOf(argument.getLoc())}));
  }
}

/// Ops on tensors that compute something.
bool Painter::isShown(Operation &op) const {
  if (op.hasTrait<OpTrait::ConstantLike>() || isa<tensor::EmptyOp, linalg::FillOp>(op))
    return false;
  return llvm::any_of(op.getResultTypes(), [](Type type) { return isa<RankedTensorType>(type); });
}

void Painter::addOp(Operation &op) {
  if (auto loop = dyn_cast<LoopLikeOpInterface>(op)) {
    for (auto [init, argument] : llvm::zip(loop.getInits(), loop.getRegionIterArgs()))
      sources[argument] = sources[init];
    for (Region *region : loop.getLoopRegions())
      for (Block &block : *region) {
        addBlock(block);
        for (auto [result, yielded] :
             llvm::zip(op.getResults(), block.getTerminator()->getOperands()))
          sources[result] = sources[yielded];
      }
    return;
  }
  if (!isShown(op)) {
    llvm::SmallSetVector<unsigned, 4> through;
    for (Value operand : op.getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        through.insert_range(sources[operand]);
    for (Value result : op.getResults())
      if (isa<RankedTensorType>(result.getType()))
        sources[result] = through;
    return;
  }
  GraphNode node{GraphNode::Kind::Op, op.getName().getStringRef().str(),
                 textOf(op.getResult(0).getType()), placeOf(op.getLoc())};
  if (auto weight = dyn_cast<attn::WeightOp>(op)) {
    node.kind = GraphNode::Kind::Weight;
    node.label = weight.getName().str();
  }
  if (isa<attn::AttentionOp>(op))
    node.kind = GraphNode::Kind::Attention;
  unsigned number = addNode(std::move(node));
  SmallVector<Value> used(op.getOperands());
  // What regions capture is read too.
  for (Region &region : op.getRegions())
    region.walk([&](Operation *inner) { llvm::append_range(used, inner->getOperands()); });
  connect(used, number);
  for (Value result : op.getResults())
    sources[result].insert(number);
}

void Painter::addReturn(func::ReturnOp op) {
  for (OpOperand &operand : op->getOpOperands()) {
    auto name = function.getResultAttrOfType<StringAttr>(operand.getOperandNumber(), "attn.name");
    connect(operand.get(), addNode({GraphNode::Kind::Result, name ? name.str() : "result",
                                    textOf(operand.get().getType()), placeOf(op.getLoc())}));
  }
}

void Painter::addBlock(Block &block) {
  for (Operation &op : block) {
    if (auto returned = dyn_cast<func::ReturnOp>(op))
      addReturn(returned);
    else if (!op.hasTrait<OpTrait::IsTerminator>())
      addOp(op);
  }
}

GraphPicture Painter::run() {
  addArguments();
  for (Block &block : function.getBody())
    addBlock(block);
  return std::move(picture);
}

std::vector<GraphPicture> fovea::pictureGraphs(ModuleOp module) {
  std::vector<GraphPicture> pictures;
  for (func::FuncOp function : entriesOf(module))
    pictures.push_back(Painter(function).run());
  return pictures;
}
