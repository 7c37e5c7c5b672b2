/* A regular expression and a text, divided by the first line's end; the first byte chooses flags. */
#include <string.h>

#include "engines/columnar/kernels/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { MOST_GROUPS = 32, MOST_BYTES = 200 };
    if (size < 2 || size > MOST_BYTES) return 0;
    const char *pattern = (const char *)data + 1, *end = memchr(pattern, '\n', size - 1);
    if (!end) return 0;
    unsigned flags = data[0] & 1 ? REGEX_ADVANCED : data[0] & 2 ? REGEX_EXTENDED : 0;
    flags |= data[0] & (REGEX_FOLD | REGEX_EXPANDED | REGEX_NEWLINE);
    Regex *regex = NULL;
    if (regex_take(pattern, (size_t)(end - pattern), flags, &regex, NULL) != STATUS_OK) return 0;
    RegexSpan spans[MOST_GROUPS];
    const char *text = end + 1;
    size_t length = size - 1 - (size_t)(text - pattern);
    regex_matches(regex, text, length < 24 ? length : 24);
    regex_set_text(regex, text, length < 24 ? length : 24);
    regex_find(regex, 0, spans, MOST_GROUPS);
    regex_give(regex);
    return 0;
}
