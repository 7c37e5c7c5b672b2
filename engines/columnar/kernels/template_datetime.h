/* Templates for dates and times, as to_char, to_date and to_timestamp read them. */
#pragma once

#include "engines/columnar/kernels/kernel.h"

typedef enum DatePattern {
    DATE_LITERAL,
    DATE_SEPARATOR, /* punctuation; reading, it stands for one such character or a space, or none */
    DATE_SPACE,
    DATE_AM,
    DATE_AM_DOTS,
    DATE_BC,
    DATE_BC_DOTS,
    DATE_CC,
    DATE_DAY,
    DATE_DY,
    DATE_DDD,
    DATE_DD,
    DATE_D,
    DATE_FF1, /* to FF6, in a row */
    DATE_FF2,
    DATE_FF3,
    DATE_FF4,
    DATE_FF5,
    DATE_FF6,
    DATE_FX,
    DATE_HH24,
    DATE_HH12,
    DATE_IDDD,
    DATE_ID,
    DATE_IW,
    DATE_IYYY,
    DATE_IYY,
    DATE_IY,
    DATE_I,
    DATE_J,
    DATE_MI,
    DATE_MM,
    DATE_MONTH,
    DATE_MON,
    DATE_MS,
    DATE_OF,
    DATE_Q,
    DATE_RM,
    DATE_SSSS,
    DATE_SS,
    DATE_TZH,
    DATE_TZM,
    DATE_TZ,
    DATE_US,
    DATE_WW,
    DATE_W,
    DATE_Y_YYY,
    DATE_YYYY,
    DATE_YYY,
    DATE_YY,
    DATE_Y
} DatePattern;

typedef enum DateLetters { LETTERS_UPPER, LETTERS_CAPITAL, LETTERS_LOWER } DateLetters;
/* Which calendar a field belongs to; the two do not mix. */
typedef enum DateMode { DATE_MODE_NONE, DATE_MODE_GREGORIAN, DATE_MODE_ISO } DateMode;

typedef struct DateNode {
    uint8_t pattern, letters, mode;
    bool fill;                   /* FM */
    bool translated;             /* TM: names are not padded */
    bool ordinal, ordinal_lower; /* TH, th */
    bool digits;                 /* reads nothing but digits */
    uint8_t width;               /* of a literal */
    char literal[4];
    const char *name; /* as PostgreSQL names it in messages */
} DateNode;

typedef struct DateTemplate {
    DateNode *nodes;
    int count;
} DateTemplate;

void date_template_read(const StringView *text, DateTemplate *out, Arena *arena);

extern const char *const date_month_names[12];
extern const char *const date_day_names[7];
extern const char *const date_roman_months[12]; /* XII first */
