/* String helpers shared by text, pattern and formatting kernels. */
#pragma once

#include "engines/base/strbuf.h"
#include "engines/columnar/kernels/kernel.h"

/* Characters [start, start + count) of `text`, pointing into it; start >= 0. */
StringView text_slice(const StringView *text, int64_t start, int64_t count);
