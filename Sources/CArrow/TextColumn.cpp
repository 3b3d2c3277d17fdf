#include "TextColumn.h"

#include <arrow/builder.h>
#include <arrow/util/decimal.h>
#include <arrow/util/utf8.h>

#include <algorithm>

namespace carrow {
namespace {

/// Ends a visit of CSV cells early; returning it costs nothing.
const arrow::Status &Stop() {
  static const arrow::Status status = arrow::Status::Cancelled("");
  return status;
}

/// Holds values of a fixed width, which `Parser` (Flaw(text, point, value *)) reads.
template <typename Builder, typename Value, typename Parser>
class TypedTextColumn final : public TextColumn {
 public:
  TypedTextColumn(const std::shared_ptr<arrow::DataType> &type, const TextRules &rules, Parser parser)
      : builder_(type, arrow::default_memory_pool()), rules_(rules), parser_(std::move(parser)) {}

  arrow::Status Reserve(int64_t rows) override { return builder_.Reserve(rows); }
  arrow::Result<Flaw> Take(std::string_view text, bool) override {
    ARROW_RETURN_NOT_OK(builder_.Reserve(1));
    return TakeReserved(text);
  }
  arrow::Status TakeNull() override {
    ARROW_RETURN_NOT_OK(builder_.Reserve(1));
    TakeReservedNull();
    return arrow::Status::OK();
  }

  arrow::Result<Flaw> TakeAll(const arrow::csv::BlockParser &parser, int32_t column, int64_t *row) override {
    ARROW_RETURN_NOT_OK(builder_.Reserve(parser.num_rows()));
    Flaw flaw = Flaw::kNone;
    int64_t taken = 0;
    const auto status = parser.VisitColumn(column, [&](const uint8_t *data, uint32_t size, bool, bool) -> arrow::Status {
      flaw = TakeReserved(std::string_view(reinterpret_cast<const char *>(data), size));
      if (flaw != Flaw::kNone) return Stop();
      ++taken;
      return arrow::Status::OK();
    });
    *row = taken;
    if (flaw == Flaw::kNone) ARROW_RETURN_NOT_OK(status);
    return flaw;
  }

  arrow::Result<std::shared_ptr<arrow::Array>> Finish() override {
    first_missing = -1;
    return builder_.Finish();
  }

 private:
  void TakeReservedNull() {
    if (first_missing < 0) first_missing = builder_.length();
    builder_.UnsafeAppendNull();
  }

  Flaw TakeReserved(std::string_view text) {
    if (rules_.null_words.contains(text)) {
      TakeReservedNull();
      return Flaw::kNone;
    }
    Value value;
    Flaw flaw = parser_(text, rules_.point, &value);
    if (flaw == Flaw::kNotANumber || flaw == Flaw::kNotABoolean || flaw == Flaw::kNotATime) {
      // Blanks around a value are rare, so they are looked for only where the text does not read.
      const std::string_view trimmed = Trimmed(text);
      if (rules_.null_words.contains(trimmed)) flaw = Flaw::kMissing;
      else if (trimmed.size() != text.size()) flaw = parser_(trimmed, rules_.point, &value);
    }
    if (flaw == Flaw::kNone) {
      builder_.UnsafeAppend(value);
    } else if (flaw == Flaw::kMissing) {
      TakeReservedNull();
    } else {
      flawed.assign(text);
      return flaw;
    }
    return Flaw::kNone;
  }

  Builder builder_;
  const TextRules &rules_;
  Parser parser_;
};

class StringTextColumn final : public TextColumn {
 public:
  explicit StringTextColumn(const TextRules &rules) : rules_(rules) {}

  arrow::Status Reserve(int64_t rows) override { return builder_.Reserve(rows); }

  arrow::Result<Flaw> Take(std::string_view text, bool is_quoted) override {
    if (!is_quoted && IsMissing(text)) {
      ARROW_RETURN_NOT_OK(builder_.AppendNull());
      return Flaw::kNone;
    }
    if (!IsUtf8(text)) return Flaw::kNotUtf8;
    ARROW_RETURN_NOT_OK(builder_.Append(text));
    return Flaw::kNone;
  }

  arrow::Status TakeNull() override { return builder_.AppendNull(); }

  arrow::Result<Flaw> TakeAll(const arrow::csv::BlockParser &parser, int32_t column, int64_t *row) override {
    ARROW_RETURN_NOT_OK(builder_.Reserve(parser.num_rows()));
    Flaw flaw = Flaw::kNone;
    int64_t taken = 0;
    const auto status = parser.VisitColumn(column, [&](const uint8_t *data, uint32_t size, bool quoted, bool) -> arrow::Status {
      const std::string_view text(reinterpret_cast<const char *>(data), size);
      ++taken;
      if (!quoted && IsMissing(text)) {
        builder_.UnsafeAppendNull();
        return arrow::Status::OK();
      }
      if (!IsUtf8(text)) {
        flaw = Flaw::kNotUtf8;
        --taken;
        return Stop();
      }
      if (builder_.value_data_capacity() - builder_.value_data_length() < size) ARROW_RETURN_NOT_OK(builder_.ReserveData(size));
      builder_.UnsafeAppend(text);
      return arrow::Status::OK();
    });
    *row = taken;
    if (flaw == Flaw::kNone) ARROW_RETURN_NOT_OK(status);
    return flaw;
  }

  arrow::Result<std::shared_ptr<arrow::Array>> Finish() override { return builder_.Finish(); }

 private:
  bool IsMissing(std::string_view text) const { return text.empty() || (rules_.words_are_missing && rules_.null_words.contains(text)); }

  arrow::StringBuilder builder_;
  const TextRules &rules_;
};

/// A column without a value.
class NullTextColumn final : public TextColumn {
 public:
  explicit NullTextColumn(const TextRules &rules) : rules_(rules) {}

  arrow::Status Reserve(int64_t) override { return arrow::Status::OK(); }
  arrow::Result<Flaw> Take(std::string_view text, bool) override {
    if (!rules_.null_words.contains(Trimmed(text))) {
      flawed.assign(text);
      return Flaw::kMixed;
    }
    ++count_;
    return Flaw::kNone;
  }
  arrow::Status TakeNull() override {
    ++count_;
    return arrow::Status::OK();
  }
  arrow::Result<Flaw> TakeAll(const arrow::csv::BlockParser &parser, int32_t column, int64_t *row) override {
    Flaw flaw = Flaw::kNone;
    *row = 0;
    const auto status = parser.VisitColumn(column, [&](const uint8_t *data, uint32_t size, bool quoted, bool) -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(flaw, Take(std::string_view(reinterpret_cast<const char *>(data), size), quoted));
      if (flaw != Flaw::kNone) return Stop();
      ++*row;
      return arrow::Status::OK();
    });
    if (flaw == Flaw::kNone) ARROW_RETURN_NOT_OK(status);
    return flaw;
  }
  arrow::Result<std::shared_ptr<arrow::Array>> Finish() override {
    return std::make_shared<arrow::NullArray>(std::exchange(count_, 0));
  }

 private:
  const TextRules &rules_;
  int64_t count_ = 0;
};

template <typename ArrowType, typename Value, typename Parser>
std::unique_ptr<TextColumn> Typed(const std::shared_ptr<arrow::DataType> &type, const TextRules &rules, Parser parser) {
  using Builder = typename arrow::TypeTraits<ArrowType>::BuilderType;
  return std::make_unique<TypedTextColumn<Builder, Value, Parser>>(type, rules, std::move(parser));
}

template <typename ArrowType>
std::unique_ptr<TextColumn> Integers(const std::shared_ptr<arrow::DataType> &type, const TextRules &rules) {
  using Value = typename ArrowType::c_type;
  return Typed<ArrowType, Value>(type, rules, [](std::string_view text, char point, Value *out) { return ParseInteger(text, point, out); });
}

template <typename ArrowType>
std::unique_ptr<TextColumn> Floats(const std::shared_ptr<arrow::DataType> &type, const TextRules &rules) {
  using Value = typename ArrowType::c_type;
  return Typed<ArrowType, Value>(type, rules, [](std::string_view text, char point, Value *out) { return ParseFloat(text, point, out); });
}

/// Reads a decimal exactly. It must fit in 38 digits, and only zeros may follow its point.
Flaw ParseDecimal(std::string_view text, char, arrow::Decimal128 *out) {
  int32_t precision = 0, scale = 0;
  if (!arrow::Decimal128::FromString(text, out, &precision, &scale).ok()) return Flaw::kNotANumber;
  if (scale != 0) {
    auto whole = out->Rescale(scale, 0);
    if (!whole.ok()) return Flaw::kDoesNotFit;
    *out = *whole;
  }
  return out->FitsInPrecision(38) ? Flaw::kNone : Flaw::kDoesNotFit;
}

}  // namespace

bool IsUtf8BeyondAscii(std::string_view text) {
  static const bool is_ready = (arrow::util::InitializeUTF8(), true);
  return is_ready && arrow::util::ValidateUTF8(text);
}

std::unique_ptr<TextColumn> MakeTextColumn(const std::shared_ptr<arrow::DataType> &type, const TextRules &rules) {
  switch (type->id()) {
    case arrow::Type::NA: return std::make_unique<NullTextColumn>(rules);
    case arrow::Type::STRING: return std::make_unique<StringTextColumn>(rules);
    case arrow::Type::BOOL: return Typed<arrow::BooleanType, bool>(type, rules, ParseBoolean);
    case arrow::Type::INT8: return Integers<arrow::Int8Type>(type, rules);
    case arrow::Type::UINT8: return Integers<arrow::UInt8Type>(type, rules);
    case arrow::Type::INT16: return Integers<arrow::Int16Type>(type, rules);
    case arrow::Type::UINT16: return Integers<arrow::UInt16Type>(type, rules);
    case arrow::Type::INT32: return Integers<arrow::Int32Type>(type, rules);
    case arrow::Type::UINT32: return Integers<arrow::UInt32Type>(type, rules);
    case arrow::Type::INT64: return Integers<arrow::Int64Type>(type, rules);
    case arrow::Type::UINT64: return Integers<arrow::UInt64Type>(type, rules);
    case arrow::Type::FLOAT: return Floats<arrow::FloatType>(type, rules);
    case arrow::Type::DOUBLE: return Floats<arrow::DoubleType>(type, rules);
    case arrow::Type::HALF_FLOAT:
      return Typed<arrow::HalfFloatType, arrow::util::Float16>(
          type, rules, [](std::string_view text, char point, arrow::util::Float16 *out) { return ParseFloat(text, point, out); });
    case arrow::Type::DATE32:
      return Typed<arrow::Date32Type, int32_t>(type, rules, [](std::string_view text, char, int32_t *out) { return ParseDate(text, out); });
    case arrow::Type::TIMESTAMP: {
      const auto unit = static_cast<const arrow::TimestampType &>(*type).unit();
      return Typed<arrow::TimestampType, int64_t>(
          type, rules, [unit](std::string_view text, char, int64_t *out) { return ParseTimestamp(text, unit, out); });
    }
    case arrow::Type::DECIMAL128: return Typed<arrow::Decimal128Type, arrow::Decimal128>(type, rules, ParseDecimal);
    default: return nullptr;
  }
}

}  // namespace carrow
