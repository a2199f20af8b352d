#include "passes/entry/Closure.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "llvm/ADT/STLExtras.h"

using namespace fovea;
using namespace mlir;

namespace {
/// What the type of a memref says, with ShapedType::kDynamic where it does not.
struct Layout {
  explicit Layout(MemRefType type) : sizes(type.getShape()) {
    if (failed(type.getStridesAndOffset(strides, offset)))
      llvm_unreachable("has no descriptor, so it was never converted");
    stridesFollow = type.getLayout().isIdentity();
  }

  ArrayRef<int64_t> sizes;
  SmallVector<int64_t> strides;
  int64_t offset;
  bool stridesFollow; // from the sizes
};

/// Goes through the fields of a closure in order.
class Fields {
public:
  Fields(OpBuilder &b, Location loc, LLVM::LLVMStructType type, Value memory)
      : b(b), loc(loc), type(type), memory(memory) {}

  void store(Value value) { LLVM::StoreOp::create(b, loc, value, nextAddress()); }
  Value load() {
    Type field = type.getBody()[next];
    return LLVM::LoadOp::create(b, loc, field, nextAddress());
  }

private:
  Value nextAddress() {
    return LLVM::GEPOp::create(b, loc, LLVM::LLVMPointerType::get(b.getContext()), type, memory,
                               ArrayRef<LLVM::GEPArg>{0, int32_t(next++)});
  }

  OpBuilder &b;
  Location loc;
  LLVM::LLVMStructType type;
  Value memory;
  unsigned next = 0;
};
} // namespace

Closure::Closure(const LLVMTypeConverter &converter, TypeRange captured)
    : converter(converter), captured(captured) {
  MLIRContext *context = &converter.getContext();
  Type i64 = IntegerType::get(context, 64);
  SmallVector<Type> fields;
  for (Type type : captured) {
    auto memref = dyn_cast<MemRefType>(type);
    if (!memref) {
      fields.push_back(converter.convertType(type));
      continue;
    }
    Layout layout(memref);
    fields.push_back(LLVM::LLVMPointerType::get(context));
    int64_t open = llvm::count(layout.sizes, ShapedType::kDynamic);
    if (ShapedType::isDynamic(layout.offset))
      ++open;
    if (!layout.stridesFollow)
      open += llvm::count(layout.strides, ShapedType::kDynamic);
    fields.append(open, i64);
  }
  structType = LLVM::LLVMStructType::getLiteral(context, fields);
}

static void storeMemRef(OpBuilder &b, Location loc, Fields &fields, MemRefDescriptor descriptor,
                        const Layout &layout) {
  fields.store(descriptor.alignedPtr(b, loc));
  if (ShapedType::isDynamic(layout.offset))
    fields.store(descriptor.offset(b, loc));
  for (auto [dim, size] : llvm::enumerate(layout.sizes))
    if (ShapedType::isDynamic(size))
      fields.store(descriptor.size(b, loc, dim));
  for (auto [dim, stride] : llvm::enumerate(layout.strides))
    if (!layout.stridesFollow && ShapedType::isDynamic(stride))
      fields.store(descriptor.stride(b, loc, dim));
}

void Closure::store(OpBuilder &b, Location loc, ValueRange values, Value memory) const {
  Fields fields(b, loc, structType, memory);
  for (auto [type, value] : llvm::zip_equal(captured, values)) {
    Type converted = converter.convertType(type);
    if (converted != type)
      value = UnrealizedConversionCastOp::create(b, loc, converted, value).getResult(0);
    if (auto memref = dyn_cast<MemRefType>(type))
      storeMemRef(b, loc, fields, MemRefDescriptor(value), Layout(memref));
    else
      fields.store(value);
  }
}

static Value loadMemRef(OpBuilder &b, Location loc, Fields &fields, Type converted,
                        const Layout &layout) {
  auto constant = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(b, loc, b.getI64Type(), b.getI64IntegerAttr(value));
  };
  auto known = [&](int64_t value) {
    return ShapedType::isDynamic(value) ? fields.load() : constant(value);
  };
  auto descriptor = MemRefDescriptor::poison(b, loc, converted);
  Value pointer = fields.load();
  descriptor.setAllocatedPtr(b, loc, pointer);
  descriptor.setAlignedPtr(b, loc, pointer);
  descriptor.setOffset(b, loc, known(layout.offset));
  SmallVector<Value> sizes = llvm::map_to_vector(layout.sizes, known);
  SmallVector<Value> strides(sizes.size());
  Value contiguous; // stride of the next dim, from the last one on
  for (int64_t dim = sizes.size() - 1; layout.stridesFollow && dim >= 0; --dim) {
    strides[dim] =
        !ShapedType::isDynamic(layout.strides[dim]) ? constant(layout.strides[dim]) : contiguous;
    contiguous = LLVM::MulOp::create(b, loc, strides[dim], sizes[dim]);
  }
  if (!layout.stridesFollow)
    strides = llvm::map_to_vector(layout.strides, known);
  for (auto [dim, size, stride] : llvm::enumerate(sizes, strides)) {
    descriptor.setSize(b, loc, dim, size);
    descriptor.setStride(b, loc, dim, stride);
  }
  return descriptor;
}

SmallVector<Value> Closure::load(OpBuilder &b, Location loc, Value memory) const {
  Fields fields(b, loc, structType, memory);
  return llvm::map_to_vector(captured, [&](Type type) -> Value {
    Type converted = converter.convertType(type);
    auto memref = dyn_cast<MemRefType>(type);
    Value value = memref ? loadMemRef(b, loc, fields, converted, Layout(memref)) : fields.load();
    return converted == type ? value
                             : UnrealizedConversionCastOp::create(b, loc, type, value).getResult(0);
  });
}
