#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/properties.h>

#include <algorithm>
#include <numeric>

#include "Internal.h"

namespace carrow {
namespace {

void AddLeaves(const parquet::arrow::SchemaField &field, std::vector<int> *leaves) {
  if (field.is_leaf()) leaves->push_back(field.column_index);
  for (const auto &child : field.children) AddLeaves(child, leaves);
}

class ParquetSource final : public Source {
 public:
  arrow::Status Open(const CArrowReadOptions &options, const std::shared_ptr<DescriptorFile> &file) {
    parquet::ReaderProperties properties(arrow::default_memory_pool());
    properties.enable_buffered_stream();
    properties.set_buffer_size(64 * 1024);
    properties.set_page_checksum_verification(true);
    parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/false);
    arrow_properties.set_pre_buffer(false);
    arrow_properties.set_batch_size(options.batch_rows);
    auto parquet_reader = parquet::ParquetFileReader::Open(file, properties);
    ARROW_ASSIGN_OR_RAISE(reader_, parquet::arrow::FileReader::Make(arrow::default_memory_pool(), std::move(parquet_reader),
                                                                    arrow_properties));
    ARROW_RETURN_NOT_OK(reader_->GetSchema(&file_schema_));
    schema_ = file_schema_;
    columns_.resize(static_cast<size_t>(schema_->num_fields()));
    std::iota(columns_.begin(), columns_.end(), 0);
    return arrow::Status::OK();
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status Select(const std::vector<int> &columns, const std::vector<std::shared_ptr<arrow::DataType>> &) override {
    columns_ = columns;
    arrow::FieldVector fields;
    for (const int column : columns) fields.push_back(file_schema_->field(column));
    schema_ = arrow::schema(std::move(fields), file_schema_->metadata());
    return arrow::Status::OK();
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    if (!batches_) ARROW_RETURN_NOT_OK(Start());
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(batches_->ReadNext(&batch));
    if (!batch) return batch;
    // The file gives its columns in its own order.
    arrow::ArrayVector arrays;
    for (const int position : positions_) {
      if (position >= batch->num_columns()) return arrow::Status::Invalid("a batch has fewer columns than the schema");
      arrays.push_back(batch->column(position));
    }
    return arrow::RecordBatch::Make(schema_, batch->num_rows(), std::move(arrays));
  }

 private:
  arrow::Status Start() {
    std::vector<int> ordered = columns_;
    std::sort(ordered.begin(), ordered.end());
    ordered.erase(std::unique(ordered.begin(), ordered.end()), ordered.end());
    std::vector<int> leaves;
    for (const int column : ordered) AddLeaves(reader_->manifest().schema_fields[static_cast<size_t>(column)], &leaves);
    for (const int column : columns_)
      positions_.push_back(static_cast<int>(std::lower_bound(ordered.begin(), ordered.end(), column) - ordered.begin()));
    std::vector<int> groups(static_cast<size_t>(reader_->num_row_groups()));
    std::iota(groups.begin(), groups.end(), 0);
    ARROW_ASSIGN_OR_RAISE(batches_, reader_->GetRecordBatchReader(groups, leaves));
    return arrow::Status::OK();
  }

  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
  std::shared_ptr<arrow::Schema> file_schema_, schema_;
  std::vector<int> columns_, positions_;
};

}  // namespace

arrow::Result<std::unique_ptr<Source>> OpenParquet(const CArrowReadOptions &options,
                                                   const std::shared_ptr<DescriptorFile> &file) {
  auto source = std::make_unique<ParquetSource>();
  ARROW_RETURN_NOT_OK(source->Open(options, file));
  return source;
}

}  // namespace carrow
