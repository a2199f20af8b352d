// Gives every entry function its C interface (runtime/Abi.h). `NAME`, `NAME_workspace_size` and
// `NAME_result_shapes` unpack C structs and go on with the operations of what earlier passes left
// for them: a call in between would cost each a function, and a list of all fields of all memrefs.
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "passes/Entries.h"
#include "passes/Passes.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_EMITENTRYPOINTSPASS
#include "passes/Passes.h.inc"

namespace {
/// Reads the fields of C structs through pointers.
struct StructReader {
  OpBuilder &b;
  Location loc;
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Type i64 = b.getI64Type();
  /// struct fovea_tensor { void *data; const int64_t *sizes; const int64_t *strides; }
  Type tensor = LLVM::LLVMStructType::getLiteral(b.getContext(), {pointer, pointer, pointer});

  Value element(Type type, Value base, int64_t index) {
    Value address =
        LLVM::GEPOp::create(b, loc, pointer, type, base, ArrayRef<LLVM::GEPArg>{int32_t(index)});
    return LLVM::LoadOp::create(b, loc, type, address);
  }
  /// Field `field` of tensors[index].
  Value tensorField(Value tensors, int64_t index, int64_t field) {
    Value address = LLVM::GEPOp::create(b, loc, pointer, tensor, tensors,
                                        ArrayRef<LLVM::GEPArg>{int32_t(index), int32_t(field)});
    return LLVM::LoadOp::create(b, loc, pointer, address);
  }
  /// Size of each dim of tensors[index], as index values.
  SmallVector<Value> sizes(Value tensors, int64_t index, int64_t rank) {
    Value array = rank ? tensorField(tensors, index, 1) : Value();
    return llvm::map_to_vector(llvm::seq<int64_t>(0, rank), [&](int64_t dim) -> Value {
      return arith::IndexCastOp::create(b, loc, b.getIndexType(), element(i64, array, dim));
    });
  }
};
} // namespace

/// tensors[index] as a memref of the given contiguous type.
static Value readMemRef(StructReader &reader, const LLVMTypeConverter &converter, Value tensors,
                        int64_t index, MemRefType type) {
  auto &[b, loc, pointer, i64, tensor] = reader;
  auto descriptor = MemRefDescriptor::poison(b, loc, converter.convertType(type));
  Value data = reader.tensorField(tensors, index, 0);
  descriptor.setAllocatedPtr(b, loc, data);
  descriptor.setAlignedPtr(b, loc, data);
  descriptor.setConstantOffset(b, loc, 0);
  Value sizes = type.getRank() ? reader.tensorField(tensors, index, 1) : Value();
  Value stride = LLVM::ConstantOp::create(b, loc, i64, b.getI64IntegerAttr(1));
  for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
    Value size =
        type.isDynamicDim(dim)
            ? reader.element(i64, sizes, dim)
            : LLVM::ConstantOp::create(b, loc, i64, b.getI64IntegerAttr(type.getDimSize(dim)));
    descriptor.setSize(b, loc, dim, size);
    descriptor.setStride(b, loc, dim, stride);
    stride = LLVM::MulOp::create(b, loc, stride, size);
  }
  return UnrealizedConversionCastOp::create(b, loc, type, Value(descriptor)).getResult(0);
}

/// A public function with the given C symbol, inserted after `after`.
static func::FuncOp createSymbol(OpBuilder &b, Operation *after, const Twine &name,
                                 TypeRange arguments, TypeRange results) {
  b.setInsertionPointAfter(after);
  auto function =
      func::FuncOp::create(b, after->getLoc(), name.str(), b.getFunctionType(arguments, results));
  function->setAttr("attn.entry_point", b.getUnitAttr());
  b.setInsertionPointToStart(function.addEntryBlock());
  return function;
}

/// Copies the operations of a companion, which has one block, to the builder's place, and of what
/// that calls: the size of a workspace may take the shapes of results. Returns its results.
static SmallVector<Value> inlineCopy(OpBuilder &b, SymbolTable &symbols, func::FuncOp companion,
                                     ValueRange arguments) {
  Block &block = companion.getBody().front();
  IRMapping map;
  map.map(block.getArguments(), arguments);
  for (Operation &op : block.without_terminator()) {
    auto call = dyn_cast<func::CallOp>(op);
    if (!call) {
      b.clone(op, map);
      continue;
    }
    auto operands = llvm::map_to_vector(call.getOperands(), [&](Value v) { return map.lookup(v); });
    auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
    map.map(call.getResults(), inlineCopy(b, symbols, callee, operands));
  }
  return llvm::map_to_vector(block.getTerminator()->getOperands(),
                             [&](Value result) { return map.lookup(result); });
}

/// void NAME(const fovea_context *, const fovea_tensor *inputs, const fovea_tensor *outputs):
/// the entry itself, with other arguments.
static LogicalResult emitRun(OpBuilder &b, func::FuncOp entry, int64_t numInputs,
                             const LLVMTypeConverter &converter) {
  StructReader reader{b, entry.getLoc()};
  SmallVector<Type> types(3, reader.pointer);
  SmallVector<Location> places(3, entry.getLoc());
  if (failed(entry.insertArguments({0, 0, 0}, types, SmallVector<DictionaryAttr>(3), places)))
    return failure();
  b.setInsertionPointToStart(&entry.getBody().front());
  llvm::BitVector replaced(entry.getNumArguments());
  for (auto [i, argument] : llvm::enumerate(entry.getArguments().drop_front(3))) {
    bool isInput = int64_t(i) < numInputs;
    argument.replaceAllUsesWith(readMemRef(reader, converter, entry.getArgument(isInput ? 1 : 2),
                                           isInput ? i : i - numInputs,
                                           cast<MemRefType>(argument.getType())));
    replaced.set(i + 3);
  }
  entry->setAttr("attn.body", b.getUnitAttr());
  entry->setAttr("attn.entry_point", b.getUnitAttr());
  return entry.eraseArguments(replaced);
}

/// All dims of all inputs, in order.
static SmallVector<Value> readInputSizes(StructReader &reader, Value tensors,
                                         ArrayRef<int64_t> ranks) {
  SmallVector<Value> sizes;
  for (auto [i, rank] : llvm::enumerate(ranks))
    llvm::append_range(sizes, reader.sizes(tensors, i, rank));
  return sizes;
}

/// int64_t NAME_workspace_size(const fovea_tensor *inputs, int64_t workers)
static void emitWorkspaceSize(OpBuilder &b, SymbolTable &symbols, func::FuncOp entry,
                              func::FuncOp companion, StringRef name, ArrayRef<int64_t> ranks) {
  StructReader reader{b, entry.getLoc()};
  func::FuncOp symbol =
      createSymbol(b, entry, name + "_workspace_size", {reader.pointer, reader.i64}, {reader.i64});
  Value size;
  if (companion) {
    SmallVector<Value> arguments = readInputSizes(reader, symbol.getArgument(0), ranks);
    arguments.push_back(
        arith::IndexCastOp::create(b, entry.getLoc(), b.getIndexType(), symbol.getArgument(1)));
    size = inlineCopy(b, symbols, companion, arguments).front();
    size = arith::IndexCastOp::create(b, entry.getLoc(), reader.i64, size);
  } else {
    size = arith::ConstantIntOp::create(b, entry.getLoc(), 0, 64);
  }
  func::ReturnOp::create(b, entry.getLoc(), size);
}

/// void NAME_result_shapes(const fovea_tensor *inputs, int64_t *const *sizes)
static void emitResultShapes(OpBuilder &b, SymbolTable &symbols, func::FuncOp entry,
                             func::FuncOp companion, StringRef name, ArrayRef<int64_t> inputRanks,
                             ArrayRef<int64_t> resultRanks) {
  StructReader reader{b, entry.getLoc()};
  Location loc = entry.getLoc();
  func::FuncOp symbol =
      createSymbol(b, entry, name + "_result_shapes", {reader.pointer, reader.pointer}, {});
  SmallVector<Value> dims =
      inlineCopy(b, symbols, companion, readInputSizes(reader, symbol.getArgument(0), inputRanks));
  unsigned next = 0;
  for (auto [result, rank] : llvm::enumerate(resultRanks)) {
    Value sizes = reader.element(reader.pointer, symbol.getArgument(1), result);
    for (int64_t dim = 0; dim < rank; ++dim) {
      Value size = arith::IndexCastOp::create(b, loc, reader.i64, dims[next++]);
      Value address = LLVM::GEPOp::create(b, loc, reader.pointer, reader.i64, sizes,
                                          ArrayRef<LLVM::GEPArg>{int32_t(dim)});
      LLVM::StoreOp::create(b, loc, size, address);
    }
  }
  func::ReturnOp::create(b, loc);
}

static SmallVector<int64_t> ranksOf(TypeRange types) {
  return llvm::map_to_vector(types, [](Type t) { return cast<ShapedType>(t).getRank(); });
}

static LogicalResult emitEntry(OpBuilder &b, SymbolTable &symbols, func::FuncOp entry,
                               const LLVMTypeConverter &converter) {
  auto numResults = entry->getAttrOfType<IntegerAttr>("attn.num_results");
  if (!numResults)
    return entry.emitOpError("is no bufferized entry: attn.num_results is missing");
  StringRef name = entry.getName();
  auto companion = [&](StringRef suffix) {
    return symbols.lookup<func::FuncOp>((name + "." + suffix).str());
  };
  int64_t numInputs = entry.getNumArguments() - numResults.getInt();
  SmallVector<int64_t> inputRanks = ranksOf(entry.getArgumentTypes().take_front(numInputs));
  SmallVector<int64_t> resultRanks = ranksOf(entry.getArgumentTypes().drop_front(numInputs));

  if (failed(emitRun(b, entry, numInputs, converter)))
    return failure();
  func::FuncOp size = companion("workspace_size"), shapes = companion("result_shapes");
  emitWorkspaceSize(b, symbols, entry, size, name, inputRanks);
  if (shapes)
    emitResultShapes(b, symbols, entry, shapes, name, inputRanks, resultRanks);
  for (func::FuncOp done : {size, shapes})
    if (done)
      symbols.erase(done);
  return success();
}

namespace {
struct EmitEntryPointsPass : impl::EmitEntryPointsPassBase<EmitEntryPointsPass> {
  using Base::Base;
  void runOnOperation() override {
    LLVMTypeConverter converter(&getContext());
    SymbolTable symbols(getOperation());
    OpBuilder b(&getContext());
    for (func::FuncOp entry : entriesOf(getOperation()))
      if (failed(emitEntry(b, symbols, entry, converter)))
        return signalPassFailure();
  }
};
} // namespace
} // namespace fovea
