/* String helpers shared by text, pattern and formatting kernels. */
#pragma once

#include "engines/base/strbuf.h"
#include "engines/columnar/kernels/kernel.h"

/* Characters [start, start + count) of `text`, pointing into it; start >= 0. */
StringView text_slice(const StringView *text, int64_t start, int64_t count);
/* An argument of any type as text; booleans as "t" and "f" when it is their output form that counts, "true"
 * and "false" in a cast. */
Status text_of_argument(const KernelCall *call, int index, bool output_form, Vector *out, Error *err);
