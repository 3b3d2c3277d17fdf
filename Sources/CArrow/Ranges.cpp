#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <cstring>
#include <string_view>

#include "Internal.h"

namespace carrow {
namespace {

/// Returns a bit for each of 64 bytes: whether it is `wanted`.
uint64_t Bits(const char *bytes, char wanted) {
  uint64_t bits = 0;
#ifdef __SSE2__
  const __m128i all = _mm_set1_epi8(wanted);
  for (int part = 0; part < 4; ++part) {
    const __m128i read = _mm_loadu_si128(reinterpret_cast<const __m128i *>(bytes) + part);
    bits |= static_cast<uint64_t>(static_cast<uint16_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(read, all)))) << (16 * part);
  }
#else
  for (int at = 0; at < 64; ++at) bits |= static_cast<uint64_t>(bytes[at] == wanted) << at;
#endif
  return bits;
}

/// Returns a bit for each bit: whether it and those below it are an odd number of ones.
uint64_t Parity(uint64_t bits) {
  for (int step = 1; step < 64; step *= 2) bits ^= bits << step;
  return bits;
}

/// Finds the ends of rows in a text file, going forwards. Like Arrow's reader of CSV, it takes a quote for one only where it begins a cell;
/// text after a closing quote is refused when it is read.
class RowEnds {
 public:
  /// - quote: 0 where quotes mean nothing. - returns: whether a carriage return alone ends a row.
  RowEnds(DescriptorFile *file, int64_t size, int64_t begin, char quote, char delimiter, bool returns)
      : file_(file), size_(size), quote_(quote), delimiter_(delimiter), returns_(returns), at_(begin), begin_(begin), end_(begin) {}

  /// Returns the place behind the first line end of a row that stands at `place` or behind it; the file's size where there is none.
  arrow::Result<int64_t> EndFrom(int64_t place) {
    if (quote_ == 0 && place > at_) {
      at_ = place;
      if (at_ >= end_) begin_ = end_ = at_;
    }
    while (true) {
      if (at_ == end_) ARROW_RETURN_NOT_OK(Refill());
      if (at_ == end_) return size_;
      if (quote_ != 0) SkipBlocks(place);
      if (at_ == end_) continue;
      const char *stop = quote_ == 0 ? nullptr : static_cast<const char *>(std::memchr(At(at_), quote_, static_cast<size_t>(end_ - at_)));
      const int64_t quote_at = stop == nullptr ? end_ : begin_ + (stop - window_);
      if (is_quoted_) {
        at_ = quote_at;
        if (at_ == end_) continue;
        // A second quote goes on with the cell.
        if (NeedsNext()) {
          ARROW_RETURN_NOT_OK(Refill());
          if (end_ - at_ < 2) return size_;
          continue;
        }
        is_quoted_ = at_ + 1 < end_ && *At(at_ + 1) == quote_;
        at_ += is_quoted_ ? 2 : 1;
        continue;
      }
      if (quote_at > place) {
        if (const int64_t line = LineEnd(std::max(at_, place), quote_at); line < quote_at) {
          at_ = line;
          if (*At(at_) == '\r' && NeedsNext()) {
            ARROW_RETURN_NOT_OK(Refill());
            if (end_ - at_ < 2) return size_;
            continue;
          }
          at_ += *At(at_) == '\r' && at_ + 1 < end_ && *At(at_ + 1) == '\n' ? 2 : 1;
          return at_;
        }
      }
      at_ = quote_at;
      if (at_ == end_) continue;
      is_quoted_ = IsAtCellStart();
      ++at_;
    }
  }

 private:
  /// Passes over 64 bytes at a time in front of `place`, as long as all quotes there are the first of a cell, its last, or doubled.
  void SkipBlocks(int64_t place) {
    for (const int64_t last = std::min(end_, place) - 64; at_ <= last;) {
      const uint64_t quotes = Bits(At(at_), quote_);
      if (quotes == 0) {
        at_ += 64;
        continue;
      }
      const uint64_t inside = Parity(quotes) ^ (is_quoted_ ? ~uint64_t{0} : 0), opening = quotes & inside, closing = quotes & ~inside;
      const uint64_t ends = Bits(At(at_), delimiter_) | Bits(At(at_), '\n') | Bits(At(at_), '\r');
      if ((opening & ~((ends | closing) << 1 | (IsAtCellStart() ? 1 : 0))) != 0) return;
      // Whether a quote that closes is the first of two, the byte behind it says.
      const bool is_cut = closing >> 63 != 0;
      is_quoted_ = is_cut || inside >> 63 != 0;
      at_ += is_cut ? 63 : 64;
    }
  }

  bool IsAtCellStart() const {
    const char before = at_ > begin_ ? *At(at_ - 1) : before_;
    return before == delimiter_ || before == '\n' || before == '\r';
  }

  const char *At(int64_t place) const { return window_ + (place - begin_); }
  /// Whether the byte behind `at_` is in the file and not in the window.
  bool NeedsNext() const { return at_ + 1 == end_ && end_ < size_; }

  int64_t LineEnd(int64_t from, int64_t to) const {
    while (from < to && *At(from) != '\n' && !(returns_ && *At(from) == '\r')) ++from;
    return from;
  }

  /// Moves the window, so that it begins at `at_`.
  arrow::Status Refill() {
    if (at_ > begin_) before_ = *At(at_ - 1);
    begin_ = at_;
    ARROW_ASSIGN_OR_RAISE(const int64_t read, file_->ReadAt(begin_, std::min<int64_t>(sizeof window_, size_ - begin_), window_));
    end_ = begin_ + read;
    return arrow::Status::OK();
  }

  DescriptorFile *file_;
  const int64_t size_;
  const char quote_, delimiter_;
  const bool returns_;
  bool is_quoted_ = false;
  /// The next byte to look at, and the bytes of the window.
  int64_t at_, begin_, end_;
  /// The byte in front of the window; the file begins with a row.
  char before_ = '\n';
  char window_[256 * 1024];
};

/// Returns the first place from `begin` to `end` that is not a blank or a line end.
arrow::Result<int64_t> BehindBlanks(DescriptorFile *file, int64_t begin, int64_t end, const char *blanks) {
  char window[4096];
  while (begin < end) {
    ARROW_ASSIGN_OR_RAISE(const int64_t read, file->ReadAt(begin, std::min<int64_t>(sizeof window, end - begin), window));
    if (read == 0) break;
    const size_t at = std::string_view(window, static_cast<size_t>(read)).find_first_not_of(blanks);
    if (at != std::string_view::npos) return begin + static_cast<int64_t>(at);
    begin += read;
  }
  return end;
}

int64_t PlaceOf(int64_t range, int64_t ranges, int64_t size) {
  return static_cast<int64_t>(static_cast<__int128>(size) * range / ranges);
}

}  // namespace

std::vector<int64_t> CutStored(const std::vector<StoredRows> &parts, int64_t target) {
  int64_t size = 0, bytes = 0, rows = 0, next = 1;
  for (const auto &part : parts) size += part.bytes;
  const int64_t ranges = size / target;
  std::vector<int64_t> places{0};
  if (ranges < 2) return {};
  for (const auto &part : parts) {
    bytes += part.bytes;
    rows += part.rows;
    if (rows == places.back() || bytes < PlaceOf(next, ranges, size)) continue;
    places.push_back(rows);
    while (next < ranges && PlaceOf(next, ranges, size) <= bytes) ++next;
  }
  if (rows > places.back()) places.push_back(rows);
  if (places.size() < 3) places.clear();
  return places;
}

arrow::Result<std::vector<int64_t>> CutText(const CArrowReadOptions &options, DescriptorFile *file, int64_t target) {
  const bool is_csv = options.format == CARROW_CSV;
  std::vector<int64_t> places;
  // In these, a byte does not say whether it ends a row.
  if (options.compression != CARROW_UNCOMPRESSED || (is_csv && options.encoding == CARROW_UTF16)) return places;
  if (is_csv && options.escape != 0 && options.escape != options.quote) return places;
  ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
  if (size / target < 2) return places;
  uint8_t head[3] = {0};
  ARROW_RETURN_NOT_OK(file->ReadAt(0, sizeof head, head));
  if ((head[0] == 0xff && head[1] == 0xfe) || (head[0] == 0xfe && head[1] == 0xff)) return places;

  int64_t begin = head[0] == 0xef && head[1] == 0xbb && head[2] == 0xbf ? 3 : 0;
  if (is_csv) {
    ARROW_ASSIGN_OR_RAISE(begin, BehindBlanks(file, begin, size, "\r\n"));
  }
  const auto ends = std::make_unique<RowEnds>(file, size, begin, is_csv ? options.quote : '\0', options.delimiter, is_csv);
  if (is_csv && options.has_header) {
    ARROW_ASSIGN_OR_RAISE(begin, ends->EndFrom(begin));
  }
  const int64_t ranges = (size - begin) / target;
  if (ranges < 2) return places;
  std::vector<int64_t> all{begin};
  for (int64_t range = 1; range < ranges && all.back() < size; ++range) {
    const int64_t place = begin + PlaceOf(range, ranges, size - begin);
    if (place <= all.back()) continue;
    ARROW_ASSIGN_OR_RAISE(const int64_t end, ends->EndFrom(place));
    all.push_back(end);
  }
  if (all.back() < size) all.push_back(size);
  // A range of nothing but blank lines goes together with both beside it, so that the limit of such lines counts all of them.
  std::vector<bool> is_dropped(all.size());
  for (size_t at = 0; at + 1 < all.size(); ++at) {
    ARROW_ASSIGN_OR_RAISE(const int64_t text, BehindBlanks(file, all[at], all[at + 1], " \t\r\n"));
    if (text == all[at + 1]) is_dropped[at] = is_dropped[at + 1] = true;
  }
  for (size_t at = 0; at < all.size(); ++at)
    if (!is_dropped[at] || at == 0 || at + 1 == all.size()) places.push_back(all[at]);
  if (places.size() < 3) places.clear();
  return places;
}

}  // namespace carrow
