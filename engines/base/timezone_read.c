/* TZif files (RFC 8536) and POSIX rules (IEEE 1003.1, 8.3, with RFC 8536's extensions). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/calendar.h"
#include "engines/base/timezone_internal.h"

enum { REPEAT_YEARS = 400, MAX_TRANSITIONS = 4000, MAX_NAMES = 256 };

/* ---- POSIX rules
 * ------------------------------------------------------------------------------------------------- */

typedef enum DayKind { DAY_JULIAN, DAY_OF_YEAR, DAY_OF_MONTH } DayKind;

typedef struct ChangeRule {
    DayKind kind;
    int day, week, month;
    int32_t second; /* of that day, on the clock before the change */
} ChangeRule;

typedef struct PosixRule {
    char standard[64], summer[64]; /* names; summer empty: none */
    int32_t standard_offset, summer_offset;
    ChangeRule start, end;
} PosixRule;

typedef struct Cursor {
    const char *at, *end;
} Cursor;

static char peek(const Cursor *cursor) {
    return cursor->at < cursor->end ? *cursor->at : 0;
}
static bool accept(Cursor *cursor, char c) {
    if (peek(cursor) != c || cursor->at == cursor->end) return false;
    cursor->at++;
    return true;
}

static bool read_name(Cursor *cursor, char out[64]) {
    bool quoted = accept(cursor, '<');
    size_t length = 0;
    for (char c; cursor->at < cursor->end; cursor->at++) {
        c = *cursor->at;
        if (quoted ? c == '>' : isdigit((unsigned char)c) || c == ',' || c == '-' || c == '+') break;
        if (length + 1 >= 64) return false;
        out[length++] = c;
    }
    out[length] = 0;
    return !quoted || accept(cursor, '>');
}

static bool read_number(Cursor *cursor, int low, int high, int *out) {
    if (!isdigit((unsigned char)peek(cursor))) return false;
    *out = 0;
    while (isdigit((unsigned char)peek(cursor))) {
        *out = *out * 10 + (*cursor->at++ - '0');
        if (*out > high) return false;
    }
    return *out >= low;
}

/* [+-]hh[:mm[:ss]] in seconds */
static bool read_time(Cursor *cursor, int32_t *out) {
    bool negative = accept(cursor, '-');
    if (!negative) accept(cursor, '+');
    int hours, minutes = 0, seconds = 0;
    if (!read_number(cursor, 0, 24 * 7 - 1, &hours)) return false;
    if (accept(cursor, ':')) {
        if (!read_number(cursor, 0, 59, &minutes)) return false;
        if (accept(cursor, ':') && !read_number(cursor, 0, 60, &seconds)) return false;
    }
    *out = hours * 3600 + minutes * 60 + seconds;
    if (negative) *out = -*out;
    return true;
}

static bool read_change(Cursor *cursor, ChangeRule *rule) {
    if (accept(cursor, 'j') || accept(cursor, 'J')) {
        rule->kind = DAY_JULIAN;
        if (!read_number(cursor, 1, 365, &rule->day)) return false;
    } else if (accept(cursor, 'm') || accept(cursor, 'M')) {
        rule->kind = DAY_OF_MONTH;
        if (!read_number(cursor, 1, 12, &rule->month) || !accept(cursor, '.') ||
            !read_number(cursor, 1, 5, &rule->week) || !accept(cursor, '.') ||
            !read_number(cursor, 0, 6, &rule->day))
            return false;
    } else {
        rule->kind = DAY_OF_YEAR;
        if (!read_number(cursor, 0, 365, &rule->day)) return false;
    }
    rule->second = 2 * 3600;
    return !accept(cursor, '/') || read_time(cursor, &rule->second);
}

static bool read_rule(const char *text, size_t length, PosixRule *out, bool *unsupported) {
    Cursor cursor = {text, text + length};
    *out = (PosixRule){0};
    if (!read_name(&cursor, out->standard) || !read_time(&cursor, &out->standard_offset)) return false;
    out->standard_offset = -out->standard_offset;
    if (cursor.at == cursor.end) return true;
    if (!read_name(&cursor, out->summer) || !out->summer[0]) return false;
    out->summer_offset = out->standard_offset + 3600;
    if (cursor.at < cursor.end && peek(&cursor) != ',' && peek(&cursor) != ';') {
        if (!read_time(&cursor, &out->summer_offset)) return false;
        out->summer_offset = -out->summer_offset;
    }
    if (cursor.at == cursor.end) { /* the rules of the machine's "posixrules" */
        *unsupported = true;
        return false;
    }
    if (!accept(&cursor, ',') && !accept(&cursor, ';')) return false;
    return read_change(&cursor, &out->start) && accept(&cursor, ',') && read_change(&cursor, &out->end) &&
           cursor.at == cursor.end;
}

/* Seconds from 1970 to the change in that year, on the clock before it. */
static int64_t change_in(const ChangeRule *rule, int64_t year) {
    int64_t day = calendar_days_of(year, 1, 1);
    bool leap = calendar_days_of(year + 1, 1, 1) - day == 366;
    if (rule->kind == DAY_JULIAN) {
        day += rule->day - 1 + (leap && rule->day >= 60);
    } else if (rule->kind == DAY_OF_YEAR) {
        day += rule->day;
    } else {
        int64_t first = calendar_days_of(year, rule->month, 1);
        int64_t next = calendar_days_of(year + rule->month / 12, rule->month % 12 + 1, 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7;
        day = first + (rule->day - weekday + 7) % 7 + (int64_t)(rule->week - 1) * 7;
        while (day >= next)
            day -= 7;
    }
    return day * 86400 + rule->second;
}

/* ---- building zones
 * ----------------------------------------------------------------------------------------------- */

void timezone_destroy(TimeZone *zone) {
    if (!zone) return;
    free(zone->at);
    free(zone->type_of);
    free(zone);
}

static TimeZone *zone_create(void) {
    TimeZone *zone = calloc(1, sizeof *zone);
    if (!zone) abort();
    zone->at = malloc(MAX_TRANSITIONS * sizeof zone->at[0]);
    zone->type_of = malloc(MAX_TRANSITIONS);
    if (!zone->at || !zone->type_of) abort();
    return zone;
}

/* An abbreviation's place in `names`, which may have it already. */
static int place_name(TimeZone *zone, const char *name) {
    size_t at = 0;
    while (at < MAX_NAMES && zone->names[at]) {
        if (strcmp(zone->names + at, name) == 0) return (int)at;
        at += strlen(zone->names + at) + 1;
    }
    if (at + strlen(name) >= MAX_NAMES) return 0;
    strcpy(zone->names + at, name);
    return (int)at;
}

static int add_type(TimeZone *zone, int32_t offset, bool summer, const char *name) {
    int name_at = place_name(zone, name);
    for (int i = 0; i < zone->type_count; i++)
        if (zone->types[i].offset == offset && zone->types[i].summer == summer &&
            zone->types[i].name_at == name_at)
            return i;
    if (zone->type_count >= 256) return 255;
    zone->types[zone->type_count] = (ZoneType){offset, summer, (uint8_t)name_at};
    return zone->type_count++;
}

static void add_transition(TimeZone *zone, int64_t at, int type) {
    if (zone->count >= MAX_TRANSITIONS || (zone->count > 0 && at <= zone->at[zone->count - 1])) return;
    zone->at[zone->count] = at;
    zone->type_of[zone->count++] = (uint8_t)type;
}

/* The changes of the rule in each of the years, those after the last transition. */
static void add_rule(TimeZone *zone, const PosixRule *rule, int64_t from_year, int64_t to_year) {
    int standard = add_type(zone, rule->standard_offset, false, rule->standard);
    if (!rule->summer[0]) return;
    int summer = add_type(zone, rule->summer_offset, true, rule->summer);
    for (int64_t year = from_year; year <= to_year; year++) {
        int64_t start = change_in(&rule->start, year) - rule->standard_offset;
        int64_t end = change_in(&rule->end, year) - rule->summer_offset;
        if (start <= end) {
            add_transition(zone, start, summer);
            add_transition(zone, end, standard);
        } else {
            add_transition(zone, end, standard);
            add_transition(zone, start, summer);
        }
    }
}

TimeZone *timezone_of_rule(const char *text, size_t length, bool *unsupported) {
    PosixRule rule;
    *unsupported = false;
    if (!read_rule(text, length, &rule, unsupported)) return NULL;
    TimeZone *zone = zone_create();
    add_rule(zone, &rule, 1970 - REPEAT_YEARS, 1970 + REPEAT_YEARS + 1);
    zone->repeats_before = zone->repeats_after = zone->count > 0;
    return zone;
}

/* ---- TZif
 * ------------------------------------------------------------------------------------------------------- */

typedef struct Header {
    size_t utc_count, standard_count, leap_count, transition_count, type_count, name_bytes;
} Header;

static uint64_t big_endian(const uint8_t *bytes, int count) {
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* The header at `at`; false when what it announces does not fit. `*body` is the size of what follows it. */
static bool read_header(const uint8_t *bytes, size_t size, size_t at, int time_bytes, Header *out,
                        size_t *body) {
    if (size < at + 44 || memcmp(bytes + at, "TZif", 4) != 0) return false;
    size_t counts[6];
    for (int i = 0; i < 6; i++)
        counts[i] = (size_t)big_endian(bytes + at + 20 + (size_t)i * 4, 4);
    *out = (Header){counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]};
    for (int i = 0; i < 6; i++)
        if (counts[i] > 100000) return false;
    *body = out->transition_count * (size_t)(time_bytes + 1) + out->type_count * 6 + out->name_bytes +
            out->leap_count * (size_t)(time_bytes + 4) + out->standard_count + out->utc_count;
    return size - at - 44 >= *body;
}

static bool read_types(TimeZone *zone, const Header *header, const uint8_t *types, const uint8_t *names) {
    memcpy(zone->names, names, header->name_bytes);
    zone->type_count = (int)header->type_count;
    for (size_t i = 0; i < header->type_count; i++) {
        const uint8_t *type = types + i * 6;
        if (type[5] >= header->name_bytes) return false;
        zone->types[i] = (ZoneType){(int32_t)big_endian(type, 4), type[4] != 0, type[5]};
        if (zone->types[i].offset < -167 * 3600 || zone->types[i].offset > 167 * 3600) return false;
    }
    return true;
}

static bool read_body(TimeZone *zone, const Header *header, const uint8_t *body) {
    if (header->type_count == 0 || header->type_count > 250 || header->name_bytes == 0 ||
        header->name_bytes > MAX_NAMES - 1 ||
        header->transition_count > MAX_TRANSITIONS - 2 * REPEAT_YEARS - 10)
        return false;
    const uint8_t *type_of = body + header->transition_count * 8, *types = type_of + header->transition_count;
    for (size_t i = 0; i < header->transition_count; i++) {
        int64_t at = (int64_t)big_endian(body + i * 8, 8);
        if (type_of[i] >= header->type_count || (i > 0 && at <= zone->at[i - 1])) return false;
        zone->at[i] = at;
        zone->type_of[i] = type_of[i];
    }
    zone->count = (int)header->transition_count;
    return read_types(zone, header, types, types + header->type_count * 6);
}

/* The rule after the last transition stands between two line ends. */
static void read_footer(TimeZone *zone, const uint8_t *footer, size_t size) {
    PosixRule rule;
    bool unsupported;
    if (size < 2 || footer[0] != '\n') return;
    const uint8_t *end = memchr(footer + 1, '\n', size - 1);
    if (!end || !read_rule((const char *)footer + 1, (size_t)(end - footer - 1), &rule, &unsupported)) return;
    int64_t year = 1970;
    int month, day;
    if (zone->count > 0) {
        int64_t days = zone->at[zone->count - 1] / 86400;
        if (days < -1000000 || days > 1000000) days = 0;
        calendar_date_of(days, &year, &month, &day);
    }
    if (!rule.summer[0]) return;
    add_rule(zone, &rule, year, year + REPEAT_YEARS + 1);
    zone->repeats_after = true;
}

TimeZone *timezone_read(const uint8_t *bytes, size_t size) {
    Header header;
    size_t body, second;
    /* Version 1 holds 32-bit times, for readers of long ago; the second part is the one that counts. */
    if (!read_header(bytes, size, 0, 4, &header, &body) || bytes[4] < '2') return NULL;
    second = 44 + body;
    if (!read_header(bytes, size, second, 8, &header, &body)) return NULL;
    TimeZone *zone = zone_create();
    if (!read_body(zone, &header, bytes + second + 44)) {
        timezone_destroy(zone);
        return NULL;
    }
    size_t footer = second + 44 + body;
    read_footer(zone, bytes + footer, size - footer);
    return zone;
}
