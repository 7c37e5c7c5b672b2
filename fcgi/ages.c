#include "fcgi/ages.h"

#include <stdlib.h>
#include <string.h>

bool parse_age(const char *text, int64_t *out_ms) {
    char *end;
    double value = strtod(text, &end);
    double unit = *end == 'd' ? 86400e3 : *end == 'h' ? 3600e3 : *end == 'm' ? 60e3 : 1e3;
    if (end == text || !(value >= 0 && value <= 1e6) || (*end && (end[1] || !strchr("smhd", *end))))
        return false;
    *out_ms = (int64_t)(value * unit);
    return true;
}
