#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>
#include <parquet/size_statistics.h>

#include <malloc.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "FlatColumn.h"
#include "Internal.h"

namespace carrow {
namespace {

void AddLeaves(const parquet::arrow::SchemaField &field, std::vector<int> *leaves) {
  if (field.is_leaf()) leaves->push_back(field.column_index);
  for (const auto &child : field.children) AddLeaves(child, leaves);
}

/// Row groups of these sizes are decoded a column at a time; in others all columns advance together, a batch at a time. The one holds the
/// values and the state of one decoder, the other the state of every column's (a page, a dictionary, what was not unpacked yet: more
/// than a mebibyte each), and goes through all of it for every batch, which the caches do not like. Below, neither matters.
constexpr int64_t kLeastDecoded = 1 << 20, kMostDecoded = 24 << 20;

/// A piece of a row group has so many stored bytes for each column: about a page, which is unpacked for each range that has a row of it.
constexpr int64_t kLeastColumnBytes = 1 << 20;

/// The part of `whole` that the first `count` of `all` equal pieces have.
int64_t Share(int64_t whole, int64_t count, int64_t all) { return whole / all * count + whole % all * count / all; }

/// What a column of a row group comes to once it is decoded, as far as the file tells; more than the bound where it does not.
int64_t DecodedBytes(const parquet::ColumnChunkMetaData &chunk, const parquet::ColumnDescriptor &column) {
  const int64_t values = std::clamp<int64_t>(chunk.num_values(), 0, kMostDecoded + 1);
  switch (column.physical_type()) {
    case parquet::Type::BYTE_ARRAY:
      if (const auto sizes = chunk.size_statistics(); sizes && sizes->unencoded_byte_array_data_bytes)
        return std::clamp<int64_t>(*sizes->unencoded_byte_array_data_bytes, 0, kMostDecoded + 1) + 4 * values;
      return kMostDecoded + 1;
    case parquet::Type::FIXED_LEN_BYTE_ARRAY:
      return values * column.type_length();
    default:
      return values * parquet::GetTypeByteSize(column.physical_type());
  }
}

/// Over a file of many row groups jemalloc takes half of what the other pools take, and no longer: they keep what is freed, or hand it
/// back and have every page made afresh.
arrow::MemoryPool *LargeFilePool() {
  arrow::MemoryPool *pool = nullptr;
  return arrow::jemalloc_memory_pool(&pool).ok() ? pool : arrow::default_memory_pool();
}

class ParquetSource final : public StoredSource {
 public:
  arrow::Status Open(const CArrowReadOptions &options, const std::shared_ptr<DescriptorFile> &file) {
    auto *pool = LimitedPool(file->is_in_memory() ? arrow::default_memory_pool() : LargeFilePool(), options);
    parquet::ReaderProperties properties(pool);
    if (!file->is_in_memory()) {
      properties.enable_buffered_stream();
      properties.set_buffer_size(64 * 1024);
    }
    properties.set_page_checksum_verification(true);
    parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/false);
    arrow_properties.set_pre_buffer(false);
    arrow_properties.set_batch_size(options.batch_rows);
    auto parquet_reader = parquet::ParquetFileReader::Open(file, properties);
    if (const int columns = parquet_reader->metadata()->num_columns(); columns > options.most_columns)
      return TooManyColumns(columns, options.most_columns);
    ARROW_ASSIGN_OR_RAISE(reader_, parquet::arrow::FileReader::Make(pool, std::move(parquet_reader), arrow_properties));
    file_schema_ = FileSchema();
    schema_ = file_schema_;
    ARROW_RETURN_NOT_OK(CheckShape(*schema_, options));
    ARROW_RETURN_NOT_OK(CheckRows());
    end_group_ = reader_->num_row_groups();
    if (options.has_range) StartRange(options.range_begin, options.range_end);
    is_in_memory_ = file->is_in_memory();
    batch_rows_ = options.batch_rows;
    columns_.resize(static_cast<size_t>(schema_->num_fields()));
    std::iota(columns_.begin(), columns_.end(), 0);
    return arrow::Status::OK();
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  bool HasNoRows() const override { return reader_->parquet_reader()->metadata()->num_rows() == 0; }

  arrow::Status Select(const std::vector<int> &columns, const std::vector<Wanted> &) override {
    columns_ = columns;
    arrow::FieldVector fields;
    for (const int column : columns) fields.push_back(file_schema_->field(column));
    schema_ = arrow::schema(std::move(fields), file_schema_->metadata());
    return arrow::Status::OK();
  }

  /// Where all selected columns are flat, large row groups are cut too. In others, a row is reached by decoding all rows before it.
  arrow::Result<std::vector<int64_t>> Cut(int64_t target) override {
    const auto metadata = reader_->parquet_reader()->metadata();
    if (!file_order_) Start();
    const bool cuts_groups = !FlatColumns().empty();
    std::vector<StoredRows> parts;
    for (int group = 0; group < metadata->num_row_groups(); ++group) {
      const auto facts = metadata->RowGroup(group);
      const int64_t rows = facts->num_rows();
      int64_t bytes = 0;
      for (int column = 0; column < facts->num_columns(); ++column)
        bytes += std::max<int64_t>(facts->ColumnChunk(column)->total_compressed_size(), 0);
      const int64_t least = std::max(target, kLeastColumnBytes * facts->num_columns());
      const int64_t pieces = cuts_groups ? std::clamp<int64_t>(bytes / least, 1, std::max<int64_t>(rows, 1)) : 1;
      const auto share = [&](int64_t whole, int64_t piece) { return Share(whole, piece + 1, pieces) - Share(whole, piece, pieces); };
      for (int64_t piece = 0; piece < pieces; ++piece) parts.push_back({share(rows, piece), share(bytes, piece)});
    }
    // The footer, which takes long for its size, is read for each range.
    if (const int64_t footer = metadata->size(); footer > kSmallOverhead) target = std::max(target, 128 * footer);
    return CutStored(parts, target);
  }

 private:
  /// Returns an error where the footer and the row groups do not agree on the number of rows, so that no row is left out in silence.
  arrow::Status CheckRows() const {
    const auto metadata = reader_->parquet_reader()->metadata();
    int64_t left = metadata->num_rows();
    for (int group = 0; group < metadata->num_row_groups(); ++group) {
      const auto facts = metadata->RowGroup(group);
      const int64_t rows = facts->num_rows();
      if (rows < 0) return arrow::Status::Invalid("row group ", group, " says that it has ", rows, " rows");
      if (rows > left) break;
      left -= rows;
      for (int column = 0; rows == 0 && column < facts->num_columns(); ++column)
        if (facts->ColumnChunk(column)->num_values() != 0) return OtherValues(group, column);
      if (group == metadata->num_row_groups() - 1 && left == 0) return arrow::Status::OK();
    }
    if (metadata->num_row_groups() == 0 && left == 0) return arrow::Status::OK();
    return arrow::Status::Invalid("its footer says that it has ", metadata->num_rows(), " rows, and its row groups have other numbers");
  }

  /// Returns an error where a column that is read has not one value for each row of the group. Columns of lists may have more.
  arrow::Status CheckValues(int group) const {
    const auto metadata = reader_->parquet_reader()->metadata();
    const auto facts = metadata->RowGroup(group);
    for (const auto &leaves : leaves_)
      for (const int leaf : leaves)
        if (metadata->schema()->Column(leaf)->max_repetition_level() == 0 &&
            facts->ColumnChunk(leaf)->num_values() != facts->num_rows())
          return OtherValues(group, leaf);
    return arrow::Status::OK();
  }

  static arrow::Status OtherValues(int group, int column) {
    return arrow::Status::Invalid("column ", column, " of row group ", group, " has other values than the group has rows");
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> NextStored() override {
    if (!file_order_) Start();
    if (!flat_.empty()) return NextFlat();
    while (true) {
      std::shared_ptr<arrow::RecordBatch> batch;
      if (batches_) ARROW_RETURN_NOT_OK(batches_->ReadNext(&batch));
      if (batch) return InOrder(*batch);
      batches_.reset();
      if (next_group_ == end_group_) return batch;
      // What a row group leaves behind lies in pieces between what is kept of each, and would grow with the file.
      if (next_group_ > first_group_) malloc_trim(0);
      ARROW_RETURN_NOT_OK(StartGroups());
    }
  }

  /// Goes to the row groups that have the rows from `begin` to before `end`.
  void StartRange(int64_t begin, int64_t end) {
    const auto metadata = reader_->parquet_reader()->metadata();
    int64_t first_row = 0;
    int group = 0;
    const auto rows = [&] { return metadata->RowGroup(group)->num_rows(); };
    for (; group < metadata->num_row_groups() && first_row + rows() <= begin; ++group) first_row += rows();
    next_group_ = first_group_ = group;
    rows_before_ = begin - first_row;
    rows_wanted_ = end - begin;
    for (; group < metadata->num_row_groups() && first_row < end; ++group) first_row += rows();
    end_group_ = group;
    cuts_group_ = rows_before_ > 0 || first_row > end;
  }

  /// What `GetSchema` gives, from what the reader has worked out already, of a small file a tenth of the time.
  std::shared_ptr<arrow::Schema> FileSchema() const {
    const auto &manifest = reader_->manifest();
    arrow::FieldVector fields;
    for (const auto &field : manifest.schema_fields) fields.push_back(field.field);
    const auto &origin = manifest.origin_schema;
    return arrow::schema(std::move(fields), origin ? origin->metadata() : manifest.schema_metadata);
  }

  void Start() {
    std::vector<int> ordered = columns_;
    std::sort(ordered.begin(), ordered.end());
    ordered.erase(std::unique(ordered.begin(), ordered.end()), ordered.end());
    arrow::FieldVector fields;
    for (const int column : ordered) {
      fields.push_back(file_schema_->field(column));
      AddLeaves(reader_->manifest().schema_fields[static_cast<size_t>(column)], &leaves_.emplace_back());
    }
    for (const int column : columns_)
      positions_.push_back(static_cast<int>(std::lower_bound(ordered.begin(), ordered.end(), column) - ordered.begin()));
    file_order_ = arrow::schema(std::move(fields));
    if (is_in_memory_ || cuts_group_) flat_ = FlatColumns();
  }

  /// All selected columns, or none where one of them is not flat.
  std::vector<std::unique_ptr<FlatColumn>> FlatColumns() const {
    const auto *schema = reader_->parquet_reader()->metadata()->schema();
    std::vector<std::unique_ptr<FlatColumn>> columns;
    for (size_t at = 0; at < leaves_.size(); ++at) {
      const auto &type = *file_order_->field(static_cast<int>(at))->type();
      auto column = leaves_[at].size() == 1 ? FlatColumn::Make(*schema->Column(leaves_[at][0]), type) : nullptr;
      if (!column) return {};
      columns.push_back(std::move(column));
    }
    return columns;
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> NextFlat() {
    while (rows_left_ == 0) {
      if (next_group_ == end_group_) return std::shared_ptr<arrow::RecordBatch>();
      ARROW_RETURN_NOT_OK(CheckValues(next_group_));
      const auto group = reader_->parquet_reader()->RowGroup(next_group_++);
      rows_left_ = group->metadata()->num_rows();
      const int64_t row = std::min(rows_before_, rows_left_);
      rows_left_ -= row;
      rows_before_ -= row;
      if (rows_left_ == 0) continue;
      for (size_t at = 0; at < flat_.size(); ++at) ARROW_RETURN_NOT_OK(flat_[at]->Start(group.get(), leaves_[at][0], row));
    }
    const int64_t rows = std::min({rows_left_, batch_rows_, rows_wanted_});
    arrow::ArrayVector arrays;
    for (const auto &column : flat_) {
      ARROW_ASSIGN_OR_RAISE(auto array, column->Read(rows));
      arrays.push_back(std::move(array));
    }
    rows_left_ -= rows;
    return InOrder(*arrow::RecordBatch::Make(file_order_, rows, std::move(arrays)));
  }

  arrow::Status StartGroups() {
    std::vector<int> groups;
    const bool by_column = IsByColumn(next_group_);
    do {
      ARROW_RETURN_NOT_OK(CheckValues(next_group_));
      groups.push_back(next_group_++);
    } while (!by_column && next_group_ < end_group_ && !IsByColumn(next_group_));
    if (!by_column) {
      std::vector<int> all;
      for (const auto &leaves : leaves_) all.insert(all.end(), leaves.begin(), leaves.end());
      ARROW_ASSIGN_OR_RAISE(batches_, reader_->GetRecordBatchReader(groups, all));
      return arrow::Status::OK();
    }
    std::vector<std::shared_ptr<arrow::ChunkedArray>> columns;
    int64_t rows = 0;
    for (const auto &leaves : leaves_) {
      ARROW_ASSIGN_OR_RAISE(const auto table, reader_->ReadRowGroups(groups, leaves));
      columns.push_back(table->column(0));
      rows = table->num_rows();
    }
    auto batches = std::make_unique<arrow::TableBatchReader>(arrow::Table::Make(file_order_, std::move(columns), rows));
    batches->set_chunksize(batch_rows_);
    batches_ = std::move(batches);
    return arrow::Status::OK();
  }

  bool IsByColumn(int group) const {
    if (is_in_memory_) return false;
    const auto metadata = reader_->parquet_reader()->metadata();
    const auto chunks = metadata->RowGroup(group);
    int64_t bytes = 0;
    for (const auto &leaves : leaves_)
      for (const int leaf : leaves) bytes += DecodedBytes(*chunks->ColumnChunk(leaf), *metadata->schema()->Column(leaf));
    return bytes >= kLeastDecoded && bytes <= kMostDecoded;
  }

  /// The file gives its columns in its own order, and each once.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> InOrder(const arrow::RecordBatch &batch) const {
    arrow::ArrayVector arrays;
    for (const int position : positions_) {
      if (position >= batch.num_columns()) return arrow::Status::Invalid("a batch has fewer columns than the schema");
      arrays.push_back(batch.column(position));
    }
    return arrow::RecordBatch::Make(schema_, batch.num_rows(), std::move(arrays));
  }

  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
  std::shared_ptr<arrow::Schema> file_schema_, schema_;
  /// The selected columns, and where each stands among them in the file's order.
  std::vector<int> columns_, positions_;
  /// Of the selected columns in the file's order.
  std::shared_ptr<arrow::Schema> file_order_;
  std::vector<std::vector<int>> leaves_;
  /// The same columns of a small file, or of a range that begins or ends inside of a row group, where all of them are flat; with how many
  /// rows their row group has yet.
  std::vector<std::unique_ptr<FlatColumn>> flat_;
  int64_t rows_left_ = 0;
  int64_t batch_rows_ = 0;
  bool is_in_memory_ = false, cuts_group_ = false;
  /// The row groups that are read.
  int first_group_ = 0, next_group_ = 0, end_group_ = 0;
};

}  // namespace

arrow::Result<std::unique_ptr<Source>> OpenParquet(const CArrowReadOptions &options,
                                                   const std::shared_ptr<DescriptorFile> &file) {
  auto source = std::make_unique<ParquetSource>();
  ARROW_RETURN_NOT_OK(source->Open(options, file));
  return source;
}

}  // namespace carrow
