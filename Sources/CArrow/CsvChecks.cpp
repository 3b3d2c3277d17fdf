#include "CsvChecks.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace carrow {
namespace {

bool IsNumber(std::string_view cell, char decimal_point) {
  std::string text(cell);
  text.erase(0, text.find_first_not_of(" \t"));
  text.erase(text.find_last_not_of(" \t") + 1);
  if (decimal_point != '.') std::replace(text.begin(), text.end(), decimal_point, '.');
  // strtod also takes words ("nan", "infinity") and hexadecimal numbers, which may be names.
  if (text.empty() || text.find_first_not_of("0123456789.eE+-") != std::string::npos ||
      text.find_first_of("0123456789") == std::string::npos)
    return false;
  char *end = nullptr;
  std::strtod(text.c_str(), &end);
  return *end == 0;
}

bool IsMissing(std::string_view cell, const std::vector<std::string> &null_words) {
  if (cell.find_first_not_of(" \t") == std::string_view::npos) return true;
  if (std::find(null_words.begin(), null_words.end(), cell) != null_words.end()) return true;
  std::string word(cell);
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return word == "nan" || word == "inf" || word == "-inf";
}

bool IsCountFromZero(std::vector<std::string>::const_iterator first, std::vector<std::string>::const_iterator last) {
  for (size_t number = 0; first != last; ++first, ++number)
    if (*first != std::to_string(number)) return false;
  return true;
}

bool EndsCell(char byte, char delimiter) { return byte == delimiter || byte == '\n' || byte == '\r'; }

}  // namespace

bool IsRowOfNumbers(const std::vector<std::string> &cells, const std::vector<std::string> &null_words, char decimal_point) {
  bool has_number = false;
  for (const auto &cell : cells) {
    if (IsNumber(cell, decimal_point)) {
      has_number = true;
    } else if (!IsMissing(cell, null_words)) {
      return false;
    }
  }
  if (!has_number) return false;
  return !IsCountFromZero(cells.begin() + (cells.front().empty() ? 1 : 0), cells.end());
}

size_t FindTextAfterQuote(std::string_view text, char quote, char delimiter) {
  bool is_quoted = false;
  for (size_t at = 0; at < text.size();) {
    const auto *found = static_cast<const char *>(std::memchr(text.data() + at, quote, text.size() - at));
    if (found == nullptr) break;
    at = static_cast<size_t>(found - text.data());
    if (!is_quoted) {
      // Only a quote that begins a cell means something.
      is_quoted = at == 0 || EndsCell(text[at - 1], delimiter);
      ++at;
      continue;
    }
    if (at + 1 < text.size() && text[at + 1] == quote) {
      at += 2;
      continue;
    }
    size_t next = at + 1;
    while (next < text.size() && text[next] == ' ') ++next;
    if (next < text.size() && !EndsCell(text[next], delimiter)) return next;
    is_quoted = false;
    at = next;
  }
  return std::string_view::npos;
}

int64_t RowsBefore(std::string_view text, size_t position, char quote, char delimiter) {
  int64_t rows = 0;
  bool is_quoted = false, is_blank = true;
  for (size_t at = 0; at < position; ++at) {
    const char byte = text[at];
    if (byte == quote) {
      if (is_quoted) {
        is_quoted = false;
      } else {
        // The second of two quotes inside a cell opens it again.
        is_quoted = at == 0 || EndsCell(text[at - 1], delimiter) || text[at - 1] == quote;
      }
    }
    if (!is_quoted && (byte == '\n' || byte == '\r')) {
      if (!is_blank) ++rows;
      is_blank = true;
    } else {
      is_blank = false;
    }
  }
  return rows;
}

}  // namespace carrow
