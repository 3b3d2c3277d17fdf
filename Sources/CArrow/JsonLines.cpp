#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "BlockFeed.h"
#include "JsonColumn.h"

namespace carrow {
namespace {

/// The lines of a block that are not blank, in order. A line may have several objects, as where lines end in a carriage return alone.
class Lines {
 public:
  explicit Lines(const arrow::Buffer &block)
      : at_(reinterpret_cast<const char *>(block.data())), end_(at_ + block.size()) {}

  bool Next(std::string_view *line) {
    while (at_ < end_) {
      const auto *stop = static_cast<const char *>(std::memchr(at_, '\n', static_cast<size_t>(end_ - at_)));
      if (stop == nullptr) stop = end_;
      *line = {at_, static_cast<size_t>(stop - at_)};
      at_ = stop == end_ ? end_ : stop + 1;
      if (line->find_first_not_of(" \t\r") != std::string_view::npos) return true;
    }
    return false;
  }

 private:
  const char *at_, *end_;
};

class JsonLinesSource final : public TextSource {
 public:
  explicit JsonLinesSource(const CArrowReadOptions &options) : TextSource(options, '.') {}

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    if (!block_ && !last_) ARROW_RETURN_NOT_OK(Refill());
    if (!block_) return std::shared_ptr<arrow::RecordBatch>();
    ARROW_RETURN_NOT_OK(PrepareOnce());
    Lines lines(*block_);
    std::string_view line;
    int64_t rows = 0;
    while (lines.Next(&line)) {
      JsonScanner scanner(line, options_.deepest);
      while (!scanner.AtEnd()) ARROW_RETURN_NOT_OK(TakeObject(&scanner, rows++));
    }
    block_.reset();
    rows_before_ += rows;
    arrow::ArrayVector arrays;
    for (const auto &column : columns_) {
      ARROW_ASSIGN_OR_RAISE(auto array, column->Finish());
      arrays.push_back(std::move(array));
    }
    return arrow::RecordBatch::Make(schema_, rows, std::move(arrays));
  }

  /// A document of columns: {"a":{"0":1,"1":2},"b":{"0":3,"1":4}}, as pandas' to_json() writes it, or its "split" and "table" forms.
  arrow::Status RefuseDocument() {
    const auto fields = Fields();
    if (observed_rows_ != 1 || !is_surveyed() || fields.empty()) return arrow::Status::OK();
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

 protected:
  std::unique_ptr<arrow::Chunker> MakeChunker() const override {
    return std::make_unique<arrow::Chunker>(arrow::MakeNewlineBoundaryFinder());
  }

  arrow::Status Begin() override {
    rows_before_ = 0;
    ARROW_RETURN_NOT_OK(Refill());
    // Spark writes a part without rows as a file without bytes.
    return block_ ? RefuseArray() : arrow::Status::OK();
  }

  arrow::Status BeginRange() override { return Refill(); }

  /// A text among numbers is refused in a column that has no type of its own: the rows before it decide.
  bool AreRowsIndependent() const override {
    for (size_t i = 0; i < selected_.size(); ++i) {
      const auto column = static_cast<size_t>(selected_[i]);
      if (wanted_[i].type == nullptr && column < keys_.size() && keys_[column].shape.IsMixed()) return false;
    }
    return true;
  }

  arrow::Status Advance() override {
    block_.reset();
    return last_ ? arrow::Status::OK() : Refill();
  }

  bool has_rows() const override { return block_ != nullptr; }
  bool is_at_end() const override { return last_; }

  arrow::Status Observe() override {
    Lines lines(*block_);
    std::string_view line;
    while (lines.Next(&line)) {
      JsonScanner scanner(line, options_.deepest);
      while (!scanner.AtEnd()) {
        if (NoteObject(&scanner, ++observed_rows_)) continue;
        place.row = observed_rows_;
        return scanner.status();
      }
    }
    return arrow::Status::OK();
  }

  arrow::FieldVector Fields() const override {
    arrow::FieldVector fields;
    for (const auto &key : keys_) fields.push_back(arrow::field(key.name, key.shape.Type()));
    return fields;
  }

  arrow::Status Prepare() override {
    columns_.clear();
    wanted_keys_.clear();
    for (size_t i = 0; i < selected_.size(); ++i) {
      const auto &field = schema_->field(static_cast<int>(i));
      // A column without a given type has the kind that the file gives it.
      const bool keeps_kinds = wanted_[i].type == nullptr;
      ARROW_ASSIGN_OR_RAISE(auto values, JsonColumn::Make(field->type(), RulesFor(i), keeps_kinds));
      columns_.push_back(std::move(values));
    }
    wanted_places_.clear();
    for (size_t i = 0; i < columns_.size(); ++i) {
      const auto &name = schema_->field(static_cast<int>(i))->name();
      const auto [found, is_new] = wanted_places_.try_emplace(name, wanted_keys_.size());
      if (is_new) wanted_keys_.push_back({name, {}, -1});
      wanted_keys_[found->second].columns.push_back(i);
    }
    expected_.clear();
    return arrow::Status::OK();
  }

 private:
  struct NamedShape {
    std::string name;
    JsonShape shape;
    int64_t last_row = 0;
  };
  /// A key that is read, for one column or more.
  struct WantedKey {
    std::string name;
    std::vector<size_t> columns;
    int64_t last_row;
  };
  /// The n-th key of the line before: most lines have the same keys in the same order.
  struct Expected {
    std::string name;
    WantedKey *key;
  };

  bool NoteObject(JsonScanner *scanner, int64_t row) {
    if (!scanner->Open()) return false;
    bool has_more = false;
    size_t next = 0;
    for (bool is_first = true;; is_first = false) {
      if (!scanner->Element('}', is_first, &has_more)) return false;
      if (!has_more) return true;
      std::string_view key;
      if (!scanner->Key(&key)) return false;
      size_t at = next;
      if (at >= keys_.size() || keys_[at].name != key) {
        const auto [found, is_new] = key_places_.try_emplace(std::string(key), keys_.size());
        if (is_new) {
          if (keys_.size() == MostKeys()) {
            too_many_ = "more than " + std::to_string(MostKeys()) + " keys: a table has at most so many columns";
            return scanner->FailBeyond(CARROW_LIMIT_COLUMNS, too_many_.c_str());
          }
          keys_.push_back({std::string(key), JsonShape(), 0});
        }
        at = found->second;
      }
      if (keys_[at].last_row == row) {
        scanner->failure = "a key stands twice in an object";
        return false;
      }
      keys_[at].last_row = row;
      next = at + 1;
      JsonToken token;
      if (!scanner->Next(&token) || !keys_[at].shape.Note(scanner, token)) return false;
    }
  }

  arrow::Status TakeObject(JsonScanner *reader, int64_t row) {
    JsonScanner &scanner = *reader;
    bool has_more = scanner.Open();
    size_t place_in_line = 0, taken = 0;
    for (bool is_first = true; scanner.failure == nullptr; is_first = false) {
      if (!scanner.Element('}', is_first, &has_more) || !has_more) break;
      std::string_view name;
      if (!scanner.Key(&name)) break;
      WantedKey *key = KeyAt(place_in_line++, name);
      JsonToken token;
      if (!scanner.Next(&token)) break;
      if (key == nullptr) {
        scanner.Skip(token);
        continue;
      }
      if (key->last_row == row) {
        scanner.failure = "a key stands twice in an object";
        break;
      }
      key->last_row = row;
      ++taken;
      const char *behind = scanner.position();
      for (const size_t at : key->columns) {
        scanner.set_position(behind);
        auto &values = *columns_[at];
        ARROW_ASSIGN_OR_RAISE(const auto flaw, values.Take(&scanner, token));
        if (flaw != Flaw::kNone) {
          place.row = rows_before_ + row + 1;
          if (values.first_missing() >= 0) place.missing_row = rows_before_ + values.first_missing() + 1;
          return Flawed(flaw, values.flawed, at, *schema_->field(static_cast<int>(at))->type());
        }
      }
    }
    if (scanner.failure != nullptr) {
      place.row = rows_before_ + row + 1;
      return scanner.status();
    }
    if (taken == wanted_keys_.size()) return arrow::Status::OK();
    for (auto &key : wanted_keys_) {
      if (key.last_row == row) continue;
      for (const size_t at : key.columns) ARROW_RETURN_NOT_OK(columns_[at]->TakeNull());
    }
    return arrow::Status::OK();
  }

  size_t MostKeys() const { return static_cast<size_t>(options_.most_columns); }

  WantedKey *KeyAt(size_t place_in_line, std::string_view name) {
    if (place_in_line < expected_.size() && expected_[place_in_line].name == name) return expected_[place_in_line].key;
    const auto found = wanted_places_.find(std::string(name));
    WantedKey *key = found == wanted_places_.end() ? nullptr : &wanted_keys_[found->second];
    if (place_in_line < MostKeys()) {
      if (expected_.size() <= place_in_line) expected_.resize(place_in_line + 1, {std::string(), nullptr});
      expected_[place_in_line] = {std::string(name), key};
    }
    return key;
  }

  /// A document of one array, as `JSON.stringify(rows)` and pandas' to_json(orient="records") write it.
  arrow::Status RefuseArray() {
    const std::string_view text(reinterpret_cast<const char *>(block_->data()), static_cast<size_t>(block_->size()));
    const size_t at = text.find_first_not_of(" \t\r\n");
    if (at == std::string_view::npos || text[at] != '[') return arrow::Status::OK();
    place.row = 1;
    return arrow::Status::Invalid(
        "a JSON array: write one object a line, as pandas does with orient=\"records\", lines=True and jq with -c '.[]'");
  }

  /// The next block that is not blank, or none at the end.
  arrow::Status Refill() {
    for (auto &key : wanted_keys_) key.last_row = -1;
    int64_t blank = 0;
    do {
      auto block = feed_->Next(&last_);
      if (!block.ok()) {
        place.row = rows_before_ + 1;
        return block.status();
      }
      block_ = block.MoveValueUnsafe();
      const std::string_view text(reinterpret_cast<const char *>(block_->data()), static_cast<size_t>(block_->size()));
      if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
        blank += static_cast<int64_t>(text.size());
        block_.reset();
      }
      if (blank > options_.most_blank) {
        place.row = rows_before_ + 1;
        return TooBlank(options_.most_blank);
      }
    } while (!block_ && !last_);
    return arrow::Status::OK();
  }

  /// All keys that were met, in the order of their first appearance.
  std::vector<NamedShape> keys_;
  std::unordered_map<std::string, size_t> key_places_, wanted_places_;
  std::vector<WantedKey> wanted_keys_;
  std::vector<Expected> expected_;
  std::vector<std::unique_ptr<JsonColumn>> columns_;
  int64_t rows_before_ = 0, observed_rows_ = 0;
  std::string too_many_;
};

}  // namespace

arrow::Result<std::unique_ptr<Source>> OpenJsonLines(const CArrowReadOptions &options,
                                                     const std::shared_ptr<DescriptorFile> &file, Place *place) {
  auto source = std::make_unique<JsonLinesSource>(options);
  auto status = source->Open(file);
  if (status.ok()) status = source->RefuseDocument();
  *place = source->place;
  ARROW_RETURN_NOT_OK(status);
  return source;
}

}  // namespace carrow
