/* What timezone.c searches and timezone_read.c fills. */
#pragma once

#include "engines/base/timezone.h"

#define TIMEZONE_REPEAT_S 12622780800LL /* 400 years */

typedef struct ZoneType {
    int32_t offset;
    bool summer;
    uint8_t name_at; /* in `names` */
} ZoneType;

struct TimeZone {
    int type_count, count;
    ZoneType types[256]; /* the first holds before all transitions */
    int64_t *at;         /* transitions, ascending */
    uint8_t *type_of;    /* what holds from each on */
    bool repeats_before, repeats_after;
    char names[280]; /* abbreviations, each ended by 0 */
};
