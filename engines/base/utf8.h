/* UTF-8, checked: no overlong forms, no surrogates, nothing beyond U+10FFFF (RFC 3629). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length in bytes of the well-formed sequence at `text`, 0 when it is malformed or cut off. */
size_t utf8_sequence_length(const char *text, size_t length);
bool utf8_is_valid(const char *text, size_t length);
/* Number of code points; malformed bytes count one each. */
size_t utf8_count(const char *text, size_t length);
/* Byte offset of code point `index` (0-based), or `length` when there are fewer. */
size_t utf8_offset_of(const char *text, size_t length, size_t index);
/* Writes the code point (≤ U+10FFFF) and returns its length in bytes. */
size_t utf8_encode(uint32_t point, char out[4]);
