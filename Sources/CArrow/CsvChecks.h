#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carrow {

/// Returns whether a first row is most likely data: all its cells are numbers, except missing ones. The row 0, 1 ... n-1, with or without
/// pandas' index before it, is the header that pandas gives columns without names.
bool IsRowOfNumbers(const std::vector<std::string> &cells, const std::vector<std::string> &null_words, char decimal_point);

/// Returns the place after the closing quote of a cell where text goes on, or npos. A cell ends at a delimiter or a line end, and spaces
/// before these belong to it. `text` begins with a row.
size_t FindTextAfterQuote(std::string_view text, char quote, char delimiter);

/// Returns how many rows end before `position`. Blank lines are not rows.
int64_t RowsBefore(std::string_view text, size_t position, char quote, char delimiter);

}  // namespace carrow
