/* Interval input: "1 year 2 mons 3 days 04:05:06", "1.5 hours ago", SQL's "1-2" and ISO 8601's
 * "P1Y2M3DT4H5M6S". A fraction of a unit spills into the smaller ones: months of 30 days, days of 24 hours.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/columnar/kernels/datetime_math.h"

typedef struct IntervalUnit {
    const char *name;
    int32_t months;
    int32_t days;
    int64_t micros;
} IntervalUnit;

/* Plurals of names with more than three letters are found by dropping the "s". */
static const IntervalUnit units[] = {
    {"microsecond", 0, 0, 1},
    {"usec", 0, 0, 1},
    {"us", 0, 0, 1},
    {"usecond", 0, 0, 1},
    {"millisecond", 0, 0, 1000},
    {"msec", 0, 0, 1000},
    {"ms", 0, 0, 1000},
    {"msecond", 0, 0, 1000},
    {"second", 0, 0, MICROS_PER_SECOND},
    {"sec", 0, 0, MICROS_PER_SECOND},
    {"secs", 0, 0, MICROS_PER_SECOND},
    {"s", 0, 0, MICROS_PER_SECOND},
    {"minute", 0, 0, MICROS_PER_MINUTE},
    {"min", 0, 0, MICROS_PER_MINUTE},
    {"mins", 0, 0, MICROS_PER_MINUTE},
    {"m", 0, 0, MICROS_PER_MINUTE},
    {"hour", 0, 0, MICROS_PER_HOUR},
    {"hr", 0, 0, MICROS_PER_HOUR},
    {"hrs", 0, 0, MICROS_PER_HOUR},
    {"h", 0, 0, MICROS_PER_HOUR},
    {"day", 0, 1, 0},
    {"days", 0, 1, 0},
    {"d", 0, 1, 0},
    {"week", 0, 7, 0},
    {"w", 0, 7, 0},
    {"month", 1, 0, 0},
    {"mon", 1, 0, 0},
    {"mons", 1, 0, 0},
    {"year", 12, 0, 0},
    {"yr", 12, 0, 0},
    {"yrs", 12, 0, 0},
    {"y", 12, 0, 0},
    {"decade", 120, 0, 0},
    {"dec", 120, 0, 0},
    {"decs", 120, 0, 0},
    {"century", 1200, 0, 0},
    {"centuries", 1200, 0, 0},
    {"cent", 1200, 0, 0},
    {"c", 1200, 0, 0},
    {"millennium", 12000, 0, 0},
    {"millennia", 12000, 0, 0},
    {"mil", 12000, 0, 0},
    {"mils", 12000, 0, 0},
};
static const IntervalUnit second_unit = {"second", 0, 0, MICROS_PER_SECOND};

static const IntervalUnit *find_unit(const char *word, size_t length) {
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t bytes = strlen(units[i].name);
        bool plural = length == bytes + 1 && bytes > 3 && (word[bytes] | 0x20) == 's';
        if ((length == bytes || plural) && strncasecmp(word, units[i].name, bytes) == 0) return &units[i];
    }
    return NULL;
}

/* Which fields were given: each may be given once. */
enum {
    SEEN_MICROSECOND = 1 << 0,
    SEEN_MILLISECOND = 1 << 1,
    SEEN_SECOND = 1 << 2,
    SEEN_SECONDS = SEEN_MICROSECOND | SEEN_MILLISECOND | SEEN_SECOND,
    SEEN_MINUTE = 1 << 3,
    SEEN_HOUR = 1 << 4,
    SEEN_CLOCK = SEEN_SECONDS | SEEN_MINUTE | SEEN_HOUR,
    SEEN_MONTH = 1 << 5
};

typedef struct IntervalSum {
    int64_t months, days;
    int64_t micros;
    unsigned seen;
    bool overflow;
} IntervalSum;

typedef struct IntervalNumber {
    bool negative;
    int64_t whole;
    double fraction; /* 0 <= fraction < 1 */
    bool overflow;
} IntervalNumber;

static void add_whole(int64_t *into, int64_t count, int64_t unit, bool *overflow) {
    int64_t product;
    *overflow |=
        __builtin_mul_overflow(count, unit, &product) || __builtin_add_overflow(*into, product, into);
}

static void add_micros_fraction(IntervalSum *sum, double micros) {
    add_whole(&sum->micros, (int64_t)rint(micros), 1, &sum->overflow);
}
static void add_days_fraction(IntervalSum *sum, double days) {
    int64_t whole = (int64_t)days;
    add_whole(&sum->days, whole, 1, &sum->overflow);
    add_micros_fraction(sum, (days - (double)whole) * MICROS_PER_DAY);
}

static void add_quantity(IntervalSum *sum, const IntervalNumber *number, const IntervalUnit *unit) {
    int64_t sign = number->negative ? -1 : 1;
    double fraction = number->negative ? -number->fraction : number->fraction;
    sum->overflow |= number->overflow;
    if (unit->micros) {
        add_whole(&sum->micros, sign * number->whole, unit->micros, &sum->overflow);
        add_micros_fraction(sum, fraction * (double)unit->micros);
    } else if (unit->days) {
        add_whole(&sum->days, sign * number->whole, unit->days, &sum->overflow);
        add_days_fraction(sum, fraction * unit->days);
    } else {
        add_whole(&sum->months, sign * number->whole, unit->months, &sum->overflow);
        if (unit->months == 1)
            add_days_fraction(sum, fraction * 30);
        else
            add_whole(&sum->months, (int64_t)rint(fraction * unit->months), 1, &sum->overflow);
    }
}

static bool read_interval_number(const char **at, const char *end, IntervalNumber *number) {
    *number = (IntervalNumber){0};
    const char *start;
    if (*at < end && (**at == '-' || **at == '+')) number->negative = *(*at)++ == '-';
    start = *at;
    for (; *at < end && isdigit((unsigned char)**at); ++*at)
        number->overflow |= __builtin_mul_overflow(number->whole, 10, &number->whole) ||
                            __builtin_add_overflow(number->whole, **at - '0', &number->whole);
    bool any = *at > start;
    if (*at < end && **at == '.') {
        double unit = 0.1;
        for (++*at; *at < end && isdigit((unsigned char)**at); ++*at, unit /= 10) {
            number->fraction += (**at - '0') * unit;
            any = true;
        }
    }
    return any;
}

static unsigned field_of_unit(const IntervalUnit *unit, bool has_fraction) {
    if (unit->micros == 1) return SEEN_MICROSECOND;
    if (unit->micros == 1000) return SEEN_MILLISECOND;
    if (unit->micros == MICROS_PER_SECOND) return has_fraction ? SEEN_SECONDS : SEEN_SECOND;
    if (unit->micros) return unit->micros == MICROS_PER_MINUTE ? SEEN_MINUTE : SEEN_HOUR;
    if (unit->days) return unit->days == 1 ? 1u << 6 : 1u << 7;
    unsigned bit = SEEN_MONTH;
    for (int months = 1; months < unit->months; months *= months == 1 ? 12 : 10)
        bit = bit == SEEN_MONTH ? 1u << 8 : bit << 1;
    return bit;
}
static bool see(IntervalSum *sum, unsigned fields) {
    bool fresh = !(sum->seen & fields);
    sum->seen |= fields;
    return fresh;
}

/* After "HH:" — minutes and seconds follow; "MM:SS.f" is told by its fraction. */
static bool read_interval_clock(const char **at, const char *end, const IntervalNumber *hours,
                                IntervalSum *sum) {
    IntervalNumber minutes, seconds = {0};
    ++*at;
    if (!read_interval_number(at, end, &minutes) || minutes.negative) return false;
    bool has_seconds = *at < end && **at == ':';
    if (has_seconds) {
        ++*at;
        if (!read_interval_number(at, end, &seconds) || seconds.negative) return false;
    }
    int64_t sign = hours->negative ? -1 : 1;
    int64_t first = hours->whole, second = minutes.whole;
    double fraction = has_seconds ? seconds.fraction : minutes.fraction;
    if (!has_seconds && minutes.fraction > 0) { /* minutes and seconds */
        seconds.whole = second;
        second = first;
        first = 0;
    }
    if (second > 59 || seconds.whole > 59 || hours->fraction > 0) sum->overflow = true;
    add_whole(&sum->micros, sign * first, MICROS_PER_HOUR, &sum->overflow);
    add_whole(&sum->micros, sign * second, MICROS_PER_MINUTE, &sum->overflow);
    add_whole(&sum->micros, sign * seconds.whole, MICROS_PER_SECOND, &sum->overflow);
    add_micros_fraction(sum, (double)sign * fraction * MICROS_PER_SECOND);
    return true;
}

/* The alternative form, P0001-02-03T04:05:06, once its first number was read. */
static bool read_iso_alternative(const char **at, const char *end, IntervalNumber *first, bool time_part,
                                 IntervalSum *sum) {
    static const char *const UNITS[] = {"y", "mon", "d"};
    if (time_part) return read_interval_clock(at, end, first, sum);
    IntervalNumber number = *first;
    for (int part = 0; part < 3; part++) {
        add_quantity(sum, &number, find_unit(UNITS[part], strlen(UNITS[part])));
        if (part == 2 || *at == end || **at != '-') break;
        ++*at;
        if (!read_interval_number(at, end, &number)) return false;
    }
    return *at == end || **at == 'T';
}

static bool read_iso(const char *at, const char *end, IntervalSum *sum) {
    bool time_part = false, any = false;
    for (at++; at < end;) {
        if (*at == 'T') {
            time_part = true;
            at++;
            continue;
        }
        IntervalNumber number;
        if (!read_interval_number(&at, end, &number) || at == end) return false;
        if (*at == (time_part ? ':' : '-')) {
            if (!read_iso_alternative(&at, end, &number, time_part, sum)) return false;
            any = true;
            continue;
        }
        char letter = *at++;
        const char *name = time_part ? (letter == 'H'   ? "h"
                                        : letter == 'M' ? "m"
                                        : letter == 'S' ? "s"
                                                        : NULL)
                                     : (letter == 'Y'   ? "y"
                                        : letter == 'M' ? "mon"
                                        : letter == 'W' ? "w"
                                        : letter == 'D' ? "d"
                                                        : NULL);
        if (!name) return false;
        add_quantity(sum, &number, find_unit(name, strlen(name)));
        any = true;
    }
    return any;
}

static bool is_clock(const char *at, const char *end) {
    if (at < end && (*at == '-' || *at == '+')) at++;
    while (at < end && isdigit((unsigned char)*at))
        at++;
    return at < end && *at == ':';
}

/* One quantity with what follows it: a unit, a clock time, "Y-M", or nothing (days before a clock time, else
 * seconds). */
static bool read_quantity(const char **at, const char *end, IntervalSum *sum) {
    IntervalNumber number;
    if (!read_interval_number(at, end, &number)) return false;
    if (*at < end && **at == ':') {
        if (!see(sum, SEEN_CLOCK)) return false;
        return read_interval_clock(at, end, &number, sum);
    }
    if (*at < end && **at == '-' && *at + 1 < end && isdigit((unsigned char)(*at)[1])) {
        IntervalNumber months;
        ++*at;
        if (!read_interval_number(at, end, &months) || (*at < end && **at == '-' && months.whole <= 11))
            return false;
        if (months.whole > 11) {
            sum->overflow = true;
            *at = end;
            return true;
        }
        if (!see(sum, SEEN_MONTH)) return false;
        int64_t sign = number.negative ? -1 : 1;
        add_whole(&sum->months, sign * number.whole, 12, &sum->overflow);
        add_whole(&sum->months, sign * months.whole, 1, &sum->overflow);
        return true;
    }
    const char *word = *at;
    while (word < end && isspace((unsigned char)*word))
        word++;
    const char *stop = word;
    while (stop < end && isalpha((unsigned char)*stop))
        stop++;
    if (stop > word && !(stop - word == 3 && strncasecmp(word, "ago", 3) == 0)) {
        const IntervalUnit *unit = find_unit(word, (size_t)(stop - word));
        if (!unit || !see(sum, field_of_unit(unit, number.fraction > 0))) return false;
        *at = stop;
        add_quantity(sum, &number, unit);
        return true;
    }
    bool before_clock = word < end && stop == word; /* "1 04:05:06" */
    if (before_clock && !is_clock(word, end)) return false;
    if (!before_clock && stop > word) return false; /* "5 ago": without a unit */
    const IntervalUnit *unit = before_clock ? find_unit("d", 1) : &second_unit;
    if (!see(sum, field_of_unit(unit, number.fraction > 0))) return false;
    add_quantity(sum, &number, unit);
    return true;
}

static bool read_interval(const char *at, const char *end, IntervalSum *sum) {
    bool any = false, ago = false;
    if (at < end && *at == 'P') return read_iso(at, end, sum);
    while (at < end) {
        if (isspace((unsigned char)*at) || *at == ',' || (*at == '@' && !any)) {
            at++;
        } else if (end - at >= 3 && strncasecmp(at, "ago", 3) == 0 && any && !ago) {
            at += 3;
            ago = true;
        } else if (ago || !read_quantity(&at, end, sum)) {
            return false;
        } else {
            any = true;
        }
    }
    if (ago) {
        sum->months = -sum->months;
        sum->days = -sum->days;
        sum->micros = -sum->micros;
    }
    return any;
}

Status interval_parse(const char *text, size_t length, Interval *out, Error *err) {
    IntervalSum sum = {0};
    const char *at = text, *end = text + length;
    while (at < end && isspace((unsigned char)*at))
        at++;
    while (end > at && isspace((unsigned char)end[-1]))
        end--;
    if (!read_interval(at, end, &sum))
        return error_set(err, "22007", "invalid input syntax for type interval: \"%.*s\"", (int)length, text);
    if (sum.overflow || sum.months != (int32_t)sum.months || sum.days != (int32_t)sum.days)
        return error_set(err, "22015", "interval field value out of range: \"%.*s\"", (int)length, text);
    *out = (Interval){.months = (int32_t)sum.months, .days = (int32_t)sum.days, .microseconds = sum.micros};
    return STATUS_OK;
}
