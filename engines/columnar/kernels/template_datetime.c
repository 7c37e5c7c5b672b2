#include "engines/columnar/kernels/template_datetime.h"

#include <ctype.h>

#include "engines/base/utf8.h"

const char *const date_month_names[12] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
const char *const date_day_names[7] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
const char *const date_roman_months[12] = {"XII", "XI", "X",  "IX",  "VIII", "VII",
                                           "VI",  "V",  "IV", "III", "II",   "I"};

#define GREGORIAN DATE_MODE_GREGORIAN
#define ISO       DATE_MODE_ISO

/* Longer ones before those they start with. The lower-case spelling of each counts too; mixed ones only as
 * listed. `digits`: reading takes digits only. */
static const struct {
    const char *name;
    uint8_t pattern, letters, mode;
    bool digits;
} PATTERNS[] = {
    {"A.D.", DATE_BC_DOTS, 0, 0, false},
    {"A.M.", DATE_AM_DOTS, 0, 0, false},
    {"AD", DATE_BC, 0, 0, false},
    {"AM", DATE_AM, 0, 0, false},
    {"B.C.", DATE_BC_DOTS, 0, 0, false},
    {"BC", DATE_BC, 0, 0, false},
    {"CC", DATE_CC, 0, 0, true},
    {"DAY", DATE_DAY, 0, 0, false},
    {"DDD", DATE_DDD, 0, GREGORIAN, true},
    {"DD", DATE_DD, 0, GREGORIAN, true},
    {"DY", DATE_DY, 0, 0, false},
    {"Day", DATE_DAY, LETTERS_CAPITAL, 0, false},
    {"Dy", DATE_DY, LETTERS_CAPITAL, 0, false},
    {"D", DATE_D, 0, GREGORIAN, true},
    {"FF1", DATE_FF1, 0, 0, true},
    {"FF2", DATE_FF2, 0, 0, true},
    {"FF3", DATE_FF3, 0, 0, true},
    {"FF4", DATE_FF4, 0, 0, true},
    {"FF5", DATE_FF5, 0, 0, true},
    {"FF6", DATE_FF6, 0, 0, true},
    {"FX", DATE_FX, 0, 0, false},
    {"HH24", DATE_HH24, 0, 0, true},
    {"HH12", DATE_HH12, 0, 0, true},
    {"HH", DATE_HH12, 0, 0, true},
    {"IDDD", DATE_IDDD, 0, ISO, true},
    {"ID", DATE_ID, 0, ISO, true},
    {"IW", DATE_IW, 0, ISO, true},
    {"IYYY", DATE_IYYY, 0, ISO, true},
    {"IYY", DATE_IYY, 0, ISO, true},
    {"IY", DATE_IY, 0, ISO, true},
    {"I", DATE_I, 0, ISO, true},
    {"J", DATE_J, 0, 0, true},
    {"MI", DATE_MI, 0, 0, true},
    {"MM", DATE_MM, 0, GREGORIAN, true},
    {"MONTH", DATE_MONTH, 0, GREGORIAN, false},
    {"MON", DATE_MON, 0, GREGORIAN, false},
    {"MS", DATE_MS, 0, 0, true},
    {"Month", DATE_MONTH, LETTERS_CAPITAL, GREGORIAN, false},
    {"Mon", DATE_MON, LETTERS_CAPITAL, GREGORIAN, false},
    {"OF", DATE_OF, 0, 0, false},
    {"P.M.", DATE_AM_DOTS, 0, 0, false},
    {"PM", DATE_AM, 0, 0, false},
    {"Q", DATE_Q, 0, 0, true},
    {"RM", DATE_RM, 0, GREGORIAN, false},
    {"SSSSS", DATE_SSSS, 0, 0, true},
    {"SSSS", DATE_SSSS, 0, 0, true},
    {"SS", DATE_SS, 0, 0, true},
    {"TZH", DATE_TZH, 0, 0, false},
    {"TZM", DATE_TZM, 0, 0, true},
    {"TZ", DATE_TZ, 0, 0, false},
    {"US", DATE_US, 0, 0, true},
    {"WW", DATE_WW, 0, GREGORIAN, true},
    {"W", DATE_W, 0, GREGORIAN, true},
    {"Y,YYY", DATE_Y_YYY, 0, GREGORIAN, true},
    {"YYYY", DATE_YYYY, 0, GREGORIAN, true},
    {"YYY", DATE_YYY, 0, GREGORIAN, true},
    {"YY", DATE_YY, 0, GREGORIAN, true},
    {"Y", DATE_Y, 0, GREGORIAN, true},
};
enum { PATTERN_COUNT = sizeof PATTERNS / sizeof PATTERNS[0] };

static bool equals_lower(const char *at, const char *name, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (at[i] != (char)tolower((unsigned char)name[i])) return false;
    return true;
}

/* The pattern at `at`, or -1; *lower when it is spelled in lower case. */
static int find_pattern(const char *at, size_t left, bool *lower) {
    for (int i = 0; i < PATTERN_COUNT; i++) {
        size_t length = strlen(PATTERNS[i].name);
        if (left < length) continue;
        *lower = false;
        if (memcmp(at, PATTERNS[i].name, length) == 0) return i;
        *lower = true;
        if (PATTERNS[i].letters != LETTERS_CAPITAL && equals_lower(at, PATTERNS[i].name, length)) return i;
    }
    return -1;
}

static bool two_letters(const char *at, const char *end, const char *upper, const char *lower) {
    return end - at >= 2 && (memcmp(at, upper, 2) == 0 || (lower && memcmp(at, lower, 2) == 0));
}

static size_t add_literal(DateTemplate *out, const char *at, const char *end, bool quoted) {
    DateNode *node = &out->nodes[out->count++];
    size_t width = utf8_sequence_length(at, (size_t)(end - at));
    *node = (DateNode){.width = (uint8_t)(width ? width : 1), .name = ""};
    memcpy(node->literal, at, node->width);
    unsigned char c = (unsigned char)*at;
    if (quoted)
        node->pattern = DATE_LITERAL;
    else if (c > 0x20 && c < 0x7F && !isalnum(c))
        node->pattern = DATE_SEPARATOR;
    else if (c == ' ' || (c >= '\t' && c <= '\r'))
        node->pattern = DATE_SPACE;
    return node->width;
}

static const char *read_quoted(DateTemplate *out, const char *at, const char *end) {
    for (at++; at < end && *at != '"';) {
        if (*at == '\\' && at + 1 < end) at++;
        at += add_literal(out, at, end, true);
    }
    return at + (at < end);
}

/* The names in messages are those of PostgreSQL's own table: upper case except where only letters differ. */
void date_template_read(const StringView *text, DateTemplate *out, Arena *arena) {
    const char *at = stringview_data(text), *end = at + text->length;
    out->nodes = arena_alloc(arena, sizeof *out->nodes * (text->length + 1));
    out->count = 0;
    while (at < end) {
        bool fill = two_letters(at, end, "FM", "fm"), lower = false;
        bool translated = !fill && two_letters(at, end, "TM", "tm");
        if (fill || translated) at += 2;
        int found = at < end ? find_pattern(at, (size_t)(end - at), &lower) : -1;
        if (found >= 0) {
            DateNode *node = &out->nodes[out->count++];
            size_t length = strlen(PATTERNS[found].name);
            *node = (DateNode){.pattern = PATTERNS[found].pattern,
                               .letters = lower ? LETTERS_LOWER : PATTERNS[found].letters,
                               .mode = PATTERNS[found].mode,
                               .digits = PATTERNS[found].digits,
                               .fill = fill,
                               .translated = translated,
                               .name = arena_strndup(arena, at, length)};
            at += length;
            node->ordinal_lower = two_letters(at, end, "th", NULL);
            node->ordinal = node->ordinal_lower || two_letters(at, end, "TH", NULL);
            if (node->ordinal || two_letters(at, end, "SP", NULL)) at += 2;
        } else if (at < end && *at == '"') {
            at = read_quoted(out, at, end);
        } else if (at < end) {
            if (*at == '\\' && at + 1 < end && at[1] == '"') at++;
            at += add_literal(out, at, end, false);
        }
    }
}
