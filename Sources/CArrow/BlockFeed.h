#pragma once

#include <arrow/util/delimiting.h>

#include "Internal.h"

namespace carrow {

/// Text in blocks of whole rows. A row longer than a block makes that block longer, up to a limit.
class BlockFeed {
 public:
  BlockFeed(std::shared_ptr<arrow::io::InputStream> stream, std::unique_ptr<arrow::Chunker> chunker, int64_t block_bytes,
            int64_t row_bytes_limit, int64_t size_hint);

  /// The next rows, valid until the next call; `last` says that none follow. Empty only at the end.
  arrow::Result<std::shared_ptr<arrow::Buffer>> Next(bool *last);

 private:
  arrow::Status Fill(int64_t target);

  std::shared_ptr<arrow::io::InputStream> stream_;
  std::unique_ptr<arrow::Chunker> chunker_;
  int64_t block_bytes_;
  int64_t row_bytes_limit_;
  std::shared_ptr<arrow::ResizableBuffer> buffer_;
  int64_t begin_ = 0, end_ = 0;
  int64_t size_hint_;
  bool at_end_ = false, started_ = false;
};

/// A text format: its schema is guessed from the first rows, and what is selected of it is parsed as it is told.
class TextSource : public Source {
 public:
  std::shared_ptr<arrow::Schema> schema() const final { return schema_; }
  arrow::Status Select(const std::vector<int> &columns, const std::vector<std::shared_ptr<arrow::DataType>> &types) final;

 protected:
  /// Selects every field.
  void Found(arrow::FieldVector fields);

  std::unique_ptr<BlockFeed> feed_;
  std::shared_ptr<arrow::Buffer> block_;
  bool last_ = false;
  /// Of what is selected; `selected_` has the places in the file.
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<int> selected_;

 private:
  std::shared_ptr<arrow::Schema> file_schema_;
};

}  // namespace carrow
