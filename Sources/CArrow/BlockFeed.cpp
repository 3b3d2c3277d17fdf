#include "BlockFeed.h"

#include <arrow/c/bridge.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace carrow {
namespace {

/// Returns the type with the same lists and with `element` as the type of the innermost elements.
std::shared_ptr<arrow::DataType> WithElements(const std::shared_ptr<arrow::DataType> &type,
                                              const std::shared_ptr<arrow::DataType> &element) {
  if (type->id() != arrow::Type::LIST) return element;
  return arrow::list(type->field(0)->WithType(WithElements(type->field(0)->type(), element)));
}

}  // namespace

BlockFeed::BlockFeed(std::shared_ptr<arrow::io::InputStream> stream, std::unique_ptr<arrow::Chunker> chunker,
                     int64_t block_bytes, int64_t row_bytes_limit, int64_t size_hint, bool is_head)
    : stream_(std::move(stream)),
      chunker_(std::move(chunker)),
      block_bytes_(std::max<int64_t>(block_bytes, 64)),
      row_bytes_limit_(std::max(row_bytes_limit, block_bytes_)),
      size_hint_(size_hint),
      started_(!is_head) {}

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
      return BeyondLimit(CARROW_LIMIT_ROW, "the row is longer than the limit of ", row_bytes_limit_,
                         " bytes (or a quote is not closed)");
  }
}

TextSource::TextSource(const CArrowReadOptions &options, char point)
    : options_(options),
      rules_{point, NullWords(NullWordsOf(options.null_words, options.null_word_count)), false},
      strict_rules_{point, rules_.null_words, true} {}

arrow::Status TextSource::Open(const std::shared_ptr<DescriptorFile> &file) {
  file_ = file;
  if (options_.has_range) {
    if (options_.known == nullptr) return arrow::Status::Invalid("the columns of a range are not known");
    ARROW_ASSIGN_OR_RAISE(auto known, arrow::ImportSchema(options_.known));
    Found(std::move(known));
    is_surveyed_ = true;
    return Rewind();
  }
  ARROW_RETURN_NOT_OK(Rewind());
  if (has_rows()) ARROW_RETURN_NOT_OK(Observe());
  has_no_rows_ = !has_rows();
  is_surveyed_ = is_at_end();
  Found(arrow::schema(Fields()));
  return arrow::Status::OK();
}

arrow::Status TextSource::Survey() {
  if (is_surveyed_) return arrow::Status::OK();
  ARROW_RETURN_NOT_OK(Advance());
  while (has_rows()) {
    ARROW_RETURN_NOT_OK(Observe());
    ARROW_RETURN_NOT_OK(Advance());
  }
  ARROW_RETURN_NOT_OK(Rewind());
  is_surveyed_ = true;
  Found(arrow::schema(Fields()));
  return arrow::Status::OK();
}

arrow::Status TextSource::Select(const std::vector<int> &columns, const std::vector<Wanted> &wanted) {
  arrow::FieldVector fields;
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto &field = file_schema_->field(columns[i]);
    auto type = wanted[i].type ? wanted[i].type : field->type();
    if (wanted[i].is_element) type = WithElements(field->type(), type);
    fields.push_back(field->WithType(type));
  }
  schema_ = arrow::schema(std::move(fields));
  selected_ = columns;
  wanted_ = wanted;
  is_prepared_ = false;
  return arrow::Status::OK();
}

arrow::Result<std::vector<int64_t>> TextSource::Cut(int64_t target) {
  if (options_.has_range || !AreRowsIndependent()) return std::vector<int64_t>();
  return CutText(options_, file_.get(), target);
}

arrow::Status TextSource::PrepareOnce() {
  if (std::exchange(is_prepared_, true)) return arrow::Status::OK();
  return Prepare();
}

arrow::Status TextSource::Flawed(Flaw flaw, const std::string &flawed, size_t selected, const arrow::DataType &type) {
  place.column = selected_[selected];
  place.flaw = static_cast<int32_t>(flaw);
  const arrow::DataType *element = &type;
  while (element->id() == arrow::Type::LIST) element = element->field(0)->type().get();
  place.type = FormatOf(*element);
  place.cells = flawed;
  return arrow::Status::Invalid("a text that is no value of the type");
}

arrow::Status TextSource::Rewind() {
  ARROW_RETURN_NOT_OK(file_->Seek(0));
  ARROW_ASSIGN_OR_RAISE(auto stream, TextStream(options_, file_));
  ARROW_ASSIGN_OR_RAISE(const int64_t size, file_->GetSize());
  const int64_t bytes = options_.has_range ? options_.range_end - options_.range_begin : size;
  feed_ = std::make_unique<BlockFeed>(std::move(stream), MakeChunker(), options_.block_bytes, options_.row_bytes_limit,
                                      options_.compression == CARROW_UNCOMPRESSED ? bytes : 0, !options_.has_range);
  last_ = false;
  return options_.has_range ? BeginRange() : Begin();
}

void TextSource::Found(std::shared_ptr<arrow::Schema> schema) {
  file_schema_ = schema_ = std::move(schema);
  selected_.resize(static_cast<size_t>(schema_->num_fields()));
  std::iota(selected_.begin(), selected_.end(), 0);
  wanted_.assign(selected_.size(), Wanted{});
  is_prepared_ = false;
}

}  // namespace carrow
