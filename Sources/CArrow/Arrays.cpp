#include <arrow/array/concatenate.h>
#include <arrow/c/bridge.h>
#include <arrow/compute/cast.h>
#include <arrow/util/compression.h>
#include <arrow/util/crc32.h>

#include "Internal.h"

struct CArrowDecompressor {
  std::unique_ptr<arrow::util::Codec> codec;
  std::shared_ptr<arrow::util::Decompressor> decompressor;
};

namespace {

void release(struct ArrowArray *array) noexcept {
  if (array->release != nullptr) array->release(array);
}

arrow::Result<std::shared_ptr<arrow::DataType>> TypeOf(const char *format) {
  struct ArrowSchema wanted = {};
  wanted.format = format;
  wanted.release = [](struct ArrowSchema *self) { self->release = nullptr; };
  return arrow::ImportType(&wanted);
}

}  // namespace

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
  const int32_t result = carrow::guarded(error, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(const auto given, arrow::ImportArray(array, schema));
    ARROW_ASSIGN_OR_RAISE(const auto type, TypeOf(format));
    std::shared_ptr<arrow::Array> cast = given;
    if (given->type_id() == arrow::Type::DICTIONARY) {
      const auto &values = static_cast<const arrow::DictionaryType &>(*given->type()).value_type();
      ARROW_ASSIGN_OR_RAISE(cast, arrow::compute::Cast(*given, values));
    }
    if (!cast->type()->Equals(*type)) {
      ARROW_ASSIGN_OR_RAISE(cast, arrow::compute::Cast(*cast, type));
    }
    return arrow::ExportArray(*cast, out);
  });
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
