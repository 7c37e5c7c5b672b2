/* to_char of timestamps and intervals: PostgreSQL's "Template Patterns for Date/Time Formatting", in UTC. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/base/strbuf.h"
#include "engines/columnar/kernels/datetime_math.h"
#include "engines/columnar/kernels/template_datetime.h"

/* A value in the fields templates name. Those of an interval may be negative, its month 0. */
typedef struct DateFields {
    CivilTime t;
    int64_t hour; /* an interval's goes beyond 23 */
    int64_t days; /* since 1970; of an interval nothing */
    int64_t year_day;
    int week_day; /* Sunday is 0 */
    bool interval, zoned;
} DateFields;

static Status not_for_intervals(Error *err) {
    (void)error_set(err, "22007", "invalid format specification for an interval value");
    return error_add_hint(err, "Intervals are not tied to specific calendar dates.");
}

/* Padded with zeros to `width` bytes. */
static void put_padded(StrBuf *out, const DateNode *node, int width, int64_t value) {
    size_t start = out->length;
    char room[24], *first = room + sizeof room;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        *--first = (char)('0' + left % 10);
    while (left /= 10);
    int length = (int)(room + sizeof room - first) + (value < 0);
    if (value < 0) strbuf_append_char(out, '-');
    for (; !node->fill && length < width; length++)
        strbuf_append_char(out, '0');
    strbuf_append(out, first, (size_t)(room + sizeof room - first));
    if (!node->ordinal) return;
    size_t digits = out->length - start;
    char last = out->data[out->length - 1];
    if (digits > 1 && out->data[out->length - 2] == '1') last = '0';
    const char *ending = last == '1' ? "ST" : last == '2' ? "ND" : last == '3' ? "RD" : "TH";
    for (; *ending; ending++)
        strbuf_append_char(out, node->ordinal_lower ? (char)tolower((unsigned char)*ending) : *ending);
}

/* Padded to `width` digits, a sign beside them. */
static void put_number(StrBuf *out, const DateNode *node, int width, int64_t value) {
    put_padded(out, node, value < 0 ? width + 1 : width, value);
}

static void put_name(StrBuf *out, const DateNode *node, const char *name, int most, int padded) {
    int length = 0;
    for (; name[length] && (most == 0 || length < most); length++) {
        bool upper = node->letters == LETTERS_UPPER || (node->letters == LETTERS_CAPITAL && length == 0);
        unsigned char c = (unsigned char)name[length];
        strbuf_append_char(out, (char)(upper ? toupper(c) : tolower(c)));
    }
    for (; length < padded && !node->fill && !node->translated; length++)
        strbuf_append_char(out, ' ');
}

static int64_t shown_year(const DateFields *f, int64_t year) {
    return f->interval || year > 0 ? year : 1 - year;
}

static int64_t iso_year_of(const DateFields *f) {
    int year = 0;
    iso_week(f->t.year, f->t.month, f->t.day, &year);
    return year;
}

static void put_century(StrBuf *out, const DateNode *node, const DateFields *f) {
    int64_t year = f->t.year, century = year / 100;
    if (!f->interval) century = year > 0 ? (year - 1) / 100 + 1 : year / 100 - 1;
    put_number(out, node, century <= 99 && century >= -99 ? 2 : 0, century);
}

static void put_year(StrBuf *out, const DateNode *node, const DateFields *f) {
    bool iso = node->pattern >= DATE_IYYY && node->pattern <= DATE_I;
    int64_t year = shown_year(f, iso ? iso_year_of(f) : f->t.year);
    int sign = shown_year(f, f->t.year) < 0; /* of the calendar's year in either case */
    switch (node->pattern) {
    case DATE_Y_YYY: {
        char text[48];
        int64_t thousands = year / 1000;
        snprintf(text, sizeof text, "%lld,%03lld", (long long)thousands,
                 (long long)(year - thousands * 1000));
        strbuf_append_text(out, text);
        if (node->ordinal) {
            StrBuf ending;
            strbuf_init(&ending);
            put_number(&ending, node, 0, year);
            strbuf_append(out, strbuf_text(&ending) + ending.length - 2, 2);
            strbuf_deinit(&ending);
        }
        return;
    }
    case DATE_YYYY:
    case DATE_IYYY: put_padded(out, node, 4 + sign, year); return;
    case DATE_YYY:
    case DATE_IYY: put_padded(out, node, 3 + sign, year % 1000); return;
    case DATE_YY:
    case DATE_IY: put_padded(out, node, 2 + sign, year % 100); return;
    default: put_number(out, node, 0, year % 10); return;
    }
}

static void put_roman_month(StrBuf *out, const DateNode *node, const DateFields *f) {
    int month = f->t.month, index;
    if (month == 0 && f->t.year == 0) return;
    if (month == 0)
        index = f->t.year >= 0 ? 0 : 11;
    else
        index = month < 0 ? -(month + 1) : 12 - month;
    const char *name = date_roman_months[index];
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++)
        strbuf_append_char(out,
                           node->letters == LETTERS_LOWER ? (char)tolower((unsigned char)name[i]) : name[i]);
    for (; length < 4 && !node->fill; length++)
        strbuf_append_char(out, ' ');
}

static void put_dotted(StrBuf *out, const DateNode *node, const char *text) {
    for (; *text; text++)
        strbuf_append_char(out, node->letters == LETTERS_LOWER ? (char)tolower((unsigned char)*text) : *text);
}

static void put_fraction(StrBuf *out, const DateNode *node, const DateFields *f, int digits) {
    static const int DIVISORS[] = {1, 100000, 10000, 1000, 100, 10, 1};
    DateNode unfilled = *node;
    unfilled.fill = false;
    put_padded(out, &unfilled, digits, f->t.microsecond / DIVISORS[digits]);
}

static void put_zone(StrBuf *out, const DateNode *node, const DateFields *f) {
    switch (node->pattern) {
    case DATE_TZ:
        if (f->zoned) strbuf_append_text(out, node->letters == LETTERS_LOWER ? "utc" : "UTC");
        return;
    case DATE_OF: strbuf_append_text(out, node->fill ? "+0" : "+00"); return;
    case DATE_TZH: strbuf_append_text(out, "+00"); return;
    default: strbuf_append_text(out, "00"); return;
    }
}

static void put_time(StrBuf *out, const DateNode *node, const DateFields *f) {
    int64_t hour = f->hour;
    bool afternoon = hour % 24 >= 12;
    switch (node->pattern) {
    case DATE_AM: put_dotted(out, node, afternoon ? "PM" : "AM"); return;
    case DATE_AM_DOTS: put_dotted(out, node, afternoon ? "P.M." : "A.M."); return;
    case DATE_HH12: {
        int64_t shown = hour % 12 == 0 ? 12 : hour % 12;
        put_padded(out, node, hour >= 0 ? 2 : 3, shown);
        return;
    }
    case DATE_HH24: put_number(out, node, 2, hour); return;
    case DATE_MI: put_number(out, node, 2, f->t.minute); return;
    case DATE_SS: put_number(out, node, 2, f->t.second); return;
    case DATE_MS: put_fraction(out, node, f, 3); return;
    case DATE_US: put_fraction(out, node, f, 6); return;
    case DATE_SSSS: put_number(out, node, 0, hour * 3600 + f->t.minute * 60 + f->t.second); return;
    default: put_fraction(out, node, f, node->pattern - DATE_FF1 + 1); return;
    }
}

static Status put_day(StrBuf *out, const DateNode *node, const DateFields *f, Error *err) {
    bool calendar = node->pattern == DATE_DAY || node->pattern == DATE_DY || node->pattern == DATE_D ||
                    node->pattern == DATE_ID;
    if (f->interval && calendar) return not_for_intervals(err);
    switch (node->pattern) {
    case DATE_DAY: put_name(out, node, date_day_names[f->week_day], 0, 9); break;
    case DATE_DY: put_name(out, node, date_day_names[f->week_day], 3, 0); break;
    /* Days of an interval may be negative: here the sign is one of the digits. */
    case DATE_DDD: put_padded(out, node, 3, f->year_day); break;
    case DATE_IDDD:
        put_number(out, node, 3,
                   (iso_week(f->t.year, f->t.month, f->t.day, NULL) - 1) * 7 +
                       (f->week_day ? f->week_day : 7));
        break;
    case DATE_DD: put_padded(out, node, 2, f->t.day); break;
    case DATE_D: put_number(out, node, 0, f->week_day + 1); break;
    case DATE_ID: put_number(out, node, 0, f->week_day ? f->week_day : 7); break;
    case DATE_WW: put_padded(out, node, 2, (f->year_day - 1) / 7 + 1); break;
    case DATE_IW: put_number(out, node, 2, iso_week(f->t.year, f->t.month, f->t.day, NULL)); break;
    case DATE_W: put_number(out, node, 0, (f->t.day - 1) / 7 + 1); break;
    default: put_number(out, node, 0, f->days + 2440588); break;
    }
    return STATUS_OK;
}

static Status put_node(StrBuf *out, const DateNode *node, const DateFields *f, Error *err) {
    switch (node->pattern) {
    case DATE_LITERAL:
    case DATE_SEPARATOR:
    case DATE_SPACE: strbuf_append(out, node->literal, node->width); return STATUS_OK;
    case DATE_FX: return STATUS_OK;
    case DATE_BC:
    case DATE_BC_DOTS:
        if (f->interval) return not_for_intervals(err);
        put_dotted(out, node,
                   node->pattern == DATE_BC ? (f->t.year <= 0 ? "BC" : "AD")
                                            : (f->t.year <= 0 ? "B.C." : "A.D."));
        return STATUS_OK;
    case DATE_CC: put_century(out, node, f); return STATUS_OK;
    case DATE_MONTH:
    case DATE_MON:
        if (f->interval) return not_for_intervals(err);
        put_name(out, node, date_month_names[f->t.month - 1], node->pattern == DATE_MON ? 3 : 0,
                 node->pattern == DATE_MON ? 0 : 9);
        return STATUS_OK;
    case DATE_MM: put_number(out, node, 2, f->t.month); return STATUS_OK;
    case DATE_Q:
        if (f->t.month) put_number(out, node, 0, (f->t.month - 1) / 3 + 1);
        return STATUS_OK;
    case DATE_RM: put_roman_month(out, node, f); return STATUS_OK;
    case DATE_TZ:
    case DATE_OF:
    case DATE_TZH:
    case DATE_TZM:
        if (f->interval) return not_for_intervals(err);
        put_zone(out, node, f);
        return STATUS_OK;
    case DATE_Y_YYY:
    case DATE_YYYY:
    case DATE_YYY:
    case DATE_YY:
    case DATE_Y:
    case DATE_IYYY:
    case DATE_IYY:
    case DATE_IY:
    case DATE_I: put_year(out, node, f); return STATUS_OK;
    case DATE_DAY:
    case DATE_DY:
    case DATE_DDD:
    case DATE_DD:
    case DATE_D:
    case DATE_IDDD:
    case DATE_ID:
    case DATE_IW:
    case DATE_WW:
    case DATE_W:
    case DATE_J: return put_day(out, node, f, err);
    default: put_time(out, node, f); return STATUS_OK;
    }
}

static void fields_of_timestamp(int64_t value, DateFields *f) {
    int64_t micros;
    f->t = civil_from_timestamp(value);
    f->hour = f->t.hour;
    f->days = timestamp_split(value, &micros);
    f->year_day = f->days - calendar_days_of(f->t.year, 1, 1) + 1;
    f->week_day = (int)(((f->days + 4) % 7 + 7) % 7);
}

static void fields_of_interval(Interval value, DateFields *f) {
    int64_t micros = value.microseconds;
    f->t = (CivilTime){.year = value.months / 12,
                       .month = value.months % 12,
                       .day = value.days,
                       .minute = (int)(micros / MICROS_PER_MINUTE % 60),
                       .second = (int)(micros / MICROS_PER_SECOND % 60),
                       .microsecond = (int)(micros % MICROS_PER_SECOND)};
    f->hour = micros / MICROS_PER_HOUR;
    f->year_day = (int64_t)value.months * 30 + value.days;
    f->days = calendar_days_of(f->t.year, f->t.month, f->t.day);
    f->week_day = (int)(((f->days + 4) % 7 + 7) % 7);
}

KERNEL_INLINE Status format_rows(const KernelCall *call, bool interval, bool zoned, Error *err) {
    StringView *out = call->out->values, known = {0};
    DateTemplate template = {0};
    Status status = STATUS_OK;
    StrBuf buffer;
    strbuf_init(&buffer);
    for (int k = 0, n = kernel_selected(call); k < n && status == STATUS_OK; k++) {
        int row = kernel_row(call, k);
        if (!kernel_valid(call, row)) continue;
        const StringView *text = kernel_text(call, 1, row);
        if (!template.nodes || !stringview_equals(&known, text)) {
            date_template_read(text, &template, call->arena);
            known = *text;
        }
        DateFields fields = {.interval = interval, .zoned = zoned};
        bool finite = interval || timestamp_is_finite(KERNEL_ARG(call, 0, int64_t, row));
        out[row] = stringview_make("", 0);
        if (!finite || text->length == 0) {
            kernel_set_null(call, row);
            continue;
        }
        if (interval)
            fields_of_interval(KERNEL_ARG(call, 0, Interval, row), &fields);
        else
            fields_of_timestamp(KERNEL_ARG(call, 0, int64_t, row), &fields);
        strbuf_reset(&buffer);
        for (int i = 0; i < template.count && status == STATUS_OK; i++)
            status = put_node(&buffer, &template.nodes[i], &fields, err);
        out[row] = kernel_string(call, strbuf_text(&buffer), buffer.length);
    }
    strbuf_deinit(&buffer);
    return status;
}
static Status timestamp_to_char(const KernelCall *call, Error *err) {
    return format_rows(call, false, false, err);
}
static Status timestamptz_to_char(const KernelCall *call, Error *err) {
    return format_rows(call, false, true, err);
}
static Status interval_to_char(const KernelCall *call, Error *err) {
    return format_rows(call, true, false, err);
}

/* No template fails for a timestamp. */
static bool always_safe(const Vector *const *constant_args, int arg_count) {
    return true;
}

#define TO_CHAR(type, function)                                                                              \
    {                                                                                                        \
        .name = "to_char", .arg_count = 2, .args = {type, K_TEXT}, .result = K_TEXT, .strict = true,         \
        .eval = function, .safe_with = always_safe                                                           \
    }

static const ScalarFunction rows[] = {
    TO_CHAR(K_TIMESTAMP, timestamp_to_char),
    TO_CHAR(K_TIMESTAMPTZ, timestamptz_to_char),
    KERNEL_FN_RAISES("to_char", interval_to_char, K_TEXT, K_INTERVAL, K_TEXT),
};

FunctionTable to_char_functions(void) {
    return KERNEL_TABLE(rows);
}
