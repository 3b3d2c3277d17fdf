#include <arrow/json/options.h>
#include <arrow/json/reader.h>

#include <cstdlib>
#include <cstring>

#include "BlockFeed.h"

namespace carrow {
namespace {

namespace json = arrow::json;

/// Arrow's JSON reader makes timestamps of text that looks like one; text stays text.
std::shared_ptr<arrow::DataType> KeepText(const std::shared_ptr<arrow::DataType> &type) {
  switch (type->id()) {
    case arrow::Type::TIMESTAMP:
      return arrow::utf8();
    case arrow::Type::LIST:
      return arrow::list(type->field(0)->WithType(KeepText(type->field(0)->type())));
    case arrow::Type::STRUCT: {
      arrow::FieldVector fields;
      for (const auto &field : type->fields()) fields.push_back(field->WithType(KeepText(field->type())));
      return arrow::struct_(std::move(fields));
    }
    default:
      return type;
  }
}

class JsonLinesSource final : public TextSource {
 public:
  arrow::Status Open(const CArrowReadOptions &options, const std::shared_ptr<DescriptorFile> &file) {
    ARROW_ASSIGN_OR_RAISE(auto stream, TextStream(file, options.compression));
    ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
    feed_ = std::make_unique<BlockFeed>(std::move(stream), std::make_unique<arrow::Chunker>(arrow::MakeNewlineBoundaryFinder()), options.block_bytes,
                                        options.row_bytes_limit, options.compression == CARROW_UNCOMPRESSED ? size : 0);
    ARROW_RETURN_NOT_OK(Refill());
    if (!block_) return arrow::Status::Invalid("no rows");
    auto parse = json::ParseOptions::Defaults();
    auto inferred = json::ParseOne(parse, block_);
    if (!inferred.ok()) return Locate(parse, inferred.status());
    arrow::FieldVector fields;
    for (const auto &field : inferred.ValueUnsafe()->schema()->fields())
      fields.push_back(field->WithType(KeepText(field->type())));
    Found(std::move(fields));
    return arrow::Status::OK();
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    if (!block_ && !last_) ARROW_RETURN_NOT_OK(Refill());
    if (!block_) return std::shared_ptr<arrow::RecordBatch>();
    auto parse = json::ParseOptions::Defaults();
    parse.explicit_schema = schema_;
    parse.unexpected_field_behavior = json::UnexpectedFieldBehavior::Ignore;
    auto parsed = json::ParseOne(parse, block_);
    if (!parsed.ok()) return Locate(parse, parsed.status());
    auto batch = parsed.MoveValueUnsafe();
    block_.reset();
    rows_before_ += batch->num_rows();
    return arrow::RecordBatch::Make(schema_, batch->num_rows(), batch->columns());
  }

 private:
  /// The next block that is not blank, or none at the end.
  arrow::Status Refill() {
    do {
      auto block = feed_->Next(&last_);
      if (!block.ok()) {
        place.row = rows_before_ + 1;
        return block.status();
      }
      block_ = block.MoveValueUnsafe();
      const std::string_view text(reinterpret_cast<const char *>(block_->data()), static_cast<size_t>(block_->size()));
      if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) block_.reset();
    } while (!block_ && !last_);
    return arrow::Status::OK();
  }

  /// Arrow does not say which row and field failed: finds the first line that fails by itself, then the field.
  arrow::Status Locate(const json::ParseOptions &options, const arrow::Status &failure) {
    place.row = rows_before_ + 1;
    const std::string_view text(reinterpret_cast<const char *>(block_->data()), static_cast<size_t>(block_->size()));
    int64_t row = rows_before_;
    for (size_t begin = 0; begin < text.size();) {
      size_t end = text.find('\n', begin);
      if (end == std::string_view::npos) end = text.size();
      const auto line = arrow::SliceBuffer(block_, static_cast<int64_t>(begin), static_cast<int64_t>(end - begin));
      const bool blank = text.substr(begin, end - begin).find_first_not_of(" \t\r\n") == std::string_view::npos;
      begin = end + 1;
      if (blank) continue;
      ++row;
      const auto alone = json::ParseOne(options, line);
      if (alone.ok()) continue;
      place.row = row;
      if (!options.explicit_schema) return alone.status();
      for (int i = 0; i < schema_->num_fields(); ++i) {
        auto narrow = options;
        narrow.explicit_schema = arrow::schema({schema_->field(i)});
        const auto single = json::ParseOne(narrow, line);
        if (single.ok()) continue;
        place.column = selected_[i];
        return single.status();
      }
      return alone.status();
    }
    // Only together are they wrong: a key changed its type. Arrow counts rows of the block from 0.
    const std::string message = failure.message();
    const size_t at = message.rfind(" in row ");
    if (at == std::string::npos) return failure;
    place.row = rows_before_ + 1 + std::strtoll(message.c_str() + at + 8, nullptr, 10);
    return failure.WithMessage(message.substr(0, at));
  }

  int64_t rows_before_ = 0;
};

}  // namespace

arrow::Result<std::unique_ptr<Source>> OpenJsonLines(const CArrowReadOptions &options,
                                                     const std::shared_ptr<DescriptorFile> &file, Place *place) {
  auto source = std::make_unique<JsonLinesSource>();
  const auto status = source->Open(options, file);
  *place = source->place;
  ARROW_RETURN_NOT_OK(status);
  return source;
}

}  // namespace carrow
