/* Time zones: offsets from UTC by name, abbreviation or POSIX rule, as PostgreSQL has them.
 *
 * Zones are read once from the system's tzdata (/usr/share/zoneinfo, TZif as in RFC 8536) and kept for the
 * life of the process; nothing here looks at TZ or localtime(). Beyond a file's last transition its rule
 * goes on, and repeats every 400 years. All functions may be called by any thread. Offsets are seconds east
 * of Greenwich; times are seconds since 1970-01-01 00:00, UTC or local as said.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct TimeZone TimeZone;

typedef enum TimeZoneResult {
    TIMEZONE_FOUND,
    TIMEZONE_UNKNOWN,
    TIMEZONE_UNSUPPORTED /* PostgreSQL knows what it means, this module does not */
} TimeZoneResult;

/* What a word after AT TIME ZONE means. */
typedef struct TimeZoneMeaning {
    const TimeZone *zone;     /* NULL: `offset` always holds */
    const char *abbreviation; /* of `zone`, NULL = the whole zone with its changes */
    int32_t offset;
} TimeZoneMeaning;

/* Abbreviations first, then names of tzdata without regard to case, then POSIX rules ("UTC-5:30"). */
TimeZoneResult timezone_find(const char *name, size_t length, TimeZoneMeaning *out);
/* Names and POSIX rules alone, and abbreviations alone. */
TimeZoneResult timezone_find_zone(const char *name, size_t length, const TimeZone **out);
bool timezone_find_abbreviation(const char *name, size_t length, TimeZoneMeaning *out);

/* The offset that holds at a moment, or when clocks there show a time: in a gap what held before it, in an
 * overlap what holds after it. */
int32_t timezone_offset_at(const TimeZoneMeaning *meaning, int64_t utc_s);
int32_t timezone_offset_local(const TimeZoneMeaning *meaning, int64_t local_s);

/* A zone of TZif bytes, or of a POSIX rule; NULL when they are not well formed. The caller destroys it. */
TimeZone *timezone_read(const uint8_t *bytes, size_t size);
TimeZone *timezone_of_rule(const char *rule, size_t length, bool *unsupported);
void timezone_destroy(TimeZone *zone);
