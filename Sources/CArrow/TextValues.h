#pragma once

#include <arrow/util/float16.h>
#include <arrow/util/value_parsing.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "CArrow.h"

// These rules say what a text means where a number, a boolean or a time is wanted. CSV cells, JSON values and columns of strings all use
// them, so that the same text is the same value, or the same error, in every format.

namespace carrow {

/// Says what is wrong with a text; the values that leave this module are those of `CARROW_FLAW_*`.
enum class Flaw : int32_t {
  kNone = 0,
  kNotANumber = CARROW_FLAW_NOT_A_NUMBER,
  kDoesNotFit = CARROW_FLAW_DOES_NOT_FIT,
  kNotABoolean = CARROW_FLAW_NOT_A_BOOLEAN,
  kNotATime = CARROW_FLAW_NOT_A_TIME,
  kNotUtf8 = CARROW_FLAW_NOT_UTF8,
  kNested = CARROW_FLAW_NESTED,
  kNotNested = CARROW_FLAW_NOT_NESTED,
  kMixed = CARROW_FLAW_MIXED,
  /// The text says NaN and the type has none: the value is missing.
  kMissing = -1,
};

inline bool IsDigit(char byte) { return byte >= '0' && byte <= '9'; }

inline std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Returns 1 or 0 for the spellings of true and false that every tool's writer uses, and -1 for other texts.
inline int BooleanWord(std::string_view text) {
  if (text.size() == 4 && (text == "true" || text == "True" || text == "TRUE")) return 1;
  if (text.size() == 5 && (text == "false" || text == "False" || text == "FALSE")) return 0;
  return -1;
}

/// Describes the digits of a text before any type is chosen.
struct NumberShape {
  bool is_number = false;
  /// Whether the text has neither a point nor an exponent.
  bool is_integer = false;
};

inline NumberShape ShapeOf(std::string_view text, char point) {
  NumberShape shape;
  size_t at = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const size_t first = at;
  while (at < text.size() && IsDigit(text[at])) ++at;
  size_t digits = at - first;
  shape.is_integer = digits > 0 && at == text.size();
  if (at < text.size() && text[at] == point) {
    const size_t fraction = ++at;
    while (at < text.size() && IsDigit(text[at])) ++at;
    digits += at - fraction;
  }
  if (digits == 0) return shape;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    const size_t exponent = at;
    while (at < text.size() && IsDigit(text[at])) ++at;
    if (at == exponent) return shape;
  }
  shape.is_number = at == text.size();
  return shape;
}

/// Returns whether a text that reads as an infinite number is a word for it (`inf`, `Infinity`, with or without a sign, in any case), not a
/// number that is too large.
inline bool IsInfinityWord(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return !text.empty() && (text[0] == 'i' || text[0] == 'I');
}

inline Flaw ParseDouble(std::string_view text, char point, double *out) {
  if (arrow::internal::StringToFloat(text.data(), text.size(), point, out))
    return std::isinf(*out) && !IsInfinityWord(text) ? Flaw::kDoesNotFit : Flaw::kNone;
  if (!text.empty() && text[0] == '+' && text.size() > 1 && text[1] != '-' && text[1] != '+')
    return ParseDouble(text.substr(1), point, out);
  if (!ShapeOf(text, point).is_number) {
    const int word = BooleanWord(text);
    *out = word;
    return word < 0 ? Flaw::kNotANumber : Flaw::kNone;
  }
  // A number that the parser refuses is outside a double's range, too large or too small.
  std::string plain(text);
  for (char &byte : plain)
    if (byte == point) byte = '.';
  *out = std::strtod(plain.c_str(), nullptr);
  return std::isinf(*out) ? Flaw::kDoesNotFit : Flaw::kNone;
}

/// An integer's sign and size; `overflows` says that no type of 64 bits holds it.
struct Magnitude {
  uint64_t value = 0;
  bool is_negative = false;
  bool overflows = false;
};

/// Returns whether the text is an integer: written as one, or with only zeros after the point.
inline bool ReadMagnitude(std::string_view text, char point, Magnitude *out) {
  size_t at = 0;
  out->is_negative = !text.empty() && text[0] == '-';
  if (out->is_negative || (!text.empty() && text[0] == '+')) at = 1;
  const size_t first = at;
  uint64_t value = 0;
  bool overflows = false;
  for (; at < text.size() && IsDigit(text[at]); ++at) {
    overflows |= __builtin_mul_overflow(value, uint64_t{10}, &value);
    overflows |= __builtin_add_overflow(value, static_cast<uint64_t>(text[at] - '0'), &value);
  }
  if (at == first) return false;
  if (at < text.size()) {
    if (text[at] != point) return false;
    while (++at < text.size())
      if (text[at] != '0') return false;
  }
  out->value = value;
  out->overflows = overflows;
  return true;
}

template <typename T>
Flaw Hold(const Magnitude &magnitude, T *out) {
  constexpr uint64_t kLowest = uint64_t{1} << 63;
  if (magnitude.overflows) return Flaw::kDoesNotFit;
  if (!magnitude.is_negative) {
    if (!std::in_range<T>(magnitude.value)) return Flaw::kDoesNotFit;
    *out = static_cast<T>(magnitude.value);
    return Flaw::kNone;
  }
  if (magnitude.value > kLowest) return Flaw::kDoesNotFit;
  const int64_t value = static_cast<int64_t>(~magnitude.value + 1);
  if (!std::in_range<T>(value)) return Flaw::kDoesNotFit;
  *out = static_cast<T>(value);
  return Flaw::kNone;
}

/// Integers never pass through a double where their digits are written out.
template <typename T>
Flaw ParseInteger(std::string_view text, char point, T *out) {
  Magnitude magnitude;
  // Most integers are short and nothing but digits.
  if (text.size() <= 18) {
    const bool is_negative = !text.empty() && text[0] == '-';
    size_t at = is_negative ? 1 : 0;
    int64_t value = 0;
    for (; at < text.size() && IsDigit(text[at]); ++at) value = value * 10 + (text[at] - '0');
    if (at == text.size() && at > (is_negative ? 1u : 0u)) {
      if (is_negative) value = -value;
      if (!std::in_range<T>(value)) return Flaw::kDoesNotFit;
      *out = static_cast<T>(value);
      return Flaw::kNone;
    }
  }
  if (ReadMagnitude(text, point, &magnitude)) return Hold(magnitude, out);
  double value = 0;
  const Flaw flaw = ParseDouble(text, point, &value);
  if (flaw != Flaw::kNone) return flaw;
  if (std::isnan(value)) return Flaw::kMissing;
  if (value != std::trunc(value) || !(value >= -0x1p63 && value < 0x1p64)) return Flaw::kDoesNotFit;
  magnitude = {value < 0 ? ~static_cast<uint64_t>(static_cast<int64_t>(value)) + 1 : static_cast<uint64_t>(value), value < 0, false};
  return Hold(magnitude, out);
}

/// Rounds to the nearest, as a column of doubles or of integers is rounded; only a value that is too large for the type does not fit.
template <typename T>
Flaw ParseFloat(std::string_view text, char point, T *out) {
  double value = 0;
  const Flaw flaw = ParseDouble(text, point, &value);
  if (flaw != Flaw::kNone) return flaw;
  if constexpr (std::is_same_v<T, arrow::util::Float16>) {
    *out = arrow::util::Float16::FromDouble(value);
    return out->is_infinity() && !std::isinf(value) ? Flaw::kDoesNotFit : Flaw::kNone;
  } else {
    *out = static_cast<T>(value);
    if constexpr (std::is_same_v<T, float>) {
      if (std::isinf(*out) && !std::isinf(value)) return Flaw::kDoesNotFit;
      // An integer that a double cannot hold would be rounded twice.
      Magnitude magnitude;
      if (std::fabs(value) >= 0x1p53 && ReadMagnitude(text, point, &magnitude) && !magnitude.overflows)
        *out = magnitude.is_negative ? -static_cast<float>(magnitude.value) : static_cast<float>(magnitude.value);
    }
    return Flaw::kNone;
  }
}

inline Flaw ParseBoolean(std::string_view text, char point, bool *out) {
  if (const int word = BooleanWord(text); word >= 0) {
    *out = word == 1;
    return Flaw::kNone;
  }
  double value = 0;
  const Flaw flaw = ParseDouble(text, point, &value);
  if (flaw != Flaw::kNone) return flaw == Flaw::kNotANumber ? Flaw::kNotABoolean : flaw;
  if (std::isnan(value)) return Flaw::kMissing;
  *out = value == 1;
  return value == 0 || value == 1 ? Flaw::kNone : Flaw::kDoesNotFit;
}

/// Reads a time without a zone; a time with an offset is read as its UTC time.
inline Flaw ParseTimestamp(std::string_view text, arrow::TimeUnit::type unit, int64_t *out) {
  bool has_zone = false;
  return arrow::internal::ParseTimestampISO8601(text.data(), text.size(), unit, out, &has_zone) ? Flaw::kNone : Flaw::kNotATime;
}

inline Flaw ParseDate(std::string_view text, int32_t *out) {
  arrow::internal::StringConverter<arrow::Date32Type> converter;
  return converter.Convert(arrow::Date32Type(), text.data(), text.size(), out) ? Flaw::kNone : Flaw::kNotATime;
}

/// The kinds of value in a column of text, which decide its type.
enum Kinds : uint32_t {
  kBooleans = 1 << 0,
  kIntegers = 1 << 1,
  kNegatives = 1 << 2,
  /// An integer beyond 2^53, where a double no longer holds every integer.
  kWide = 1 << 3,
  kBeyondInt64 = 1 << 4,
  kBeyondUInt64 = 1 << 5,
  kReals = 1 << 6,
  kTexts = 1 << 7,
  kLists = 1 << 8,
  kObjects = 1 << 9,
};

inline uint32_t KindsOfNumber(std::string_view text, NumberShape shape) {
  if (!shape.is_integer) return kReals;
  // Fifteen digits are far from every bound.
  if (text.size() <= 15) return text[0] == '-' ? kIntegers | kNegatives : kIntegers;
  Magnitude magnitude;
  ReadMagnitude(text, '.', &magnitude);
  uint32_t kinds = kIntegers;
  if (magnitude.is_negative && magnitude.value > 0) kinds |= kNegatives;
  if (magnitude.overflows) return kinds | kWide | kBeyondInt64 | kBeyondUInt64;
  if (magnitude.value > uint64_t{1} << 53) kinds |= kWide;
  if (magnitude.value > (uint64_t{1} << 63) - (magnitude.is_negative ? 0 : 1))
    kinds |= kBeyondInt64 | (magnitude.is_negative ? kBeyondUInt64 : 0);
  return kinds;
}

/// Returns the kinds of a text outside JSON, such as a cell of CSV.
inline uint32_t KindsOfText(std::string_view text, char point) {
  if (text.empty()) return kTexts;
  const char first = text[0];
  if (IsDigit(first) || first == '-' || first == '+' || first == point) {
    if (const auto shape = ShapeOf(text, point); shape.is_number) return KindsOfNumber(text, shape);
  }
  if (BooleanWord(text) >= 0) return kBooleans;
  double value = 0;
  return ParseDouble(text, point, &value) == Flaw::kNone ? kReals : kTexts;
}

/// Returns the type of a column that holds these kinds. Numbers that no other type holds exactly are decimals; a mixture is text.
inline std::shared_ptr<arrow::DataType> TypeOfKinds(uint32_t kinds) {
  if (kinds == 0) return arrow::null();
  if (kinds == kBooleans) return arrow::boolean();
  if (kinds & (kBooleans | kTexts | kLists | kObjects)) return arrow::utf8();
  if (kinds & kReals) return kinds & kWide ? arrow::decimal128(38, 0) : arrow::float64();
  if (!(kinds & kBeyondInt64)) return arrow::int64();
  return kinds & (kNegatives | kBeyondUInt64) ? arrow::decimal128(38, 0) : arrow::uint64();
}

/// Words that stand for a missing value. A cell that is none of them is recognized quickly.
class NullWords {
 public:
  explicit NullWords(const std::vector<std::string> &words) : words_(words) {
    for (const auto &word : words_) {
      longest_ = std::max(longest_, word.size());
      if (word.empty()) takes_empty_ = true;
      else begins_[static_cast<uint8_t>(word[0])] = true;
    }
  }

  bool contains(std::string_view text) const {
    if (text.empty()) return takes_empty_;
    if (text.size() > longest_ || !begins_[static_cast<uint8_t>(text[0])]) return false;
    for (const auto &word : words_)
      if (word == text) return true;
    return false;
  }

 private:
  std::vector<std::string> words_;
  size_t longest_ = 0;
  bool takes_empty_ = false;
  bool begins_[256] = {};
};

}  // namespace carrow
