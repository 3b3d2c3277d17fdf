#include <arrow/ipc/options.h>
#include <arrow/ipc/reader.h>
#include <arrow/util/key_value_metadata.h>

#include <algorithm>
#include <cstring>

#include "Internal.h"

namespace carrow {
namespace {

bool IsRunEndEncoded(const arrow::DataType &type) { return type.id() == arrow::Type::RUN_END_ENCODED; }

/// Returns the schema with columns of runs as columns of their values: they are decoded as they are read.
std::shared_ptr<arrow::Schema> Decoded(const std::shared_ptr<arrow::Schema> &schema) {
  arrow::FieldVector fields;
  for (const auto &field : schema->fields()) {
    const auto &type = *field->type();
    fields.push_back(IsRunEndEncoded(type) ? field->WithType(static_cast<const arrow::RunEndEncodedType &>(type).value_type()) : field);
  }
  return arrow::schema(std::move(fields), schema->metadata());
}

int64_t RunEnd(const arrow::Array &ends, int64_t run) {
  switch (ends.type_id()) {
    case arrow::Type::INT16: return static_cast<const arrow::Int16Array &>(ends).Value(run);
    case arrow::Type::INT32: return static_cast<const arrow::Int32Array &>(ends).Value(run);
    default: return static_cast<const arrow::Int64Array &>(ends).Value(run);
  }
}

arrow::Result<std::shared_ptr<arrow::Array>> Decoded(const std::shared_ptr<arrow::Array> &array) {
  if (!IsRunEndEncoded(*array->type())) return array;
  const auto &runs = static_cast<const arrow::RunEndEncodedArray &>(*array);
  const auto values = runs.LogicalValues();
  ARROW_ASSIGN_OR_RAISE(const auto ends, runs.LogicalRunEnds(arrow::default_memory_pool()));
  ARROW_ASSIGN_OR_RAISE(auto builder, arrow::MakeBuilder(values->type()));
  ARROW_RETURN_NOT_OK(builder->Reserve(runs.length()));
  int64_t row = 0;
  for (int64_t run = 0; run < ends->length(); ++run)
    for (const int64_t end = std::min(RunEnd(*ends, run), runs.length()); row < end; ++row)
      ARROW_RETURN_NOT_OK(builder->AppendArraySlice(arrow::ArraySpan(*values->data()), run, 1));
  return builder->Finish();
}

/// Arrow's file format (a footer at the end) and its stream format behind one face.
class IpcSource final : public Source {
 public:
  arrow::Status Open(const CArrowReadOptions &options, const std::shared_ptr<DescriptorFile> &file) {
    file_ = file;
    char magic[6];
    ARROW_ASSIGN_OR_RAISE(const int64_t count, file->ReadAt(0, sizeof magic, magic));
    if (count == 0) return arrow::Status::Invalid("the file is empty");
    if (count >= 4 && std::memcmp(magic, "FEA1", 4) == 0)
      return arrow::Status::Invalid("a file of Feather version 1, which is not read: write it with version 2, which is Arrow IPC");
    is_stream_ = count < 6 || std::memcmp(magic, "ARROW1", 6) != 0;
    options_ = arrow::ipc::IpcReadOptions::Defaults();
    options_.use_threads = false;
    options_.max_recursion_depth = options.deepest + 1;
    options_.memory_pool = LimitedPool(arrow::default_memory_pool(), options);
    ARROW_RETURN_NOT_OK(Reopen());
    ARROW_RETURN_NOT_OK(CheckShape(*schema_, options));
    file_schema_ = schema_;
    if (!is_stream_) {
      ARROW_ASSIGN_OR_RAISE(const int64_t rows, reader_->CountRows());
      has_no_rows_ = rows == 0;
    }
    return arrow::Status::OK();
  }

  /// The number of rows in a stream is known only once it is read.
  bool HasNoRows() const override { return has_no_rows_; }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status Select(const std::vector<int> &columns, const std::vector<Wanted> &) override {
    options_.included_fields = columns;
    auto &ordered = options_.included_fields;
    std::sort(ordered.begin(), ordered.end());
    ordered.erase(std::unique(ordered.begin(), ordered.end()), ordered.end());
    positions_.clear();
    arrow::FieldVector fields;
    for (const int column : columns) {
      positions_.push_back(static_cast<int>(std::lower_bound(ordered.begin(), ordered.end(), column) - ordered.begin()));
      fields.push_back(file_schema_->field(column));
    }
    ARROW_RETURN_NOT_OK(Reopen());
    schema_ = arrow::schema(std::move(fields), file_schema_->metadata());
    return arrow::Status::OK();
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    std::shared_ptr<arrow::RecordBatch> batch;
    if (is_stream_) {
      ARROW_RETURN_NOT_OK(stream_->ReadNext(&batch));
      if (!batch) return batch;
    } else {
      if (next_ == reader_->num_record_batches()) return batch;
      ARROW_ASSIGN_OR_RAISE(batch, reader_->ReadRecordBatch(next_++));
    }
    if (positions_.empty() && !has_runs_) return batch;
    arrow::ArrayVector arrays;
    for (size_t i = 0; i < static_cast<size_t>(schema_->num_fields()); ++i) {
      const int position = positions_.empty() ? static_cast<int>(i) : positions_[i];
      if (position >= batch->num_columns()) return arrow::Status::Invalid("a batch has fewer columns than the schema");
      ARROW_ASSIGN_OR_RAISE(auto array, Decoded(batch->column(position)));
      arrays.push_back(std::move(array));
    }
    return arrow::RecordBatch::Make(schema_, batch->num_rows(), std::move(arrays));
  }

 private:
  arrow::Status Reopen() {
    if (is_stream_) {
      ARROW_RETURN_NOT_OK(file_->Seek(0));
      ARROW_ASSIGN_OR_RAISE(stream_, arrow::ipc::RecordBatchStreamReader::Open(file_, options_));
      schema_ = stream_->schema();
    } else {
      ARROW_ASSIGN_OR_RAISE(reader_, arrow::ipc::RecordBatchFileReader::Open(file_, options_));
      schema_ = reader_->schema();
    }
    has_runs_ = false;
    for (const auto &field : schema_->fields()) has_runs_ |= IsRunEndEncoded(*field->type());
    schema_ = Decoded(schema_);
    return arrow::Status::OK();
  }

  std::shared_ptr<DescriptorFile> file_;
  bool is_stream_ = false, has_no_rows_ = false;
  arrow::ipc::IpcReadOptions options_;
  std::shared_ptr<arrow::ipc::RecordBatchStreamReader> stream_;
  std::shared_ptr<arrow::ipc::RecordBatchFileReader> reader_;
  int next_ = 0;
  bool has_runs_ = false;
  std::shared_ptr<arrow::Schema> file_schema_, schema_;
  std::vector<int> positions_;
};

}  // namespace

arrow::Result<std::unique_ptr<Source>> OpenIpc(const CArrowReadOptions &options, const std::shared_ptr<DescriptorFile> &file) {
  auto source = std::make_unique<IpcSource>();
  ARROW_RETURN_NOT_OK(source->Open(options, file));
  return source;
}

}  // namespace carrow
