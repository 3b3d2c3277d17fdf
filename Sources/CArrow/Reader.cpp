#include <arrow/c/bridge.h>
#include <arrow/config.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "Internal.h"

struct CArrowReader {
  std::shared_ptr<carrow::SystemFailure> failure = std::make_shared<carrow::SystemFailure>();
  std::unique_ptr<carrow::Source> source;
  bool finished = false;
};

struct CArrowText {
  std::shared_ptr<carrow::SystemFailure> failure = std::make_shared<carrow::SystemFailure>();
  std::shared_ptr<carrow::DescriptorFile> file;
  std::shared_ptr<arrow::io::InputStream> stream;
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
      return OpenIpc(options, file);
    default:
      return arrow::Status::NotImplemented("format ", options.format);
  }
}

/// `guarded`, with the place and the errno that the source left behind.
template <typename Reader, typename Body>
int32_t located(Reader *reader, CArrowError *error, Place *place, Body &&body) noexcept {
  const int32_t result = guarded(error, std::forward<Body>(body), place);
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

bool carrow_reader_is_surveyed(const CArrowReader *reader) { return reader->source->is_surveyed(); }

int32_t carrow_reader_survey(CArrowReader *reader, CArrowError *error) {
  return carrow::located(reader, error, &reader->source->place, [&] { return reader->source->Survey(); });
}

int32_t carrow_reader_select(CArrowReader *reader, const int32_t *columns, const char *const *types, int32_t count,
                             CArrowError *error) {
  return carrow::located(reader, error, &reader->source->place, [&]() -> arrow::Status {
    const int field_count = reader->source->schema()->num_fields();
    std::vector<carrow::Wanted> all;
    for (int32_t i = 0; i < count; ++i) {
      if (columns[i] < 0 || columns[i] >= field_count) return arrow::Status::Invalid("no column ", columns[i]);
      carrow::Wanted wanted;
      const char *format = types == nullptr ? nullptr : types[i];
      for (; format != nullptr && (*format == '~' || *format == '@'); ++format) {
        wanted.words_are_missing |= *format == '~';
        wanted.is_element |= *format == '@';
      }
      if (format != nullptr) {
        ARROW_ASSIGN_OR_RAISE(wanted.type, carrow::TypeOf(format));
      }
      all.push_back(std::move(wanted));
    }
    return reader->source->Select(std::vector<int>(columns, columns + count), all);
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
    if (const auto status = next->ValidateFull(); !status.ok()) {
      // Arrow's message may quote values.
      reader->source->place.cells = status.message();
      return status.WithMessage("its values are not what the file's types say");
    }
    return arrow::ExportRecordBatch(*next, batch);
  });
  reader->finished = ended || result != 0;
  return result != 0 ? -1 : ended ? 0 : 1;
}

int32_t carrow_reader_cut(CArrowReader *reader, int64_t target_bytes, int64_t **places, int64_t *count, CArrowError *error) {
  return carrow::located(reader, error, &reader->source->place, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(const auto cut, reader->source->Cut(std::max<int64_t>(target_bytes, 1)));
    *count = static_cast<int64_t>(cut.size());
    *places = static_cast<int64_t *>(std::malloc(std::max<size_t>(cut.size(), 1) * sizeof(int64_t)));
    if (*places == nullptr) return arrow::Status::OutOfMemory("out of memory");
    std::copy(cut.begin(), cut.end(), *places);
    return arrow::Status::OK();
  });
}

bool carrow_reader_has_no_rows(const CArrowReader *reader) { return reader->source->HasNoRows(); }

void carrow_reader_close(CArrowReader *reader) {
  try {
    delete reader;
  } catch (...) {
  }
}

int32_t carrow_text_open(const CArrowReadOptions *options, CArrowText **out, CArrowError *error) {
  *out = nullptr;
  auto text = std::unique_ptr<CArrowText>(new (std::nothrow) CArrowText);
  if (!text) return carrow::guarded(error, [] { return arrow::Status::OutOfMemory("out of memory"); });
  carrow::Place place;
  const int32_t result = carrow::located(text.get(), error, &place, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(text->file, carrow::DescriptorFile::Make(options->descriptor, text->failure));
    ARROW_ASSIGN_OR_RAISE(text->stream, carrow::TextStream(*options, text->file));
    return arrow::Status::OK();
  });
  if (result == 0) *out = text.release();
  return result;
}

int32_t carrow_text_read(CArrowText *text, uint8_t *buffer, int64_t count, int64_t *filled, CArrowError *error) {
  carrow::Place place;
  return carrow::located(text, error, &place, [&]() -> arrow::Status {
    for (*filled = 0; *filled < count;) {
      ARROW_ASSIGN_OR_RAISE(const int64_t read, text->stream->Read(count - *filled, buffer + *filled));
      if (read == 0) break;
      *filled += read;
    }
    return arrow::Status::OK();
  });
}

void carrow_text_close(CArrowText *text) {
  try {
    delete text;
  } catch (...) {
  }
}

const char *carrow_version(void) { return ARROW_VERSION_STRING; }

bool carrow_type_name(int32_t id, char *name, int32_t size) {
  if (id < 0 || id >= arrow::Type::MAX_ID) return false;
  const std::string text = arrow::internal::ToString(static_cast<arrow::Type::type>(id));
  std::strncpy(name, text.c_str(), static_cast<size_t>(size) - 1);
  name[size - 1] = 0;
  return true;
}
}
