/* to_char of dates and timestamps for the patterns people write. A template with anything else is declined in
 * bind, as is one that is not constant. Pattern letters follow PostgreSQL's "Template Patterns for Date/Time
 * Formatting". */
#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "engines/base/strbuf.h"
#include "engines/columnar/kernels/datetime_math.h"

typedef enum Piece {
    PIECE_LITERAL,
    PIECE_YYYY,
    PIECE_YY,
    PIECE_MM,
    PIECE_DD,
    PIECE_HH24,
    PIECE_HH12,
    PIECE_MI,
    PIECE_SS,
    PIECE_MS,
    PIECE_US,
    PIECE_MONTH,
    PIECE_MON,
    PIECE_DAY,
    PIECE_DY,
    PIECE_AM,
    PIECE_Q,
    PIECE_DDD,
    PIECE_D,
    PIECE_ID,
    PIECE_IW,
    PIECE_IYYY,
    PIECE_WW,
    PIECE_W,
    PIECE_J
} Piece;

typedef enum Letters { LETTERS_UPPER, LETTERS_CAPITAL, LETTERS_LOWER } Letters;

typedef struct TemplatePiece {
    uint8_t piece;
    uint8_t letters;
    bool unpadded; /* FM */
    char literal;
} TemplatePiece;

typedef struct Template {
    int count;
    TemplatePiece pieces[];
} Template;

/* Longest first where one is the start of another. */
static const struct {
    const char *name;
    Piece piece;
    bool case_matters;
    Letters letters;
} patterns[] = {
    {"IYYY", PIECE_IYYY, false, 0},
    {"YYYY", PIECE_YYYY, false, 0},
    {"YY", PIECE_YY, false, 0},
    {"MONTH", PIECE_MONTH, true, LETTERS_UPPER},
    {"Month", PIECE_MONTH, true, LETTERS_CAPITAL},
    {"month", PIECE_MONTH, true, LETTERS_LOWER},
    {"MON", PIECE_MON, true, LETTERS_UPPER},
    {"Mon", PIECE_MON, true, LETTERS_CAPITAL},
    {"mon", PIECE_MON, true, LETTERS_LOWER},
    {"MM", PIECE_MM, false, 0},
    {"MI", PIECE_MI, false, 0},
    {"MS", PIECE_MS, false, 0},
    {"DAY", PIECE_DAY, true, LETTERS_UPPER},
    {"Day", PIECE_DAY, true, LETTERS_CAPITAL},
    {"day", PIECE_DAY, true, LETTERS_LOWER},
    {"DY", PIECE_DY, true, LETTERS_UPPER},
    {"Dy", PIECE_DY, true, LETTERS_CAPITAL},
    {"dy", PIECE_DY, true, LETTERS_LOWER},
    {"DDD", PIECE_DDD, false, 0},
    {"DD", PIECE_DD, false, 0},
    {"ID", PIECE_ID, false, 0},
    {"IW", PIECE_IW, false, 0},
    {"HH24", PIECE_HH24, false, 0},
    {"HH12", PIECE_HH12, false, 0},
    {"HH", PIECE_HH12, false, 0},
    {"SSSS", PIECE_LITERAL, false, 0},
    {"SS", PIECE_SS, false, 0},
    {"US", PIECE_US, false, 0},
    {"AM", PIECE_AM, true, LETTERS_UPPER},
    {"PM", PIECE_AM, true, LETTERS_UPPER},
    {"am", PIECE_AM, true, LETTERS_LOWER},
    {"pm", PIECE_AM, true, LETTERS_LOWER},
    {"WW", PIECE_WW, false, 0},
    {"D", PIECE_D, false, 0},
    {"W", PIECE_W, false, 0},
    {"Q", PIECE_Q, false, 0},
};
enum { PATTERN_COUNT = sizeof patterns / sizeof patterns[0] };

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};

static Status declined(const StringView *text, Error *err) {
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "to_char with the template \"%.*s\"",
                     (int)text->length, stringview_data(text));
}

static int match_pattern(const char *at, size_t left) {
    for (int i = 0; i < PATTERN_COUNT; i++) {
        size_t length = strlen(patterns[i].name);
        bool same =
            left >= length && (patterns[i].case_matters ? memcmp(at, patterns[i].name, length) == 0
                                                        : strncasecmp(at, patterns[i].name, length) == 0);
        if (same) return i;
    }
    return -1;
}

static Status template_parse(const StringView *text, Arena *arena, const Template **out, Error *err) {
    Template *template = arena_zalloc(arena, sizeof *template + sizeof(TemplatePiece) * text->length);
    const char *data = stringview_data(text);
    bool unpadded = false;
    for (size_t i = 0; i < text->length;) {
        TemplatePiece *piece = &template->pieces[template->count];
        if (text->length - i >= 2 && strncasecmp(data + i, "FM", 2) == 0) {
            unpadded = true;
            i += 2;
            continue;
        }
        int found = match_pattern(data + i, text->length - i);
        if (found >= 0) {
            *piece = (TemplatePiece){
                .piece = patterns[found].piece, .letters = patterns[found].letters, .unpadded = unpadded};
            if (piece->piece == PIECE_LITERAL) return declined(text, err);
            i += strlen(patterns[found].name);
        } else if (data[i] == '"') {
            for (i++; i < text->length && data[i] != '"'; i++) {
                if (data[i] == '\\') return declined(text, err);
                template->pieces[template->count++] =
                    (TemplatePiece){.piece = PIECE_LITERAL, .literal = data[i]};
            }
            i++;
            unpadded = false;
            continue;
        } else if (isalnum((unsigned char)data[i]) || (unsigned char)data[i] >= 0x80 || data[i] == '\\') {
            return declined(text, err);
        } else {
            *piece = (TemplatePiece){.piece = PIECE_LITERAL, .literal = data[i++]};
        }
        unpadded = false;
        template->count++;
        /* Suffixes of numbers are another language. */
        if (found >= 0 && text->length - i >= 2 &&
            (strncasecmp(data + i, "TH", 2) == 0 || memcmp(data + i, "SP", 2) == 0 ||
             memcmp(data + i, "TM", 2) == 0))
            return declined(text, err);
    }
    *out = template;
    return STATUS_OK;
}

static Status to_char_bind(const Vector *const *args, int arg_count, Arena *arena, const void **bind_data,
                           Error *err) {
    if (!args[1])
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "to_char with a template that is not constant");
    if (vector_is_null(args[1], 0)) return STATUS_OK;
    const Template *template = NULL;
    TRY(template_parse(args[1]->values, arena, &template, err));
    *bind_data = template;
    return STATUS_OK;
}

static void put_name(StrBuf *out, const char *name, const TemplatePiece *piece, int width, int padded) {
    int length = (int)strlen(name);
    length = width && length > width ? width : length;
    for (int i = 0; i < length; i++) {
        bool upper = piece->letters == LETTERS_UPPER || (piece->letters == LETTERS_CAPITAL && i == 0);
        strbuf_append_char(out,
                           (char)(upper ? toupper((unsigned char)name[i]) : tolower((unsigned char)name[i])));
    }
    for (int i = length; i < padded && !piece->unpadded; i++)
        strbuf_append_char(out, ' ');
}

static void put_piece(StrBuf *out, const TemplatePiece *piece, const CivilTime *t, int64_t days) {
    int width = 2, value = 0, iso_year = 0, day_of_year = (int)(days - calendar_days_of(t->year, 1, 1)) + 1;
    int weekday = (int)(((days + 4) % 7 + 7) % 7), year = t->year > 0 ? t->year : 1 - t->year;
    switch (piece->piece) {
    case PIECE_LITERAL: strbuf_append_char(out, piece->literal); return;
    case PIECE_MONTH: put_name(out, month_names[t->month - 1], piece, 0, 9); return;
    case PIECE_MON: put_name(out, month_names[t->month - 1], piece, 3, 0); return;
    case PIECE_DAY: put_name(out, day_names[weekday], piece, 0, 9); return;
    case PIECE_DY: put_name(out, day_names[weekday], piece, 3, 0); return;
    case PIECE_AM: put_name(out, t->hour >= 12 ? "PM" : "AM", piece, 0, 0); return;
    case PIECE_YYYY:
        value = year;
        width = 4;
        break;
    case PIECE_IYYY:
        iso_week(t->year, t->month, t->day, &iso_year);
        value = iso_year > 0 ? iso_year : 1 - iso_year;
        width = 4;
        break;
    case PIECE_YY: value = year % 100; break;
    case PIECE_MM: value = t->month; break;
    case PIECE_DD: value = t->day; break;
    case PIECE_HH24: value = t->hour; break;
    case PIECE_HH12: value = t->hour % 12 ? t->hour % 12 : 12; break;
    case PIECE_MI: value = t->minute; break;
    case PIECE_SS: value = t->second; break;
    case PIECE_MS:
        value = t->microsecond / 1000;
        width = 3;
        break;
    case PIECE_US:
        value = t->microsecond;
        width = 6;
        break;
    case PIECE_Q:
        value = (t->month - 1) / 3 + 1;
        width = 1;
        break;
    case PIECE_DDD:
        value = day_of_year;
        width = 3;
        break;
    case PIECE_D:
        value = weekday + 1;
        width = 1;
        break;
    case PIECE_ID:
        value = weekday ? weekday : 7;
        width = 1;
        break;
    case PIECE_IW: value = iso_week(t->year, t->month, t->day, NULL); break;
    case PIECE_WW: value = (day_of_year - 1) / 7 + 1; break;
    default:
        value = (t->day - 1) / 7 + 1;
        width = 1;
        break;
    }
    strbuf_printf(out, "%0*d", piece->unpadded ? 0 : width, value);
}

static Status timestamp_to_char(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    const Template *template = call->bind_data;
    if (!template) return STATUS_OK; /* the template is NULL */
    StrBuf buffer;
    strbuf_init(&buffer);
    KERNEL_ROWS(call, row) {
        int64_t value = KERNEL_ARG(call, 0, int64_t, row), micros;
        out[row] = stringview_make("", 0);
        if (!timestamp_is_finite(value) || template->count == 0) {
            kernel_set_null(call, row);
            continue;
        }
        CivilTime civil = civil_from_timestamp(value);
        int64_t days = timestamp_split(value, &micros);
        strbuf_reset(&buffer);
        for (int i = 0; i < template->count; i++)
            put_piece(&buffer, &template->pieces[i], &civil, days);
        out[row] = kernel_string(call, strbuf_text(&buffer), buffer.length);
    }
    strbuf_deinit(&buffer);
    return STATUS_OK;
}

static Status declined_bind(const Vector *const *args, int arg_count, Arena *arena, const void **bind_data,
                            Error *err) {
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "to_char of numbers and intervals");
}

#define DECLINED(type) KERNEL_FN_BIND("to_char", timestamp_to_char, declined_bind, K_TEXT, type, K_TEXT)

static const ScalarFunction rows[] = {
    KERNEL_FN_BIND("to_char", timestamp_to_char, to_char_bind, K_TEXT, K_TIMESTAMP, K_TEXT),
    KERNEL_FN_BIND("to_char", timestamp_to_char, to_char_bind, K_TEXT, K_TIMESTAMPTZ, K_TEXT),
    DECLINED(K_INTERVAL),
    DECLINED(K_NUMERIC),
    DECLINED(K_INT4),
    DECLINED(K_INT8),
    DECLINED(K_FLOAT4),
    DECLINED(K_FLOAT8),
};

FunctionTable to_char_functions(void) {
    return KERNEL_TABLE(rows);
}
