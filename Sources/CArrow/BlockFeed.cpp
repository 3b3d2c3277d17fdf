#include "BlockFeed.h"

#include <algorithm>
#include <cstring>

namespace carrow {

BlockFeed::BlockFeed(std::shared_ptr<arrow::io::InputStream> stream, std::unique_ptr<arrow::Chunker> chunker,
                     int64_t block_bytes, int64_t row_bytes_limit, int64_t size_hint)
    : stream_(std::move(stream)),
      chunker_(std::move(chunker)),
      block_bytes_(std::max<int64_t>(block_bytes, 64)),
      row_bytes_limit_(std::max(row_bytes_limit, block_bytes_)),
      size_hint_(size_hint) {}

arrow::Status BlockFeed::Fill(int64_t target) {
  if (!buffer_) {
    // A small file gets a small buffer; one byte more lets the read that fills it also see the end.
    const int64_t first = size_hint_ > 0 ? std::min(target, size_hint_ + 1) : target;
    ARROW_ASSIGN_OR_RAISE(auto made, arrow::AllocateResizableBuffer(first));
    buffer_ = std::move(made);
  }
  while (!at_end_ && end_ < target) {
    if (end_ == buffer_->size()) ARROW_RETURN_NOT_OK(buffer_->Resize(std::min(target, std::max<int64_t>(2 * end_, 4096)), false));
    ARROW_ASSIGN_OR_RAISE(const int64_t read, stream_->Read(buffer_->size() - end_, buffer_->mutable_data() + end_));
    end_ += read;
    at_end_ = read == 0;
  }
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::Buffer>> BlockFeed::Next(bool *last) {
  if (begin_ > 0) {
    std::memmove(buffer_->mutable_data(), buffer_->data() + begin_, static_cast<size_t>(end_ - begin_));
    end_ -= begin_;
    begin_ = 0;
  }
  for (int64_t target = block_bytes_;; target = std::min(2 * target, row_bytes_limit_)) {
    ARROW_RETURN_NOT_OK(Fill(target));
    if (!started_ && end_ > 0) {
      started_ = true;
      const uint8_t *head = buffer_->data();
      if (std::memchr(head, 0, static_cast<size_t>(std::min<int64_t>(end_, 4096))) != nullptr)
        return arrow::Status::Invalid("zero bytes: this is not UTF-8 text");
      if (end_ >= 3 && head[0] == 0xef && head[1] == 0xbb && head[2] == 0xbf) {
        std::memmove(buffer_->mutable_data(), head + 3, static_cast<size_t>(end_ - 3));
        end_ -= 3;
      }
    }
    if (at_end_ && end_ > 0 && buffer_->data()[end_ - 1] != '\n' && buffer_->data()[end_ - 1] != '\r') {
      if (end_ == buffer_->size()) ARROW_RETURN_NOT_OK(buffer_->Resize(end_ + 1, false));
      buffer_->mutable_data()[end_++] = '\n';
    }
    const std::shared_ptr<arrow::Buffer> block = arrow::SliceBuffer(buffer_, 0, end_);
    if (end_ == 0) {
      *last = true;
      return block;
    }
    std::shared_ptr<arrow::Buffer> whole, partial;
    ARROW_RETURN_NOT_OK(chunker_->Process(block, &whole, &partial));
    if (at_end_ && partial->size() == 0) {
      begin_ = end_;
      *last = true;
      return block;
    }
    if (at_end_ && whole->size() == 0) return arrow::Status::Invalid("the row does not end: a quote is not closed");
    if (whole->size() > 0) {
      begin_ = whole->size();
      *last = false;
      return whole;
    }
    if (target >= row_bytes_limit_)
      return arrow::Status::Invalid("the row is longer than the limit of ", row_bytes_limit_,
                                    " bytes (or a quote is not closed)");
  }
}

arrow::Status TextSource::Select(const std::vector<int> &columns, const std::vector<std::shared_ptr<arrow::DataType>> &types) {
  arrow::FieldVector fields;
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto &field = file_schema_->field(columns[i]);
    fields.push_back(types[i] ? field->WithType(types[i]) : field);
  }
  schema_ = arrow::schema(std::move(fields));
  selected_ = columns;
  return arrow::Status::OK();
}

void TextSource::Found(arrow::FieldVector fields) {
  file_schema_ = schema_ = arrow::schema(std::move(fields));
  for (int i = 0; i < schema_->num_fields(); ++i) selected_.push_back(i);
}

}  // namespace carrow
