/* One value as JSON. */
#pragma once

#include "engines/base/arrow_text.h"

void append_value_json(StrBuf *out, const ColumnFormat *column, const ArrowArray *array, int64_t row,
                       bool big_numbers_as_strings);
