#include "FlatColumn.h"

#include <parquet/column_reader.h>
#include <parquet/schema.h>
#include <parquet/types.h>

#include <string_view>
#include <type_traits>
#include <vector>

namespace carrow {
namespace {

template <typename Value>
Value Native(Value value) {
  return value;
}

/// The bytes lie in a page or a dictionary of the reader's.
std::string_view Native(const parquet::ByteArray &bytes) { return {reinterpret_cast<const char *>(bytes.ptr), bytes.len}; }

template <typename Physical, typename Builder>
class TypedColumn final : public FlatColumn {
 public:
  explicit TypedColumn(bool is_optional) : is_optional_(is_optional) {}

  arrow::Status Start(parquet::RowGroupReader *group, int leaf, int64_t row) override {
    using Reader = parquet::TypedColumnReader<Physical>;
    if (row == 0) {
      reader_ = std::static_pointer_cast<Reader>(group->Column(leaf));
      return arrow::Status::OK();
    }
    auto pages = group->GetColumnPageReader(leaf);
    const auto rest = std::make_shared<int64_t>(row);
    pages->set_data_page_filter([rest, is_found = false](const parquet::DataPageStats &page) mutable {
      is_found |= *rest < page.num_values;
      if (!is_found) *rest -= page.num_values;
      return !is_found;
    });
    reader_ = std::static_pointer_cast<Reader>(
        parquet::ColumnReader::Make(group->metadata()->schema()->Column(leaf), std::move(pages), arrow::default_memory_pool()));
    if (!reader_->HasNext() || reader_->Skip(*rest) != *rest)
      return arrow::Status::Invalid("a column has fewer values than its row group has rows");
    return arrow::Status::OK();
  }

  arrow::Result<std::shared_ptr<arrow::Array>> Read(int64_t rows) override {
    ARROW_RETURN_NOT_OK(builder_.Reserve(rows));
    if (rows > room_) {
      room_ = rows;
      values_ = std::make_unique<typename Physical::c_type[]>(static_cast<size_t>(rows));
      if (is_optional_) levels_.resize(static_cast<size_t>(rows));
    }
    while (rows > 0) {
      int64_t value_count = 0;
      // Of one page, and as many values as there are rows that are not null.
      const int64_t row_count =
          reader_->ReadBatch(rows, is_optional_ ? levels_.data() : nullptr, nullptr, values_.get(), &value_count);
      if (row_count <= 0) return arrow::Status::Invalid("a column has fewer values than its row group has rows");
      const bool has_nulls = is_optional_ && value_count < row_count;
      rows -= row_count;
      if constexpr (std::is_arithmetic_v<typename Physical::c_type> && !std::is_same_v<typename Physical::c_type, bool>) {
        if (!has_nulls && value_count == row_count) {
          ARROW_RETURN_NOT_OK(builder_.AppendValues(values_.get(), row_count));
          continue;
        }
      }
      int64_t next = 0;
      for (int64_t row = 0; row < row_count; ++row) {
        if (has_nulls && levels_[static_cast<size_t>(row)] == 0) {
          ARROW_RETURN_NOT_OK(builder_.AppendNull());
        } else {
          if (next == value_count) return arrow::Status::Invalid("a page has fewer values than its levels say");
          ARROW_RETURN_NOT_OK(builder_.Append(Native(values_[static_cast<size_t>(next++)])));
        }
      }
    }
    return builder_.Finish();
  }

 private:
  const bool is_optional_;
  std::shared_ptr<parquet::TypedColumnReader<Physical>> reader_;
  Builder builder_;
  /// Of one page.
  std::unique_ptr<typename Physical::c_type[]> values_;
  std::vector<int16_t> levels_;
  int64_t room_ = 0;
};

template <typename Physical, typename Builder>
std::unique_ptr<FlatColumn> Typed(const parquet::ColumnDescriptor &column) {
  return std::make_unique<TypedColumn<Physical, Builder>>(column.max_definition_level() == 1);
}

}  // namespace

std::unique_ptr<FlatColumn> FlatColumn::Make(const parquet::ColumnDescriptor &column, const arrow::DataType &type) {
  if (column.max_repetition_level() > 0 || column.max_definition_level() > 1) return nullptr;
  const auto is = [&](parquet::Type::type physical, arrow::Type::type logical) {
    return column.physical_type() == physical && type.id() == logical;
  };
  if (is(parquet::Type::FLOAT, arrow::Type::FLOAT)) return Typed<parquet::FloatType, arrow::FloatBuilder>(column);
  if (is(parquet::Type::DOUBLE, arrow::Type::DOUBLE)) return Typed<parquet::DoubleType, arrow::DoubleBuilder>(column);
  if (is(parquet::Type::INT32, arrow::Type::INT32)) return Typed<parquet::Int32Type, arrow::Int32Builder>(column);
  if (is(parquet::Type::INT64, arrow::Type::INT64)) return Typed<parquet::Int64Type, arrow::Int64Builder>(column);
  if (is(parquet::Type::BOOLEAN, arrow::Type::BOOL)) return Typed<parquet::BooleanType, arrow::BooleanBuilder>(column);
  if (is(parquet::Type::BYTE_ARRAY, arrow::Type::STRING)) return Typed<parquet::ByteArrayType, arrow::StringBuilder>(column);
  return nullptr;
}

}  // namespace carrow
