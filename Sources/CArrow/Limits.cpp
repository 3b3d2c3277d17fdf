#include <cstring>
#include <mutex>
#include <unordered_map>

#include "Internal.h"

namespace carrow {
namespace {

/// Returns the number of types in one another, or more than `most`.
int DepthOf(const arrow::DataType &type, int most) {
  int deepest = 0;
  const auto look = [&](const arrow::DataType &inner) {
    if (most > 0 && deepest < most) deepest = std::max(deepest, DepthOf(inner, most - 1));
  };
  if (type.num_fields() == 0 && type.id() != arrow::Type::DICTIONARY) return 0;
  if (most == 0) return 1;
  for (const auto &field : type.fields()) look(*field->type());
  if (type.id() == arrow::Type::DICTIONARY) look(*static_cast<const arrow::DictionaryType &>(type).value_type());
  return deepest + (type.num_fields() > 0 ? 1 : 0);
}

}  // namespace

int32_t LimitDetail::Of(const arrow::Status &status) {
  const auto &detail = status.detail();
  if (detail == nullptr || std::strcmp(detail->type_id(), kTypeId) != 0) return 0;
  return static_cast<const LimitDetail &>(*detail).limit;
}

arrow::Status TooManyColumns(int64_t count, int64_t most) {
  return BeyondLimit(CARROW_LIMIT_COLUMNS, count, " columns: a table has at most ", most, "; keep more values in a row as a list");
}

arrow::Status TooBlank(int64_t most) {
  return BeyondLimit(CARROW_LIMIT_BLANK, "more than ", most, " bytes of blank lines without a row between them: it is no table");
}

arrow::Status CheckShape(const arrow::Schema &schema, const CArrowReadOptions &options) {
  if (schema.num_fields() > options.most_columns) return TooManyColumns(schema.num_fields(), options.most_columns);
  for (const auto &field : schema.fields())
    if (DepthOf(*field->type(), options.deepest) > options.deepest)
      return BeyondLimit(CARROW_LIMIT_NESTING, "lists or structs in each other more than ", options.deepest, " deep");
  return arrow::Status::OK();
}

arrow::MemoryPool *LimitedPool(arrow::MemoryPool *pool, const CArrowReadOptions &options) {
  // What was read outlives its reader, so a pool is never destroyed.
  static std::mutex mutex;
  static auto &pools = *new std::unordered_map<arrow::MemoryPool *, arrow::CappedMemoryPool *>;
  const std::lock_guard lock(mutex);
  auto &limited = pools[pool];
  if (limited == nullptr) limited = new arrow::CappedMemoryPool(pool, options.memory_limit);
  return limited;
}

}  // namespace carrow
