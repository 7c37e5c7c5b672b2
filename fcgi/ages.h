/* Ages on the command line. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* "0", "90", "90s", "30m", "12h", "3d"; false when it is none. */
bool parse_age(const char *text, int64_t *out_ms);
