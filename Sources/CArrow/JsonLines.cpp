#include <arrow/json/options.h>
#include <arrow/json/reader.h>

#include <algorithm>
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
    ARROW_ASSIGN_OR_RAISE(auto stream, TextStream(options, file));
    ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
    feed_ = std::make_unique<BlockFeed>(std::move(stream), std::make_unique<arrow::Chunker>(arrow::MakeNewlineBoundaryFinder()), options.block_bytes,
                                        options.row_bytes_limit, options.compression == CARROW_UNCOMPRESSED ? size : 0);
    ARROW_RETURN_NOT_OK(Refill());
    if (!block_) {
      // Spark writes a part without rows as a file without bytes.
      has_no_rows_ = true;
      Found({});
      return arrow::Status::OK();
    }
    ARROW_RETURN_NOT_OK(RefuseArray());
    auto parse = json::ParseOptions::Defaults();
    auto inferred = json::ParseOne(parse, block_);
    if (!inferred.ok()) return Locate(parse, inferred.status());
    arrow::FieldVector fields;
    for (const auto &field : inferred.ValueUnsafe()->schema()->fields())
      fields.push_back(field->WithType(KeepText(field->type())));
    ARROW_RETURN_NOT_OK(RefuseDocument(fields, inferred.ValueUnsafe()->num_rows()));
    Found(std::move(fields));
    return arrow::Status::OK();
  }

  bool HasNoRows() const override { return has_no_rows_; }

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
  /// A document of one array, as `JSON.stringify(rows)` and pandas' to_json(orient="records") write it.
  arrow::Status RefuseArray() {
    const std::string_view text(reinterpret_cast<const char *>(block_->data()), static_cast<size_t>(block_->size()));
    const size_t at = text.find_first_not_of(" \t\r\n");
    if (at == std::string_view::npos || text[at] != '[') return arrow::Status::OK();
    place.row = 1;
    return arrow::Status::Invalid(
        "a JSON array: write one object a line, as pandas does with orient=\"records\", lines=True and jq with -c '.[]'");
  }

  /// A document of columns: {"a":{"0":1,"1":2},"b":{"0":3,"1":4}}, as pandas' to_json() writes it, or its "split" and "table" forms.
  arrow::Status RefuseDocument(const arrow::FieldVector &fields, int64_t rows) {
    if (rows != 1 || fields.empty()) return arrow::Status::OK();
    const auto has = [&](const char *name) {
      return std::any_of(fields.begin(), fields.end(), [&](const auto &field) { return field->name() == name; });
    };
    bool is_document = (has("data") && has("columns") && has("index")) || (has("data") && has("schema") && fields.size() == 2);
    if (!is_document) {
      is_document = std::all_of(fields.begin(), fields.end(), [&](const auto &field) {
        if (field->type()->id() != arrow::Type::STRUCT || field->type()->num_fields() != fields[0]->type()->num_fields()) return false;
        // Keys that are not the numbers of rows may be those of a nested value.
        for (int i = 0; i < field->type()->num_fields(); ++i) {
          const std::string &key = field->type()->field(i)->name();
          if (key != fields[0]->type()->field(i)->name() || key.empty()) return false;
          if (key.find_first_not_of("0123456789") != std::string::npos) return false;
        }
        return field->type()->num_fields() > 0;
      });
    }
    if (!is_document) return arrow::Status::OK();
    place.row = 1;
    return arrow::Status::Invalid(
        "one JSON object of whole columns: write one object a line, as pandas does with to_json(orient=\"records\", lines=True)");
  }

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
  bool has_no_rows_ = false;
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
