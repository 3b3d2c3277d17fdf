#include <arrow/array/concatenate.h>
#include <arrow/c/bridge.h>
#include <arrow/compute/cast.h>
#include <arrow/csv/options.h>
#include <arrow/util/compression.h>
#include <arrow/util/crc32.h>

#include "Internal.h"
#include "TextColumn.h"

struct CArrowDecompressor {
  std::unique_ptr<arrow::util::Codec> codec;
  std::shared_ptr<arrow::util::Decompressor> decompressor;
};

namespace {

void release(struct ArrowArray *array) noexcept {
  if (array->release != nullptr) array->release(array);
}

/// Returns a dictionary's values row by row; for views, which Arrow does not decode, it returns the plain type.
arrow::Result<std::shared_ptr<arrow::Array>> Decoded(const std::shared_ptr<arrow::Array> &array) {
  if (array->type_id() != arrow::Type::DICTIONARY) return array;
  const auto &coded = static_cast<const arrow::DictionaryArray &>(*array);
  std::shared_ptr<arrow::Array> values = coded.dictionary();
  if (values->type_id() == arrow::Type::STRING_VIEW) {
    ARROW_ASSIGN_OR_RAISE(values, arrow::compute::Cast(*values, arrow::utf8()));
  } else if (values->type_id() == arrow::Type::BINARY_VIEW) {
    ARROW_ASSIGN_OR_RAISE(values, arrow::compute::Cast(*values, arrow::binary()));
  }
  const auto type = arrow::dictionary(coded.indices()->type(), values->type());
  const auto plain = std::make_shared<arrow::DictionaryArray>(type, coded.indices(), values);
  return arrow::compute::Cast(*plain, values->type());
}

/// Returns an array's texts as values of `type`. On a flaw, `place` says which.
arrow::Result<std::shared_ptr<arrow::Array>> Parse(const arrow::Array &given, const std::shared_ptr<arrow::DataType> &type,
                                                   std::vector<std::string> null_words, carrow::Place *place) {
  std::shared_ptr<arrow::Array> cast = arrow::MakeArray(given.data());
  ARROW_ASSIGN_OR_RAISE(cast, Decoded(cast));
  ARROW_ASSIGN_OR_RAISE(cast, arrow::compute::Cast(*cast, arrow::large_utf8()));
  const auto &texts = static_cast<const arrow::LargeStringArray &>(*cast);
  const carrow::TextRules rules{'.', carrow::NullWords(null_words), false};
  const auto column = carrow::MakeTextColumn(type, rules);
  if (!column) return arrow::Status::NotImplemented("text does not become ", type->ToString());
  ARROW_RETURN_NOT_OK(column->Reserve(texts.length()));
  for (int64_t row = 0; row < texts.length(); ++row) {
    if (texts.IsNull(row)) {
      ARROW_RETURN_NOT_OK(column->TakeNull());
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const auto flaw, column->Take(texts.GetView(row), true));
    if (flaw == carrow::Flaw::kNone) continue;
    *place = {row + 1, 0, static_cast<int32_t>(flaw), carrow::FormatOf(*type)};
    place->cells = column->flawed;
    return arrow::Status::Invalid("a text that is no value of the type");
  }
  return column->Finish();
}

}  // namespace

namespace carrow {

arrow::Result<std::shared_ptr<arrow::DataType>> TypeOf(const char *format) {
  struct ArrowSchema wanted = {};
  wanted.format = format;
  wanted.release = [](struct ArrowSchema *self) { self->release = nullptr; };
  return arrow::ImportType(&wanted);
}

std::string FormatOf(const arrow::DataType &type) {
  struct ArrowSchema schema = {};
  if (!arrow::ExportType(type, &schema).ok()) return "";
  std::string format = schema.format;
  schema.release(&schema);
  return format;
}

std::vector<std::string> NullWordsOf(const char *const *words, int32_t count) {
  if (words == nullptr) return arrow::csv::ConvertOptions::Defaults().null_values;
  return {words, words + count};
}

}  // namespace carrow

extern "C" {

int32_t carrow_concatenate(struct ArrowSchema *schema, struct ArrowArray *arrays, int32_t count, struct ArrowArray *out,
                           CArrowError *error) {
  const int32_t result = carrow::guarded(error, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(const auto type, arrow::ImportType(schema));
    arrow::ArrayVector parts;
    for (int32_t i = 0; i < count; ++i) {
      ARROW_ASSIGN_OR_RAISE(auto part, arrow::ImportArray(&arrays[i], type));
      parts.push_back(std::move(part));
    }
    ARROW_ASSIGN_OR_RAISE(const auto whole, arrow::Concatenate(parts));
    return arrow::ExportArray(*whole, out);
  });
  for (int32_t i = 0; i < count; ++i) release(&arrays[i]);
  return result;
}

int32_t carrow_cast(struct ArrowSchema *schema, struct ArrowArray *array, const char *format, struct ArrowArray *out,
                    CArrowError *error) {
  carrow::Place place;
  const int32_t result = carrow::guarded(error, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(const auto given, arrow::ImportArray(array, schema));
    ARROW_ASSIGN_OR_RAISE(const auto type, carrow::TypeOf(format));
    ARROW_ASSIGN_OR_RAISE(auto cast, Decoded(given));
    if (!cast->type()->Equals(*type)) {
      auto made = arrow::compute::Cast(*cast, type);
      if (!made.ok() && made.status().IsInvalid()) {
        // Arrow's message quotes the value.
        place.cells = made.status().message();
        return made.status().WithMessage("a value does not fit the type ", type->ToString());
      }
      ARROW_ASSIGN_OR_RAISE(cast, std::move(made));
    }
    return arrow::ExportArray(*cast, out);
  }, &place);
  release(array);
  return result;
}

int32_t carrow_parse(struct ArrowSchema *schema, struct ArrowArray *array, const char *format, const char *const *null_words,
                     int32_t null_word_count, struct ArrowArray *out, CArrowError *error) {
  carrow::Place place;
  const int32_t result = carrow::guarded(error, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(const auto given, arrow::ImportArray(array, schema));
    ARROW_ASSIGN_OR_RAISE(const auto type, carrow::TypeOf(format));
    ARROW_ASSIGN_OR_RAISE(const auto parsed, Parse(*given, type, carrow::NullWordsOf(null_words, null_word_count), &place));
    return arrow::ExportArray(*parsed, out);
  }, &place);
  release(array);
  return result;
}

int32_t carrow_decompressor_open(int32_t compression, CArrowDecompressor **out, CArrowError *error) {
  *out = nullptr;
  return carrow::guarded(error, [&]() -> arrow::Status {
    auto made = std::make_unique<CArrowDecompressor>();
    if (compression == CARROW_ZSTD) {
      ARROW_ASSIGN_OR_RAISE(made->codec, arrow::util::Codec::Create(arrow::Compression::ZSTD));
    } else {
      arrow::util::GZipCodecOptions options;
      options.gzip_format =
          compression == CARROW_RAW_DEFLATE ? arrow::util::GZipFormat::DEFLATE : arrow::util::GZipFormat::GZIP;
      ARROW_ASSIGN_OR_RAISE(made->codec, arrow::util::Codec::Create(arrow::Compression::GZIP, options));
    }
    ARROW_ASSIGN_OR_RAISE(made->decompressor, made->codec->MakeDecompressor());
    *out = made.release();
    return arrow::Status::OK();
  });
}

int32_t carrow_decompressor_step(CArrowDecompressor *decompressor, const uint8_t *input, int64_t input_count, uint8_t *output,
                                 int64_t output_count, int64_t *consumed, int64_t *produced, bool *finished,
                                 CArrowError *error) {
  return carrow::guarded(error, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(const auto step,
                          decompressor->decompressor->Decompress(input_count, input, output_count, output));
    *consumed = step.bytes_read;
    *produced = step.bytes_written;
    *finished = decompressor->decompressor->IsFinished();
    return arrow::Status::OK();
  });
}

void carrow_decompressor_close(CArrowDecompressor *decompressor) {
  try {
    delete decompressor;
  } catch (...) {
  }
}

uint32_t carrow_crc32(uint32_t previous, const uint8_t *bytes, int64_t count) {
  return arrow::internal::crc32(previous, bytes, static_cast<size_t>(count));
}
}
