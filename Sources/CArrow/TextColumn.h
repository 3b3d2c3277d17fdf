#pragma once

#include <arrow/api.h>
#include <arrow/csv/parser.h>

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "Internal.h"
#include "TextValues.h"

namespace carrow {

/// Rules by which texts become values, whatever the type.
struct TextRules {
  char point = '.';
  NullWords null_words;
  /// Null words count as missing in a column of text too.
  bool words_are_missing = false;
};

/// One column of a type without children, made from texts. After a flaw, `flawed` is the text that does not fit.
class TextColumn {
 public:
  virtual ~TextColumn() = default;

  /// Makes room for `rows` more values.
  virtual arrow::Status Reserve(int64_t rows) = 0;
  /// Takes the text of one value. A quoted cell of CSV, and text of other formats, is text even if it is empty.
  virtual arrow::Result<Flaw> Take(std::string_view text, bool is_quoted) = 0;
  virtual arrow::Status TakeNull() = 0;
  /// Takes a whole column of parsed CSV. On a flaw, `row` counts from the first parsed row.
  virtual arrow::Result<Flaw> TakeAll(const arrow::csv::BlockParser &parser, int32_t column, int64_t *row) = 0;
  virtual arrow::Result<std::shared_ptr<arrow::Array>> Finish() = 0;

  std::string flawed;
  /// The first value that is missing since the column began, or -1.
  int64_t first_missing = -1;
};

/// Returns null for a type that cannot be made from texts.
std::unique_ptr<TextColumn> MakeTextColumn(const std::shared_ptr<arrow::DataType> &type, const TextRules &rules);

bool IsUtf8BeyondAscii(std::string_view text);

/// Returns whether the bytes are UTF-8.
inline bool IsUtf8(std::string_view text) {
  const char *at = text.data();
  const size_t size = text.size();
  uint64_t high = 0, word = 0;
  const auto add = [&](const char *from, size_t count) {
    std::memcpy(&word, from, count);
    high |= word;
  };
  // The last bytes are looked at together, some of them twice.
  if (size >= 8) {
    for (size_t next = 0; next + 8 <= size; next += 8) add(at + next, 8);
    add(at + size - 8, 8);
  } else if (size >= 4) {
    add(at, 4);
    add(at + size - 4, 4);
  } else {
    for (size_t next = 0; next < size; ++next) add(at + next, 1);
  }
  return (high & 0x8080808080808080u) == 0 || IsUtf8BeyondAscii(text);
}

}  // namespace carrow
