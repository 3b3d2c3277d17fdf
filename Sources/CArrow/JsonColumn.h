#pragma once

#include <arrow/api.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "JsonScanner.h"
#include "TextColumn.h"

namespace carrow {

/// The kinds of value that a JSON key has, down through lists and objects.
class JsonShape {
 public:
  /// Takes note of a value, and reads it to its end.
  bool Note(JsonScanner *scanner, const JsonToken &token);
  std::shared_ptr<arrow::DataType> Type() const;
  /// Returns whether there are values of several kinds in one place.
  bool IsMixed() const;

 private:
  uint32_t kinds_ = 0;
  std::unique_ptr<JsonShape> element_;
  std::vector<std::pair<std::string, JsonShape>> members_;
};

/// One column made from JSON values, whatever its nesting.
class JsonColumn {
 public:
  /// With `keeps_kinds`, a text among numbers, or a number among texts, is refused.
  static arrow::Result<std::unique_ptr<JsonColumn>> Make(const std::shared_ptr<arrow::DataType> &type, const TextRules &rules,
                                                         bool keeps_kinds);

  virtual ~JsonColumn() = default;
  /// Takes a value, and reads it to its end. Malformed JSON is `kNone` with the scanner's `failure` set.
  virtual arrow::Result<Flaw> Take(JsonScanner *scanner, const JsonToken &token) = 0;
  virtual arrow::Status TakeNull() = 0;
  virtual arrow::Result<std::shared_ptr<arrow::Array>> Finish() = 0;

  /// The text that does not fit, set after a flaw.
  std::string flawed;
  /// The first row that has no value since the column began, or -1.
  virtual int64_t first_missing() const { return -1; }
};

}  // namespace carrow
