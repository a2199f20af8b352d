// What an expression of a description evaluates to while it is imported: a compile-time value
// (number, string, sequence, function, configuration, ...) or something of the graph under
// construction (a tensor, or a scalar inside a mask function or a loop).
#ifndef FOVEA_FRONTEND_VALUE_H
#define FOVEA_FRONTEND_VALUE_H

#include "frontend/Ast.h"
#include "frontend/GraphBuilder.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"
#include <memory>
#include <variant>
#include <vector>

namespace fovea {

class Value;
struct Builtin;

/// Names of one block of a function; looked up outwards through the parents. The importer owns all.
struct Scope {
  Scope *parent = nullptr;
  llvm::StringMap<Value> names;
};

struct NoneValue {};
/// What a name holds after the statement that should have set it failed: silent.
struct PoisonValue {};

/// A string. The text has a `{}` for each of the loops' indices, which are known at run time only.
struct TextValue {
  std::string text;
  std::vector<LoopIndex> indices = {};

  bool isKnown() const { return indices.empty(); }
};

/// `range(begin, end)`.
struct RangeValue {
  SymbolicDim begin, end;
};

struct FunctionValue {
  const ast::Function *function;
};
struct LambdaValue {
  const ast::LambdaExpr *lambda;
  Scope *scope;
};
/// A builtin, or a method of `self`.
struct BuiltinValue {
  const Builtin *builtin;
  std::shared_ptr<Value> self;
};

/// A JSON file and what it holds.
struct ConfigFile {
  std::string path;
  llvm::json::Object object;
};
/// An object of a JSON file, which `file` keeps alive.
struct ConfigValue {
  std::shared_ptr<const ConfigFile> file;
  const llvm::json::Object *object;
  std::string section = ""; // What its keys come after in messages: "rope_scaling.".
};
/// `config.get` and its kin: the kinds of values, or `config.require`.
struct ConfigGetValue {
  enum class Kind { Any, Size, Positive, Positives, Section, Require };
  ConfigValue config;
  Kind kind = Kind::Any;
};

/// A weight without its dims: `weight("name")`, `weight("name")[f16]`. Without an element type it
/// is f32, whatever the files store.
struct WeightValue {
  TextValue name;
  mlir::Type elementType;
};

/// `finfo(f32)`, `iinfo(i64)`: what the numbers of an element type are like.
struct LimitsValue {
  mlir::Type type;
};

/// The integers from `first` to `last`.
struct IntegerRange {
  int64_t first, last;
};

/// What a scalar that is computed of one loop's index alone is in each turn of the loop; of a
/// condition 0 and 1.
struct TurnValues {
  mlir::Value loop; // its index
  std::vector<int64_t> values;
};

/// A run-time scalar: an argument of a mask function, a loop's index, or computed from such.
struct ScalarValue {
  mlir::Value value;
  /// What a loop's index, or what is computed from such and integers, goes through.
  std::optional<IntegerRange> range = std::nullopt;
  std::shared_ptr<const TurnValues> turns = nullptr;
};

/// A tuple or list; copies share their elements.
struct SequenceValue {
  explicit SequenceValue(std::vector<Value> values, llvm::ArrayRef<llvm::StringLiteral> names = {});

  std::shared_ptr<const std::vector<Value>> elements;
  /// Of the elements, such as those of `topk`: `.values`, `.indices`. Empty if they have none.
  llvm::ArrayRef<llvm::StringLiteral> names;
  /// Levels of sequences in each other, this one included.
  size_t depth = 1;
  /// The elements that are no sequences, those of the inner sequences included.
  uint64_t leaves = 0;
};

class Value {
public:
  /// The types whose values convert as they are; others have constructors of their own.
  template <typename T>
  static constexpr bool isAlternative =
      llvm::is_one_of<T, NoneValue, PoisonValue, bool, int64_t, double, TextValue, RangeValue,
                      mlir::Type, FunctionValue, LambdaValue, BuiltinValue, ConfigValue,
                      ConfigGetValue, WeightValue, LimitsValue, ScalarValue, SymbolicTensor>::value;

  Value() : storage(NoneValue()) {}
  /// A constant dim becomes an integer.
  Value(const SymbolicDim &dim);
  Value(std::vector<Value> elements) : storage(SequenceValue(std::move(elements))) {}
  /// A sequence whose elements have names, which are never freed.
  Value(std::vector<Value> elements, llvm::ArrayRef<llvm::StringLiteral> names)
      : storage(SequenceValue(std::move(elements), names)) {}
  /// A tensor that is the first of several parts, which have names: it is used as such, and taken
  /// apart or asked for one of them where that is wanted, as the result of `max(x, dim)` is.
  Value(SymbolicTensor tensor, Value parts)
      : storage(std::move(tensor)), parts(std::make_shared<const Value>(std::move(parts))) {}
  Value(std::string text) : storage(TextValue{std::move(text)}) {}
  template <typename T>
  requires(isAlternative<std::decay_t<T>>) Value(T &&value) : storage(std::forward<T>(value)) {}

  template <typename T>
  const T *get() const {
    return std::get_if<T>(&storage);
  }
  template <typename T>
  bool is() const {
    return get<T>() != nullptr;
  }

  bool isNone() const { return is<NoneValue>(); }
  const std::vector<Value> *sequence() const {
    auto *sequence = get<SequenceValue>();
    return sequence ? sequence->elements.get() : nullptr;
  }
  /// The elements of a sequence, or the parts of a tensor that has such.
  const std::vector<Value> *elements() const { return parts ? parts->sequence() : sequence(); }
  /// The element that has a name; nothing if none is called so.
  const Value *named(llvm::StringRef name) const;
  bool hasParts() const { return parts != nullptr; }
  /// An integer or bool as an integer.
  std::optional<int64_t> integer() const;
  /// A compile-time number as a double.
  std::optional<double> number() const;
  /// An integer or symbolic size.
  std::optional<SymbolicDim> dim() const;
  /// A function, lambda or builtin.
  bool isCallable() const { return is<FunctionValue>() || is<LambdaValue>() || is<BuiltinValue>(); }

  /// What kind of value this is, for messages: `the integer 8`, `a tensor f32[B, L]`.
  std::string describe() const;

  /// What a copy of this costs in memory and time, 0 for a number or a name.
  size_t cost() const;

private:
  std::variant<NoneValue, PoisonValue, bool, int64_t, double, TextValue, SymbolicDim, SequenceValue,
               RangeValue, mlir::Type, FunctionValue, LambdaValue, BuiltinValue, ConfigValue,
               ConfigGetValue, WeightValue, LimitsValue, ScalarValue, SymbolicTensor>
      storage;
  std::shared_ptr<const Value> parts;
};

/// `f32` for the names of element types; null for any other name.
mlir::Type parseElementType(mlir::MLIRContext *context, llvm::StringRef name);

} // namespace fovea

#endif
