#include "fcgi/jobs/cron.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { MOST_TEXT_BYTES = 255, MOST_DAYS = 3660 };

typedef struct Field {
    const char *what;
    int least, most;
    const char *const *names; /* of `least` and on; NULL = numbers alone */
} Field;

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};
static const Field fields[] = {{"minute", 0, 59, NULL},
                               {"hour", 0, 23, NULL},
                               {"day of month", 1, 31, NULL},
                               {"month", 1, 12, month_names},
                               {"day of week", 0, 7, day_names}};
enum { FIELDS = 5 };

/* ---- reading ---------------------------------------------------------------------------------------------
 */

static Status wrong(const Field *field, Error *err) {
    return error_set(err, SQLSTATE_INVALID_PARAMETER,
                     "the cron expression's %s must be *, numbers from %d to %d, ranges or steps of them",
                     field->what, field->least, field->most);
}

static bool read_number(const char **at, int *out) {
    int value = 0, digits = 0;
    while (isdigit((unsigned char)**at) && digits < 4) {
        value = value * 10 + (*(*at)++ - '0');
        digits++;
    }
    *out = value;
    return digits > 0;
}

static bool read_value(const Field *field, const char **at, int *out) {
    for (int i = 0; field->names && field->names[i]; i++) {
        if (strncasecmp(*at, field->names[i], 3) != 0) continue;
        *at += 3;
        *out = field->least + i;
        return true;
    }
    return read_number(at, out) && *out >= field->least && *out <= field->most;
}

/* *, a, a-b, each with /step. */
static Status read_part(const Field *field, const char **at, uint64_t *bits, Error *err) {
    int first = field->least, last = field->most, step = 1;
    bool range = true;
    if (**at == '*') {
        ++*at;
    } else {
        if (!read_value(field, at, &first)) return wrong(field, err);
        last = first;
        range = **at == '-';
        if (range && (++*at, !read_value(field, at, &last))) return wrong(field, err);
    }
    if (**at == '/') {
        ++*at;
        if (!read_number(at, &step) || step < 1) return wrong(field, err);
        if (!range) last = field->most; /* a/n goes on to the end */
    }
    if (last < first) return wrong(field, err);
    for (int i = first; i <= last; i += step)
        *bits |= UINT64_C(1) << i;
    return STATUS_OK;
}

static Status read_field(const Field *field, const char **at, uint64_t *bits, bool *any, Error *err) {
    *bits = 0;
    *any = **at == '*';
    for (;;) {
        TRY(read_part(field, at, bits, err));
        if (**at != ',') break;
        ++*at;
    }
    return **at == ' ' || **at == 0 ? STATUS_OK : wrong(field, err);
}

static const char *long_form(const char *text) {
    static const char *const forms[][2] = {{"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},
                                           {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
                                           {"@monthly", "0 0 1 * *"},  {"@yearly", "0 0 1 1 *"},
                                           {"@annually", "0 0 1 1 *"}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (!strcasecmp(text, forms[i][0])) return forms[i][1];
    return text;
}

Status cron_parse(const char *text, Cron *out, Error *err) {
    uint64_t bits[FIELDS];
    bool any[FIELDS];
    if (strnlen(text, MOST_TEXT_BYTES + 1) > MOST_TEXT_BYTES)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "the cron expression is too long");
    const char *at = long_form(text);
    for (int i = 0; i < FIELDS; i++) {
        while (*at == ' ')
            at++;
        if (!*at)
            return error_set(
                err, SQLSTATE_INVALID_PARAMETER,
                "a cron expression has five fields: minute, hour, day of month, month, day of week");
        TRY(read_field(&fields[i], &at, &bits[i], &any[i], err));
    }
    while (*at == ' ')
        at++;
    if (*at)
        return error_set(err, SQLSTATE_INVALID_PARAMETER,
                         "a cron expression ends with the day of week; \"%.40s\" follows it", at);
    *out = (Cron){.minutes = bits[0],
                  .hours = (uint32_t)bits[1],
                  .days = (uint32_t)bits[2],
                  .months = (uint32_t)bits[3],
                  .weekdays = (uint32_t)(bits[4] | bits[4] >> 7) & 127,
                  .any_day = any[2],
                  .any_weekday = any[4]};
    return STATUS_OK;
}

Status cron_zone(const char *name, TimeZoneMeaning *out, Error *err) {
    *out = (TimeZoneMeaning){0};
    if (!strcasecmp(name, "UTC") || !strcasecmp(name, "Z")) return STATUS_OK;
    if (timezone_find_zone(name, strlen(name), &out->zone) == TIMEZONE_FOUND) return STATUS_OK;
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "there is no time zone \"%.100s\"", name);
}

/* ---- the next time ---------------------------------------------------------------------------------------
 */

static bool is_day(const Cron *cron, const struct tm *day) {
    bool by_date = cron->days >> day->tm_mday & 1, by_weekday = cron->weekdays >> day->tm_wday & 1;
    if (!(cron->months >> (day->tm_mon + 1) & 1)) return false;
    return cron->any_day || cron->any_weekday ? by_date && by_weekday : by_date || by_weekday;
}

/* Local times count from 1970 as if they were UTC. -1 = none on this day from `from_minute` on. */
static int minute_of_day(const Cron *cron, int from_minute) {
    for (int minute = from_minute; minute < 1440; minute++)
        if ((cron->hours >> (minute / 60) & 1) && (cron->minutes >> (minute % 60) & 1)) return minute;
    return -1;
}

int64_t cron_next_us(const Cron *cron, const TimeZoneMeaning *zone, int64_t after_us) {
    int64_t after_s = after_us / 1000000;
    int64_t local_s = after_s + timezone_offset_at(zone, after_s);
    int64_t minute = local_s / 60 + 1;
    for (int day = 0; day < MOST_DAYS; day++) {
        int64_t start_s = (minute / 1440) * 86400;
        struct tm broken;
        time_t at = (time_t)start_s;
        gmtime_r(&at, &broken);
        int found = is_day(cron, &broken) ? minute_of_day(cron, (int)(minute % 1440)) : -1;
        if (found >= 0) {
            int64_t wanted_s = start_s + (int64_t)found * 60;
            int64_t utc_s = wanted_s - timezone_offset_local(zone, wanted_s);
            if (utc_s > after_s) return utc_s * 1000000;
            minute = start_s / 60 + found + 1; /* its second coming, where clocks are set back */
            day--;
            continue;
        }
        minute = (minute / 1440 + 1) * 1440;
    }
    return 0;
}
