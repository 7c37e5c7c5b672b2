#include "engines/base/utf8.h"

#include <stdint.h>
#include <string.h>

size_t utf8_sequence_length(const char *text, size_t length) {
    const unsigned char *p = (const unsigned char *)text;
    if (length == 0) return 0;
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4) return 0;
    size_t width = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (length < width) return 0;
    for (size_t i = 1; i < width; i++)
        if ((p[i] & 0xC0) != 0x80) return 0;
    bool overlong = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xF0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xED && p[1] > 0x9F;
    bool beyond = p[0] == 0xF4 && p[1] > 0x8F;
    return overlong || surrogate || beyond ? 0 : width;
}

/* ASCII bytes at the front of 32 that begin with one; some, not always all of them. */
static inline size_t ascii_run32(const char *text) {
    const uint64_t high_bits = UINT64_C(0x8080808080808080);
    uint64_t words[4];
    memcpy(words, text, sizeof words);
    if (!((words[0] | words[1] | words[2] | words[3]) & high_bits)) return 32;
    uint64_t high = words[0] & high_bits;
    return high ? (size_t)(__builtin_ctzll(high) / 8) : 8;
}

bool utf8_is_valid(const char *text, size_t length) {
    size_t at = 0;
    while (at < length) {
        if ((unsigned char)text[at] < 0x80) {
            at += length - at >= 32 ? ascii_run32(text + at) : 1;
            continue;
        }
        size_t width = utf8_sequence_length(text + at, length - at);
        if (!width) return false;
        at += width;
    }
    return true;
}

size_t utf8_count(const char *text, size_t length) {
    const uint64_t high_bits = UINT64_C(0x8080808080808080);
    size_t count = 0;
    for (size_t at = 0; at < length;) {
        uint64_t word = high_bits;
        if (length - at >= sizeof word) memcpy(&word, text + at, sizeof word);
        if (!(word & high_bits)) { /* eight ASCII characters */
            at += sizeof word;
            count += sizeof word;
            continue;
        }
        size_t width = utf8_sequence_length(text + at, length - at);
        at += width ? width : 1;
        count++;
    }
    return count;
}

size_t utf8_offset_of(const char *text, size_t length, size_t index) {
    size_t at = 0;
    for (; index > 0 && at < length; index--) {
        size_t width = utf8_sequence_length(text + at, length - at);
        at += width ? width : 1;
    }
    return at < length ? at : length;
}

size_t utf8_encode(uint32_t point, char out[4]) {
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xC0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xE0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}
