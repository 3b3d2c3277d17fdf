#pragma once

#include <arrow/api.h>
#include <parquet/column_reader.h>
#include <parquet/schema.h>

#include <cstdint>
#include <memory>

namespace carrow {

/// A column without lists or structs whose values stand in the file as Arrow has them, read through its Parquet reader alone. Arrow's own
/// reader prepares several times as much for every column as the few values of a small file are worth.
class FlatColumn {
 public:
  /// Null where the column is none.
  static std::unique_ptr<FlatColumn> Make(const parquet::ColumnDescriptor &column, const arrow::DataType &type);

  virtual ~FlatColumn() = default;

  /// Goes to the column's beginning in a row group.
  virtual void Start(std::shared_ptr<parquet::ColumnReader> reader) = 0;
  /// The next `rows` values, which the row group must have.
  virtual arrow::Result<std::shared_ptr<arrow::Array>> Read(int64_t rows) = 0;
};

}  // namespace carrow
