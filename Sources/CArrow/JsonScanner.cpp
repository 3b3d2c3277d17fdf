#include "JsonScanner.h"

#include <cstring>

#include "Utf8.h"

namespace carrow {
namespace {

bool IsDigit(const char *at, const char *end) { return at < end && *at >= '0' && *at <= '9'; }

/// Bytes that end a run of plain characters in a string: quote, backslash, control characters.
struct Special {
  bool is[256] = {};
  constexpr Special() {
    for (int byte = 0; byte < 0x20; ++byte) is[byte] = true;
    is[static_cast<int>('"')] = is[static_cast<int>('\\')] = true;
  }
};
constexpr Special kSpecial;

int Hex(char byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

}  // namespace

bool JsonScanner::Word(const char *word, size_t size) {
  if (static_cast<size_t>(end_ - at_) < size || std::memcmp(at_, word, size) != 0) return false;
  at_ += size;
  return true;
}

bool JsonScanner::Open() {
  SkipBlanks();
  if (at_ == end_ || *at_ != '{') return Fail("a line of JSON Lines is an object, {\"name\": value, ...}");
  ++at_;
  return true;
}

bool JsonScanner::AtEnd() {
  SkipBlanks();
  return at_ == end_;
}

bool JsonScanner::Next(JsonToken *token) {
  SkipBlanks();
  if (at_ == end_) return Fail("the line breaks off: an object must stand on one line, as jq -c . writes it");
  switch (*at_) {
    case '"':
      token->kind = JsonKind::kString;
      return String(&token->text);
    case '[':
      token->kind = JsonKind::kArray;
      ++at_;
      return true;
    case '{':
      token->kind = JsonKind::kObject;
      ++at_;
      return true;
    case 't':
    case 'f': {
      const char *begin = at_;
      if (!Word("true", 4) && !Word("false", 5)) return Fail("a word that JSON does not know");
      token->kind = JsonKind::kBoolean;
      token->text = {begin, static_cast<size_t>(at_ - begin)};
      return true;
    }
    case 'n':
      if (!Word("null", 4)) return Fail("a word that JSON does not know");
      token->kind = JsonKind::kNull;
      return true;
    default:
      token->kind = JsonKind::kNumber;
      return Number(&token->text);
  }
}

bool JsonScanner::Number(std::string_view *text) {
  const char *begin = at_;
  const auto done = [&] {
    *text = {begin, static_cast<size_t>(at_ - begin)};
    return true;
  };
  if (*at_ == '-') ++at_;
  if (Word("NaN", 3) || Word("Infinity", 8) || Word("Inf", 3)) return done();
  if (!IsDigit(at_, end_)) return Fail("neither a value nor a string in quotes");
  if (*at_ == '0') {
    ++at_;
    if (IsDigit(at_, end_)) return Fail("a number that begins with 0");
  } else {
    while (IsDigit(at_, end_)) ++at_;
  }
  if (at_ < end_ && *at_ == '.') {
    ++at_;
    if (!IsDigit(at_, end_)) return Fail("a number without digits behind its point");
    while (IsDigit(at_, end_)) ++at_;
  }
  if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ < end_ && (*at_ == '-' || *at_ == '+')) ++at_;
    if (!IsDigit(at_, end_)) return Fail("a number without digits in its exponent");
    while (IsDigit(at_, end_)) ++at_;
  }
  return done();
}

bool JsonScanner::String(std::string_view *text) {
  const char *begin = ++at_;
  while (at_ < end_ && !kSpecial.is[static_cast<uint8_t>(*at_)]) ++at_;
  if (at_ == end_) return Fail("a string without its closing quote");
  if (*at_ == '\\') return Escaped(begin, text);
  if (*at_ != '"') return Fail("a control character in a string");
  *text = {begin, static_cast<size_t>(at_ - begin)};
  ++at_;
  return true;
}

bool JsonScanner::Escaped(const char *begin, std::string_view *text) {
  unescaped_.assign(begin, at_);
  while (at_ < end_ && *at_ != '"') {
    if (*at_ != '\\') {
      if (static_cast<uint8_t>(*at_) < 0x20) return Fail("a control character in a string");
      unescaped_.push_back(*at_++);
      continue;
    }
    if (++at_ == end_) break;
    const char kind = *at_++;
    switch (kind) {
      case '"': case '\\': case '/': unescaped_.push_back(kind); break;
      case 'b': unescaped_.push_back('\b'); break;
      case 'f': unescaped_.push_back('\f'); break;
      case 'n': unescaped_.push_back('\n'); break;
      case 'r': unescaped_.push_back('\r'); break;
      case 't': unescaped_.push_back('\t'); break;
      case 'u': {
        const auto unit = [&](uint32_t *code) {
          if (end_ - at_ < 4) return false;
          *code = 0;
          for (int i = 0; i < 4; ++i) {
            const int digit = Hex(*at_++);
            if (digit < 0) return false;
            *code = *code << 4 | static_cast<uint32_t>(digit);
          }
          return true;
        };
        uint32_t code = 0;
        if (!unit(&code)) return Fail("\\u without four hexadecimal digits");
        if (code >= 0xdc00 && code < 0xe000) return Fail("half a character: \\u of a low surrogate alone");
        if (code >= 0xd800 && code < 0xdc00) {
          uint32_t low = 0;
          if (end_ - at_ < 2 || at_[0] != '\\' || at_[1] != 'u') return Fail("half a character: \\u of a high surrogate alone");
          at_ += 2;
          if (!unit(&low) || low < 0xdc00 || low >= 0xe000) return Fail("half a character: \\u of a high surrogate alone");
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        AppendUtf8(code, &unescaped_);
        break;
      }
      default: return Fail("an escape that JSON does not know");
    }
  }
  if (at_ == end_) return Fail("a string without its closing quote");
  ++at_;
  *text = unescaped_;
  return true;
}

bool JsonScanner::Element(char closing, bool is_first, bool *has_more) {
  SkipBlanks();
  if (at_ == end_) return Fail("the line breaks off: an object must stand on one line, as jq -c . writes it");
  if (*at_ == closing) {
    ++at_;
    *has_more = false;
    return true;
  }
  *has_more = true;
  if (is_first) return true;
  if (*at_ != ',') return Fail(closing == '}' ? "neither a comma nor a closing brace" : "neither a comma nor a closing bracket");
  ++at_;
  return true;
}

bool JsonScanner::Key(std::string_view *key) {
  SkipBlanks();
  if (at_ == end_ || *at_ != '"') return Fail("a key without quotes");
  if (!String(key)) return false;
  SkipBlanks();
  if (at_ == end_ || *at_ != ':') return Fail("a key without a colon behind it");
  ++at_;
  return true;
}

bool JsonScanner::Enter() {
  if (++depth_ <= deepest_) return true;
  too_deep_ = "lists or objects in each other more than " + std::to_string(deepest_) + " deep";
  return FailBeyond(CARROW_LIMIT_NESTING, too_deep_.c_str());
}

bool JsonScanner::Skip(const JsonToken &token) {
  if (token.kind != JsonKind::kArray && token.kind != JsonKind::kObject) return true;
  if (!Enter()) return false;
  const bool is_object = token.kind == JsonKind::kObject;
  bool has_more = false;
  for (bool is_first = true;; is_first = false) {
    if (!Element(is_object ? '}' : ']', is_first, &has_more)) return false;
    if (!has_more) break;
    std::string_view key;
    JsonToken inner;
    if ((is_object && !Key(&key)) || !Next(&inner) || !Skip(inner)) return false;
  }
  Leave();
  return true;
}

}  // namespace carrow
