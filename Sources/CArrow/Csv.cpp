#include <arrow/csv/chunker.h>
#include <arrow/csv/converter.h>
#include <arrow/csv/options.h>
#include <arrow/csv/parser.h>

#include <algorithm>
#include <cstdlib>

#include "BlockFeed.h"
#include "CsvChecks.h"

namespace carrow {
namespace {

namespace csv = arrow::csv;

class CsvSource final : public TextSource {
 public:
  explicit CsvSource(const CArrowReadOptions &options)
      : has_header_(options.has_header), is_header_sure_(options.is_header_sure), escape_(options.escape) {
    parse_.delimiter = options.delimiter;
    parse_.quoting = options.quote != 0;
    parse_.quote_char = options.quote != 0 ? options.quote : '"';
    // With quotes, `TextStream` has already written an escaped quote as a doubled one.
    parse_.escaping = options.quote == 0 && options.escape != 0;
    if (parse_.escaping) parse_.escape_char = options.escape;
    parse_.newlines_in_values = options.quote != 0 || parse_.escaping;
    convert_ = csv::ConvertOptions::Defaults();
    convert_.decimal_point = options.decimal_point;
    if (options.null_words != nullptr)
      convert_.null_values.assign(options.null_words, options.null_words + options.null_word_count);
    if (options.column_names != nullptr)
      given_names_.assign(options.column_names, options.column_names + options.column_name_count);
  }

  arrow::Status Open(const CArrowReadOptions &options, const std::shared_ptr<DescriptorFile> &file) {
    ARROW_RETURN_NOT_OK(parse_.Validate());
    ARROW_RETURN_NOT_OK(convert_.Validate());
    ARROW_ASSIGN_OR_RAISE(auto stream, TextStream(options, file));
    ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
    feed_ = std::make_unique<BlockFeed>(std::move(stream), csv::MakeChunker(parse_), options.block_bytes,
                                        options.row_bytes_limit, options.compression == CARROW_UNCOMPRESSED ? size : 0);
    next_row_ = 1;
    std::vector<std::string> names;
    while (names.empty()) {
      ARROW_RETURN_NOT_OK(Refill());
      ARROW_RETURN_NOT_OK(ReadNames(&names));
      if (names.empty() && last_) return arrow::Status::Invalid("no rows, not even a header");
    }
    column_count_ = static_cast<int32_t>(names.size());
    ARROW_RETURN_NOT_OK(ParseMore());
    has_no_rows_ = !parser_;
    std::vector<std::string_view> cells(names.size());
    if (parser_) {
      size_t column = 0;
      ARROW_RETURN_NOT_OK(parser_->VisitLastRow([&](const uint8_t *data, uint32_t size, bool, bool) {
        cells[column++] = std::string_view(reinterpret_cast<const char *>(data), size);
        return arrow::Status::OK();
      }));
    }
    arrow::FieldVector fields;
    for (int32_t column = 0; column < column_count_; ++column) {
      ARROW_ASSIGN_OR_RAISE(auto type, Infer(column, cells[static_cast<size_t>(column)]));
      fields.push_back(arrow::field(names[column], std::move(type)));
    }
    Found(std::move(fields));
    return arrow::Status::OK();
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    if (!parser_) ARROW_RETURN_NOT_OK(ParseMore());
    if (!parser_) return std::shared_ptr<arrow::RecordBatch>();
    arrow::ArrayVector arrays;
    arrays.reserve(selected_.size());
    for (size_t i = 0; i < selected_.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto *converter, ConverterFor(schema_->field(static_cast<int>(i))->type()));
      auto converted = converter->Convert(*parser_, selected_[i]);
      if (!converted.ok()) {
        place.column = selected_[i];
        return Located(converted.status());
      }
      arrays.push_back(converted.MoveValueUnsafe());
    }
    const int64_t rows = parser_->num_rows();
    parser_.reset();
    return arrow::RecordBatch::Make(schema_, rows, std::move(arrays));
  }

  bool HasNoRows() const override { return has_no_rows_; }

 private:
  /// Takes the row number out of Arrow's text ("Row #12: ...") and into `place`.
  arrow::Status Located(const arrow::Status &status) {
    const std::string text = status.message();
    const size_t at = text.find("Row #");
    if (at == std::string::npos) {
      place.row = next_row_;
      return status;
    }
    char *rest = nullptr;
    place.row = std::strtoll(text.c_str() + at + 5, &rest, 10);
    while (*rest == ':' || *rest == ' ') ++rest;
    return status.WithMessage(rest);
  }

  arrow::Status Refill() {
    auto block = feed_->Next(&last_);
    if (!block.ok()) {
      place.row = next_row_;
      return block.status();
    }
    block_ = block.MoveValueUnsafe();
    rest_ = std::string_view(reinterpret_cast<const char *>(block_->data()), static_cast<size_t>(block_->size()));
    return parse_.quoting ? CheckQuotes() : arrow::Status::OK();
  }

  /// Text after a closing quote belongs to no rule of CSV: most often a quote inside the cell was escaped.
  arrow::Status CheckQuotes() {
    const size_t at = FindTextAfterQuote(rest_, parse_.quote_char, parse_.delimiter);
    if (at == std::string_view::npos) return arrow::Status::OK();
    place.row = next_row_ + RowsBefore(rest_, at, parse_.quote_char, parse_.delimiter);
    const char *remedy = escape_ != 0 ? "write a quote inside a cell after schema.dialect.escape, or double it"
                                      : "where quotes inside cells are written \\\", as Spark does, set schema.dialect.escape to \"\\\\\"; "
                                        "otherwise double them";
    return arrow::Status::Invalid("a quoted cell goes on after its closing quote: ", remedy);
  }

  arrow::Status ReadNames(std::vector<std::string> *names) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of("\r\n"), rest_.size()));
    if (rest_.empty()) return arrow::Status::OK();
    csv::BlockParser first(parse_, -1, 1, 1);
    uint32_t used = 0;
    const auto status = last_ ? first.ParseFinal(rest_, &used) : first.Parse(rest_, &used);
    if (!status.ok()) return Located(status);
    if (first.num_rows() == 0) return arrow::Status::OK();
    ARROW_RETURN_NOT_OK(first.VisitLastRow([&](const uint8_t *data, uint32_t size, bool, bool) {
      names->push_back(has_header_ ? std::string(reinterpret_cast<const char *>(data), size)
                                   : "f" + std::to_string(names->size()));
      return arrow::Status::OK();
    }));
    if (has_header_ && !is_header_sure_ && IsRowOfNumbers(*names, convert_.null_values, convert_.decimal_point)) {
      place.row = 1;
      return arrow::Status::Invalid(
          "its first row holds nothing but numbers: say whether it is a header, with schema.dialect.header: true, or data, with header: false "
          "or the names of the columns");
    }
    if (!given_names_.empty()) {
      place.row = 1;
      if (given_names_.size() != names->size())
        return arrow::Status::Invalid("the row has ", names->size(), " cells, the pipeline names ", given_names_.size(), " columns");
      *names = given_names_;
    }
    if (has_header_) {
      rest_.remove_prefix(used);
      next_row_ = 2;
    }
    return arrow::Status::OK();
  }

  /// Parses the next rows into `parser_`, or leaves it null at the end.
  arrow::Status ParseMore() {
    while (true) {
      while (rest_.empty()) {
        if (last_) return arrow::Status::OK();
        ARROW_RETURN_NOT_OK(Refill());
      }
      auto parser = std::make_unique<csv::BlockParser>(parse_, column_count_, next_row_);
      uint32_t used = 0;
      const auto status = last_ ? parser->ParseFinal(rest_, &used) : parser->Parse(rest_, &used);
      if (!status.ok()) return Located(status);
      if (used == 0) {
        place.row = next_row_;
        return arrow::Status::Invalid("the row does not end: a quote is not closed");
      }
      rest_.remove_prefix(used);
      next_row_ += parser->num_rows();
      if (parser->num_rows() > 0) {
        parser_ = std::move(parser);
        return arrow::Status::OK();
      }
    }
  }

  /// Making one costs more than converting a small file's column, so columns of one type share it.
  arrow::Result<csv::Converter *> ConverterFor(const std::shared_ptr<arrow::DataType> &type) {
    for (const auto &converter : converters_)
      if (converter->type()->Equals(*type)) return converter.get();
    ARROW_ASSIGN_OR_RAISE(auto made, csv::Converter::Make(type, convert_));
    converters_.push_back(std::move(made));
    return converters_.back().get();
  }

  /// Null where every cell of the first block is a null word, else the first that fits of integer, double, boolean, text. A `cell` of the
  /// column rules out what need not be tried: to convert and fail costs far more than to convert.
  arrow::Result<std::shared_ptr<arrow::DataType>> Infer(int32_t column, std::string_view cell) {
    if (!parser_) return arrow::null();
    const auto &null_words = convert_.null_values;
    const bool is_null = std::find(null_words.begin(), null_words.end(), cell) != null_words.end();
    const bool has_point = !is_null && cell.find('.') != std::string_view::npos;
    for (const auto &type : {arrow::null(), arrow::int64(), arrow::float64(), arrow::boolean()}) {
      if (type->id() == arrow::Type::NA ? !is_null : type->id() == arrow::Type::INT64 && has_point) continue;
      ARROW_ASSIGN_OR_RAISE(auto *converter, ConverterFor(type));
      if (converter->Convert(*parser_, column).ok()) return type;
    }
    return arrow::utf8();
  }

  const bool has_header_, is_header_sure_;
  const char escape_;
  bool has_no_rows_ = false;
  std::vector<std::string> given_names_;
  csv::ParseOptions parse_ = csv::ParseOptions::Defaults();
  csv::ConvertOptions convert_;
  std::string_view rest_;
  int64_t next_row_ = 1;
  int32_t column_count_ = 0;
  std::unique_ptr<csv::BlockParser> parser_;
  std::vector<std::shared_ptr<csv::Converter>> converters_;
};

}  // namespace

arrow::Result<std::unique_ptr<Source>> OpenCsv(const CArrowReadOptions &options, const std::shared_ptr<DescriptorFile> &file,
                                               Place *place) {
  auto source = std::make_unique<CsvSource>(options);
  const auto status = source->Open(options, file);
  *place = source->place;
  ARROW_RETURN_NOT_OK(status);
  return source;
}

}  // namespace carrow
