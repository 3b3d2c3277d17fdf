#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "Internal.h"

namespace carrow {

enum class JsonKind : uint8_t { kNull, kBoolean, kNumber, kString, kArray, kObject };

/// A JSON value without children, or the beginning of one that has some.
struct JsonToken {
  JsonKind kind = JsonKind::kNull;
  /// A number as it is written, `true` or `false`, or a string with its escapes resolved. Valid until the next token.
  std::string_view text;
};

/// Walks over the JSON of one line. Every function returns false where the text is not JSON, and `failure` says why. NaN, Infinity and
/// -Infinity are numbers, as Python writes them.
class JsonScanner {
 public:
  /// `deepest` is the number of lists and objects that may stand in one another.
  JsonScanner(std::string_view line, int deepest) : at_(line.data()), end_(line.data() + line.size()), deepest_(deepest) {}

  /// Reads one value; of an array or an object it reads only the opening bracket.
  bool Next(JsonToken *token);
  /// Moves to the next element of an array or an object; `has_more` is false after the last one. `is_first` must be true in the first call.
  bool Element(char closing, bool is_first, bool *has_more);
  /// Reads a key and its colon.
  bool Key(std::string_view *key);
  /// Skips the rest of the value that begins with `token`, including the closing bracket.
  bool Skip(const JsonToken &token);
  /// Enters a list or an object, if the allowed depth is not reached.
  bool Enter();
  void Leave() { --depth_; }
  /// Whether nothing but blanks follows.
  bool AtEnd();
  /// Expects the bracket of the object that a line must be.
  bool Open();

  const char *position() const { return at_; }
  void set_position(const char *position) { at_ = position; }
  const char *failure = nullptr;
  /// One of CARROW_LIMIT_* where the text goes beyond what it may ask for.
  int32_t limit = 0;
  /// The failure as a status.
  arrow::Status status() const {
    return limit != 0 ? BeyondLimit(limit, failure) : arrow::Status::Invalid(failure);
  }
  bool FailBeyond(int32_t what, const char *reason) {
    limit = what;
    return Fail(reason);
  }

 private:
  void SkipBlanks() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }
  bool Fail(const char *reason) {
    failure = reason;
    return false;
  }
  bool String(std::string_view *text);
  bool Escaped(const char *begin, std::string_view *text);
  bool Number(std::string_view *text);
  bool Word(const char *word, size_t size);

  const char *at_;
  const char *end_;
  const int deepest_;
  int depth_ = 0;
  std::string too_deep_;
  std::string unescaped_;
};

}  // namespace carrow
