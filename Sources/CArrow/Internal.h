#pragma once

#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <arrow/util/future.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "CArrow.h"

namespace carrow {

/// Where in a file an error lies, beside the status that says what it is.
struct Place {
  int64_t row = 0;
  int32_t column = -1;
  /// One of CARROW_FLAW_*, and the format string of the type that a value does not fit.
  int32_t flaw = 0;
  std::string type;
  /// The first row before it, among those read together, that has no value in this column.
  int64_t missing_row = 0;
  /// What cells of the file hold, which the status does not tell.
  std::string cells;
};

/// An errno, or 0, that a file operation left behind; set once.
struct SystemFailure {
  int code = 0;
};

void report(const arrow::Status &status, const Place &place, int system_error, CArrowError *error) noexcept;

/// Runs `body` (Status()), turning every exception into an error. `place` is what the body leaves behind about where it failed.
template <typename Body>
int32_t guarded(CArrowError *error, Body &&body, const Place *place = nullptr) noexcept {
  try {
    const arrow::Status status = body();
    if (status.ok()) return 0;
    report(status, place != nullptr ? *place : Place{}, 0, error);
  } catch (const std::bad_alloc &) {
    report(arrow::Status::OutOfMemory("out of memory"), Place{}, 0, error);
  } catch (const std::exception &failure) {
    report(arrow::Status::Invalid(failure.what()), Place{}, 0, error);
  } catch (...) {
    report(arrow::Status::UnknownError("unknown failure"), Place{}, 0, error);
  }
  return -1;
}

/// A regular file read by pread only; asynchronous reads are answered at once, so that no thread pool starts.
class DescriptorFile final : public arrow::io::RandomAccessFile {
 public:
  static arrow::Result<std::shared_ptr<DescriptorFile>> Make(int descriptor, std::shared_ptr<SystemFailure> failure);

  arrow::Status Close() override;
  bool closed() const override { return closed_; }
  /// Of a small file, which was read at once.
  bool is_in_memory() const { return whole_ != nullptr; }
  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Status Seek(int64_t position) override;
  arrow::Result<int64_t> GetSize() override { return size_; }
  arrow::Result<int64_t> Read(int64_t count, void *out) override;
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t count) override;
  arrow::Result<int64_t> ReadAt(int64_t position, int64_t count, void *out) override;
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t count) override;
  arrow::Future<std::shared_ptr<arrow::Buffer>> ReadAsync(const arrow::io::IOContext &, int64_t position,
                                                          int64_t count) override;

 private:
  DescriptorFile(int descriptor, int64_t size, std::shared_ptr<SystemFailure> failure)
      : descriptor_(descriptor), size_(size), failure_(std::move(failure)) {}

  int descriptor_;
  int64_t size_;
  int64_t position_ = 0;
  bool closed_ = false;
  std::shared_ptr<arrow::Buffer> whole_;  // of a small file
  std::shared_ptr<SystemFailure> failure_;
};

/// Appends to a descriptor through a buffer of its own; Close flushes and leaves the descriptor open.
class DescriptorSink final : public arrow::io::OutputStream {
 public:
  DescriptorSink(const CArrowWriteOptions &options, std::shared_ptr<SystemFailure> failure)
      : descriptor_(options.descriptor),
        appended_(options.appended),
        context_(options.appended_context),
        failure_(std::move(failure)) {}
  ~DescriptorSink() override = default;

  arrow::Status Close() override;
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return position_; }
  using arrow::io::OutputStream::Write;
  arrow::Status Write(const void *data, int64_t count) override;
  arrow::Status Flush() override;

 private:
  arrow::Status WriteOut(const uint8_t *data, int64_t count);

  int descriptor_;
  void (*appended_)(void *, const void *, int64_t);
  void *context_;
  int64_t position_ = 0;
  bool closed_ = false;
  std::vector<uint8_t> pending_;
  std::shared_ptr<SystemFailure> failure_;
};

/// Says how a selected column of text is read.
struct Wanted {
  /// The type to read; null means the type that the schema says.
  std::shared_ptr<arrow::DataType> type;
  /// Null words are missing values in a column of text too.
  bool words_are_missing = false;
  /// The type is that of the lists' elements.
  bool is_element = false;
};

/// Convert between a type without children and its Arrow format string.
arrow::Result<std::shared_ptr<arrow::DataType>> TypeOf(const char *format);
std::string FormatOf(const arrow::DataType &type);

/// Arrow's own null words, or those that the caller gives.
std::vector<std::string> NullWordsOf(const char *const *words, int32_t count);

/// One file as a sequence of batches. `place` says where the last error lies.
class Source {
 public:
  virtual ~Source() = default;
  virtual std::shared_ptr<arrow::Schema> schema() const = 0;
  virtual arrow::Status Select(const std::vector<int> &columns, const std::vector<Wanted> &wanted) = 0;
  /// Whether the schema describes the whole file.
  virtual bool is_surveyed() const { return true; }
  virtual arrow::Status Survey() { return arrow::Status::OK(); }
  /// Null at the end.
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next() = 0;
  /// Returns whether it is known from the start that there are no rows.
  virtual bool HasNoRows() const { return false; }
  /// Returns the places that enclose ranges of about `target` bytes each, or none where the file is read in one go.
  virtual arrow::Result<std::vector<int64_t>> Cut(int64_t) { return std::vector<int64_t>(); }

  Place place;
};

/// A file that stores its rows in batches, of which a range takes some rows.
class StoredSource : public Source {
 public:
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next() final {
    while (rows_wanted_ > 0) {
      ARROW_ASSIGN_OR_RAISE(auto batch, NextStored());
      if (!batch) return batch;
      const int64_t skipped = std::min(rows_before_, batch->num_rows());
      rows_before_ -= skipped;
      const int64_t rows = std::min(batch->num_rows() - skipped, rows_wanted_);
      if (rows == 0 && skipped > 0) continue;
      rows_wanted_ -= rows;
      return rows == batch->num_rows() ? batch : batch->Slice(skipped, rows);
    }
    return std::shared_ptr<arrow::RecordBatch>();
  }

 protected:
  /// Returns the next rows that are stored; null at the end.
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatch>> NextStored() = 0;

  /// Of the rows that `NextStored` gives, the first `rows_before_` are passed over, and `rows_wanted_` are given.
  int64_t rows_before_ = 0, rows_wanted_ = std::numeric_limits<int64_t>::max();
};

/// Says of a status which limit the file goes beyond.
class LimitDetail final : public arrow::StatusDetail {
 public:
  explicit LimitDetail(int32_t limit) : limit(limit) {}
  const char *type_id() const override { return kTypeId; }
  std::string ToString() const override { return "limit " + std::to_string(limit); }
  /// Returns one of CARROW_LIMIT_*, or 0 where the status is about no limit.
  static int32_t Of(const arrow::Status &status);

  const int32_t limit;

 private:
  static constexpr const char *kTypeId = "carrow::LimitDetail";
};

/// The refusal of a file that goes beyond `limit`, one of CARROW_LIMIT_*.
template <typename... Parts>
arrow::Status BeyondLimit(int32_t limit, Parts &&...parts) {
  return arrow::Status::FromDetailAndArgs(arrow::StatusCode::NotImplemented, std::make_shared<LimitDetail>(limit),
                                          std::forward<Parts>(parts)...);
}

/// Refuses a file of more columns than a table may have.
arrow::Status TooManyColumns(int64_t count, int64_t most);
/// Refuses text that goes on without rows.
arrow::Status TooBlank(int64_t most);
/// Refuses a schema of too many columns, or of types that are nested too deeply.
arrow::Status CheckShape(const arrow::Schema &schema, const CArrowReadOptions &options);
/// Returns the pool of what a file unpacks to, with a limit; it lives as long as the process.
arrow::MemoryPool *LimitedPool(arrow::MemoryPool *pool, const CArrowReadOptions &options);

/// Opens the text that text formats read: the file's text as UTF-8, unpacked, decoded from its encoding, and with escaped quotes of CSV
/// doubled.
arrow::Result<std::shared_ptr<arrow::io::InputStream>> TextStream(const CArrowReadOptions &options,
                                                                  const std::shared_ptr<DescriptorFile> &file);

/// Rows that a file stores together.
struct StoredRows {
  int64_t rows, bytes;
};

/// What all ranges of a file have to read again does not matter up to this size.
constexpr int64_t kSmallOverhead = 64 * 1024;

/// Returns the numbers of rows at which a file of such parts is cut into ranges of about `target` bytes, or none for fewer than two ranges.
std::vector<int64_t> CutStored(const std::vector<StoredRows> &parts, int64_t target);
/// Returns the bytes at which a text file is cut into ranges of whole rows, or none where that is not possible.
arrow::Result<std::vector<int64_t>> CutText(const CArrowReadOptions &options, DescriptorFile *file, int64_t target);

arrow::Result<std::unique_ptr<Source>> OpenCsv(const CArrowReadOptions &options, const std::shared_ptr<DescriptorFile> &file,
                                               Place *place);
arrow::Result<std::unique_ptr<Source>> OpenJsonLines(const CArrowReadOptions &options,
                                                     const std::shared_ptr<DescriptorFile> &file, Place *place);
arrow::Result<std::unique_ptr<Source>> OpenParquet(const CArrowReadOptions &options,
                                                   const std::shared_ptr<DescriptorFile> &file);
arrow::Result<std::unique_ptr<Source>> OpenIpc(const CArrowReadOptions &options, const std::shared_ptr<DescriptorFile> &file);

}  // namespace carrow
