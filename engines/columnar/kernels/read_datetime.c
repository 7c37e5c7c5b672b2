/* to_date and to_timestamp: a text read by a template. PostgreSQL's rules of what may be skipped, how many
 * characters a field takes, and how fields make a date. */
#include <ctype.h>
#include <stdlib.h>

#include "engines/base/utf8.h"
#include "engines/columnar/kernels/datetime_math.h"
#include "engines/columnar/kernels/template_datetime.h"

/* What the text said; 0 where it said nothing. */
typedef struct ReadFields {
    DateMode mode;
    int hour, pm, minute, second, seconds_of_day;
    int day_of_week, day, day_of_year, month, year, before_christ, century, week, week_of_month, julian;
    int milliseconds, microseconds;
    int year_digits, fraction_digits; /* the latter of FF1 to FF6 */
    bool twelve_hours;
    int zone_sign, zone_hours, zone_minutes;
} ReadFields;

typedef struct DateReader {
    const DateTemplate *template;
    int index; /* of the node being read */
    const char *start, *at, *end;
    ReadFields fields;
    bool fixed; /* FX */
    int skipped;
    Error *err;
} DateReader;

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}
static bool is_separator(char c) {
    return c > 0x20 && c < 0x7F && !isalnum((unsigned char)c);
}

static void skip_character(DateReader *r) {
    if (r->at >= r->end) return;
    size_t width = utf8_sequence_length(r->at, (size_t)(r->end - r->at));
    r->at += width ? width : 1;
}

static Status bad_format(DateReader *r, const char *format, const char *text, int length, const char *name) {
    return error_set(r->err, "22007", format, length, text, name);
}

static Status set_field(DateReader *r, int *field, int value) {
    if (*field != 0 && *field != value) {
        (void)error_set(r->err, "22007", "conflicting values for \"%s\" field in formatting string",
                        r->template->nodes[r->index].name);
        return error_add_detail(r->err, "This value contradicts a previous setting for the same field type.");
    }
    *field = value;
    return STATUS_OK;
}

static Status set_mode(DateReader *r, DateMode mode) {
    if (mode == DATE_MODE_NONE || r->fields.mode == mode) return STATUS_OK;
    if (r->fields.mode != DATE_MODE_NONE) {
        (void)error_set(r->err, "22007", "invalid combination of date conventions");
        return error_add_hint(r->err,
                              "Do not mix Gregorian and ISO week date conventions in a formatting template.");
    }
    r->fields.mode = mode;
    return STATUS_OK;
}

/* Whether what follows this field cannot be a digit of it. */
static bool next_is_no_digit(const DateReader *r) {
    const DateNode *node = &r->template->nodes[r->index];
    if (node->ordinal || r->index + 1 >= r->template->count) return true;
    const DateNode *next = &node[1];
    if (next->pattern > DATE_SPACE) return !next->digits;
    return !(next->width == 1 && isdigit((unsigned char)next->literal[0]));
}

/* A number as strtol reads one, from at most `most` bytes: blanks, a sign, digits. Bytes used, 0 for none. */
static int scan_number(const char *at, const char *end, long *value, bool *huge) {
    const char *from = at;
    while (at < end && is_blank(*at))
        at++;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    const char *digits = at;
    for (*value = 0, *huge = false; at < end && isdigit((unsigned char)*at); at++) {
        *value = *value * 10 + (*at - '0');
        if (*value > INT32_MAX + 1L) {
            *huge = true;
            *value = INT32_MAX;
        }
    }
    if (at == digits) return 0;
    if (negative) *value = -*value;
    return (int)(at - from);
}

static Status too_short(DateReader *r, int wanted, int have) {
    const DateNode *node = &r->template->nodes[r->index];
    (void)error_set(r->err, "22007", "source string too short for \"%s\" formatting field", node->name);
    (void)error_add_detail(r->err, "Field requires %d characters, but only %d remain.", wanted, have);
    return error_add_hint(r->err, "If your source string is not fixed-width, try using the \"FM\" modifier.");
}

/* At most `length` characters where a digit may follow, else as many as there are. *used: how many, blanks
 * before them among them. */
static Status read_number(DateReader *r, int *field, int length, int *used) {
    const DateNode *node = &r->template->nodes[r->index];
    const char *entry = r->at;
    while (r->at < r->end && is_blank(*r->at))
        r->at++;
    const char *from = r->at;
    int left = (int)(r->end - from), shown = left < length ? left : length;
    long value = 0;
    bool huge = false;
    if (node->fill || next_is_no_digit(r)) {
        r->at += scan_number(from, r->end, &value, &huge);
    } else {
        if (left < length) return too_short(r, length, left);
        int taken = scan_number(from, from + length, &value, &huge);
        if (taken > 0 && taken < length) {
            (void)bad_format(r, "invalid value \"%.*s\" for \"%s\"", from, shown, node->name);
            (void)error_add_detail(r->err, "Field requires %d characters, but only %d could be parsed.",
                                   length, taken);
            return error_add_hint(r->err,
                                  "If your source string is not fixed-width, try using the \"FM\" modifier.");
        }
        r->at += taken;
    }
    if (r->at == entry) {
        (void)bad_format(r, "invalid value \"%.*s\" for \"%s\"", from, shown, node->name);
        return error_add_detail(r->err, "Value must be an integer.");
    }
    if (huge || value > INT32_MAX || value < INT32_MIN) {
        (void)error_set(r->err, "22008", "value for \"%s\" in source string is out of range", node->name);
        return error_add_detail(r->err, "Value must be in the range %d to %d.", INT32_MIN, INT32_MAX);
    }
    if (used) *used = (int)(r->at - entry);
    return field ? set_field(r, field, (int)value) : STATUS_OK;
}

static Status read_plain(DateReader *r, int *field, int length) {
    TRY(read_number(r, field, length, NULL));
    if (r->template->nodes[r->index].ordinal) {
        skip_character(r);
        skip_character(r);
    }
    return STATUS_OK;
}

/* The first of `words` the text starts with, letters of either case; `most`: how much of each counts. */
static Status read_word(DateReader *r, const char *const *words, int count, size_t most, int *index) {
    for (int i = 0; i < count; i++) {
        size_t length = strlen(words[i]);
        if (most && length > most) length = most;
        if ((size_t)(r->end - r->at) < length || length == 0) continue;
        size_t same = 0;
        while (same < length && tolower((unsigned char)r->at[same]) == tolower((unsigned char)words[i][same]))
            same++;
        if (same < length) continue;
        *index = i;
        r->at += length;
        return STATUS_OK;
    }
    int shown = 0;
    while (r->at + shown < r->end && !is_blank(r->at[shown]))
        shown++;
    (void)bad_format(r, "invalid value \"%.*s\" for \"%s\"", r->at, shown, r->template->nodes[r->index].name);
    return error_add_detail(r->err,
                            "The given value did not match any of the allowed values for this field.");
}

static int full_year(int year) {
    if (year < 70) return year + 2000;
    if (year < 100) return year + 1900;
    if (year < 520) return year + 2000;
    return year < 1000 ? year + 1000 : year;
}

/* What was read is compared with a year set before, and only then completed. */
static Status read_year(DateReader *r, int digits) {
    int used = 0;
    TRY(read_number(r, &r->fields.year, digits, &used));
    if (digits < 4 && used < 4) r->fields.year = full_year(r->fields.year);
    r->fields.year_digits = digits;
    if (r->template->nodes[r->index].ordinal) {
        skip_character(r);
        skip_character(r);
    }
    return STATUS_OK;
}

static Status read_grouped_year(DateReader *r) {
    long thousands = 0, rest = 0;
    bool huge = false;
    int used = scan_number(r->at, r->end, &thousands, &huge), more = 0;
    if (used > 0 && r->at + used < r->end && r->at[used] == ',') {
        const char *from = r->at + used + 1;
        while (more < 3 && from + more < r->end && isdigit((unsigned char)from[more]))
            rest = rest * 10 + (from[more++] - '0');
    }
    if (more == 0 || huge) return error_set(r->err, "22007", "invalid input string for \"Y,YYY\"");
    r->at += used + 1 + more;
    TRY(set_field(r, &r->fields.year, (int)(thousands * 1000 + rest)));
    r->fields.year_digits = 4;
    return STATUS_OK;
}

/* 25 milliseconds read as "25" are 250: digits of a fraction. */
static Status read_fraction(DateReader *r, int *field, int digits, int places) {
    int used = 0;
    TRY(read_number(r, field, digits, &used));
    for (; used < places; used++)
        *field *= 10;
    if (r->template->nodes[r->index].ordinal) {
        skip_character(r);
        skip_character(r);
    }
    return STATUS_OK;
}

static Status read_zone(DateReader *r, const DateNode *node) {
    ReadFields *f = &r->fields;
    if (node->pattern == DATE_TZM) {
        if (!f->zone_sign) f->zone_sign = 1;
        return read_number(r, &f->zone_minutes, 2, NULL);
    }
    if (node->pattern != DATE_TZH)
        return error_set(r->err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "formatting field \"%s\" is only supported in to_char", node->name);
    if (r->at < r->end && (*r->at == '+' || *r->at == '-' || *r->at == ' ')) {
        f->zone_sign = *r->at == '-' ? -1 : 1;
        r->at++;
    } else {
        f->zone_sign = r->skipped > 0 && r->at > r->start && r->at[-1] == '-' ? -1 : 1;
    }
    return read_number(r, &f->zone_hours, 2, NULL);
}

static Status read_named(DateReader *r, const DateNode *node) {
    static const char *const HALVES[] = {"am", "pm"}, *const HALVES_DOTTED[] = {"a.m.", "p.m."};
    static const char *const ERAS[] = {"ad", "bc"}, *const ERAS_DOTTED[] = {"a.d.", "b.c."};
    ReadFields *f = &r->fields;
    int index = 0;
    switch (node->pattern) {
    case DATE_AM:
    case DATE_AM_DOTS:
        TRY(read_word(r, node->pattern == DATE_AM ? HALVES : HALVES_DOTTED, 2, 0, &index));
        f->twelve_hours = true;
        return set_field(r, &f->pm, index);
    case DATE_BC:
    case DATE_BC_DOTS:
        TRY(read_word(r, node->pattern == DATE_BC ? ERAS : ERAS_DOTTED, 2, 0, &index));
        return set_field(r, &f->before_christ, index);
    case DATE_MONTH:
    case DATE_MON:
        TRY(read_word(r, date_month_names, 12, node->pattern == DATE_MON ? 3 : 0, &index));
        return set_field(r, &f->month, index + 1);
    case DATE_DAY:
    case DATE_DY:
        TRY(read_word(r, date_day_names, 7, node->pattern == DATE_DY ? 3 : 0, &index));
        TRY(set_field(r, &f->day_of_week, index));
        f->day_of_week++;
        return STATUS_OK;
    default: TRY(read_word(r, date_roman_months, 12, 0, &index)); return set_field(r, &f->month, 12 - index);
    }
}

static Status read_day(DateReader *r, const DateNode *node) {
    ReadFields *f = &r->fields;
    switch (node->pattern) {
    case DATE_MM: return read_plain(r, &f->month, 2);
    case DATE_DDD: return read_plain(r, &f->day_of_year, 3);
    case DATE_IDDD: return read_plain(r, &f->day_of_year, 3);
    case DATE_DD: return read_plain(r, &f->day, 2);
    case DATE_D: return read_plain(r, &f->day_of_week, 1);
    case DATE_ID:
        TRY(read_number(r, &f->day_of_week, 1, NULL));
        if (++f->day_of_week > 7) f->day_of_week = 1;
        if (node->ordinal) {
            skip_character(r);
            skip_character(r);
        }
        return STATUS_OK;
    case DATE_WW:
    case DATE_IW: return read_plain(r, &f->week, 2);
    case DATE_W: return read_plain(r, &f->week_of_month, 1);
    case DATE_Q: return read_plain(r, NULL, 1);
    case DATE_CC: return read_plain(r, &f->century, 2);
    case DATE_J: return read_plain(r, &f->julian, 1);
    case DATE_Y_YYY: return read_grouped_year(r);
    case DATE_YYYY:
    case DATE_IYYY: return read_year(r, 4);
    case DATE_YYY:
    case DATE_IYY: return read_year(r, 3);
    case DATE_YY:
    case DATE_IY: return read_year(r, 2);
    default: return read_year(r, 1);
    }
}

static Status read_field(DateReader *r, const DateNode *node) {
    ReadFields *f = &r->fields;
    TRY(set_mode(r, (DateMode)node->mode));
    switch (node->pattern) {
    case DATE_FX: r->fixed = true; return STATUS_OK;
    case DATE_HH12:
        TRY(read_number(r, &f->hour, 2, NULL));
        f->twelve_hours = true;
        if (node->ordinal) {
            skip_character(r);
            skip_character(r);
        }
        return STATUS_OK;
    case DATE_HH24: return read_plain(r, &f->hour, 2);
    case DATE_MI: return read_plain(r, &f->minute, 2);
    case DATE_SS: return read_plain(r, &f->second, 2);
    case DATE_MS: return read_fraction(r, &f->milliseconds, 3, 3);
    case DATE_US: return read_fraction(r, &f->microseconds, 6, 6);
    case DATE_FF1:
    case DATE_FF2:
    case DATE_FF3:
    case DATE_FF4:
    case DATE_FF5:
    case DATE_FF6:
        f->fraction_digits = node->pattern - DATE_FF1 + 1;
        return read_fraction(r, &f->microseconds, node->pattern - DATE_FF1 + 1, 6);
    case DATE_SSSS: return read_plain(r, &f->seconds_of_day, (int)strlen(node->name));
    case DATE_TZ:
    case DATE_OF:
    case DATE_TZH:
    case DATE_TZM: return read_zone(r, node);
    case DATE_AM:
    case DATE_AM_DOTS:
    case DATE_BC:
    case DATE_BC_DOTS:
    case DATE_MONTH:
    case DATE_MON:
    case DATE_DAY:
    case DATE_DY:
    case DATE_RM: return read_named(r, node);
    default: return read_day(r, node);
    }
}

static void skip_blanks(DateReader *r) {
    for (; r->at < r->end && is_blank(*r->at); r->at++)
        r->skipped++;
}

static Status read_fields(DateReader *r) {
    for (; r->index < r->template->count && r->at < r->end; r->index++) {
        const DateNode *node = &r->template->nodes[r->index];
        bool field = node->pattern > DATE_SPACE;
        if (!r->fixed && node->pattern != DATE_FX && (field || r->index == 0)) skip_blanks(r);
        if (node->pattern == DATE_SPACE || node->pattern == DATE_SEPARATOR) {
            if (r->fixed) {
                skip_character(r);
                continue;
            }
            r->skipped--;
            if (r->at < r->end && (is_blank(*r->at) || is_separator(*r->at))) {
                r->at++;
                r->skipped++;
            }
        } else if (!field) {
            if (!r->fixed && r->skipped > 0)
                r->skipped--;
            else
                skip_character(r);
        } else {
            TRY(read_field(r, node));
            if (!r->fixed) {
                r->skipped = 0;
                skip_blanks(r);
            }
        }
    }
    return STATUS_OK;
}

/* ---- from fields to a date ------------------------------------------------------------------------------
 */

enum { HAS_YEAR = 1, HAS_MONTH = 2, HAS_DAY = 4, HAS_DATE = 7 };

static int64_t iso_week_start(int year, int week) {
    int64_t fourth = calendar_days_of(year, 1, 4), weekday = ((fourth + 3) % 7 + 7) % 7; /* Monday is 0 */
    return fourth - weekday + (int64_t)(week - 1) * 7;
}

static void set_days(CivilTime *t, int64_t days) {
    int64_t year;
    calendar_date_of(days, &year, &t->month, &t->day);
    t->year = (int)year;
}

static int century_year(ReadFields *f) {
    int century = f->before_christ ? -f->century : f->century, year = f->year % 100;
    if (year == 0) return century * 100 + (century >= 0 ? 0 : 1);
    return century >= 0 ? year + (century - 1) * 100 : (century + 1) * 100 - year + 1;
}

static void set_year(ReadFields *f, CivilTime *t, int *known) {
    if (f->year && f->century && f->year_digits <= 2) {
        t->year = century_year(f);
    } else if (f->year) {
        t->year = f->before_christ ? -f->year : f->year;
        if (t->year < 0) t->year++;
    } else if (f->century) {
        int century = f->before_christ ? -f->century : f->century;
        t->year = century >= 0 ? (century - 1) * 100 + 1 : century * 100 + 1;
    } else {
        return;
    }
    *known |= HAS_YEAR;
}

static Status set_day_of_year(ReadFields *f, CivilTime *t, int *known, Error *err) {
    if (!t->year && !f->before_christ)
        return error_set(err, "22007", "cannot calculate day of year without year information");
    if (f->mode == DATE_MODE_ISO) {
        set_days(t, iso_week_start(t->year, 1) - 1 + f->day_of_year);
        *known |= HAS_DATE;
        return STATUS_OK;
    }
    int month = 1, before = 0;
    while (month <= 12 && f->day_of_year > before + civil_month_days(t->year, month))
        before += civil_month_days(t->year, month++);
    if (t->month <= 1) t->month = month;
    if (t->day <= 1) t->day = f->day_of_year - before;
    *known |= HAS_MONTH | HAS_DAY;
    return STATUS_OK;
}

static Status set_date(ReadFields *f, CivilTime *t, int *known, Error *err) {
    set_year(f, t, known);
    if (f->julian) {
        set_days(t, (int64_t)f->julian - 2440588);
        *known |= HAS_DATE;
    }
    if (f->week && f->mode == DATE_MODE_ISO) {
        int64_t days = iso_week_start(t->year, f->week);
        if (f->day_of_week) days += f->day_of_week > 1 ? f->day_of_week - 2 : 6;
        set_days(t, days);
        *known |= HAS_DATE;
    } else if (f->week) {
        f->day_of_year = (f->week - 1) * 7 + 1;
    }
    if (f->week_of_month) f->day = (f->week_of_month - 1) * 7 + 1;
    if (f->day) {
        t->day = f->day;
        *known |= HAS_DAY;
    }
    if (f->month) {
        t->month = f->month;
        *known |= HAS_MONTH;
    }
    if (f->day_of_year && (t->month <= 1 || t->day <= 1)) return set_day_of_year(f, t, known, err);
    return STATUS_OK;
}

static Status set_time(ReadFields *f, CivilTime *t, Error *err) {
    if (f->seconds_of_day) {
        t->hour = f->seconds_of_day / 3600;
        t->minute = f->seconds_of_day / 60 % 60;
        t->second = f->seconds_of_day % 60;
    }
    if (f->second) t->second = f->second;
    if (f->minute) t->minute = f->minute;
    if (f->hour) t->hour = f->hour;
    if (!f->twelve_hours) return STATUS_OK;
    if (t->hour < 1 || t->hour > 12) {
        (void)error_set(err, "22007", "hour \"%d\" is invalid for the 12-hour clock", t->hour);
        return error_add_hint(err, "Use the 24-hour clock, or give an hour between 1 and 12.");
    }
    if (f->pm && t->hour < 12)
        t->hour += 12;
    else if (!f->pm && t->hour == 12)
        t->hour = 0;
    return STATUS_OK;
}

static Status out_of_range(const StringView *text, Error *err) {
    return error_set(err, "22008", "date/time field value out of range: \"%.*s\"", (int)text->length,
                     stringview_data(text));
}

static Status check(const CivilTime *t, int64_t fraction, int known, const StringView *text, Error *err) {
    if (known & HAS_MONTH && (t->month < 1 || t->month > 12)) return out_of_range(text, err);
    if (known & HAS_DAY && (t->day < 1 || t->day > 31)) return out_of_range(text, err);
    if (known == HAS_DATE && t->day > civil_month_days(t->year, t->month)) return out_of_range(text, err);
    if (t->hour < 0 || t->hour > 23 || t->minute < 0 || t->minute > 59 || t->second < 0 || t->second > 59 ||
        fraction < 0 || fraction >= MICROS_PER_SECOND)
        return out_of_range(text, err);
    return STATUS_OK;
}

/* Days since 1970 and microseconds of the day in UTC (those may go beyond it). */
static Status read_text(const DateTemplate *template, const StringView *text, int64_t *days, int64_t *micros,
                        int *precision, Error *err) {
    DateReader r = {.template = template, .start = stringview_data(text), .err = err};
    r.at = r.start;
    r.end = r.start + text->length;
    TRY(read_fields(&r));
    ReadFields *f = &r.fields;
    CivilTime t = {.month = 1, .day = 1};
    int known = 0;
    TRY(set_time(f, &t, err));
    TRY(set_date(f, &t, &known, err));
    int64_t fraction = (int64_t)f->milliseconds * 1000 + f->microseconds;
    TRY(check(&t, fraction, known, text, err));
    *precision = f->fraction_digits;
    *days = calendar_days_of(t.year, t.month, t.day);
    *micros = (t.hour * 60LL + t.minute) * MICROS_PER_MINUTE + t.second * MICROS_PER_SECOND + fraction;
    if (!f->zone_sign) return STATUS_OK;
    if (f->zone_hours < 0 || f->zone_hours > 15 || f->zone_minutes < 0 || f->zone_minutes > 59)
        return error_set(err, "22009", "time zone displacement out of range: \"%.*s\"", (int)text->length,
                         stringview_data(text));
    *micros -= f->zone_sign * (f->zone_hours * MICROS_PER_HOUR + f->zone_minutes * MICROS_PER_MINUTE);
    return STATUS_OK;
}

/* Rounded to digits of a second, halves away from the year 2000, where PostgreSQL counts from. */
static Int128 round_timestamp(Int128 value, int precision) {
    static const int64_t UNITS[] = {1, 100000, 10000, 1000, 100, 10, 1};
    const Int128 start = (Int128)10957 * MICROS_PER_DAY;
    Int128 unit = UNITS[precision], distance = value < start ? start - value : value - start;
    distance = (distance + unit / 2) / unit * unit;
    return value < start ? start - distance : start + distance;
}

static Status store_row(const KernelCall *call, int row, bool date, int64_t days, int64_t micros,
                        int precision, Error *err) {
    const StringView *text = kernel_text(call, 0, row);
    if (date) {
        if (!date_in_range(days))
            return error_set(err, "22008", "date out of range: \"%.*s\"", (int)text->length,
                             stringview_data(text));
        ((int32_t *)call->out->values)[row] = (int32_t)days;
        return STATUS_OK;
    }
    Int128 value = (Int128)days * MICROS_PER_DAY + micros;
    if (precision) value = round_timestamp(value, precision);
    if (!timestamp_in_range(value)) return error_set(err, "22008", "timestamp out of range");
    ((int64_t *)call->out->values)[row] = (int64_t)value;
    return STATUS_OK;
}

KERNEL_INLINE Status read_rows(const KernelCall *call, bool date, Error *err) {
    DateTemplate template = {0};
    StringView known = {0};
    KERNEL_ROWS(call, row) {
        const StringView *pattern = kernel_text(call, 1, row);
        int64_t days = 0, micros = 0;
        int precision = 0;
        if (!template.nodes || !stringview_equals(&known, pattern)) {
            date_template_read(pattern, &template, call->arena);
            known = *pattern;
        }
        TRY(read_text(&template, kernel_text(call, 0, row), &days, &micros, &precision, err));
        TRY(store_row(call, row, date, days, micros, precision, err));
    }
    return STATUS_OK;
}
static Status text_to_date(const KernelCall *call, Error *err) {
    return read_rows(call, true, err);
}
static Status text_to_timestamp(const KernelCall *call, Error *err) {
    return read_rows(call, false, err);
}

static const ScalarFunction rows[] = {
    KERNEL_FN_RAISES("to_date", text_to_date, K_DATE, K_TEXT, K_TEXT),
    KERNEL_FN_RAISES("to_timestamp", text_to_timestamp, K_TIMESTAMPTZ, K_TEXT, K_TEXT),
};

FunctionTable datetime_read_functions(void) {
    return KERNEL_TABLE(rows);
}
