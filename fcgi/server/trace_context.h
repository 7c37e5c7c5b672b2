/* The header traceparent of W3C's Trace Context (level 1, section 3.2). */
#pragma once

#include <stdbool.h>

/* Well-formed, of this version or one to come that begins alike: lower-case hexadecimal, neither id zero. */
bool trace_parent_is_valid(const char *text);
