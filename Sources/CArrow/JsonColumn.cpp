#include "JsonColumn.h"

#include <arrow/buffer_builder.h>

#include <algorithm>

namespace carrow {

constexpr size_t kMostMembers = 1000;

bool JsonShape::Note(JsonScanner *scanner, const JsonToken &token) {
  switch (token.kind) {
    case JsonKind::kNull: return true;
    case JsonKind::kBoolean: kinds_ |= kBooleans; return true;
    case JsonKind::kNumber: kinds_ |= KindsOfNumber(token.text, ShapeOf(token.text, '.')); return true;
    case JsonKind::kString: kinds_ |= kTexts; return true;
    case JsonKind::kArray: {
      kinds_ |= kLists;
      if (!element_) element_ = std::make_unique<JsonShape>();
      if (!scanner->Enter()) return false;
      bool has_more = false;
      for (bool is_first = true;; is_first = false) {
        if (!scanner->Element(']', is_first, &has_more)) return false;
        if (!has_more) break;
        JsonToken inner;
        if (!scanner->Next(&inner) || !element_->Note(scanner, inner)) return false;
      }
      scanner->Leave();
      return true;
    }
    case JsonKind::kObject: {
      kinds_ |= kObjects;
      if (!scanner->Enter()) return false;
      bool has_more = false;
      // Most objects have the same keys in the same order.
      size_t next = 0;
      for (bool is_first = true;; is_first = false) {
        if (!scanner->Element('}', is_first, &has_more)) return false;
        if (!has_more) break;
        std::string_view key;
        if (!scanner->Key(&key)) return false;
        size_t at = next;
        if (at >= members_.size() || members_[at].first != key)
          for (at = 0; at < members_.size() && members_[at].first != key;) ++at;
        next = at + 1;
        if (at == kMostMembers) {
          return scanner->FailBeyond(CARROW_LIMIT_COLUMNS, "more than 1,000 keys in an object inside of another");
        }
        if (at == members_.size()) members_.emplace_back(std::string(key), JsonShape());
        JsonToken inner;
        if (!scanner->Next(&inner) || !members_[at].second.Note(scanner, inner)) return false;
      }
      scanner->Leave();
      return true;
    }
  }
  return true;
}

std::shared_ptr<arrow::DataType> JsonShape::Type() const {
  if (kinds_ == kLists) return arrow::list(element_->Type());
  if (kinds_ == kObjects) {
    arrow::FieldVector fields;
    for (const auto &[name, shape] : members_) fields.push_back(arrow::field(name, shape.Type()));
    return arrow::struct_(std::move(fields));
  }
  return TypeOfKinds(kinds_);
}

bool JsonShape::IsMixed() const {
  constexpr uint32_t others = kBooleans | kTexts | kLists | kObjects;
  int kinds = (kinds_ & ~others) != 0 ? 1 : 0;
  for (const auto kind : {kBooleans, kTexts, kLists, kObjects}) kinds += (kinds_ & kind) != 0 ? 1 : 0;
  if (kinds > 1 || (element_ && element_->IsMixed())) return true;
  return std::any_of(members_.begin(), members_.end(), [](const auto &member) { return member.second.IsMixed(); });
}

namespace {

class ScalarColumn final : public JsonColumn {
 public:
  ScalarColumn(std::unique_ptr<TextColumn> values, bool keeps_kinds) : values_(std::move(values)), keeps_kinds_(keeps_kinds) {}

  arrow::Result<Flaw> Take(JsonScanner *, const JsonToken &token) override {
    switch (token.kind) {
      case JsonKind::kNull:
        ARROW_RETURN_NOT_OK(values_->TakeNull());
        return Flaw::kNone;
      case JsonKind::kArray:
      case JsonKind::kObject:
        flawed = token.kind == JsonKind::kArray ? "a list" : "an object";
        return Flaw::kNested;
      default: break;
    }
    if (keeps_kinds_) {
      if (kind_ == JsonKind::kNull) kind_ = token.kind;
      if (kind_ != token.kind) {
        flawed.assign(token.text);
        return Flaw::kMixed;
      }
    }
    ARROW_ASSIGN_OR_RAISE(const auto flaw, values_->Take(token.text, true));
    if (flaw != Flaw::kNone) flawed = values_->flawed;
    return flaw;
  }

  arrow::Status TakeNull() override { return values_->TakeNull(); }
  int64_t first_missing() const override { return values_->first_missing; }
  arrow::Result<std::shared_ptr<arrow::Array>> Finish() override { return values_->Finish(); }

 private:
  std::unique_ptr<TextColumn> values_;
  const bool keeps_kinds_;
  JsonKind kind_ = JsonKind::kNull;
};

/// Records which rows have a value, for columns that have children.
class Validity {
 public:
  arrow::Status Append(bool is_valid) {
    nulls_ += is_valid ? 0 : 1;
    ++count_;
    return bits_.Append(is_valid);
  }
  int64_t count() const { return count_; }
  int64_t nulls() const { return nulls_; }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Finish() {
    ARROW_ASSIGN_OR_RAISE(auto buffer, bits_.Finish());
    auto given = nulls_ > 0 ? std::move(buffer) : nullptr;
    nulls_ = count_ = 0;
    return given;
  }

 private:
  arrow::TypedBufferBuilder<bool> bits_;
  int64_t count_ = 0, nulls_ = 0;
};

class ListColumn final : public JsonColumn {
 public:
  ListColumn(std::shared_ptr<arrow::DataType> type, std::unique_ptr<JsonColumn> elements)
      : type_(std::move(type)), elements_(std::move(elements)) {}

  arrow::Result<Flaw> Take(JsonScanner *scanner, const JsonToken &token) override {
    if (token.kind == JsonKind::kNull) {
      ARROW_RETURN_NOT_OK(TakeNull());
      return Flaw::kNone;
    }
    if (token.kind != JsonKind::kArray) {
      flawed = token.kind == JsonKind::kObject ? "an object" : std::string(token.text);
      return Flaw::kNotNested;
    }
    ARROW_RETURN_NOT_OK(offsets_.Append(length_));
    ARROW_RETURN_NOT_OK(validity_.Append(true));
    bool has_more = false;
    for (bool is_first = true;; is_first = false) {
      if (!scanner->Element(']', is_first, &has_more)) return Flaw::kNone;
      if (!has_more) return Flaw::kNone;
      JsonToken inner;
      if (!scanner->Next(&inner)) return Flaw::kNone;
      if (length_ == std::numeric_limits<int32_t>::max()) return arrow::Status::CapacityError("lists of more than 2^31 elements");
      ++length_;
      ARROW_ASSIGN_OR_RAISE(const auto flaw, elements_->Take(scanner, inner));
      if (flaw != Flaw::kNone) flawed = elements_->flawed;
      if (flaw != Flaw::kNone || scanner->failure != nullptr) return flaw;
    }
  }

  arrow::Status TakeNull() override {
    ARROW_RETURN_NOT_OK(offsets_.Append(length_));
    return validity_.Append(false);
  }

  arrow::Result<std::shared_ptr<arrow::Array>> Finish() override {
    ARROW_RETURN_NOT_OK(offsets_.Append(length_));
    ARROW_ASSIGN_OR_RAISE(auto offsets, offsets_.Finish());
    ARROW_ASSIGN_OR_RAISE(const auto elements, elements_->Finish());
    const int64_t count = validity_.count(), nulls = validity_.nulls();
    ARROW_ASSIGN_OR_RAISE(auto validity, validity_.Finish());
    length_ = 0;
    return arrow::MakeArray(arrow::ArrayData::Make(type_, count, {std::move(validity), std::move(offsets)}, {elements->data()}, nulls));
  }

 private:
  std::shared_ptr<arrow::DataType> type_;
  std::unique_ptr<JsonColumn> elements_;
  arrow::TypedBufferBuilder<int32_t> offsets_;
  Validity validity_;
  int32_t length_ = 0;
};

class ObjectColumn final : public JsonColumn {
 public:
  ObjectColumn(std::shared_ptr<arrow::DataType> type, std::vector<std::unique_ptr<JsonColumn>> members)
      : type_(std::move(type)), members_(std::move(members)), met_(members_.size()) {}

  arrow::Result<Flaw> Take(JsonScanner *scanner, const JsonToken &token) override {
    if (token.kind == JsonKind::kNull) {
      ARROW_RETURN_NOT_OK(TakeNull());
      return Flaw::kNone;
    }
    if (token.kind != JsonKind::kObject) {
      flawed = token.kind == JsonKind::kArray ? "a list" : std::string(token.text);
      return Flaw::kNotNested;
    }
    ARROW_RETURN_NOT_OK(validity_.Append(true));
    std::fill(met_.begin(), met_.end(), false);
    bool has_more = false;
    for (bool is_first = true;; is_first = false) {
      if (!scanner->Element('}', is_first, &has_more)) return Flaw::kNone;
      if (!has_more) break;
      std::string_view key;
      if (!scanner->Key(&key)) return Flaw::kNone;
      size_t at = 0;
      while (at < members_.size() && type_->field(static_cast<int>(at))->name() != key) ++at;
      JsonToken inner;
      if (!scanner->Next(&inner)) return Flaw::kNone;
      if (at == members_.size()) {
        if (!scanner->Skip(inner)) return Flaw::kNone;
        continue;
      }
      if (met_[at]) {
        scanner->failure = "a key stands twice in an object";
        return Flaw::kNone;
      }
      met_[at] = true;
      ARROW_ASSIGN_OR_RAISE(const auto flaw, members_[at]->Take(scanner, inner));
      if (flaw != Flaw::kNone) flawed = members_[at]->flawed;
      if (flaw != Flaw::kNone || scanner->failure != nullptr) return flaw;
    }
    for (size_t at = 0; at < members_.size(); ++at)
      if (!met_[at]) ARROW_RETURN_NOT_OK(members_[at]->TakeNull());
    return Flaw::kNone;
  }

  arrow::Status TakeNull() override {
    for (const auto &member : members_) ARROW_RETURN_NOT_OK(member->TakeNull());
    return validity_.Append(false);
  }

  arrow::Result<std::shared_ptr<arrow::Array>> Finish() override {
    std::vector<std::shared_ptr<arrow::ArrayData>> children;
    for (const auto &member : members_) {
      ARROW_ASSIGN_OR_RAISE(const auto child, member->Finish());
      children.push_back(child->data());
    }
    const int64_t count = validity_.count(), nulls = validity_.nulls();
    ARROW_ASSIGN_OR_RAISE(auto validity, validity_.Finish());
    return arrow::MakeArray(arrow::ArrayData::Make(type_, count, {std::move(validity)}, std::move(children), nulls));
  }

 private:
  std::shared_ptr<arrow::DataType> type_;
  std::vector<std::unique_ptr<JsonColumn>> members_;
  std::vector<bool> met_;
  Validity validity_;
};

}  // namespace

arrow::Result<std::unique_ptr<JsonColumn>> JsonColumn::Make(const std::shared_ptr<arrow::DataType> &type, const TextRules &rules,
                                                            bool keeps_kinds) {
  if (type->id() == arrow::Type::LIST) {
    ARROW_ASSIGN_OR_RAISE(auto elements, Make(type->field(0)->type(), rules, keeps_kinds));
    return std::make_unique<ListColumn>(type, std::move(elements));
  }
  if (type->id() == arrow::Type::STRUCT) {
    std::vector<std::unique_ptr<JsonColumn>> members;
    for (const auto &field : type->fields()) {
      ARROW_ASSIGN_OR_RAISE(auto member, Make(field->type(), rules, keeps_kinds));
      members.push_back(std::move(member));
    }
    return std::make_unique<ObjectColumn>(type, std::move(members));
  }
  auto values = MakeTextColumn(type, rules);
  if (!values) return arrow::Status::NotImplemented("JSON values as ", type->ToString());
  return std::make_unique<ScalarColumn>(std::move(values), keeps_kinds);
}

}  // namespace carrow
