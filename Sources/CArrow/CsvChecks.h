#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carrow {

/// Returns whether a first row is most likely data: its cells are numbers, but for missing ones. 0, 1 ... n-1 is the header that pandas gives
/// columns without names, with its own index before them or not.
bool IsRowOfNumbers(const std::vector<std::string> &cells, const std::vector<std::string> &null_words, char decimal_point);

/// Returns where text goes on after the closing quote of a cell, which ends at a delimiter or a line end (spaces before it count as the cell's), or
/// npos. `text` begins with a row.
size_t FindTextAfterQuote(std::string_view text, char quote, char delimiter);

/// Returns how many rows end before `position`. Blank lines are no rows.
int64_t RowsBefore(std::string_view text, size_t position, char quote, char delimiter);

}  // namespace carrow
