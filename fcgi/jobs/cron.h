/* Cron expressions: minute, hour, day of month, month, day of week (POSIX crontab(5)), with what Vixie's cron
 * added: steps, names, ranges, 7 for Sunday, and @hourly, @daily, @midnight, @weekly, @monthly, @yearly. When
 * both days are restricted either is enough. */
#pragma once

#include "engines/base/error.h"
#include "engines/base/timezone.h"

typedef struct Cron {
    uint64_t minutes;                       /* bit i = minute i */
    uint32_t hours, days, months, weekdays; /* days from bit 1, months from bit 1, Sunday is bit 0 */
    bool any_day, any_weekday;
} Cron;

/* 22023 with what is wrong. */
Status cron_parse(const char *text, Cron *out, Error *err);
/* "UTC" or a zone of tzdata: 22023. */
Status cron_zone(const char *name, TimeZoneMeaning *out, Error *err);

/* The first minute after `after_us` (of 1970, UTC) that it means, on the clocks of the zone; 0 when there is
 * none within ten years (30 February). Where clocks are set forward a time that they skip comes when they
 * have been set; where they are set back a time that comes twice is met once. */
int64_t cron_next_us(const Cron *cron, const TimeZoneMeaning *zone, int64_t after_us);
