#include <arrow/util/compression.h>

#include <algorithm>
#include <cstring>

#include "Internal.h"
#include "Utf8.h"

namespace carrow {
namespace {

/// A stream that can only be read forwards.
class ForwardStream : public arrow::io::InputStream {
 public:
  using arrow::io::InputStream::Read;
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t count) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(count));
    ARROW_ASSIGN_OR_RAISE(const int64_t read, Read(count, buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(read));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }

 protected:
  int64_t position_ = 0;

 private:
  bool closed_ = false;
};

constexpr int64_t kChunk = 64 * 1024;

/// Gives the unpacked bytes of gzip members or zstd frames, one after the other. Like gzip(1), it skips zeros after the last member, which
/// tapes and block devices leave.
class UnpackedStream final : public ForwardStream {
 public:
  static arrow::Result<std::shared_ptr<UnpackedStream>> Make(std::shared_ptr<DescriptorFile> file, const CArrowReadOptions &options) {
    const auto type = options.compression == CARROW_GZIP ? arrow::Compression::GZIP : arrow::Compression::ZSTD;
    auto stream = std::shared_ptr<UnpackedStream>(new UnpackedStream(std::move(file), type, options));
    ARROW_ASSIGN_OR_RAISE(stream->codec_, arrow::util::Codec::Create(type));
    ARROW_ASSIGN_OR_RAISE(stream->decompressor_, stream->codec_->MakeDecompressor());
    return stream;
  }

  using ForwardStream::Read;
  arrow::Result<int64_t> Read(int64_t count, void *out) override {
    auto *target = static_cast<uint8_t *>(out);
    int64_t done = 0;
    while (done < count) {
      ARROW_RETURN_NOT_OK(Fill());
      if (is_between_) {
        ARROW_ASSIGN_OR_RAISE(const bool goes_on, StartMember());
        if (!goes_on) break;
      }
      auto step = decompressor_->Decompress(end_ - begin_, packed_ + begin_, count - done, target + done);
      if (!step.ok()) return Worded(step.status());
      begin_ += step->bytes_read;
      done += step->bytes_written;
      if (decompressor_->IsFinished()) {
        is_between_ = true;
      } else if (step->bytes_read == 0 && step->bytes_written == 0) {
        ARROW_RETURN_NOT_OK(Fill());
        if (begin_ == end_) return arrow::Status::Invalid("the compressed data is cut off");
        if (stuck_at_ == Offset()) return arrow::Status::Invalid("the compressed data is damaged");
        stuck_at_ = Offset();
      }
    }
    position_ += done;
    if (position_ > freely_ && position_ / most_ratio_ > Offset())
      return BeyondLimit(CARROW_LIMIT_COMPRESSION, Offset(), " compressed bytes unpack to ", position_, ": more than ", most_ratio_,
                         " times as many, as only repetition does; write the file without compression");
    return done;
  }

 private:
  UnpackedStream(std::shared_ptr<DescriptorFile> file, arrow::Compression::type type, const CArrowReadOptions &options)
      : file_(std::move(file)),
        is_gzip_(type == arrow::Compression::GZIP),
        freely_(options.unpacked_freely),
        most_ratio_(options.most_ratio) {}

  int64_t Offset() const { return file_position_ - (end_ - begin_); }

  /// Reads more bytes if none are left.
  arrow::Status Fill() {
    if (begin_ < end_) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(end_, file_->ReadAt(file_position_, kChunk, packed_));
    begin_ = 0;
    file_position_ += end_;
    return arrow::Status::OK();
  }

  /// Returns whether there is another member.
  arrow::Result<bool> StartMember() {
    if (!has_member_) {
      has_member_ = true;
    } else {
      bool is_padded = false;
      while (is_gzip_ && begin_ < end_ && packed_[begin_] == 0) {
        is_padded = true;
        ++begin_;
        ARROW_RETURN_NOT_OK(Fill());
      }
      if (begin_ == end_) return false;
      if (is_gzip_ && (is_padded || packed_[begin_] != 0x1f))
        return arrow::Status::Invalid("other data follows the gzip data at byte ", Offset(), ": write the file again");
      ARROW_RETURN_NOT_OK(decompressor_->Reset());
    }
    is_between_ = false;
    return true;
  }

  static arrow::Status Worded(const arrow::Status &status) {
    if (status.message().find("requires too much memory") == std::string::npos) return status;
    return arrow::Status::NotImplemented(
        "zstd data with a window of more than 128 MiB, as zstd --ultra or --long=31 writes it: compress it with zstd --long=27 or "
        "without --long");
  }

  std::shared_ptr<DescriptorFile> file_;
  const bool is_gzip_;
  const int64_t freely_, most_ratio_;
  std::unique_ptr<arrow::util::Codec> codec_;
  std::shared_ptr<arrow::util::Decompressor> decompressor_;
  int64_t file_position_ = 0, begin_ = 0, end_ = 0, stuck_at_ = -1;
  /// `is_between_` is true before the first member and after each one; `has_member_` is true once the first one has started.
  bool is_between_ = true, has_member_ = false;
  uint8_t packed_[kChunk];
};

/// Translates text, chunk by chunk.
class Translation {
 public:
  virtual ~Translation() = default;
  /// Appends the translation of `text`. The part that depends on later bytes is kept.
  virtual arrow::Status Take(const uint8_t *text, int64_t count, std::string *out) = 0;
  /// Appends what was kept.
  virtual arrow::Status Finish(std::string *) { return arrow::Status::OK(); }
};

class TranslatedStream final : public ForwardStream {
 public:
  TranslatedStream(std::shared_ptr<arrow::io::InputStream> source, std::unique_ptr<Translation> translation)
      : source_(std::move(source)), translation_(std::move(translation)) {}

  using ForwardStream::Read;
  arrow::Result<int64_t> Read(int64_t count, void *out) override {
    int64_t done = 0;
    while (done < count) {
      if (begin_ == ready_.size()) {
        if (is_at_end_) break;
        ready_.clear();
        begin_ = 0;
        ARROW_ASSIGN_OR_RAISE(const int64_t read, source_->Read(kChunk, given_));
        is_at_end_ = read == 0;
        ARROW_RETURN_NOT_OK(is_at_end_ ? translation_->Finish(&ready_) : translation_->Take(given_, read, &ready_));
        continue;
      }
      const size_t step = std::min(ready_.size() - begin_, static_cast<size_t>(count - done));
      std::memcpy(static_cast<uint8_t *>(out) + done, ready_.data() + begin_, step);
      begin_ += step;
      done += static_cast<int64_t>(step);
    }
    position_ += done;
    return done;
  }

 private:
  std::shared_ptr<arrow::io::InputStream> source_;
  std::unique_ptr<Translation> translation_;
  std::string ready_;
  size_t begin_ = 0;
  bool is_at_end_ = false;
  uint8_t given_[kChunk];
};

/// Translates ISO 8859-1, whose bytes are the first 256 characters of Unicode, or Windows-1252, which differs from 0x80 to 0x9f.
class FromLatin final : public Translation {
 public:
  explicit FromLatin(bool is_windows) : is_windows_(is_windows) {}

  arrow::Status Take(const uint8_t *text, int64_t count, std::string *out) override {
    static constexpr uint16_t windows[32] = {0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160,
                                             0x2039, 0x152,  0x8d,   0x17d,  0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
                                             0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e, 0x178};
    for (int64_t i = 0; i < count; ++i)
      AppendUtf8(is_windows_ && text[i] >= 0x80 && text[i] < 0xa0 ? windows[text[i] - 0x80] : text[i], out);
    return arrow::Status::OK();
  }

 private:
  const bool is_windows_;
};

/// Translates UTF-16 in the byte order of its mark; without a mark, the order is the one that gives a zero byte in the first character, as
/// all ASCII has one.
class FromUtf16 final : public Translation {
 public:
  arrow::Status Take(const uint8_t *text, int64_t count, std::string *out) override {
    for (int64_t i = 0; i < count; ++i) {
      if (!has_half_) {
        half_ = text[i];
        has_half_ = true;
        continue;
      }
      has_half_ = false;
      if (!is_started_) {
        is_started_ = true;
        is_big_endian_ = (half_ == 0xfe && text[i] == 0xff) || half_ == 0;
        if (Unit(half_, text[i]) == 0xfeff) continue;
      }
      ARROW_RETURN_NOT_OK(Add(Unit(half_, text[i]), out));
    }
    return arrow::Status::OK();
  }

  arrow::Status Finish(std::string *) override {
    if (has_half_ || high_ != 0) return arrow::Status::Invalid("UTF-16 text that breaks off in a character");
    return arrow::Status::OK();
  }

 private:
  uint32_t Unit(uint8_t first, uint8_t second) const {
    return is_big_endian_ ? static_cast<uint32_t>(first << 8 | second) : static_cast<uint32_t>(second << 8 | first);
  }

  arrow::Status Add(uint32_t unit, std::string *out) {
    const bool is_low = unit >= 0xdc00 && unit < 0xe000;
    if (is_low != (high_ != 0)) return arrow::Status::Invalid("not UTF-16 text: half of a surrogate pair stands alone");
    if (unit >= 0xd800 && unit < 0xdc00) {
      high_ = unit;
    } else if (is_low) {
      AppendUtf8(0x10000 + ((high_ - 0xd800) << 10) + (unit - 0xdc00), out);
      high_ = 0;
    } else {
      AppendUtf8(unit, out);
    }
    return arrow::Status::OK();
  }

  bool has_half_ = false, is_started_ = false, is_big_endian_ = false;
  uint8_t half_ = 0;
  uint32_t high_ = 0;
};

/// Translates CSV with an escape before quotes, and before itself, in quoted cells into CSV with doubled quotes. Cells without quotes stay
/// as they are: Spark writes and reads them so.
class FromEscaped final : public Translation {
 public:
  FromEscaped(char quote, char escape, char delimiter) : quote_(quote), escape_(escape), delimiter_(delimiter) {}

  arrow::Status Take(const uint8_t *text, int64_t count, std::string *out) override {
    out->reserve(out->size() + static_cast<size_t>(count) + 1);
    for (int64_t i = 0; i < count; ++i) {
      const char byte = static_cast<char>(text[i]);
      switch (state_) {
        case State::kStart:
        case State::kPlain:
          if (state_ == State::kStart && byte == quote_) {
            state_ = State::kQuoted;
          } else {
            state_ = byte == delimiter_ || byte == '\n' || byte == '\r' ? State::kStart : State::kPlain;
          }
          break;
        case State::kQuoted:
          if (byte == escape_) {
            state_ = State::kEscaped;
            continue;
          }
          if (byte == quote_) state_ = State::kClosed;
          break;
        case State::kEscaped:
          state_ = State::kQuoted;
          if (byte == quote_) {
            out->push_back(quote_);
          } else if (byte != escape_) {
            out->push_back(escape_);
          }
          break;
        case State::kClosed:
          // A doubled quote goes on with the cell.
          state_ = byte == quote_ ? State::kQuoted : byte == delimiter_ || byte == '\n' || byte == '\r' ? State::kStart : State::kPlain;
          break;
      }
      out->push_back(byte);
    }
    return arrow::Status::OK();
  }

  arrow::Status Finish(std::string *out) override {
    if (state_ == State::kEscaped) out->push_back(escape_);
    return arrow::Status::OK();
  }

 private:
  enum class State { kStart, kPlain, kQuoted, kEscaped, kClosed };
  const char quote_, escape_, delimiter_;
  State state_ = State::kStart;
};

std::shared_ptr<arrow::io::InputStream> Translated(std::shared_ptr<arrow::io::InputStream> stream,
                                                   std::unique_ptr<Translation> translation) {
  return std::make_shared<TranslatedStream>(std::move(stream), std::move(translation));
}

arrow::Result<std::shared_ptr<arrow::io::InputStream>> PlainStream(const CArrowReadOptions &options,
                                                                   const std::shared_ptr<DescriptorFile> &file) {
  if (options.compression == CARROW_UNCOMPRESSED) return std::shared_ptr<arrow::io::InputStream>(file);
  return UnpackedStream::Make(file, options);
}

arrow::Status CheckHead(const CArrowReadOptions &options, DescriptorFile &file) {
  uint8_t head[8] = {0};
  ARROW_ASSIGN_OR_RAISE(const int64_t count, file.ReadAt(0, sizeof head, head));
  const auto begins = [&](const char *magic, int64_t size) {
    return count >= size && std::memcmp(head, magic, static_cast<size_t>(size)) == 0;
  };
  // JSON Lines without a line is a table without rows; CSV has at least a header.
  if (count == 0 && (options.format != CARROW_JSON_LINES || options.compression != CARROW_UNCOMPRESSED))
    return arrow::Status::Invalid("the file is empty");
  const bool gzip = begins("\x1f\x8b", 2), zstd = begins("\x28\xb5\x2f\xfd", 4);
  if (options.compression == CARROW_GZIP && !gzip) return arrow::Status::Invalid("not gzip, although its name says so");
  if (options.compression == CARROW_ZSTD && !zstd && !begins("\x2a\x4d\x18", 3) && (head[0] & 0xf0) != 0x50)
    return arrow::Status::Invalid("not zstd, although its name says so");
  if (options.compression != CARROW_UNCOMPRESSED) return arrow::Status::OK();
  if (gzip) return arrow::Status::Invalid("gzip data in a file whose name does not end in .gz");
  if (zstd) return arrow::Status::Invalid("zstd data in a file whose name does not end in .zst");
  if (begins("PAR1", 4)) return arrow::Status::Invalid("a Parquet file under a name for text");
  if (begins("PK\x03\x04", 4))
    return arrow::Status::Invalid("a ZIP archive, such as an Excel workbook, under a name for text: save the table as CSV");
  if (begins("ARROW1", 6)) return arrow::Status::Invalid("an Arrow file under a name for text");
  return arrow::Status::OK();
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::io::InputStream>> TextStream(const CArrowReadOptions &options,
                                                                  const std::shared_ptr<DescriptorFile> &file) {
  ARROW_RETURN_NOT_OK(CheckHead(options, *file));
  uint8_t head[3] = {0};
  int64_t count = 0;
  {
    // The mark is looked for by a stream of its own: the one that is read starts at the beginning.
    ARROW_ASSIGN_OR_RAISE(const auto stream, PlainStream(options, file));
    ARROW_ASSIGN_OR_RAISE(count, stream->Read(sizeof head, head));
  }
  ARROW_RETURN_NOT_OK(file->Seek(0));
  ARROW_ASSIGN_OR_RAISE(auto stream, options.has_range
                                         ? arrow::io::RandomAccessFile::GetStream(file, options.range_begin,
                                                                                  options.range_end - options.range_begin)
                                         : PlainStream(options, file));
  // A byte-order mark of this file overrides the pipeline, which speaks of all files.
  int32_t encoding = options.format == CARROW_CSV ? options.encoding : CARROW_UTF8;
  if (count >= 2 && ((head[0] == 0xff && head[1] == 0xfe) || (head[0] == 0xfe && head[1] == 0xff))) encoding = CARROW_UTF16;
  if (count == 3 && head[0] == 0xef && head[1] == 0xbb && head[2] == 0xbf) encoding = CARROW_UTF8;
  if (encoding == CARROW_UTF16) stream = Translated(std::move(stream), std::make_unique<FromUtf16>());
  if (encoding == CARROW_LATIN1 || encoding == CARROW_WINDOWS_1252)
    stream = Translated(std::move(stream), std::make_unique<FromLatin>(encoding == CARROW_WINDOWS_1252));
  if (options.format == CARROW_CSV && options.quote != 0 && options.escape != 0 && options.escape != options.quote) {
    const char delimiter = options.delimiter;
    stream = Translated(std::move(stream), std::make_unique<FromEscaped>(options.quote, options.escape, delimiter));
  }
  return stream;
}

}  // namespace carrow
