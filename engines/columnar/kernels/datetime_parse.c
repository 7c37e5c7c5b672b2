/* Date and time input: the text is cut into fields (numbers, words, dates, clock times, zones), and each
 * field is given its meaning by its shape and by what is known so far, with the order month-day-year where it
 * is open. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/base/timezone.h"
#include "engines/columnar/kernels/datetime_math.h"

typedef enum SpecialTime {
    SPECIAL_NONE,
    SPECIAL_EPOCH,
    SPECIAL_INFINITY,
    SPECIAL_MINUS_INFINITY,
    SPECIAL_NOW,
    SPECIAL_TODAY,
    SPECIAL_TOMORROW,
    SPECIAL_YESTERDAY
} SpecialTime;

typedef enum ParseResult {
    PARSE_OK,
    PARSE_BAD,
    PARSE_RANGE,
    PARSE_RANGE_ORDER,
    PARSE_ZONE, /* one this engine does not read */
    PARSE_ZONE_UNKNOWN,
    PARSE_ZONE_RANGE
} ParseResult;

typedef struct DateTimeFields {
    int year, month, day;
    int day_of_year; /* "1999.008": in place of month and day; 0 = not given */
    bool has_year, has_month, has_day, has_time, has_zone, before_christ, has_meridiem, is_pm, is_julian;
    int year_digits;
    int hour, minute, second, microsecond;
    TimeZoneMeaning zone; /* when has_zone */
    const char *zone_name;
    int zone_name_length;
    SpecialTime special;
} DateTimeFields;

static bool word_is(const char *word, size_t length, const char *name) {
    return strlen(name) == length && strncasecmp(word, name, length) == 0;
}

int month_from_name(const char *word, size_t length) {
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    for (int i = 0; i < 12; i++)
        if ((length == 3 && strncasecmp(word, names[i], 3) == 0) || word_is(word, length, names[i]))
            return i + 1;
    return word_is(word, length, "sept") ? 9 : 0;
}

static bool is_weekday(const char *word, size_t length) {
    static const char *const names[] = {"sunday",   "monday", "tuesday", "wednesday", "thursday", "friday",
                                        "saturday", "tues",   "wednes",  "weds",      "thur",     "thurs"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if ((length == 3 && i < 7 && strncasecmp(word, names[i], 3) == 0) || word_is(word, length, names[i]))
            return true;
    return false;
}

/* Up to nine digits; returns how many there were. */
static int read_number(const char **at, const char *end, int *value) {
    int digits = 0;
    *value = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        if (++digits > 9) return 99;
        *value = *value * 10 + (**at - '0');
    }
    return digits;
}

/* ".123456789": rounded to microseconds; may give 1,000,000. */
static int read_fraction(const char **at, const char *end) {
    double value = 0, unit = 0.1;
    for (++*at; *at < end && **at >= '0' && **at <= '9'; ++*at, unit /= 10)
        value += (**at - '0') * unit;
    return (int)rint(value * 1000000);
}

static ParseResult read_zone(const char **at, const char *end, DateTimeFields *fields) {
    int sign = *(*at)++ == '-' ? -1 : 1, hours = 0, minutes = 0, seconds = 0;
    int digits = read_number(at, end, &hours);
    if (digits == 0 || digits > 6 || fields->has_zone) return PARSE_BAD;
    if (digits > 4) {
        seconds = hours % 100;
        minutes = hours / 100 % 100;
        hours /= 10000;
    } else if (digits > 2) {
        minutes = hours % 100;
        hours /= 100;
    } else if (*at < end && **at == ':') {
        ++*at;
        if (read_number(at, end, &minutes) != 2) return PARSE_BAD;
        if (*at < end && **at == ':') {
            ++*at;
            if (read_number(at, end, &seconds) != 2) return PARSE_BAD;
        }
    }
    if (hours > 15 || minutes > 59 || seconds > 59) return PARSE_ZONE_RANGE;
    fields->zone = (TimeZoneMeaning){.offset = sign * (hours * 3600 + minutes * 60 + seconds)};
    fields->has_zone = true;
    return PARSE_OK;
}

static ParseResult read_clock(const char **at, const char *end, DateTimeFields *fields) {
    if (fields->has_time || read_number(at, end, &fields->hour) > 7 || *at == end || **at != ':')
        return PARSE_BAD;
    ++*at;
    int digits = read_number(at, end, &fields->minute);
    if (digits == 0 || digits > 2) return PARSE_BAD;
    if (*at < end && **at == ':') {
        ++*at;
        digits = read_number(at, end, &fields->second);
        if (digits == 0 || digits > 2) return PARSE_BAD;
    }
    if (*at < end && **at == '.') fields->microsecond = read_fraction(at, end);
    fields->has_time = true;
    return PARSE_OK;
}

static void set_year(DateTimeFields *fields, int value, int digits) {
    fields->year = value;
    fields->year_digits = digits;
    fields->has_year = true;
}

/* 1999.008, `point` at its point. */
static ParseResult read_day_of_year(const char **at, const char *point, DateTimeFields *fields) {
    int year = 0, day = 0;
    if (point - *at > 7) return PARSE_RANGE;
    for (const char *digit = *at; digit < point; digit++)
        year = year * 10 + (*digit - '0');
    for (int i = 1; i <= 3; i++)
        day = day * 10 + (point[i] - '0');
    if (day < 1 || day > 366) return PARSE_BAD;
    set_year(fields, year, (int)(point - *at));
    fields->day_of_year = day;
    fields->month = fields->day = 1;
    fields->has_month = fields->has_day = true;
    *at = point + 4;
    return PARSE_OK;
}

/* 2024-02-29, 2024/2/29, 2/29/2024, 29-Feb-2024, 2024-Feb-29 */
static ParseResult read_date(const char **at, const char *end, DateTimeFields *fields) {
    int values[3] = {0}, digits[3] = {0}, count = 0, name_at = -1;
    char separator = 0;
    for (; count < 3; count++) {
        if (*at < end && isalpha((unsigned char)**at)) {
            const char *word = *at;
            while (*at < end && isalpha((unsigned char)**at))
                ++*at;
            values[count] = month_from_name(word, (size_t)(*at - word));
            if (values[count] == 0 || name_at >= 0) return PARSE_BAD;
            name_at = count;
        } else {
            digits[count] = read_number(at, end, &values[count]);
            if (digits[count] == 0 || digits[count] > 9) return PARSE_BAD;
        }
        if (count == 2) continue;
        if (*at == end || !strchr("-/.", **at) || (separator && **at != separator)) return PARSE_BAD;
        separator = *(*at)++;
    }
    if (fields->has_day || fields->has_month || fields->has_year) return PARSE_BAD;
    int year_at = digits[0] >= 3 ? 0 : 2;
    int month_at = name_at >= 0 ? name_at : year_at == 0 ? 1 : 0;
    if (name_at == year_at) return PARSE_BAD;
    int day_at = 3 - year_at - month_at;
    set_year(fields, values[year_at], digits[year_at]);
    fields->month = values[month_at];
    fields->day = values[day_at];
    fields->has_month = fields->has_day = true;
    return PARSE_OK;
}

static ParseResult read_digits(const char **at, const char *end, DateTimeFields *fields) {
    int value, digits = read_number(at, end, &value);
    if (fields->special) return PARSE_BAD;
    bool has_date = fields->has_day && fields->has_month && fields->has_year;
    if (digits == 8 && !fields->has_month) {
        set_year(fields, value / 10000, 4);
        fields->month = value / 100 % 100;
        fields->day = value % 100;
        fields->has_month = fields->has_day = true;
        return PARSE_OK;
    }
    if (digits == 6 && !fields->has_month) {
        set_year(fields, value / 10000, 2);
        fields->month = value / 100 % 100;
        fields->day = value % 100;
        fields->has_month = fields->has_day = true;
        return PARSE_OK;
    }
    if ((digits == 6 || digits == 4) && has_date && !fields->has_time) {
        fields->second = digits == 6 ? value % 100 : 0;
        value = digits == 6 ? value / 100 : value;
        fields->hour = value / 100;
        fields->minute = value % 100;
        fields->has_time = true;
        if (*at < end && **at == '.') fields->microsecond = read_fraction(at, end);
        return PARSE_OK;
    }
    if (!fields->has_month && !fields->has_day && digits <= 2 && digits > 0) { /* "4 July 2024" */
        fields->day = value;
        fields->has_day = true;
        return PARSE_OK;
    }
    if (fields->has_month && !fields->has_day && digits <= 2) {
        fields->day = value;
        fields->has_day = true;
        return PARSE_OK;
    }
    if (fields->has_month && !fields->has_year && digits <= 6) {
        set_year(fields, value, digits);
        return PARSE_OK;
    }
    if (!fields->has_month && !fields->has_year && digits >= 3 && digits <= 6) {
        set_year(fields, value, digits);
        return PARSE_OK;
    }
    return PARSE_BAD;
}

/* A zone by name: letters alone may be an abbreviation; names go on to the next blank. */
static ParseResult read_zone_name(const char *word, const char **at, const char *end,
                                  DateTimeFields *fields) {
    if (fields->has_zone) return PARSE_BAD;
    bool letters = *at == end || isspace((unsigned char)**at) || **at == ',' || **at == ')';
    while (!letters && *at < end && !isspace((unsigned char)**at))
        ++*at;
    size_t length = (size_t)(*at - word);
    fields->zone_name = word;
    fields->zone_name_length = (int)(length > 500 ? 500 : length);
    TimeZoneResult result = letters ? timezone_find(word, length, &fields->zone)
                                    : timezone_find_zone(word, length, &fields->zone.zone);
    fields->has_zone = true;
    if (result == TIMEZONE_UNKNOWN) return memchr(word, '/', length) ? PARSE_ZONE_UNKNOWN : PARSE_BAD;
    return result == TIMEZONE_FOUND ? PARSE_OK : PARSE_ZONE;
}

static ParseResult read_word(const char **at, const char *end, DateTimeFields *fields) {
    static const struct {
        const char *name;
        SpecialTime special;
    } specials[] = {{"epoch", SPECIAL_EPOCH},       {"infinity", SPECIAL_INFINITY},
                    {"now", SPECIAL_NOW},           {"today", SPECIAL_TODAY},
                    {"tomorrow", SPECIAL_TOMORROW}, {"yesterday", SPECIAL_YESTERDAY}};
    const char *word = *at;
    while (*at < end && isalpha((unsigned char)**at))
        ++*at;
    size_t length = (size_t)(*at - word);
    if (*at < end && (**at == '/' || **at == '_')) return read_zone_name(word, at, end, fields);
    int month = month_from_name(word, length);
    if (month) {
        if (fields->has_month) return PARSE_BAD;
        fields->month = month;
        fields->has_month = true;
        return PARSE_OK;
    }
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
        if (word_is(word, length, specials[i].name)) {
            fields->special = specials[i].special;
            return PARSE_OK;
        }
    }
    if (word_is(word, length, "am") || word_is(word, length, "pm")) {
        if (!fields->has_time || fields->has_meridiem) return PARSE_BAD;
        fields->has_meridiem = true;
        fields->is_pm = (word[0] | 0x20) == 'p';
        return PARSE_OK;
    }
    if (word_is(word, length, "bc") || word_is(word, length, "ad")) {
        fields->before_christ = (word[0] | 0x20) == 'b';
        return PARSE_OK;
    }
    if (word_is(word, length, "z") || word_is(word, length, "utc") || word_is(word, length, "gmt") ||
        word_is(word, length, "zulu") || word_is(word, length, "ut")) {
        if (*at < end && strchr("+-", **at)) return read_zone_name(word, at, end, fields);
        fields->has_zone = true;
        return PARSE_OK;
    }
    if (word_is(word, length, "allballs")) {
        if (fields->has_time || fields->special || fields->has_zone) return PARSE_BAD;
        fields->has_time = fields->has_zone = true;
        return PARSE_OK;
    }
    if (word_is(word, length, "t") && *at < end) return fields->special ? PARSE_BAD : PARSE_OK;
    if (is_weekday(word, length)) return PARSE_OK;
    return read_zone_name(word, at, end, fields);
}

static ParseResult read_field(const char **at, const char *end, DateTimeFields *fields) {
    char c = **at;
    if (c == '+' || c == '-') {
        if (*at + 1 < end && isalpha((unsigned char)(*at)[1])) {
            bool negative = *(*at)++ == '-';
            ParseResult result = read_word(at, end, fields);
            if (result == PARSE_OK && fields->special != SPECIAL_INFINITY) return PARSE_BAD;
            if (negative) fields->special = SPECIAL_MINUS_INFINITY;
            return result;
        }
        return read_zone(at, end, fields);
    }
    if ((c | 0x20) == 'j' && *at + 1 < end && isdigit((unsigned char)(*at)[1])) {
        int julian;
        ++*at;
        if (read_number(at, end, &julian) > 9 || fields->has_year) return PARSE_BAD;
        CivilTime civil;
        civil_from_days((int64_t)julian - 2440588, &civil);
        *fields = (DateTimeFields){.year = civil.year,
                                   .month = civil.month,
                                   .day = civil.day,
                                   .has_year = true,
                                   .has_month = true,
                                   .has_day = true,
                                   .is_julian = true,
                                   .year_digits = 4};
        return PARSE_OK;
    }
    if (isalpha((unsigned char)c)) {
        const char *probe = *at;
        while (probe < end && isalpha((unsigned char)*probe))
            probe++;
        if (probe < end && *probe == '-' && month_from_name(*at, (size_t)(probe - *at)))
            return read_date(at, end, fields);
        return read_word(at, end, fields);
    }
    if (!isdigit((unsigned char)c)) return PARSE_BAD;
    const char *probe = *at;
    while (probe < end && isdigit((unsigned char)*probe))
        probe++;
    if (probe < end && *probe == ':') return read_clock(at, end, fields);
    if (probe < end && strchr("-/", *probe) && !(fields->has_day && fields->has_month))
        return read_date(at, end, fields);
    if (probe < end && *probe == '.' && !fields->has_month && !fields->has_day) {
        const char *second = probe + 1;
        while (second < end && isdigit((unsigned char)*second))
            second++;
        if (second < end && *second == '.') return read_date(at, end, fields);
        if (probe - *at >= 4 && second - probe == 4) return read_day_of_year(at, probe, fields);
    }
    return read_digits(at, end, fields);
}

static ParseResult read_fields(const char *at, const char *end, DateTimeFields *fields) {
    bool any = false;
    while (at < end) {
        if (isspace((unsigned char)*at) || *at == ',') {
            at++;
            continue;
        }
        ParseResult result = read_field(&at, end, fields);
        if (result != PARSE_OK) return result;
        any = true;
    }
    return any ? PARSE_OK : PARSE_BAD;
}

/* A bare number that is no month, or too long for a date, is a value out of range rather than bad syntax. */
static bool all_digits(const char *text, size_t length) {
    int value = 0;
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)text[i])) return false;
        value = i < 2 ? value * 10 + (text[i] - '0') : value;
    }
    return length > 8 || (length > 0 && length <= 2 && (value < 1 || value > 12));
}

static ParseResult check_date(DateTimeFields *fields) {
    if (!fields->has_year || !fields->has_month || !fields->has_day) return PARSE_BAD;
    if (fields->before_christ && !fields->is_julian) {
        if (fields->year <= 0) return PARSE_RANGE;
        fields->year = 1 - fields->year;
    } else if (fields->year_digits <= 2) {
        fields->year += fields->year < 70 ? 2000 : 1900;
    } else if (fields->year == 0) {
        return PARSE_RANGE;
    }
    if (fields->day_of_year) { /* the 366th of a short year is the next one's first */
        int64_t year;
        calendar_date_of(calendar_days_of(fields->year, 1, fields->day_of_year), &year, &fields->month,
                         &fields->day);
        fields->year = (int)year;
    }
    if (fields->month < 1 || fields->month > 12 || fields->day < 1 || fields->day > 31)
        return PARSE_RANGE_ORDER;
    if (fields->year > 5874898 || fields->day > civil_month_days(fields->year, fields->month))
        return PARSE_RANGE;
    return PARSE_OK;
}

static ParseResult check_time(DateTimeFields *fields) {
    if (fields->has_meridiem) {
        if (fields->hour > 12) return PARSE_RANGE;
        fields->hour = fields->hour % 12 + (fields->is_pm ? 12 : 0);
    }
    bool past_midnight = fields->hour == 24 && (fields->minute || fields->second || fields->microsecond);
    if (fields->hour > 24 || fields->minute > 59 || fields->second > 60 || past_midnight) return PARSE_RANGE;
    return PARSE_OK;
}

static Status report_zone(const DateTimeFields *fields, Error *err) {
    char name[512];
    for (int i = 0; i < fields->zone_name_length; i++)
        name[i] = (char)tolower((unsigned char)fields->zone_name[i]);
    return error_set(err, "22023", "time zone \"%.*s\" not recognized", fields->zone_name_length, name);
}

static Status report(ParseResult result, const DateTimeFields *fields, const char *type_name,
                     const char *text, size_t length, Error *err) {
    if (result == PARSE_ZONE_UNKNOWN) return report_zone(fields, err);
    int width = (int)(length > 500 ? 500 : length);
    if (result == PARSE_BAD && all_digits(text, length) && strcmp(type_name, "time") != 0)
        result = PARSE_RANGE;
    if (result == PARSE_BAD)
        return error_set(err, "22007", "invalid input syntax for type %s: \"%.*s\"", type_name, width, text);
    if (result == PARSE_ZONE)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "the time zone of \"%.*s\"", width, text);
    if (result == PARSE_ZONE_RANGE)
        return error_set(err, "22009", "time zone displacement out of range: \"%.*s\"", width, text);
    (void)error_set(err, "22008", "date/time field value out of range: \"%.*s\"", width, text);
    if (result == PARSE_RANGE_ORDER)
        (void)error_add_hint(err, "Perhaps you need a different \"datestyle\" setting.");
    return STATUS_ERROR;
}

static int64_t special_timestamp(const DateTimeFields *fields, int64_t now_us) {
    int64_t micros, today = timestamp_split(now_us, &micros);
    switch (fields->special) {
    case SPECIAL_INFINITY: return TIMESTAMP_INFINITY;
    case SPECIAL_MINUS_INFINITY: return TIMESTAMP_MINUS_INFINITY;
    case SPECIAL_NOW: return now_us;
    case SPECIAL_TODAY: return today * MICROS_PER_DAY;
    case SPECIAL_TOMORROW: return (today + 1) * MICROS_PER_DAY;
    case SPECIAL_YESTERDAY: return (today - 1) * MICROS_PER_DAY;
    default: return 0;
    }
}

/* What may stand beside a word like 'epoch': a time that is one, no zone whose offset would need a date. */
static ParseResult check_special(DateTimeFields *fields) {
    bool dated = fields->special >= SPECIAL_NOW && !fields->before_christ;
    ParseResult clock = check_time(fields);
    if (clock != PARSE_OK) return clock;
    return !dated && (fields->zone.zone || fields->before_christ) ? PARSE_BAD : PARSE_OK;
}

static int64_t clock_micros(const DateTimeFields *fields) {
    return fields->hour * MICROS_PER_HOUR + fields->minute * MICROS_PER_MINUTE +
           fields->second * MICROS_PER_SECOND + fields->microsecond;
}

Status date_parse(const char *text, size_t length, int64_t now_us, int32_t *out, Error *err) {
    DateTimeFields fields = {0};
    ParseResult result = read_fields(text, text + length, &fields);
    if (result == PARSE_OK && fields.special && (result = check_special(&fields)) == PARSE_OK) {
        *out = date_from_timestamp(special_timestamp(&fields, now_us));
        return STATUS_OK;
    }
    if (result == PARSE_OK) result = check_time(&fields);
    if (result == PARSE_OK) result = check_date(&fields);
    if (result != PARSE_OK) return report(result, &fields, "date", text, length, err);
    int64_t days = calendar_days_of(fields.year, fields.month, fields.day);
    if (!date_in_range(days))
        return error_set(err, "22008", "date out of range: \"%.*s\"", (int)length, text);
    *out = (int32_t)days;
    return STATUS_OK;
}

/* 040506 or 0405, alone. */
static bool read_compact_clock(const char *text, size_t length, DateTimeFields *fields) {
    if (length != 4 && length != 6) return false;
    int pairs[3] = {0};
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)text[i])) return false;
        pairs[i / 2] = pairs[i / 2] * 10 + (text[i] - '0');
    }
    fields->hour = pairs[0];
    fields->minute = pairs[1];
    fields->second = pairs[2];
    fields->has_time = true;
    return true;
}

/* 'allballs' is midnight. */
static bool is_midnight_word(const char *text, size_t length) {
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    while (length > 0 && isspace((unsigned char)*text))
        text++, length--;
    return length == 8 && strncasecmp(text, "allballs", 8) == 0;
}

Status time_parse(const char *text, size_t length, int64_t now_us, int64_t *out, Error *err) {
    DateTimeFields fields = {0};
    const char *at = text, *end = text + length;
    *out = 0;
    if (is_midnight_word(text, length)) return STATUS_OK;
    ParseResult result = read_compact_clock(text, length, &fields) ? PARSE_OK : read_fields(at, end, &fields);
    if (result == PARSE_OK && fields.special == SPECIAL_NOW) {
        timestamp_split(now_us, out);
        return STATUS_OK;
    }
    if (result == PARSE_OK && (!fields.has_time || fields.has_day != fields.has_month)) result = PARSE_BAD;
    /* a zone whose offset changes needs a date to be of one */
    if (result == PARSE_OK && fields.zone.zone && !fields.has_day) result = PARSE_BAD;
    if (result == PARSE_OK) result = check_time(&fields);
    if (result != PARSE_OK) return report(result, &fields, "time", text, length, err);
    *out = clock_micros(&fields);
    return *out > MICROS_PER_DAY ? report(PARSE_RANGE, &fields, "time", text, length, err) : STATUS_OK;
}

Status timestamp_parse(const char *text, size_t length, bool with_zone, int64_t now_us, int64_t *out,
                       Error *err) {
    const char *name = with_zone ? "timestamp with time zone" : "timestamp";
    DateTimeFields fields = {0};
    ParseResult result = read_fields(text, text + length, &fields);
    if (result == PARSE_OK && fields.special && (result = check_special(&fields)) == PARSE_OK) {
        *out = special_timestamp(&fields, now_us);
        if (fields.special <= SPECIAL_NOW) return STATUS_OK;
        *out += clock_micros(&fields);
        if (with_zone)
            *out -= timezone_offset_local(&fields.zone, *out / MICROS_PER_SECOND) * MICROS_PER_SECOND;
        return STATUS_OK;
    }
    if (result == PARSE_OK) result = check_time(&fields);
    if (result == PARSE_OK) result = check_date(&fields);
    if (result != PARSE_OK) return report(result, &fields, name, text, length, err);
    Int128 micros = (Int128)calendar_days_of(fields.year, fields.month, fields.day) * MICROS_PER_DAY +
                    clock_micros(&fields);
    if (with_zone) {
        int64_t second = (int64_t)((micros - fields.microsecond) / MICROS_PER_SECOND);
        micros -= (Int128)timezone_offset_local(&fields.zone, second) * MICROS_PER_SECOND;
    }
    if (!timestamp_in_range(micros))
        return error_set(err, "22008", "timestamp out of range: \"%.*s\"", (int)length, text);
    *out = (int64_t)micros;
    return STATUS_OK;
}
