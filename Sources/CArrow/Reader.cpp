#include <arrow/c/bridge.h>
#include <arrow/config.h>

#include "Internal.h"

struct CArrowReader {
  std::shared_ptr<carrow::SystemFailure> failure = std::make_shared<carrow::SystemFailure>();
  std::unique_ptr<carrow::Source> source;
  bool finished = false;
};

namespace carrow {
namespace {

arrow::Result<std::unique_ptr<Source>> OpenSource(const CArrowReadOptions &options,
                                                  const std::shared_ptr<DescriptorFile> &file, Place *place) {
  switch (options.format) {
    case CARROW_CSV:
      return OpenCsv(options, file, place);
    case CARROW_JSON_LINES:
      return OpenJsonLines(options, file, place);
    case CARROW_PARQUET:
      return OpenParquet(options, file);
    case CARROW_IPC:
      return OpenIpc(file);
    default:
      return arrow::Status::NotImplemented("format ", options.format);
  }
}

/// `guarded`, with the place and the errno that the source left behind.
template <typename Body>
int32_t located(CArrowReader *reader, CArrowError *error, Place *place, Body &&body) noexcept {
  const int32_t result = guarded(error, std::forward<Body>(body));
  if (result != 0 && error != nullptr) {
    error->row = place->row;
    error->column = place->column;
    if (reader->failure->code != 0) {
      error->code = CARROW_SYSTEM;
      error->system_error = reader->failure->code;
    }
  }
  return result;
}

}  // namespace
}  // namespace carrow

extern "C" {

int32_t carrow_reader_open(const CArrowReadOptions *options, CArrowReader **out, CArrowError *error) {
  *out = nullptr;
  auto reader = std::unique_ptr<CArrowReader>(new (std::nothrow) CArrowReader);
  if (!reader) return carrow::guarded(error, [] { return arrow::Status::OutOfMemory("out of memory"); });
  carrow::Place place;
  const int32_t result = carrow::located(reader.get(), error, &place, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(auto file, carrow::DescriptorFile::Make(options->descriptor, reader->failure));
    ARROW_ASSIGN_OR_RAISE(reader->source, carrow::OpenSource(*options, file, &place));
    return arrow::Status::OK();
  });
  if (result == 0) *out = reader.release();
  return result;
}

int32_t carrow_reader_schema(CArrowReader *reader, struct ArrowSchema *schema, CArrowError *error) {
  return carrow::guarded(error, [&] { return arrow::ExportSchema(*reader->source->schema(), schema); });
}

int32_t carrow_reader_select(CArrowReader *reader, const int32_t *columns, const char *const *types, int32_t count,
                             CArrowError *error) {
  return carrow::located(reader, error, &reader->source->place, [&]() -> arrow::Status {
    const int field_count = reader->source->schema()->num_fields();
    std::vector<std::shared_ptr<arrow::DataType>> data_types;
    for (int32_t i = 0; i < count; ++i) {
      if (columns[i] < 0 || columns[i] >= field_count) return arrow::Status::Invalid("no column ", columns[i]);
      if (types == nullptr || types[i] == nullptr) {
        data_types.push_back(nullptr);
        continue;
      }
      struct ArrowSchema wanted = {};
      wanted.format = types[i];
      wanted.release = [](struct ArrowSchema *self) { self->release = nullptr; };
      ARROW_ASSIGN_OR_RAISE(auto type, arrow::ImportType(&wanted));
      data_types.push_back(std::move(type));
    }
    return reader->source->Select(std::vector<int>(columns, columns + count), data_types);
  });
}

int32_t carrow_reader_next(CArrowReader *reader, struct ArrowArray *batch, CArrowError *error) {
  if (reader->finished) return 0;
  bool ended = false;
  const int32_t result = carrow::located(reader, error, &reader->source->place, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(const auto next, reader->source->Next());
    if (!next) {
      ended = true;
      return arrow::Status::OK();
    }
    ARROW_RETURN_NOT_OK(next->ValidateFull());
    return arrow::ExportRecordBatch(*next, batch);
  });
  reader->finished = ended || result != 0;
  return result != 0 ? -1 : ended ? 0 : 1;
}

bool carrow_reader_has_no_rows(const CArrowReader *reader) { return reader->source->HasNoRows(); }

void carrow_reader_close(CArrowReader *reader) {
  try {
    delete reader;
  } catch (...) {
  }
}

const char *carrow_version(void) { return ARROW_VERSION_STRING; }
}
