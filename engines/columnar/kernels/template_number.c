/* to_char of numbers and to_number: PostgreSQL's "Template Patterns for Numeric Formatting", in locale C. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/base/strbuf.h"
#include "engines/base/utf8.h"
#include "engines/columnar/kernels/numeric_math.h"

typedef enum NumberPattern {
    NUMBER_LITERAL,
    NUMBER_COMMA,
    NUMBER_POINT,
    NUMBER_ZERO,
    NUMBER_NINE,
    NUMBER_BLANK,
    NUMBER_LOCALE_POINT,
    NUMBER_EXPONENT,
    NUMBER_FILL,
    NUMBER_GROUP,
    NUMBER_CURRENCY,
    NUMBER_MINUS,
    NUMBER_PLUS,
    NUMBER_BRACKET,
    NUMBER_ROMAN,
    NUMBER_ROMAN_LOWER,
    NUMBER_SIGNED,
    NUMBER_SPELL,
    NUMBER_SIGN,
    NUMBER_ORDINAL,
    NUMBER_ORDINAL_LOWER,
    NUMBER_SHIFT,
    NUMBER_IGNORED
} NumberPattern;

/* Longer ones before those they start with. */
static const struct {
    const char *name;
    NumberPattern pattern;
} PATTERNS[] = {
    {",", NUMBER_COMMA},  {".", NUMBER_POINT},    {"0", NUMBER_ZERO},           {"9", NUMBER_NINE},
    {"B", NUMBER_BLANK},  {"C", NUMBER_IGNORED},  {"D", NUMBER_LOCALE_POINT},   {"EEEE", NUMBER_EXPONENT},
    {"FM", NUMBER_FILL},  {"G", NUMBER_GROUP},    {"L", NUMBER_CURRENCY},       {"MI", NUMBER_MINUS},
    {"PL", NUMBER_PLUS},  {"PR", NUMBER_BRACKET}, {"RN", NUMBER_ROMAN},         {"SG", NUMBER_SIGNED},
    {"SP", NUMBER_SPELL}, {"S", NUMBER_SIGN},     {"TH", NUMBER_ORDINAL},       {"V", NUMBER_SHIFT},
    {"b", NUMBER_BLANK},  {"c", NUMBER_IGNORED},  {"d", NUMBER_LOCALE_POINT},   {"eeee", NUMBER_EXPONENT},
    {"fm", NUMBER_FILL},  {"g", NUMBER_GROUP},    {"l", NUMBER_CURRENCY},       {"mi", NUMBER_MINUS},
    {"pl", NUMBER_PLUS},  {"pr", NUMBER_BRACKET}, {"rn", NUMBER_ROMAN_LOWER},   {"sg", NUMBER_SIGNED},
    {"sp", NUMBER_SPELL}, {"s", NUMBER_SIGN},     {"th", NUMBER_ORDINAL_LOWER}, {"v", NUMBER_SHIFT},
};

typedef enum SignPlace { SIGN_NOWHERE, SIGN_BEFORE, SIGN_BEHIND } SignPlace;

typedef struct NumberNode {
    uint8_t pattern;
    uint8_t width; /* of a literal */
    char literal[4];
} NumberNode;

typedef struct NumberTemplate {
    NumberNode *nodes;
    int count;
    int before, after, shift; /* digits before and behind the point, and those of V */
    int zero_start, zero_end;
    int sign_digits; /* digits before S */
    SignPlace sign_place;
    bool zero, blank, point, fill, sign, minus, plus, bracket, roman, exponent, shifts;
} NumberTemplate;

/* ---- reading a template ---------------------------------------------------------------------------------
 */

static Status conflict(const char *message, Error *err) {
    return error_set(err, SQLSTATE_SYNTAX_ERROR, "%s", message);
}

static Status note_sign(NumberTemplate *t, NumberPattern pattern, Error *err) {
    switch (pattern) {
    case NUMBER_SIGN:
        if (t->sign) return conflict("cannot use \"S\" twice", err);
        if (t->plus || t->minus || t->bracket)
            return conflict("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together", err);
        t->sign_place = t->point ? SIGN_BEHIND : SIGN_BEFORE;
        if (!t->point) t->sign_digits = t->before;
        t->sign = true;
        return STATUS_OK;
    case NUMBER_MINUS:
        if (t->sign) return conflict("cannot use \"S\" and \"MI\" together", err);
        t->minus = true;
        return STATUS_OK;
    case NUMBER_PLUS:
        if (t->sign) return conflict("cannot use \"S\" and \"PL\" together", err);
        t->plus = true;
        return STATUS_OK;
    case NUMBER_SIGNED:
        if (t->sign) return conflict("cannot use \"S\" and \"SG\" together", err);
        t->minus = t->plus = true;
        return STATUS_OK;
    default:
        if (t->sign || t->plus || t->minus)
            return conflict("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together", err);
        t->bracket = true;
        return STATUS_OK;
    }
}

static Status note_pattern(NumberTemplate *t, NumberPattern pattern, Error *err) {
    if (t->exponent && pattern != NUMBER_EXPONENT)
        return conflict("\"EEEE\" must be the last pattern used", err);
    switch (pattern) {
    case NUMBER_NINE:
        if (t->bracket) return conflict("\"9\" must be ahead of \"PR\"", err);
        if (t->shifts)
            t->shift++;
        else if (t->point)
            t->after++;
        else
            t->before++;
        return STATUS_OK;
    case NUMBER_ZERO:
        if (t->bracket) return conflict("\"0\" must be ahead of \"PR\"", err);
        if (!t->zero && !t->point) {
            t->zero = true;
            t->zero_start = t->before + 1;
        }
        if (t->point)
            t->after++;
        else
            t->before++;
        t->zero_end = t->before + t->after;
        return STATUS_OK;
    case NUMBER_BLANK: t->blank |= t->before == 0 && t->after == 0 && !t->zero; return STATUS_OK;
    case NUMBER_LOCALE_POINT:
    case NUMBER_POINT:
        if (t->point) return conflict("multiple decimal points", err);
        if (t->shifts) return conflict("cannot use \"V\" and decimal point together", err);
        t->point = true;
        return STATUS_OK;
    case NUMBER_FILL: t->fill = true; return STATUS_OK;
    case NUMBER_SIGN:
    case NUMBER_MINUS:
    case NUMBER_PLUS:
    case NUMBER_SIGNED:
    case NUMBER_BRACKET: return note_sign(t, pattern, err);
    case NUMBER_ROMAN:
    case NUMBER_ROMAN_LOWER: t->roman = true; return STATUS_OK;
    case NUMBER_SHIFT:
        if (t->point) return conflict("cannot use \"V\" and decimal point together", err);
        t->shifts = true;
        return STATUS_OK;
    case NUMBER_EXPONENT:
        if (t->exponent) return conflict("cannot use \"EEEE\" twice", err);
        if (t->blank || t->fill || t->sign || t->bracket || t->minus || t->plus || t->roman || t->shifts) {
            (void)conflict("\"EEEE\" is incompatible with other formats", err);
            return error_add_detail(
                err, "\"EEEE\" may only be used together with digit and decimal point patterns.");
        }
        t->exponent = true;
        return STATUS_OK;
    default: return STATUS_OK;
    }
}

static int find_pattern(const char *at, size_t left) {
    for (size_t i = 0; i < sizeof PATTERNS / sizeof PATTERNS[0]; i++) {
        size_t length = strlen(PATTERNS[i].name);
        if (left >= length && memcmp(at, PATTERNS[i].name, length) == 0) return (int)i;
    }
    return -1;
}

static size_t add_literal(NumberTemplate *t, const char *at, size_t left) {
    NumberNode *node = &t->nodes[t->count++];
    size_t width = utf8_sequence_length(at, left);
    node->pattern = NUMBER_LITERAL;
    node->width = (uint8_t)(width ? width : 1);
    memcpy(node->literal, at, node->width);
    return node->width;
}

static Status read_template(const StringView *text, NumberTemplate *t, Arena *arena, Error *err) {
    const char *data = stringview_data(text), *end = data + text->length;
    *t = (NumberTemplate){.nodes = arena_alloc(arena, sizeof *t->nodes * (text->length + 1))};
    for (const char *at = data; at < end;) {
        int found = find_pattern(at, (size_t)(end - at));
        if (found >= 0) {
            t->nodes[t->count++] = (NumberNode){.pattern = (uint8_t)PATTERNS[found].pattern};
            TRY(note_pattern(t, PATTERNS[found].pattern, err));
            at += strlen(PATTERNS[found].name);
        } else if (*at == '"') {
            for (at++; at < end && *at != '"';) {
                if (*at == '\\' && at + 1 < end) at++;
                at += add_literal(t, at, (size_t)(end - at));
            }
            at += at < end;
        } else {
            if (*at == '\\' && at + 1 < end && at[1] == '"') at++;
            at += add_literal(t, at, (size_t)(end - at));
        }
    }
    return STATUS_OK;
}

/* ---- writing --------------------------------------------------------------------------------------------
 */

/* The number as digits, perhaps with a point, and where we are in it. */
typedef struct NumberWriter {
    NumberTemplate t; /* a copy: some of it changes with the number */
    StrBuf *out;
    const char *digits, *at;
    const char *last_relevant; /* FM: what follows is not written */
    char sign;
    bool sign_written, in_number;
    bool ended; /* PostgreSQL wrote a zero byte: nothing after it is seen */
    Error *err;
    Status status;
    int blanks; /* places before the first digit */
    int place, places;
} NumberWriter;

static bool is_lone_zero_before_point(const NumberWriter *w) {
    return !w->t.zero && w->digits == w->at && *w->digits == '0' && w->t.after != 0;
}

static void write_leading_sign(NumberWriter *w) {
    if (w->t.sign) {
        if (w->t.sign_place != SIGN_BEFORE) return;
        strbuf_append_char(w->out, w->sign == '-' ? '-' : '+');
    } else if (w->t.bracket) {
        strbuf_append_char(w->out, w->sign == '+' ? ' ' : '<');
    } else if (w->sign == '+') {
        if (!w->t.fill) strbuf_append_char(w->out, ' ');
    } else {
        strbuf_append_char(w->out, '-');
    }
    w->sign_written = true;
}

static void write_place(NumberWriter *w, NumberPattern pattern) {
    bool ends_at_point = w->last_relevant && *w->last_relevant == '.';
    if (w->place < w->blanks && (w->t.zero_start > w->place || !w->t.zero)) {
        if (!w->t.fill) strbuf_append_char(w->out, ' ');
        return;
    }
    if (w->t.zero && w->place < w->blanks && w->t.zero_start <= w->place) {
        strbuf_append_char(w->out, '0');
        w->in_number = true;
        return;
    }
    if (*w->at == '.') {
        if (!ends_at_point || w->t.fill) strbuf_append_char(w->out, '.');
    } else if (w->last_relevant && w->at > w->last_relevant && pattern != NUMBER_ZERO) {
        /* a digit that FM leaves out */
    } else if (is_lone_zero_before_point(w)) {
        if (!w->t.fill)
            strbuf_append_char(w->out, ' ');
        else if (ends_at_point)
            strbuf_append_char(w->out, '0');
    } else {
        if (*w->at)
            strbuf_append_char(w->out, *w->at);
        else
            w->ended = true;
        w->in_number = true;
    }
    if (*w->at) w->at++;
}

static void write_digit(NumberWriter *w, NumberPattern pattern) {
    if (w->t.roman) return;
    bool ends_at_point = w->last_relevant && *w->last_relevant == '.';
    w->in_number = false;
    if (!w->sign_written && (w->place >= w->blanks || (w->t.zero && w->t.zero_start == w->place)) &&
        (!is_lone_zero_before_point(w) || ends_at_point))
        write_leading_sign(w);
    write_place(w, pattern);
    if (w->ended) return;
    int end = w->places + (w->blanks ? 1 : 0) + (w->t.point ? 1 : 0);
    if (w->last_relevant && w->last_relevant == w->at) end = w->place;
    if (w->place + 1 == end) {
        if (w->sign_written && w->t.bracket)
            strbuf_append_char(w->out, w->sign == '+' ? ' ' : '>');
        else if (w->t.sign && w->t.sign_place == SIGN_BEHIND)
            strbuf_append_char(w->out, w->sign == '-' ? '-' : '+');
    }
    w->place++;
}

static const char *ordinal_of(const char *digits, bool lower) {
    size_t length = strlen(digits);
    char last = length ? digits[length - 1] : '0';
    if (length > 1 && digits[length - 2] == '1') last = '0';
    switch (last) {
    case '1': return lower ? "st" : "ST";
    case '2': return lower ? "nd" : "ND";
    case '3': return lower ? "rd" : "RD";
    default: return lower ? "th" : "TH";
    }
}

static void write_ordinal(NumberWriter *w, bool lower) {
    size_t length = strlen(w->digits);
    if (length > 0 && isdigit((unsigned char)w->digits[length - 1]))
        strbuf_append_text(w->out, ordinal_of(w->digits, lower));
    else
        w->status = error_set(w->err, SQLSTATE_INVALID_TEXT, "\"%s\" is not a number", w->digits);
}

static void write_node(NumberWriter *w, const NumberNode *node) {
    switch (node->pattern) {
    case NUMBER_LITERAL: strbuf_append(w->out, node->literal, node->width); break;
    case NUMBER_NINE:
    case NUMBER_ZERO:
    case NUMBER_POINT:
    case NUMBER_LOCALE_POINT: write_digit(w, (NumberPattern)node->pattern); break;
    case NUMBER_COMMA:
    case NUMBER_GROUP:
        if (w->in_number)
            strbuf_append_char(w->out, ',');
        else if (!w->t.fill)
            strbuf_append_char(w->out, ' ');
        break;
    case NUMBER_CURRENCY: strbuf_append_char(w->out, ' '); break;
    case NUMBER_ROMAN:
    case NUMBER_ROMAN_LOWER: {
        size_t length = strlen(w->at);
        for (size_t i = length; !w->t.fill && i < 15; i++)
            strbuf_append_char(w->out, ' ');
        for (size_t i = 0; i < length; i++)
            strbuf_append_char(
                w->out, node->pattern == NUMBER_ROMAN ? w->at[i] : (char)tolower((unsigned char)w->at[i]));
        break;
    }
    case NUMBER_ORDINAL:
    case NUMBER_ORDINAL_LOWER:
        if (w->t.roman || *w->digits == '#' || w->sign == '-' || w->t.point) break;
        write_ordinal(w, node->pattern == NUMBER_ORDINAL_LOWER);
        break;
    case NUMBER_MINUS:
        if (w->sign == '-')
            strbuf_append_char(w->out, '-');
        else if (!w->t.fill)
            strbuf_append_char(w->out, ' ');
        break;
    case NUMBER_PLUS:
        if (w->sign == '+')
            strbuf_append_char(w->out, '+');
        else if (!w->t.fill)
            strbuf_append_char(w->out, ' ');
        break;
    case NUMBER_SIGNED:
        if (w->sign)
            strbuf_append_char(w->out, w->sign);
        else
            w->ended = true;
        break;
    default: break;
    }
}

/* The last digit of the fraction that is not 0, or the point; no point: none. */
static const char *last_relevant_digit(const char *digits) {
    const char *point = strchr(digits, '.'), *last = point;
    for (const char *at = point; at && *at; at++)
        if (*at != '0') last = at;
    return last;
}

static void prepare_sign(NumberWriter *w) {
    NumberTemplate *t = &w->t;
    if (t->plus || t->minus) {
        w->sign_written = !(t->plus && !t->minus);
        return;
    }
    if (w->sign != '-' && t->fill) t->bracket = false;
    w->sign_written = w->sign == '+' && t->fill && !t->sign;
    if (t->sign_place == SIGN_BEFORE && t->before == t->sign_digits) t->sign_place = SIGN_BEHIND;
}

/* Lays `digits` (without sign) out by the template. */
static Status write_number(const NumberTemplate *given, const char *digits, char sign, int blanks,
                           StrBuf *out, Error *err) {
    NumberWriter w = {
        .t = *given, .out = out, .digits = digits, .at = digits, .sign = sign, .blanks = blanks, .err = err};
    if (w.t.zero_start) w.t.zero_start--;
    if (w.t.exponent) {
        strbuf_append_text(out, digits);
        return STATUS_OK;
    }
    if (w.t.roman) {
        NumberTemplate plain = {.nodes = w.t.nodes, .count = w.t.count, .fill = w.t.fill, .roman = true};
        plain.zero_start = w.t.zero_start;
        plain.zero_end = w.t.zero_end;
        plain.shift = w.t.shift;
        w.t = plain;
    }
    prepare_sign(&w);
    w.places = w.t.after + w.t.before - 1;
    if (w.t.fill && w.t.point) {
        w.last_relevant = last_relevant_digit(digits);
        if (w.last_relevant && w.t.zero_end > w.blanks) {
            int last = (int)strlen(digits) - 1, wanted = w.t.zero_end - w.blanks;
            const char *last_zero = digits + (last < wanted ? last : wanted);
            if (w.last_relevant < last_zero) w.last_relevant = last_zero;
        }
    }
    if (!w.sign_written && w.blanks == 0) w.places++;
    for (int i = 0; i < w.t.count && !w.ended && w.status == STATUS_OK; i++)
        write_node(&w, &w.t.nodes[i]);
    return w.status;
}

/* Digits that fit are padded, others become #. `text` may start with a minus. */
static Status lay_out(const NumberTemplate *t, const char *text, StrBuf *scratch, StrBuf *out, Error *err) {
    char sign = *text == '-' ? '-' : '+';
    const char *digits = text + (*text == '-'), *point = strchr(digits, '.');
    int before = (int)(point ? (size_t)(point - digits) : strlen(digits)), blanks = 0;
    if (before < t->before) {
        blanks = t->before - before;
    } else if (before > t->before) {
        strbuf_reset(scratch);
        for (int i = 0; i < t->before + t->after + 1; i++)
            strbuf_append_char(scratch, i == t->before ? '.' : '#');
        digits = strbuf_text(scratch);
    }
    return write_number(t, digits, sign, blanks, out, err);
}

static Status write_roman(const NumberTemplate *t, int64_t number, StrBuf *out, Error *err) {
    static const char *const HUNDREDS[] = {"", "C", "CC", "CCC", "CD", "D", "DC", "DCC", "DCCC", "CM"};
    static const char *const TENS[] = {"", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC"};
    static const char *const ONES[] = {"", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"};
    char text[32];
    if (number < 1 || number > 3999)
        snprintf(text, sizeof text, "###############");
    else
        snprintf(text, sizeof text, "%.*s%s%s%s", (int)(number / 1000), "MMM", HUNDREDS[number / 100 % 10],
                 TENS[number / 10 % 10], ONES[number % 10]);
    return write_number(t, text, 0, 0, out, err);
}

/* ---- decimal texts --------------------------------------------------------------------------------------
 */

/* |value| × 10^shift rounded half away from zero to `scale` digits, with a minus if anything but zero is left
 * of a negative one... PostgreSQL drops the sign of zero. `text` is a plain decimal number. */
static void round_decimal(const char *text, int shift, int scale, StrBuf *out) {
    bool negative = *text == '-';
    const char *digits = text + negative, *point = strchr(digits, '.');
    size_t length = strlen(digits);
    int whole = (int)(point ? (size_t)(point - digits) : length) + shift, used = 1;
    char *all = calloc(length + (size_t)(shift > 0 ? shift : 0) + (size_t)scale + 4, 1);
    if (!all) abort();
    /* all[0] takes a carry; the digits follow, padded to the wanted scale. */
    all[0] = '0';
    for (const char *at = digits; *at; at++)
        if (*at != '.') all[used++] = *at;
    while (used < 1 + whole + scale + 1)
        all[used++] = '0';
    int end = 1 + whole + scale;
    bool up = all[end] >= '5';
    for (int i = end - 1; up && i >= 0; i--) {
        up = all[i] == '9';
        all[i] = up ? '0' : (char)(all[i] + 1);
    }
    bool zero = true;
    for (int i = 0; i < end; i++)
        zero &= all[i] == '0';
    if (negative && !zero) strbuf_append_char(out, '-');
    int first = 0;
    while (first < whole && all[first] == '0')
        first++;
    strbuf_append(out, all + first, (size_t)(1 + whole - first));
    if (scale > 0) {
        strbuf_append_char(out, '.');
        strbuf_append(out, all + 1 + whole, (size_t)scale);
    }
    free(all);
}

/* d.ddde+xx of a plain decimal number. */
static void write_scientific(const char *text, int scale, StrBuf *out) {
    bool negative = *text == '-';
    const char *digits = text + negative, *point = strchr(digits, '.');
    int whole = (int)(point ? (size_t)(point - digits) : strlen(digits)), first = 0, exponent = 0;
    while (digits[first] == '0' || digits[first] == '.')
        first++;
    if (digits[first]) exponent = first < whole ? whole - first - 1 : whole - first;
    StrBuf plain, rounded;
    strbuf_init(&plain);
    strbuf_init(&rounded);
    for (const char *at = digits + first; *at; at++) {
        if (*at == '.') continue;
        strbuf_append_char(&plain, *at);
        if (plain.length == 1) strbuf_append_char(&plain, '.');
    }
    if (plain.length == 0) strbuf_append_text(&plain, "0.");
    round_decimal(strbuf_text(&plain), 0, scale, &rounded);
    strbuf_append_text(out, negative ? "-" : " ");
    strbuf_printf(out, "%se%c%02d", strbuf_text(&rounded), exponent < 0 ? '-' : '+', abs(exponent));
    strbuf_deinit(&plain);
    strbuf_deinit(&rounded);
}

static void write_not_scientific(const NumberTemplate *t, StrBuf *out) {
    for (int i = 0; i < t->before + t->after + 6; i++)
        strbuf_append_char(out, i == 0 ? ' ' : i == t->before + 1 ? '.' : '#');
}

/* ---- kernels --------------------------------------------------------------------------------------------
 */

typedef struct NumberJob {
    const KernelCall *call;
    NumberTemplate t;
    StringView text; /* the template in `t` */
    bool ready;
    StrBuf digits, scratch, out;
    const Numeric *numerics;
} NumberJob;

typedef Status (*NumberRow)(NumberJob *job, int row, Error *err);

static Status use_template(NumberJob *job, const StringView *text, Error *err) {
    if (job->ready && stringview_equals(&job->text, text)) return STATUS_OK;
    job->ready = false;
    TRY(read_template(text, &job->t, job->call->arena, err));
    job->text = *text;
    job->ready = true;
    return STATUS_OK;
}

static Status format_rows(const KernelCall *call, NumberRow one, const Numeric *numerics, Error *err) {
    StringView *out = call->out->values;
    NumberJob job = {.call = call, .numerics = numerics};
    Status status = STATUS_OK;
    strbuf_init(&job.digits);
    strbuf_init(&job.scratch);
    strbuf_init(&job.out);
    for (int k = 0, n = kernel_selected(call); k < n && status == STATUS_OK; k++) {
        int row = kernel_row(call, k);
        if (!kernel_valid(call, row)) continue;
        strbuf_reset(&job.digits);
        strbuf_reset(&job.out);
        status = use_template(&job, kernel_text(call, 1, row), err);
        if (status == STATUS_OK && job.t.count > 0) status = one(&job, row, err);
        out[row] = kernel_string(call, strbuf_text(&job.out), job.out.length);
    }
    strbuf_deinit(&job.digits);
    strbuf_deinit(&job.scratch);
    strbuf_deinit(&job.out);
    return status;
}

/* As printf writes it: ties go to the even digit. */
static void print_scientific(double value, int scale, StrBuf *out) {
    strbuf_printf(out, "%+.*e", scale, value);
    if (out->data[0] == '+') out->data[0] = ' ';
}

/* V multiplies within the integer's type. EEEE shows an integer as a double, a bigint as a numeric. */
static Status format_integer(NumberJob *job, int64_t value, bool wide, Error *err) {
    NumberTemplate t = job->t;
    const char *overflow = wide ? "bigint out of range" : "integer out of range";
    if (t.roman) {
        if (wide && (value > INT32_MAX || value < INT32_MIN))
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "integer out of range");
        return write_roman(&t, value, &job->out, err);
    }
    if (t.exponent && !wide) {
        print_scientific((double)value, t.after, &job->out);
        return STATUS_OK;
    }
    if (t.exponent) {
        strbuf_append_i64(&job->digits, value);
        write_scientific(strbuf_text(&job->digits), t.after, &job->out);
        return STATUS_OK;
    }
    for (int i = 0; t.shifts && i < t.shift; i++)
        if (__builtin_mul_overflow(value, 10, &value) || (!wide && (value > INT32_MAX || value < INT32_MIN)))
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "%s", overflow);
    if (t.shifts) t.before += t.shift;
    strbuf_append_i64(&job->digits, value);
    if (t.after) strbuf_append_char(&job->digits, '.');
    for (int i = 0; i < t.after; i++)
        strbuf_append_char(&job->digits, '0');
    return lay_out(&t, strbuf_text(&job->digits), &job->scratch, &job->out, err);
}
static Status int32_row(NumberJob *job, int row, Error *err) {
    return format_integer(job, KERNEL_ARG(job->call, 0, int32_t, row), false, err);
}
static Status int64_row(NumberJob *job, int row, Error *err) {
    return format_integer(job, KERNEL_ARG(job->call, 0, int64_t, row), true, err);
}

static Status numeric_row(NumberJob *job, int row, Error *err) {
    char text[NUMERIC_TEXT_BYTES + 1];
    Numeric value = job->numerics[kernel_index(&job->call->args[0], row)];
    text[numeric_format(value, text)] = 0;
    NumberTemplate t = job->t;
    if (t.roman) {
        int64_t whole = 0;
        if (value.special)
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "cannot convert NaN to integer");
        if (!numeric_to_int64(value, &whole) || whole > INT32_MAX || whole < INT32_MIN)
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "integer out of range");
        return write_roman(&t, whole, &job->out, err);
    }
    if (t.exponent) {
        if (value.special)
            write_not_scientific(&t, &job->out);
        else
            write_scientific(text, t.after, &job->out);
        return STATUS_OK;
    }
    if (value.special)
        strbuf_append_text(&job->digits, text);
    else
        round_decimal(text, t.shifts ? t.shift : 0, t.after, &job->digits);
    if (t.shifts) t.before += t.shift;
    return lay_out(&t, strbuf_text(&job->digits), &job->scratch, &job->out, err);
}

static void print_float(StrBuf *out, double value, int scale) {
    if (isnan(value))
        strbuf_append_text(out, "NaN");
    else if (isinf(value))
        strbuf_append_text(out, value < 0 ? "-Infinity" : "Infinity");
    else
        strbuf_printf(out, "%.*f", scale, value);
}

/* `digits`: how many decimal digits the type is good for; no more than those are shown. */
static Status format_float(NumberJob *job, double value, int digits, Error *err) {
    NumberTemplate t = job->t;
    if (t.roman) {
        return write_roman(&t, isfinite(value) && fabs(value) < 10000 ? (int64_t)rint(value) : 0, &job->out,
                           err);
    }
    if (t.exponent) {
        if (isfinite(value))
            print_scientific(value, t.after, &job->out);
        else
            write_not_scientific(&t, &job->out);
        return STATUS_OK;
    }
    if (t.shifts) {
        value = digits == 6 ? (double)((float)value * (float)pow(10, t.shift)) : value * pow(10, t.shift);
        t.before += t.shift;
    }
    print_float(&job->digits, fabs(value), 0);
    int before = (int)job->digits.length;
    if (before >= digits)
        t.after = 0;
    else if (before + t.after > digits)
        t.after = digits - before;
    strbuf_reset(&job->digits);
    print_float(&job->digits, value, t.after);
    return lay_out(&t, strbuf_text(&job->digits), &job->scratch, &job->out, err);
}
static Status float4_row(NumberJob *job, int row, Error *err) {
    return format_float(job, KERNEL_ARG(job->call, 0, float, row), 6, err);
}
static Status float8_row(NumberJob *job, int row, Error *err) {
    return format_float(job, KERNEL_ARG(job->call, 0, double, row), 15, err);
}

static Status int32_to_char(const KernelCall *call, Error *err) {
    return format_rows(call, int32_row, NULL, err);
}
static Status int64_to_char(const KernelCall *call, Error *err) {
    return format_rows(call, int64_row, NULL, err);
}
static Status float4_to_char(const KernelCall *call, Error *err) {
    return format_rows(call, float4_row, NULL, err);
}
static Status float8_to_char(const KernelCall *call, Error *err) {
    return format_rows(call, float8_row, NULL, err);
}
static Status numeric_to_char(const KernelCall *call, Error *err) {
    return format_rows(call, numeric_row, numeric_rows(&call->args[0], call), err);
}

/* ---- to_number ------------------------------------------------------------------------------------------
 */

typedef struct NumberReader {
    const NumberTemplate *t;
    const char *at, *end;
    StrBuf *out; /* the first byte is the sign, a blank while unknown */
    int before, after;
    bool point;
} NumberReader;

static bool at_end(const NumberReader *r) {
    return r->at >= r->end;
}
static bool sees(const NumberReader *r, char c) {
    return r->at < r->end && *r->at == c;
}

static void skip_others(NumberReader *r, int count) {
    while (count-- > 0 && !at_end(r) && !strchr("0123456789.,+-", *r->at)) {
        size_t width = utf8_sequence_length(r->at, (size_t)(r->end - r->at));
        r->at += width ? width : 1;
    }
}

static void read_sign_before(NumberReader *r) {
    bool anywhere = !(r->t->sign && r->t->sign_place == SIGN_BEFORE);
    if (sees(r, '-') || (anywhere && r->t->bracket && sees(r, '<')))
        r->out->data[0] = '-';
    else if (sees(r, '+'))
        r->out->data[0] = '+';
    else
        return;
    r->at++;
}

/* One 9, 0 or point of the template; leaves `at` one before where the next is read. */
static void read_digit(NumberReader *r, NumberPattern pattern) {
    bool taken = false;
    if (at_end(r)) return;
    if (*r->at == ' ') r->at++;
    if (at_end(r)) return;
    if (r->out->data[0] == ' ' && (pattern == NUMBER_ZERO || pattern == NUMBER_NINE) &&
        r->before + r->after == 0)
        read_sign_before(r);
    if (at_end(r)) return;
    if (isdigit((unsigned char)*r->at)) {
        if (r->point && r->after == r->t->after) return;
        strbuf_append_char(r->out, *r->at);
        if (r->point)
            r->after++;
        else
            r->before++;
        taken = true;
    } else if (r->t->point && !r->point && *r->at == '.') {
        strbuf_append_char(r->out, '.');
        r->point = taken = true;
    }
    if (r->out->data[0] != ' ' || r->before + r->after == 0) return;
    if (r->t->sign && taken && r->at + 1 < r->end && !isdigit((unsigned char)r->at[1])) {
        if (r->at[1] != '-' && r->at[1] != '+') return;
        r->at++;
        r->out->data[0] = *r->at;
    } else if (!taken && !r->t->sign && (r->t->plus || r->t->minus) && (*r->at == '-' || *r->at == '+')) {
        r->out->data[0] = *r->at;
    }
}

static void read_node(NumberReader *r, const NumberNode *node) {
    size_t width;
    switch (node->pattern) {
    case NUMBER_NINE:
    case NUMBER_ZERO:
    case NUMBER_POINT:
    case NUMBER_LOCALE_POINT: read_digit(r, (NumberPattern)node->pattern); break;
    case NUMBER_COMMA:
    case NUMBER_GROUP:
        if (r->t->fill || !sees(r, ',')) return;
        break;
    case NUMBER_CURRENCY: skip_others(r, 1); return;
    case NUMBER_ORDINAL:
    case NUMBER_ORDINAL_LOWER:
        if (!r->t->roman && r->out->data[0] != '#' && !r->t->point) skip_others(r, 2);
        return;
    case NUMBER_MINUS:
    case NUMBER_PLUS:
    case NUMBER_SIGNED:
        if ((sees(r, '-') && node->pattern != NUMBER_PLUS) ||
            (sees(r, '+') && node->pattern != NUMBER_MINUS)) {
            r->out->data[0] = *r->at;
            break;
        }
        skip_others(r, 1);
        return;
    case NUMBER_LITERAL:
        width = utf8_sequence_length(r->at, (size_t)(r->end - r->at));
        r->at += width ? width : 1;
        return;
    default: return;
    }
    r->at++;
}

static Status read_number(NumberTemplate *t, const StringView *text, StrBuf *out, Numeric *value,
                          Error *err) {
    if (t->exponent || t->roman)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "\"%s\" not supported for input",
                         t->exponent ? "EEEE" : "RN");
    NumberReader r = {
        .t = t, .at = stringview_data(text), .end = stringview_data(text) + text->length, .out = out};
    strbuf_append_char(out, ' ');
    for (int i = 0; i < t->count && !at_end(&r); i++)
        read_node(&r, &t->nodes[i]);
    if (out->length > 1 && out->data[out->length - 1] == '.') out->data[--out->length] = 0;
    Numeric read;
    TRY(numeric_parse(strbuf_text(out), out->length, &read, err));
    /* numeric(precision, scale) of what was read */
    int precision = t->before + t->shift + r.after;
    if (!numeric_rescale(read, r.after, value)) return numeric_overflow(err);
    if (int128_digits(value->value) > precision) {
        (void)error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "numeric field overflow");
        return error_add_detail(
            err, "A field with precision %d, scale %d must round to an absolute value less than %s%d.",
            precision, r.after, precision == r.after ? "" : "10^",
            precision == r.after ? 1 : precision - r.after);
    }
    return STATUS_OK;
}

static Status text_to_number(const KernelCall *call, Error *err) {
    NumberJob job = {.call = call};
    Status status = STATUS_OK;
    strbuf_init(&job.digits);
    for (int k = 0, n = kernel_selected(call); k < n && status == STATUS_OK; k++) {
        int row = kernel_row(call, k);
        if (!kernel_valid(call, row)) continue;
        Numeric value = {0};
        strbuf_reset(&job.digits);
        status = use_template(&job, kernel_text(call, 1, row), err);
        if (status != STATUS_OK) break;
        if (job.t.count == 0) {
            kernel_set_null(call, row);
        } else {
            status = read_number(&job.t, kernel_text(call, 0, row), &job.digits, &value, err);
            /* V divides again: 10 to the minus shift has sixteen digits at least behind its point. */
            if (status == STATUS_OK && job.t.shifts) {
                Numeric scale = numeric_make(1, job.t.shift > 16 ? job.t.shift : 16);
                for (int i = job.t.shift; i < 16; i++)
                    scale.value *= 10;
                if (!numeric_multiply(value, scale, &value)) status = numeric_overflow(err);
            }
        }
        if (status == STATUS_OK) status = numeric_store(call->out, row, value, err);
    }
    strbuf_deinit(&job.digits);
    return status;
}

#define T K_TEXT

static const ScalarFunction rows[] = {
    KERNEL_FN_RAISES("to_char", numeric_to_char, T, K_NUMERIC, T),
    KERNEL_FN_RAISES("to_char", int32_to_char, T, K_INT4, T),
    KERNEL_FN_RAISES("to_char", int64_to_char, T, K_INT8, T),
    KERNEL_FN_RAISES("to_char", float4_to_char, T, K_FLOAT4, T),
    KERNEL_FN_RAISES("to_char", float8_to_char, T, K_FLOAT8, T),
    KERNEL_FN_RAISES("to_number", text_to_number, K_NUMERIC, T, T),
};

FunctionTable number_template_functions(void) {
    return KERNEL_TABLE(rows);
}
