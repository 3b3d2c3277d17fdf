#include <arrow/c/bridge.h>
#include <arrow/extension/fixed_shape_tensor.h>

#include <algorithm>

#include "Internal.h"

namespace carrow {
namespace {

/// Gives the lengths of `lists` (null where there is none), and the elements of all of them in order.
template <typename Lists>
arrow::Status Open(const arrow::Array &array, arrow::Int64Builder *lengths, std::shared_ptr<arrow::Array> *elements) {
  const auto &lists = static_cast<const Lists &>(array);
  ARROW_RETURN_NOT_OK(lengths->Reserve(lists.length()));
  for (int64_t row = 0; row < lists.length(); ++row) {
    if (lists.IsNull(row)) {
      lengths->UnsafeAppendNull();
    } else {
      lengths->UnsafeAppend(lists.value_length(row));
    }
  }
  return lists.Flatten().Value(elements);
}

arrow::Status OpenLevel(const arrow::Array &array, arrow::Int64Builder *lengths, std::shared_ptr<arrow::Array> *elements) {
  switch (array.type_id()) {
    case arrow::Type::LIST:
      return Open<arrow::ListArray>(array, lengths, elements);
    case arrow::Type::LARGE_LIST:
      return Open<arrow::LargeListArray>(array, lengths, elements);
    case arrow::Type::FIXED_SIZE_LIST:
      return Open<arrow::FixedSizeListArray>(array, lengths, elements);
    case arrow::Type::LIST_VIEW:
      return Open<arrow::ListViewArray>(array, lengths, elements);
    case arrow::Type::LARGE_LIST_VIEW:
      return Open<arrow::LargeListViewArray>(array, lengths, elements);
    default:
      return arrow::Status::TypeError("not a list: ", array.type()->ToString());
  }
}

/// Gives an extension's values as the lists that it is stored in.
arrow::Status Unwrap(std::shared_ptr<arrow::Array> *array) {
  while ((*array)->type_id() == arrow::Type::EXTENSION) {
    const auto &extension = static_cast<const arrow::ExtensionArray &>(**array);
    if (extension.extension_type()->extension_name() == "arrow.fixed_shape_tensor") {
      const auto &tensor = static_cast<const arrow::extension::FixedShapeTensorType &>(*extension.type());
      if (!std::is_sorted(tensor.permutation().begin(), tensor.permutation().end()))
        return arrow::Status::TypeError("tensors whose axes are not stored in their own order: write them row-major");
    }
    *array = extension.storage();
  }
  return arrow::Status::OK();
}

}  // namespace
}  // namespace carrow

extern "C" int32_t carrow_unnest(struct ArrowSchema *schema, struct ArrowArray *array, int32_t level_count,
                                 struct ArrowArray *levels, struct ArrowArray *elements, CArrowError *error) {
  const int32_t result = carrow::guarded(error, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(auto nested, arrow::ImportArray(array, schema));
    arrow::ArrayVector lengths;
    for (int32_t level = 0; level < level_count; ++level) {
      arrow::Int64Builder builder;
      std::shared_ptr<arrow::Array> inner, level_lengths;
      ARROW_RETURN_NOT_OK(carrow::Unwrap(&nested));
      ARROW_RETURN_NOT_OK(carrow::OpenLevel(*nested, &builder, &inner));
      ARROW_RETURN_NOT_OK(builder.Finish(&level_lengths));
      lengths.push_back(std::move(level_lengths));
      nested = std::move(inner);
    }
    ARROW_RETURN_NOT_OK(arrow::ExportArray(*nested, elements));
    for (int32_t level = 0; level < level_count; ++level) ARROW_RETURN_NOT_OK(arrow::ExportArray(*lengths[level], &levels[level]));
    return arrow::Status::OK();
  });
  if (array->release != nullptr) array->release(array);
  return result;
}
