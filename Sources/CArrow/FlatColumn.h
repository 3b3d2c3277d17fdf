#pragma once

#include <arrow/api.h>
#include <parquet/file_reader.h>
#include <parquet/schema.h>

#include <cstdint>
#include <memory>

namespace carrow {

/// A column without lists or structs whose values stand in the file as Arrow has them, read through its Parquet reader alone. Arrow's own
/// reader prepares several times as much for every column as the few values of a small file are worth, and it cannot begin inside of a row
/// group.
class FlatColumn {
 public:
  /// Null where the column is none.
  static std::unique_ptr<FlatColumn> Make(const parquet::ColumnDescriptor &column, const arrow::DataType &type);

  virtual ~FlatColumn() = default;

  /// Goes to a row of the column number `leaf` in a row group. Pages in front of it are passed over without being unpacked.
  virtual arrow::Status Start(parquet::RowGroupReader *group, int leaf, int64_t row) = 0;
  /// The next `rows` values, which the row group must have.
  virtual arrow::Result<std::shared_ptr<arrow::Array>> Read(int64_t rows) = 0;
};

}  // namespace carrow
