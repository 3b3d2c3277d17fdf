#include <arrow/csv/chunker.h>
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
      : TextSource(options, options.decimal_point),
        has_header_(options.has_header),
        is_header_sure_(options.is_header_sure),
        escape_(options.escape),
        most_columns_(options.most_columns) {
    header_null_words_ = NullWordsOf(options.null_words, options.null_word_count);
    parse_.delimiter = options.delimiter;
    parse_.quoting = options.quote != 0;
    parse_.quote_char = options.quote != 0 ? options.quote : '"';
    // With quotes, `TextStream` has already written an escaped quote as a doubled one.
    parse_.escaping = options.quote == 0 && options.escape != 0;
    if (parse_.escaping) parse_.escape_char = options.escape;
    parse_.newlines_in_values = options.quote != 0 || parse_.escaping;
    if (options.column_names != nullptr)
      given_names_.assign(options.column_names, options.column_names + options.column_name_count);
  }

  arrow::Status Validate() const { return parse_.Validate(); }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    if (!parser_) ARROW_RETURN_NOT_OK(ParseMore());
    if (!parser_) return std::shared_ptr<arrow::RecordBatch>();
    ARROW_RETURN_NOT_OK(PrepareOnce());
    arrow::ArrayVector arrays;
    arrays.reserve(selected_.size());
    for (size_t i = 0; i < selected_.size(); ++i) {
      auto &made = *columns_[i];
      int64_t row = 0;
      ARROW_ASSIGN_OR_RAISE(const auto flaw, made.TakeAll(*parser_, selected_[i], &row));
      if (flaw != Flaw::kNone) {
        place.row = first_row_ + row;
        if (made.first_missing >= 0) place.missing_row = first_row_ + made.first_missing;
        return Flawed(flaw, made.flawed, i, *schema_->field(static_cast<int>(i))->type());
      }
      ARROW_ASSIGN_OR_RAISE(auto array, made.Finish());
      arrays.push_back(std::move(array));
    }
    const int64_t rows = parser_->num_rows();
    parser_.reset();
    return arrow::RecordBatch::Make(schema_, rows, std::move(arrays));
  }

 protected:
  std::unique_ptr<arrow::Chunker> MakeChunker() const override { return csv::MakeChunker(parse_); }

  arrow::Status Begin() override {
    next_row_ = 1;
    in_header_ = has_header_;
    parser_.reset();
    rest_ = {};
    ends_in_return_ = false;
    std::vector<std::string> names;
    int64_t blank = 0;
    while (names.empty()) {
      ARROW_RETURN_NOT_OK(Refill());
      blank += static_cast<int64_t>(rest_.size());
      ARROW_RETURN_NOT_OK(ReadNames(&names));
      if (names.empty() && blank > options_.most_blank) return TooBlank(options_.most_blank);
      if (names.empty() && last_) return arrow::Status::Invalid("no rows, not even a header");
    }
    return BeginRows(std::move(names));
  }

  arrow::Status BeginRange() override { return BeginRows(schema_->field_names()); }

  arrow::Status Advance() override {
    parser_.reset();
    return ParseMore();
  }

  bool has_rows() const override { return parser_ != nullptr; }
  bool is_at_end() const override { return last_ && rest_.empty(); }

  /// A column that holds one text which is nothing else is text, so its further cells are not looked at.
  arrow::Status Observe() override {
    for (size_t column = 0; column < kinds_.size(); ++column) {
      uint32_t kinds = kinds_[column];
      if (kinds & kTexts) continue;
      (void)parser_->VisitColumn(static_cast<int32_t>(column), [&](const uint8_t *data, uint32_t size, bool, bool) -> arrow::Status {
        const auto cell = Trimmed(std::string_view(reinterpret_cast<const char *>(data), size));
        if (!rules_.null_words.contains(cell)) kinds |= KindsOfText(cell, rules_.point);
        return kinds & kTexts ? arrow::Status::Cancelled("") : arrow::Status::OK();
      });
      kinds_[column] = kinds;
    }
    return arrow::Status::OK();
  }

  arrow::FieldVector Fields() const override {
    arrow::FieldVector fields;
    for (size_t column = 0; column < names_.size(); ++column) fields.push_back(arrow::field(names_[column], TypeOfKinds(kinds_[column])));
    return fields;
  }

  arrow::Status Prepare() override {
    columns_.clear();
    for (size_t i = 0; i < selected_.size(); ++i) {
      const auto &type = schema_->field(static_cast<int>(i))->type();
      columns_.push_back(MakeTextColumn(type, RulesFor(i)));
      if (!columns_.back()) return arrow::Status::NotImplemented("CSV cells as ", type->ToString());
    }
    return arrow::Status::OK();
  }

 private:
  arrow::Status BeginRows(std::vector<std::string> names) {
    names_ = std::move(names);
    kinds_.resize(names_.size());
    // In a file of one column a blank line is a row: writers write a missing value so.
    parse_.ignore_empty_lines = names_.size() > 1;
    return ParseMore();
  }

  /// Takes the row number out of Arrow's text ("Row #12: Expected 2 columns, got 3: a,b,c") and into `place`, and so what the row holds.
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
    std::string reason(rest);
    if (const size_t colon = reason.find(": "); colon != std::string::npos) {
      place.cells = reason.substr(colon + 2);
      reason.resize(colon);
    }
    return status.WithMessage(reason);
  }

  arrow::Status Refill() {
    auto block = feed_->Next(&last_);
    if (!block.ok()) {
      place.row = next_row_;
      return block.status();
    }
    const bool ended_in_return = ends_in_return_;
    block_ = block.MoveValueUnsafe();
    rest_ = std::string_view(reinterpret_cast<const char *>(block_->data()), static_cast<size_t>(block_->size()));
    ends_in_return_ = !rest_.empty() && rest_.back() == '\r';
    // The other half of a line end is no blank line.
    if (ended_in_return && !rest_.empty() && rest_.front() == '\n') rest_.remove_prefix(1);
    return parse_.quoting ? CheckQuotes() : arrow::Status::OK();
  }

  /// Text after a closing quote breaks the rules of CSV: most often a quote inside the cell was escaped.
  arrow::Status CheckQuotes() {
    const size_t at = FindTextAfterQuote(rest_, parse_.quote_char, parse_.delimiter);
    if (at == std::string_view::npos) return arrow::Status::OK();
    place.row = next_row_ + RowsBefore(rest_, at, parse_.quote_char, parse_.delimiter) - (in_header_ ? 1 : 0);
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
    if (first.num_cols() > most_columns_) {
      place.row = 1;
      return TooManyColumns(first.num_cols(), most_columns_);
    }
    ARROW_RETURN_NOT_OK(first.VisitLastRow([&](const uint8_t *data, uint32_t size, bool, bool) {
      names->push_back(has_header_ ? std::string(reinterpret_cast<const char *>(data), size)
                                   : "f" + std::to_string(names->size()));
      return arrow::Status::OK();
    }));
    if (has_header_ && !is_header_sure_ && IsRowOfNumbers(*names, header_null_words_, rules_.point)) {
      place.row = 1;
      return arrow::Status::Invalid(
          "its first row holds nothing but numbers: say whether it is a header, with schema.dialect.header: true, or data, with "
          "header: false or the names of the columns");
    }
    if (!given_names_.empty()) {
      place.row = 1;
      if (given_names_.size() != names->size())
        return arrow::Status::Invalid("the row has ", names->size(), " cells, the pipeline names ", given_names_.size(), " columns");
      *names = given_names_;
    }
    if (has_header_) {
      rest_.remove_prefix(used);
      in_header_ = false;
    }
    return arrow::Status::OK();
  }

  /// Parses the next rows into `parser_`, or leaves it null at the end.
  arrow::Status ParseMore() {
    int64_t blank = 0;
    while (true) {
      while (rest_.empty()) {
        if (last_) return arrow::Status::OK();
        ARROW_RETURN_NOT_OK(Refill());
      }
      auto parser = std::make_unique<csv::BlockParser>(parse_, static_cast<int32_t>(names_.size()), next_row_);
      uint32_t used = 0;
      const auto status = last_ ? parser->ParseFinal(rest_, &used) : parser->Parse(rest_, &used);
      if (!status.ok()) return Located(status);
      first_row_ = next_row_;
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
      blank += used;
      if (blank > options_.most_blank) {
        place.row = next_row_;
        return TooBlank(options_.most_blank);
      }
    }
  }

  const bool has_header_, is_header_sure_;
  const char escape_;
  const int32_t most_columns_;
  std::vector<std::string> header_null_words_;
  std::vector<std::string> given_names_;
  csv::ParseOptions parse_ = csv::ParseOptions::Defaults();
  std::string_view rest_;
  bool ends_in_return_ = false;
  /// Whether the header is still in front of the rows.
  bool in_header_ = false;
  /// The numbers of the next row, and of the first one at hand; the header has none.
  int64_t next_row_ = 1, first_row_ = 1;
  std::vector<std::string> names_;
  std::vector<uint32_t> kinds_;
  std::unique_ptr<csv::BlockParser> parser_;
  std::vector<std::unique_ptr<TextColumn>> columns_;
};

}  // namespace

arrow::Result<std::unique_ptr<Source>> OpenCsv(const CArrowReadOptions &options, const std::shared_ptr<DescriptorFile> &file,
                                               Place *place) {
  auto source = std::make_unique<CsvSource>(options);
  ARROW_RETURN_NOT_OK(source->Validate());
  const auto status = source->Open(file);
  *place = source->place;
  ARROW_RETURN_NOT_OK(status);
  return source;
}

}  // namespace carrow
