/* Floats as PostgreSQL prints them (extra_float_digits = 1): the shortest text that reads back the same. */
#pragma once

#include <stddef.h>

enum { FLOAT_TEXT_BYTES = 40 };

#ifdef __cplusplus
extern "C" {
#endif
/* `text` holds FLOAT_TEXT_BYTES; not NUL-terminated. Returns the length. */
size_t float8_format(double value, char *text);
size_t float4_format(float value, char *text);
#ifdef __cplusplus
}
#endif
