#pragma once

#include <arrow/util/delimiting.h>

#include "Internal.h"
#include "TextColumn.h"

namespace carrow {

/// Text in blocks of whole rows. A row longer than a block makes that block longer, up to a limit.
class BlockFeed {
 public:
  /// `is_head` is false for a stream that begins inside of a file.
  BlockFeed(std::shared_ptr<arrow::io::InputStream> stream, std::unique_ptr<arrow::Chunker> chunker, int64_t block_bytes,
            int64_t row_bytes_limit, int64_t size_hint, bool is_head);

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
  bool at_end_ = false, started_;
};

/// A text format: its schema is guessed from the first block, or from all of it once it is surveyed, and what is selected of it is read as
/// it is told. A range of a file is told its schema too.
class TextSource : public Source {
 public:
  arrow::Status Open(const std::shared_ptr<DescriptorFile> &file);
  std::shared_ptr<arrow::Schema> schema() const final { return schema_; }
  bool is_surveyed() const final { return is_surveyed_; }
  bool HasNoRows() const final { return has_no_rows_; }
  arrow::Status Survey() final;
  arrow::Status Select(const std::vector<int> &columns, const std::vector<Wanted> &wanted) final;
  arrow::Result<std::vector<int64_t>> Cut(int64_t target) final;

 protected:
  TextSource(const CArrowReadOptions &options, char point);

  virtual std::unique_ptr<arrow::Chunker> MakeChunker() const = 0;
  /// Reads the file's first rows from a fresh feed.
  virtual arrow::Status Begin() = 0;
  /// Reads the first rows of a range from a fresh feed. The columns are those of `schema_`.
  virtual arrow::Status BeginRange() = 0;
  /// Whether each selected value can be read without those of the rows before it.
  virtual bool AreRowsIndependent() const { return true; }
  /// Reads the rows after those at hand.
  virtual arrow::Status Advance() = 0;
  virtual bool has_rows() const = 0;
  virtual bool is_at_end() const = 0;
  /// Takes note of what the rows at hand hold.
  virtual arrow::Status Observe() = 0;
  /// The columns that were met so far.
  virtual arrow::FieldVector Fields() const = 0;
  /// Prepares for reading the columns of `schema_`, which are `selected_` in the file.
  virtual arrow::Status Prepare() = 0;

  /// Calls `Prepare` once, before the first rows of a selection are read.
  arrow::Status PrepareOnce();
  const TextRules &RulesFor(size_t selected) const { return wanted_[selected].words_are_missing ? strict_rules_ : rules_; }
  /// Says that the text `flawed` in the selected column is no value of its type.
  arrow::Status Flawed(Flaw flaw, const std::string &flawed, size_t selected, const arrow::DataType &type);

  /// Its pointers are not used after `Open`.
  const CArrowReadOptions options_;
  TextRules rules_, strict_rules_;
  std::unique_ptr<BlockFeed> feed_;
  std::shared_ptr<arrow::Buffer> block_;
  bool last_ = false;
  /// Of what is selected; `selected_` has the places in the file.
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<int> selected_;
  std::vector<Wanted> wanted_;

 private:
  arrow::Status Rewind();
  void Found(std::shared_ptr<arrow::Schema> schema);

  std::shared_ptr<DescriptorFile> file_;
  std::shared_ptr<arrow::Schema> file_schema_;
  bool is_surveyed_ = false, is_prepared_ = false, has_no_rows_ = false;
};

}  // namespace carrow
