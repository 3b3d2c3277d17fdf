#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "Internal.h"
#include "TextColumn.h"

namespace carrow {
namespace {

/// Messages may quote the file's own bytes: only printable ASCII passes, the rest becomes "?". UTF-8 is shown in any script where
/// `shows_all`.
void CopyPrintable(const std::string &from, bool shows_all, char *to, size_t size) {
  size_t length = 0;
  for (const unsigned char byte : from) {
    if (length == size - 1) break;
    to[length++] = (byte >= 0x20 && byte < 0x7f) || (shows_all && byte >= 0x80) ? static_cast<char>(byte) : byte == '\n' ? ' ' : '?';
  }
}

}  // namespace

void report(const arrow::Status &status, const Place &place, int system_error, CArrowError *error) noexcept {
  if (error == nullptr) return;
  std::memset(error, 0, sizeof *error);
  error->row = place.row;
  error->column = place.column;
  error->system_error = system_error;
  error->flaw = place.flaw;
  error->missing_row = place.missing_row;
  std::strncpy(error->type, place.type.c_str(), sizeof error->type - 1);
  if (system_error != 0) {
    error->code = CARROW_SYSTEM;
  } else if (status.IsOutOfMemory() || status.IsCapacityError()) {
    error->code = CARROW_OUT_OF_MEMORY;
  } else if (const int32_t limit = LimitDetail::Of(status); limit != 0) {
    error->code = CARROW_LIMIT;
    error->flaw = limit;
  } else if (status.IsNotImplemented()) {
    error->code = CARROW_UNSUPPORTED;
  } else if (place.flaw != 0) {
    error->code = CARROW_BAD_VALUE;
  } else {
    error->code = CARROW_BAD_DATA;
  }
  try {
    CopyPrintable(status.message(), false, error->text, sizeof error->text);
    CopyPrintable(place.cells, place.flaw != 0 && IsUtf8(place.cells), error->cells, sizeof error->cells);
  } catch (...) {
    std::strncpy(error->text, "out of memory", sizeof error->text - 1);
  }
}

arrow::Result<std::shared_ptr<DescriptorFile>> DescriptorFile::Make(int descriptor, std::shared_ptr<SystemFailure> failure) {
  struct stat facts;
  if (fstat(descriptor, &facts) != 0) {
    failure->code = errno;
    return arrow::Status::IOError("fstat failed");
  }
  if (!S_ISREG(facts.st_mode)) return arrow::Status::Invalid("not a regular file");
  auto file = std::shared_ptr<DescriptorFile>(new DescriptorFile(descriptor, facts.st_size, std::move(failure)));
  // A small file is read at once: its format would ask for many pieces.
  constexpr int64_t small = 256 * 1024;
  if (facts.st_size <= small) {
    ARROW_ASSIGN_OR_RAISE(auto whole, file->ReadAt(0, facts.st_size));
    file->size_ = whole->size();
    file->whole_ = std::move(whole);
  }
  return file;
}

arrow::Status DescriptorFile::Close() {
  closed_ = true;
  return arrow::Status::OK();
}

arrow::Status DescriptorFile::Seek(int64_t position) {
  if (position < 0) return arrow::Status::Invalid("seek to a negative position");
  position_ = position;
  return arrow::Status::OK();
}

arrow::Result<int64_t> DescriptorFile::Read(int64_t count, void *out) {
  ARROW_ASSIGN_OR_RAISE(const int64_t read, ReadAt(position_, count, out));
  position_ += read;
  return read;
}

arrow::Result<std::shared_ptr<arrow::Buffer>> DescriptorFile::Read(int64_t count) {
  ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(position_, count));
  position_ += buffer->size();
  return buffer;
}

arrow::Result<int64_t> DescriptorFile::ReadAt(int64_t position, int64_t count, void *out) {
  if (position < 0 || count < 0) return arrow::Status::Invalid("a position or size in the file is negative");
  int64_t done = 0;
  if (whole_) {
    done = std::max<int64_t>(std::min(count, size_ - position), 0);
    if (done > 0) std::memcpy(out, whole_->data() + position, static_cast<size_t>(done));
    return done;
  }
  while (done < count) {
    const ssize_t step = pread(descriptor_, static_cast<char *>(out) + done, static_cast<size_t>(count - done), position + done);
    if (step == 0) break;
    if (step < 0) {
      if (errno == EINTR) continue;
      failure_->code = errno;
      return arrow::Status::IOError("reading failed");
    }
    done += step;
  }
  return done;
}

arrow::Result<std::shared_ptr<arrow::Buffer>> DescriptorFile::ReadAt(int64_t position, int64_t count) {
  if (position < 0 || count < 0) return arrow::Status::Invalid("a position or size in the file is negative");
  // A damaged length must not become an allocation larger than the file.
  const int64_t available = std::max<int64_t>(size_ - std::min(position, size_), 0);
  if (whole_) return arrow::SliceBuffer(whole_, std::min(position, size_), std::min(count, available));
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(std::min(count, available)));
  ARROW_ASSIGN_OR_RAISE(const int64_t read, ReadAt(position, buffer->size(), buffer->mutable_data()));
  ARROW_RETURN_NOT_OK(buffer->Resize(read, false));
  return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

arrow::Future<std::shared_ptr<arrow::Buffer>> DescriptorFile::ReadAsync(const arrow::io::IOContext &, int64_t position,
                                                                        int64_t count) {
  return arrow::Future<std::shared_ptr<arrow::Buffer>>::MakeFinished(ReadAt(position, count));
}

arrow::Status DescriptorSink::Close() {
  if (closed_) return arrow::Status::OK();
  closed_ = true;
  return Flush();
}

arrow::Status DescriptorSink::Write(const void *data, int64_t count) {
  constexpr size_t limit = 256 * 1024;
  const auto *bytes = static_cast<const uint8_t *>(data);
  position_ += count;
  if (pending_.size() + static_cast<size_t>(count) <= limit) {
    pending_.insert(pending_.end(), bytes, bytes + count);
    return arrow::Status::OK();
  }
  ARROW_RETURN_NOT_OK(Flush());
  if (static_cast<size_t>(count) >= limit) return WriteOut(bytes, count);
  pending_.assign(bytes, bytes + count);
  return arrow::Status::OK();
}

arrow::Status DescriptorSink::Flush() {
  ARROW_RETURN_NOT_OK(WriteOut(pending_.data(), static_cast<int64_t>(pending_.size())));
  pending_.clear();
  return arrow::Status::OK();
}

arrow::Status DescriptorSink::WriteOut(const uint8_t *data, int64_t count) {
  const uint8_t *rest = data;
  for (int64_t left = count; left > 0;) {
    const ssize_t step = write(descriptor_, rest, static_cast<size_t>(left));
    if (step < 0) {
      if (errno == EINTR) continue;
      failure_->code = errno;
      return arrow::Status::IOError("writing failed");
    }
    rest += step;
    left -= step;
  }
  if (appended_ != nullptr && count > 0) appended_(context_, data, count);
  return arrow::Status::OK();
}

}  // namespace carrow
