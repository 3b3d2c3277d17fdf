#include <arrow/ipc/message.h>
#include <arrow/ipc/options.h>
#include <arrow/ipc/reader.h>
#include <arrow/util/key_value_metadata.h>

#include <algorithm>
#include <cstring>
#include <limits>

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
  // The offsets of the runs' values are the file's, and are followed here, before the batch as a whole is looked at. Arrow's message may
  // quote values.
  if (!array->ValidateFull().ok()) return arrow::Status::Invalid("its values are not what the file's types say");
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
class IpcSource final : public StoredSource {
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
      ARROW_ASSIGN_OR_RAISE(stored_, Stored());
      ARROW_ASSIGN_OR_RAISE(has_no_rows_, AreAllBatchesEmpty());
    }
    if (options.has_range) return StartRange(options.range_begin, options.range_end);
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

  /// Batches stay whole. All dictionaries, and what each batch says about itself, are read for each range: it must be large beside them.
  arrow::Result<std::vector<int64_t>> Cut(int64_t target) override {
    if (is_stream_) return std::vector<int64_t>();
    target = std::max(target, 4 * stored_.dictionary_bytes);
    if (stored_.metadata_bytes > kSmallOverhead) target = std::max(target, 16 * stored_.metadata_bytes);
    return CutStored(stored_.batches, target);
  }

 private:
  struct StoredBatches {
    std::vector<StoredRows> batches;
    int64_t dictionary_bytes = 0, metadata_bytes = 0;
  };

  /// Returns what the messages of the file say about themselves, or no batches where they are not as the footer tells of them.
  arrow::Result<StoredBatches> Stored() const {
    StoredBatches stored;
    ARROW_ASSIGN_OR_RAISE(const int64_t size, file_->GetSize());
    for (int64_t at = 8; at + 8 <= size;) {
      int32_t prefix[2] = {0, 0};
      ARROW_ASSIGN_OR_RAISE(const int64_t read, file_->ReadAt(at, sizeof prefix, prefix));
      // Some writers fill up to 64 bytes in front of the first message.
      if (at < 64 && prefix[0] == 0 && prefix[1] == 0) {
        at += 8;
        continue;
      }
      // Files of Arrow before 0.15 have no mark here.
      if (read < static_cast<int64_t>(sizeof prefix) || prefix[0] != -1 || prefix[1] <= 0 || prefix[1] > size - at) break;
      ARROW_ASSIGN_OR_RAISE(auto metadata, file_->ReadAt(at + 8, prefix[1]));
      const auto opened = arrow::ipc::Message::Open(std::move(metadata), nullptr);
      if (!opened.ok()) break;
      const auto &message = *opened;
      const int64_t body_bytes = message->body_length(), bytes = 8 + prefix[1] + body_bytes;
      if (body_bytes < 0 || body_bytes > size || bytes > size - at) break;
      stored.metadata_bytes += 8 + prefix[1];
      if (message->type() == arrow::ipc::MessageType::DICTIONARY_BATCH) stored.dictionary_bytes += bytes;
      if (message->type() == arrow::ipc::MessageType::RECORD_BATCH) {
        const int64_t rows = RowsOf(*message);
        if (rows < 0) return arrow::Status::Invalid("a batch says that it has a negative number of rows");
        stored.batches.push_back({rows, bytes});
      }
      at += bytes;
    }
    if (static_cast<int>(stored.batches.size()) != reader_->num_record_batches()) return StoredBatches();
    return stored;
  }

  /// Returns whether the file has no rows. Batches that say so are read: what they hold may be something else.
  arrow::Result<bool> AreAllBatchesEmpty() const {
    if (std::any_of(stored_.batches.begin(), stored_.batches.end(), [](const StoredRows &batch) { return batch.rows > 0; })) return false;
    for (int batch = 0; batch < reader_->num_record_batches(); ++batch) {
      ARROW_ASSIGN_OR_RAISE(const auto read, reader_->ReadRecordBatch(batch));
      if (read->num_rows() > 0 && stored_.batches.empty()) return false;
      // Arrow's message may quote values.
      if (read->num_rows() != 0 || !read->ValidateFull().ok())
        return arrow::Status::Invalid("a batch says that it has no rows, and its columns do not fit that");
    }
    return true;
  }

  /// Returns the number of rows of a batch: the first field of its FlatBuffers table, which Arrow has verified.
  static int64_t RowsOf(const arrow::ipc::Message &message) {
    const auto *table = static_cast<const uint8_t *>(message.header());
    // A message may say that it has a header of that kind, and have none.
    if (table == nullptr) return 0;
    int32_t back;
    std::memcpy(&back, table, sizeof back);
    const uint8_t *fields = table - back;
    uint16_t size, place;
    std::memcpy(&size, fields, sizeof size);
    if (size < 6) return 0;
    std::memcpy(&place, fields + 4, sizeof place);
    int64_t rows = 0;
    if (place != 0) std::memcpy(&rows, table + place, sizeof rows);
    return rows;
  }

  /// Goes to the batches that have the rows from `begin` to before `end`.
  arrow::Status StartRange(int64_t begin, int64_t end) {
    if (stored_.batches.empty()) return arrow::Status::Invalid("its batches are not where a range of rows can be found");
    is_range_ = true;
    int64_t first_row = 0;
    for (const auto &batch : stored_.batches) {
      if (first_row + batch.rows > begin) break;
      first_row += batch.rows;
      ++next_;
    }
    rows_before_ = begin - first_row;
    rows_wanted_ = end - begin;
    return arrow::Status::OK();
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> NextStored() override {
    std::shared_ptr<arrow::RecordBatch> batch;
    if (is_stream_) {
      ARROW_RETURN_NOT_OK(stream_->ReadNext(&batch));
      if (!batch) return batch;
    } else {
      if (next_ == reader_->num_record_batches()) return batch;
      ARROW_ASSIGN_OR_RAISE(batch, reader_->ReadRecordBatch(next_++));
      if (is_range_ && batch->num_rows() != stored_.batches[static_cast<size_t>(next_ - 1)].rows)
        return arrow::Status::Invalid("the batches are not in the order in which the footer has them");
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
  /// Of the file format.
  StoredBatches stored_;
  bool is_range_ = false;
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
