#include "fcgi/api/answers.h"

#include <math.h>
#include <pg_query/pg_query.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/hash.h"
#include "fcgi/api/rule_limits.h"
#include "fcgi/format/format.h"

enum { MOST_COLUMNS = 1664, FIRST_ROWS = 1024 };

/* ---- the statement
 * --------------------------------------------------------------------------------------- */

static const PgQuery__SelectStmt *outer_select(const Statement *statement) {
    const PgQuery__ParseResult *tree = statement->tree;
    if (!tree || tree->n_stmts != 1 || !tree->stmts[0]->stmt) return NULL;
    const PgQuery__Node *node = tree->stmts[0]->stmt;
    return node->node_case == PG_QUERY__NODE__NODE_SELECT_STMT ? node->select_stmt : NULL;
}

bool answer_is_ordered(const Statement *statement) {
    const PgQuery__SelectStmt *select = outer_select(statement);
    return select && select->n_sort_clause > 0;
}

/* ---- a row's hash
 * ---------------------------------------------------------------------------------------- */

/* Behind the JSON value at `at`. */
static const char *skip_value(const char *at, const char *end) {
    int depth = 0;
    bool quoted = false;
    for (; at < end; at++) {
        if (quoted) {
            if (*at == '\\' && at + 1 < end)
                at++;
            else if (*at == '"')
                quoted = false;
        } else if (*at == '"') {
            quoted = true;
        } else if (*at == '[' || *at == '{') {
            depth++;
        } else if (*at == ']' || *at == '}') {
            if (depth-- == 0) return at;
        } else if (*at == ',' && depth == 0) {
            return at;
        }
    }
    return end;
}

static uint64_t hash_float(const char *text, size_t length, uint64_t seed) {
    char number[64], rounded[64];
    char *end;
    if (length >= sizeof number) return hash64_bytes(text, length, seed);
    memcpy(number, text, length);
    number[length] = 0;
    double value = strtod(number, &end);
    if (end == number || *end) return hash64_bytes(text, length, seed); /* null, "NaN" */
    int written = snprintf(rounded, sizeof rounded, "%.9g", value == 0 ? 0 : value);
    return hash64_bytes(rounded, (size_t)written, seed);
}

/* Zeros at the end are a scale, and engines differ in it where PostgreSQL's rules leave it to the plan. */
static uint64_t hash_numeric(const char *text, size_t length, uint64_t seed) {
    if (memchr(text, '.', length) && !memchr(text, 'e', length)) {
        while (text[length - 1] == '0')
            length--;
        if (text[length - 1] == '.') length--;
    }
    return hash64_bytes(text, length, seed);
}

static uint64_t hash_value(AnswerColumn column, const char *text, size_t length, uint64_t seed) {
    switch (column) {
    case ANSWER_FLOAT: return hash_float(text, length, seed);
    case ANSWER_NUMERIC: return hash_numeric(text, length, seed);
    default: return hash64_bytes(text, length, seed);
    }
}

uint64_t answer_hash_row(const char *row, size_t length, const AnswerColumn *kinds, int columns) {
    const char *at = row + 1, *end = row + length - 1;
    uint64_t hash = (uint64_t)columns;
    for (int column = 0; at < end; column++) {
        const char *stop = skip_value(at, end);
        hash = hash_value(column < columns ? kinds[column] : ANSWER_TEXT, at, (size_t)(stop - at), hash + 1);
        at = stop + 1;
    }
    return hash;
}

/* ---- reading
 * --------------------------------------------------------------------------------------------- */

/* What is done with each row; false ends the reading. */
typedef bool (*RowSink)(void *state, const char *row, size_t length, uint64_t hash);

typedef struct Reading {
    const AnswerSource *source;
    ExecutionStats stats;
    Execution execution;
    AnswerColumn *kinds;
    int columns;
    RowSink sink;
    void *state;
} Reading;

/* The compact format has a row to a line. */
static bool sink_lines(Reading *reading, const StrBuf *text) {
    const char *at = strbuf_text(text), *end = at + text->length;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const char *line = at, *line_end = stop ? stop : end;
        at = line_end + 1;
        while (line < line_end && *line == ',')
            line++;
        while (line_end > line && line_end[-1] == ',')
            line_end--;
        size_t length = (size_t)(line_end - line);
        if (length < 2 || *line != '[') continue;
        if (!reading->sink(reading->state, line, length,
                           answer_hash_row(line, length, reading->kinds, reading->columns)))
            return false;
    }
    return true;
}

static Status read_batches(Reading *reading, ArrowArrayStream *stream, RowWriter *writer, StrBuf *text,
                           Error *err) {
    for (bool more = true; more;) {
        ArrowArray batch = {0};
        TRY(cancel_check(reading->source->cancel, err));
        TRY(arrow_stream_next(stream, &batch, err));
        if (!batch.release) return rule_limits_check(reading->source->decision, &reading->stats, err);
        strbuf_reset(text);
        Status status = rowformat_batch(writer, &batch, text, err);
        arrow_array_release(&batch);
        TRY(status);
        TRY(rule_limits_check(reading->source->decision, &reading->stats, err));
        more = sink_lines(reading, text);
    }
    return STATUS_OK;
}

static Status read_stream(Reading *reading, ArrowArrayStream *stream, Error *err) {
    ArrowSchema schema = {0};
    TRY(arrow_stream_schema(stream, &schema, err));
    reading->columns = (int)schema.n_children;
    reading->kinds = calloc((size_t)schema.n_children + 1, sizeof *reading->kinds);
    if (!reading->kinds) abort();
    for (int i = 0; i < reading->columns; i++) {
        SqlTypeId id = arrow_schema_sqltype(schema.children[i], NULL).id;
        bool is_float = id == SQL_FLOAT4 || id == SQL_FLOAT8;
        reading->kinds[i] = is_float ? ANSWER_FLOAT : id == SQL_NUMERIC ? ANSWER_NUMERIC : ANSWER_TEXT;
    }
    StrBuf text;
    strbuf_init(&text);
    RowFormatOptions options = {.format = ROWFORMAT_COMPACT};
    RowWriter *writer;
    Status status = rowformat_begin(&schema, &options, &writer, &text, err);
    if (status == STATUS_OK) {
        status = read_batches(reading, stream, writer, &text, err);
        rowformat_close(writer);
    }
    strbuf_deinit(&text);
    free(reading->kinds);
    reading->kinds = NULL;
    arrow_schema_release(&schema);
    return status;
}

static Status read_rows(Reading *reading, Error *err) {
    const AnswerSource *source = reading->source;
    Decision *decision = source->decision;
    reading->stats = (ExecutionStats){.rows_affected = -1};
    reading->execution = (Execution){.params = source->params,
                                     .param_count = source->param_count,
                                     .cancel = source->cancel,
                                     .stats = &reading->stats,
                                     .max_bytes_scanned = decision->limits.max_bytes_scanned};
    ArrowArrayStream stream = {0};
    TRY(decision->engine->ops->execute(decision->engine, decision->plan, &reading->execution, &stream, err));
    Status status = read_stream(reading, &stream, err);
    arrow_stream_release(&stream);
    return status;
}

typedef struct Keeper {
    Answer *answer;
    int64_t capacity, most;
} Keeper;

static bool keep_hash(void *state, const char *row, size_t length, uint64_t hash) {
    Keeper *keeper = state;
    Answer *answer = keeper->answer;
    if (answer->count == keeper->most) {
        answer->truncated = true;
        return false;
    }
    if (answer->count == keeper->capacity) {
        keeper->capacity = keeper->capacity ? keeper->capacity * 2 : FIRST_ROWS;
        answer->rows = realloc(answer->rows, (size_t)keeper->capacity * sizeof *answer->rows);
        if (!answer->rows) abort();
    }
    answer->rows[answer->count++] = hash;
    return true;
}

Status answer_read(const AnswerSource *source, Answer *out, Error *err) {
    *out = (Answer){0};
    int64_t most =
        source->max_rows > 0 && source->max_rows < ANSWER_MOST_ROWS ? source->max_rows : ANSWER_MOST_ROWS;
    Keeper keeper = {.answer = out, .most = most};
    Reading reading = {.source = source, .sink = keep_hash, .state = &keeper};
    int64_t start_ns = clock_now_ns();
    router_run_begins(source->router, source->decision);
    Status status = read_rows(&reading, err);
    out->taken_ms = (double)(clock_now_ns() - start_ns) / 1e6;
    static const Error cut = {.sqlstate = SQLSTATE_QUERY_CANCELED};
    bool to_blame = status != STATUS_OK && !cancel_is_requested(source->cancel);
    router_run_ends(source->router, source->decision, out->truncated ? -1 : out->taken_ms,
                    status == STATUS_OK ? NULL
                    : to_blame          ? err
                                        : &cut);
    out->columns = reading.columns;
    out->bytes_scanned = atomic_load(&reading.stats.bytes_scanned);
    if (status != STATUS_OK) answer_deinit(out);
    return status;
}

void answer_deinit(Answer *answer) {
    free(answer->rows);
    answer->rows = NULL;
}

/* ---- comparing
 * ------------------------------------------------------------------------------------------- */

static int compare_hashes(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t *sorted_copy(const Answer *answer) {
    uint64_t *copy = malloc(((size_t)answer->count + 1) * sizeof *copy);
    if (!copy) abort();
    if (answer->count) memcpy(copy, answer->rows, (size_t)answer->count * sizeof *copy);
    qsort(copy, (size_t)answer->count, sizeof *copy, compare_hashes);
    return copy;
}

/* The first row, in the order of `answer`, among those that stand more often in `own` than in `other`, both
 * sorted. */
static bool find_surplus(const Answer *answer, const uint64_t *own, const uint64_t *other,
                         int64_t other_count, uint64_t *row, int64_t *at) {
    uint64_t *surplus = malloc(((size_t)answer->count + 1) * sizeof *surplus);
    if (!surplus) abort();
    size_t count = 0;
    int64_t j = 0;
    for (int64_t i = 0; i < answer->count; i++) {
        while (j < other_count && other[j] < own[i])
            j++;
        if (j < other_count && other[j] == own[i])
            j++;
        else
            surplus[count++] = own[i];
    }
    bool found = false;
    for (int64_t i = 0; count && i < answer->count && !found; i++)
        if (bsearch(&answer->rows[i], surplus, count, sizeof *surplus, compare_hashes)) {
            found = true;
            *row = answer->rows[i];
            *at = i;
        }
    free(surplus);
    return found;
}

static void compare_rows(const Answer *left, const Answer *right, AnswerDifference *out) {
    uint64_t *a = sorted_copy(left), *b = sorted_copy(right);
    int64_t right_at = 0;
    out->left_has = find_surplus(left, a, b, right->count, &out->left_row, &out->at);
    out->right_has = find_surplus(right, b, a, left->count, &out->right_row, &right_at);
    if (!out->left_has) out->at = right_at;
    out->same_rows = !out->left_has && !out->right_has && left->columns == right->columns;
    free(a);
    free(b);
}

void answer_compare(const Answer *left, const Answer *right, bool ordered, AnswerDifference *out) {
    *out = (AnswerDifference){.same_order = true};
    compare_rows(left, right, out);
    if (!ordered || !out->same_rows) {
        out->same_order = out->same_rows;
        return;
    }
    for (int64_t i = 0; i < left->count; i++) {
        if (left->rows[i] == right->rows[i]) continue;
        *out = (AnswerDifference){.same_rows = true,
                                  .left_has = true,
                                  .right_has = true,
                                  .left_row = left->rows[i],
                                  .right_row = right->rows[i],
                                  .at = i};
        return;
    }
}

typedef struct Seeker {
    uint64_t wanted;
    StrBuf *out;
    bool found;
} Seeker;

static bool seek_row(void *state, const char *row, size_t length, uint64_t hash) {
    Seeker *seeker = state;
    if (hash != seeker->wanted) return true;
    strbuf_append(seeker->out, row, length);
    seeker->found = true;
    return false;
}

Status answer_find_row(const AnswerSource *source, uint64_t row, StrBuf *out, Error *err) {
    Seeker seeker = {.wanted = row, .out = out};
    Reading reading = {.source = source, .sink = seek_row, .state = &seeker};
    TRY(read_rows(&reading, err));
    if (!seeker.found) strbuf_append_text(out, "null");
    return STATUS_OK;
}
