/* Answers of two engines to one read, compared in bounded memory: a hash of each row is kept, no row.
 *
 *   answer_read (each engine) → answer_compare → answer_find_row (reads once more, for the row to show)
 *
 * Values are compared as they are answered, digit by digit; float4 and float8 to 9 digits, because the order
 * of an addition is nobody's promise, and numeric without its scale.
 */
#pragma once

#include "engines/base/strbuf.h"
#include "router/router.h"

enum { ANSWER_MOST_ROWS = 1000000 }; /* of which 8 bytes each are kept */

typedef struct AnswerSource {
    Router *router;
    Decision *decision;
    const Param *params;
    int param_count;
    CancelToken *cancel;
    int64_t max_rows; /* 0 = ANSWER_MOST_ROWS */
} AnswerSource;

typedef struct Answer {
    uint64_t *rows; /* in the order of the answer */
    int64_t count;
    bool truncated; /* there were more than max_rows */
    int columns;
    double taken_ms;
    int64_t bytes_scanned;
} Answer;

/* The router learns from the time it took. */
Status answer_read(const AnswerSource *source, Answer *out, Error *err);
void answer_deinit(Answer *answer);

typedef struct AnswerDifference {
    bool same_rows; /* as multisets */
    bool same_order;
    bool left_has, right_has; /* a row stands there that the other lacks, or has elsewhere */
    uint64_t left_row, right_row;
    int64_t at; /* from 0, in the left answer, or in the right one when the left has none */
} AnswerDifference;

void answer_compare(const Answer *left, const Answer *right, bool ordered, AnswerDifference *out);
/* The row of this hash as a JSON array, `null` when it does not come again. */
Status answer_find_row(const AnswerSource *source, uint64_t row, StrBuf *out, Error *err);

typedef enum AnswerColumn { ANSWER_TEXT, ANSWER_FLOAT, ANSWER_NUMERIC } AnswerColumn;
/* Of a JSON array with a value per column: rows that count as equal have equal hashes. */
uint64_t answer_hash_row(const char *row, size_t length, const AnswerColumn *kinds, int columns);

/* Its outermost SELECT has ORDER BY. */
bool answer_is_ordered(const Statement *statement);
