#include <arrow/c/bridge.h>
#include <arrow/ipc/writer.h>
#include <arrow/type_traits.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include <algorithm>

#include "Internal.h"

namespace carrow {
namespace {

/// Batches are gathered into row groups of a bounded size: writing whole tables takes far less time and memory than
/// appending to a row group that is kept open.
class ParquetSink {
 public:
  static arrow::Result<std::unique_ptr<parquet::arrow::FileWriter>> Open(
      const std::shared_ptr<arrow::Schema> &schema, const std::shared_ptr<DescriptorSink> &sink) {
    parquet::WriterProperties::Builder properties;
    properties.compression(parquet::Compression::SNAPPY)->enable_page_checksum()->data_pagesize(256 * 1024);
    // A dictionary pays for repeated text. For measured numbers and row keys it is work, and 9 MiB a column, for nothing.
    properties.disable_dictionary();
    for (const auto &field : schema->fields())
      if (arrow::is_base_binary_like(field->type()->id())) properties.enable_dictionary(field->name());
    const auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    return parquet::arrow::FileWriter::Open(*schema, arrow::default_memory_pool(), sink, properties.build(), arrow_properties);
  }
};

/// Whether an array of lists has elements before or behind those of its own rows.
template <typename Offset>
bool HasOtherElements(const arrow::ArrayData &lists) {
  const auto *offsets = lists.GetValues<Offset>(1);
  return lists.length == 0 || offsets == nullptr || offsets[0] != 0 || offsets[lists.length] != lists.child_data[0]->length;
}

/// Whether there is a part of nested values that no row has, as in slices.
bool HasOtherValues(const arrow::ArrayData &array) {
  switch (array.type->storage_id()) {
    case arrow::Type::LIST:
    case arrow::Type::MAP:
      if (array.offset != 0 || HasOtherElements<int32_t>(array)) return true;
      break;
    case arrow::Type::LARGE_LIST:
      if (array.offset != 0 || HasOtherElements<int64_t>(array)) return true;
      break;
    case arrow::Type::LIST_VIEW:
    case arrow::Type::LARGE_LIST_VIEW:
    case arrow::Type::SPARSE_UNION:
    case arrow::Type::DENSE_UNION:
      return true;
    case arrow::Type::FIXED_SIZE_LIST: {
      const auto &lists = static_cast<const arrow::FixedSizeListType &>(
          array.type->id() == arrow::Type::EXTENSION ? *static_cast<const arrow::ExtensionType &>(*array.type).storage_type()
                                                     : *array.type);
      if (array.offset != 0 || array.child_data[0]->length != array.length * lists.list_size()) return true;
      break;
    }
    case arrow::Type::STRUCT:
      for (const auto &child : array.child_data)
        if (array.offset != 0 || child->length != array.length) return true;
      break;
    default:
      return false;
  }
  return std::any_of(array.child_data.begin(), array.child_data.end(), [](const auto &child) { return HasOtherValues(*child); });
}

/// Returns the batch with nothing but its own rows: of nested values Arrow would write some of the bytes around them too, and the file
/// would depend on how the rows were read.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> Trimmed(std::shared_ptr<arrow::RecordBatch> batch) {
  for (int column = 0; column < batch->num_columns(); ++column) {
    const auto array = batch->column(column);
    if (!HasOtherValues(*array->data())) continue;
    auto trimmed = arrow::Concatenate({array});
    if (trimmed.status().IsNotImplemented()) continue;
    ARROW_RETURN_NOT_OK(trimmed.status());
    ARROW_ASSIGN_OR_RAISE(batch, batch->SetColumn(column, batch->schema()->field(column), *trimmed));
  }
  return batch;
}

}  // namespace
}  // namespace carrow

struct CArrowWriter {
  CArrowWriteOptions options = {};
  std::shared_ptr<carrow::SystemFailure> failure = std::make_shared<carrow::SystemFailure>();
  std::shared_ptr<carrow::DescriptorSink> sink;
  std::shared_ptr<arrow::Schema> schema;
  std::unique_ptr<parquet::arrow::FileWriter> parquet;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> ipc;
  arrow::RecordBatchVector pending;
  int64_t pending_rows = 0, pending_bytes = 0;

  arrow::Status WriteRowGroup() {
    if (pending_rows == 0) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto table, arrow::Table::FromRecordBatches(schema, pending));
    ARROW_RETURN_NOT_OK(parquet->WriteTable(*table, pending_rows));
    pending.clear();
    pending_rows = pending_bytes = 0;
    return arrow::Status::OK();
  }

  arrow::Status Write(const std::shared_ptr<arrow::RecordBatch> &batch) {
    // Of a slice without rows, Arrow writes buffers of a negative length.
    if (batch->num_rows() == 0) return arrow::Status::OK();
    if (ipc) return ipc->WriteRecordBatch(*batch);
    // Large batches are cut, so that no row group exceeds its rows.
    for (int64_t begin = 0; begin < batch->num_rows();) {
      const int64_t count = std::min(options.row_group_rows - pending_rows, batch->num_rows() - begin);
      auto part = begin == 0 && count == batch->num_rows() ? batch : batch->Slice(begin, count);
      pending_rows += count;
      // The bytes that it has in a message do not depend on where its memory comes from, so that rows from a part make the same row groups.
      int64_t bytes = 0;
      if (arrow::ipc::GetRecordBatchSize(*part, &bytes).ok()) pending_bytes += bytes;
      pending.push_back(std::move(part));
      begin += count;
      if (pending_rows >= options.row_group_rows || pending_bytes >= options.row_group_bytes)
        ARROW_RETURN_NOT_OK(WriteRowGroup());
    }
    return arrow::Status::OK();
  }

  arrow::Status Finish() {
    if (parquet) {
      ARROW_RETURN_NOT_OK(WriteRowGroup());
      ARROW_RETURN_NOT_OK(parquet->Close());
    } else {
      ARROW_RETURN_NOT_OK(ipc->Close());
    }
    return sink->Close();
  }
};

namespace {

template <typename Body>
int32_t located(CArrowWriter *writer, CArrowError *error, Body &&body) noexcept {
  const int32_t result = carrow::guarded(error, std::forward<Body>(body));
  if (result != 0 && error != nullptr && writer->failure->code != 0) {
    error->code = CARROW_SYSTEM;
    error->system_error = writer->failure->code;
  }
  return result;
}

}  // namespace

extern "C" {

int32_t carrow_writer_open(const CArrowWriteOptions *options, struct ArrowSchema *schema, CArrowWriter **out,
                           CArrowError *error) {
  *out = nullptr;
  auto writer = std::unique_ptr<CArrowWriter>(new (std::nothrow) CArrowWriter);
  if (!writer) {
    schema->release(schema);
    return carrow::guarded(error, [] { return arrow::Status::OutOfMemory("out of memory"); });
  }
  const int32_t result = located(writer.get(), error, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(auto imported, arrow::ImportSchema(schema));
    std::vector<std::string> keys, values;
    for (int32_t i = 0; i < options->metadata_count; ++i) {
      keys.emplace_back(options->metadata[2 * i]);
      values.emplace_back(options->metadata[2 * i + 1]);
    }
    imported = keys.empty() ? imported->RemoveMetadata()
                            : imported->WithMetadata(arrow::key_value_metadata(std::move(keys), std::move(values)));
    writer->options = *options;
    writer->schema = std::move(imported);
    writer->sink = std::make_shared<carrow::DescriptorSink>(*options, writer->failure);
    if (options->format == CARROW_PARQUET) {
      ARROW_ASSIGN_OR_RAISE(writer->parquet, carrow::ParquetSink::Open(writer->schema, writer->sink));
    } else if (options->format == CARROW_IPC || options->format == CARROW_IPC_STREAM) {
      auto ipc_options = arrow::ipc::IpcWriteOptions::Defaults();
      ipc_options.use_threads = false;
      ipc_options.unify_dictionaries = false;
      ipc_options.emit_dictionary_deltas = true;
      ARROW_ASSIGN_OR_RAISE(writer->ipc, options->format == CARROW_IPC
                                             ? arrow::ipc::MakeFileWriter(writer->sink, writer->schema, ipc_options)
                                             : arrow::ipc::MakeStreamWriter(writer->sink, writer->schema, ipc_options));
    } else {
      return arrow::Status::NotImplemented("format ", options->format);
    }
    return arrow::Status::OK();
  });
  if (result == 0) *out = writer.release();
  return result;
}

int32_t carrow_writer_write(CArrowWriter *writer, struct ArrowArray *batch, CArrowError *error) {
  return located(writer, error, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(auto imported, arrow::ImportRecordBatch(batch, writer->schema));
    ARROW_ASSIGN_OR_RAISE(imported, carrow::Trimmed(std::move(imported)));
    return writer->Write(imported);
  });
}

int32_t carrow_writer_finish(CArrowWriter *writer, int64_t *byte_count, CArrowError *error) {
  return located(writer, error, [&]() -> arrow::Status {
    ARROW_RETURN_NOT_OK(writer->Finish());
    ARROW_ASSIGN_OR_RAISE(*byte_count, writer->sink->Tell());
    return arrow::Status::OK();
  });
}

void carrow_writer_close(CArrowWriter *writer) {
  try {
    delete writer;
  } catch (...) {
  }
}
}
