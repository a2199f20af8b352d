// Gives every entry function its C interface (runtime/Abi.h). The function itself becomes a
// private `NAME.body` with the context as its first argument; `NAME`, `NAME_workspace_size` and
// `NAME_result_shapes` unpack C structs and call what earlier passes left for them.
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/SymbolTable.h"
#include "passes/Entries.h"
#include "passes/Passes.h"

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

/// void NAME(const fovea_context *, const fovea_tensor *inputs, const fovea_tensor *outputs)
static void emitRun(OpBuilder &b, func::FuncOp body, StringRef name, int64_t numInputs,
                    const LLVMTypeConverter &converter) {
  StructReader reader{b, body.getLoc()};
  func::FuncOp run =
      createSymbol(b, body, name, {reader.pointer, reader.pointer, reader.pointer}, {});
  SmallVector<Value> arguments{run.getArgument(0)};
  for (auto [i, type] : llvm::enumerate(body.getArgumentTypes().drop_front())) {
    bool isInput = int64_t(i) < numInputs;
    arguments.push_back(readMemRef(reader, converter, run.getArgument(isInput ? 1 : 2),
                                   isInput ? i : i - numInputs, cast<MemRefType>(type)));
  }
  func::CallOp::create(b, body.getLoc(), body, arguments);
  func::ReturnOp::create(b, body.getLoc());
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
static void emitWorkspaceSize(OpBuilder &b, func::FuncOp body, func::FuncOp companion,
                              StringRef name, ArrayRef<int64_t> ranks) {
  StructReader reader{b, body.getLoc()};
  func::FuncOp symbol =
      createSymbol(b, body, name + "_workspace_size", {reader.pointer, reader.i64}, {reader.i64});
  Value size;
  if (companion) {
    SmallVector<Value> arguments = readInputSizes(reader, symbol.getArgument(0), ranks);
    arguments.push_back(
        arith::IndexCastOp::create(b, body.getLoc(), b.getIndexType(), symbol.getArgument(1)));
    size = func::CallOp::create(b, body.getLoc(), companion, arguments).getResult(0);
    size = arith::IndexCastOp::create(b, body.getLoc(), reader.i64, size);
  } else {
    size = arith::ConstantIntOp::create(b, body.getLoc(), 0, 64);
  }
  func::ReturnOp::create(b, body.getLoc(), size);
}

/// void NAME_result_shapes(const fovea_tensor *inputs, int64_t *const *sizes)
static void emitResultShapes(OpBuilder &b, func::FuncOp body, func::FuncOp companion,
                             StringRef name, ArrayRef<int64_t> inputRanks,
                             ArrayRef<int64_t> resultRanks) {
  StructReader reader{b, body.getLoc()};
  Location loc = body.getLoc();
  func::FuncOp symbol =
      createSymbol(b, body, name + "_result_shapes", {reader.pointer, reader.pointer}, {});
  auto call = func::CallOp::create(b, loc, companion,
                                   readInputSizes(reader, symbol.getArgument(0), inputRanks));
  unsigned next = 0;
  for (auto [result, rank] : llvm::enumerate(resultRanks)) {
    Value sizes = reader.element(reader.pointer, symbol.getArgument(1), result);
    for (int64_t dim = 0; dim < rank; ++dim) {
      Value size = arith::IndexCastOp::create(b, loc, reader.i64, call.getResult(next++));
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

static LogicalResult emitEntry(OpBuilder &b, SymbolTable &symbols, func::FuncOp function,
                               const LLVMTypeConverter &converter) {
  auto numResults = function->getAttrOfType<IntegerAttr>("attn.num_results");
  if (!numResults)
    return function.emitOpError("is no bufferized entry: attn.num_results is missing");
  std::string name = function.getName().str();
  auto companion = [&](StringRef suffix) {
    return symbols.lookup<func::FuncOp>((name + "." + suffix).str());
  };
  int64_t numInputs = function.getNumArguments() - numResults.getInt();
  SmallVector<int64_t> inputRanks = ranksOf(function.getArgumentTypes().take_front(numInputs));
  SmallVector<int64_t> resultRanks = ranksOf(function.getArgumentTypes().drop_front(numInputs));

  if (failed(symbols.rename(function, name + ".body")))
    return failure();
  function.setPrivate();
  if (failed(function.insertArgument(0, LLVM::LLVMPointerType::get(b.getContext()), {},
                                     function.getLoc())))
    return failure();
  function->setAttr("attn.body", b.getUnitAttr());
  emitRun(b, function, name, numInputs, converter);
  emitWorkspaceSize(b, function, companion("workspace_size"), name, inputRanks);
  if (func::FuncOp shapes = companion("result_shapes"))
    emitResultShapes(b, function, shapes, name, inputRanks, resultRanks);
  return success();
}

namespace {
struct EmitEntryPointsPass : impl::EmitEntryPointsPassBase<EmitEntryPointsPass> {
  using Base::Base;
  void runOnOperation() override {
    LLVMTypeConverter converter(&getContext());
    SymbolTable symbols(getOperation());
    OpBuilder b(&getContext());
    for (func::FuncOp function : entriesOf(getOperation()))
      if (failed(emitEntry(b, symbols, function, converter)))
        return signalPassFailure();
  }
};
} // namespace
} // namespace fovea
