/* regexp_matches, regexp_split_to_table and string_to_table: texts that become rows. */
#include "engines/columnar/kernels/kernel.h"
#include "engines/columnar/kernels/regex_use.h"
#include "engines/columnar/kernels/table_function.h"
#include "engines/columnar/types/array_value.h"

typedef struct WalkState {
    int k;       /* index into the call's rows */
    int at;      /* where the next match is looked for */
    int last;    /* regexp_split: where the part under way starts */
    int emitted; /* matches of this row so far */
    bool under_way;
    int previous_end;
} WalkState;

static const StringView *arg_text(const TableCall *call, int index, int row) {
    return &((const StringView *)call->args[index].values)[kernel_index(&call->args[index], row)];
}

static void put_text(const TableCall *call, int at, int row, StringView part) {
    /* The argument's own bytes may be inside its view: what is longer points into the batch. */
    ((StringView *)call->out[0].values)[at] = part;
    call->input_rows[at] = (uint16_t)row;
}

static Status put_groups(const TableCall *call, Regex *regex, const StringView *text, const RegexSpan *spans,
                         int at, int row, Error *err) {
    ArrayBuilder builder;
    array_builder_init(&builder, sqltype_of(SQL_TEXT), call->arena);
    int groups = regex_group_count(regex);
    for (int i = groups > 0; i <= groups; i++) {
        if (spans[i].start < 0) {
            TRY(array_builder_add(&builder, NULL, err));
            continue;
        }
        StringView part = regex_part(regex, text, spans[i]);
        TRY(array_builder_add_string(&builder, stringview_data(&part), part.length, err));
    }
    call->input_rows[at] = (uint16_t)row;
    return array_builder_finish(&builder, call->arena, &((StringView *)call->out[0].values)[at], err);
}

/* One input row's matches from where the state stands, until the batch is full. */
static Status matches_of_row(const TableCall *call, WalkState *state, RegexUse *use, bool global, int row,
                             int *count, Error *err) {
    const StringView *text = arg_text(call, 0, row);
    int groups = regex_group_count(use->regex);
    RegexSpan *spans = arena_alloc(call->arena, sizeof *spans * (size_t)(groups + 1));
    RegexWalk walk;
    regex_set_text(use->regex, stringview_data(text), text->length);
    regex_walk_start(&walk, use->regex, state->at, false);
    walk.done = state->at > regex_text_characters(use->regex) || (state->emitted > 0 && !global);
    while (*count < BATCH_ROWS && regex_walk_next(&walk, spans, groups + 1)) {
        TRY(put_groups(call, use->regex, text, spans, (*count)++, row, err));
        state->emitted++;
        state->at = walk.at;
        walk.done = walk.done || !global;
    }
    state->under_way = !walk.done;
    return STATUS_OK;
}

/* The parts between matches; the last part ends the row. */
static Status parts_of_row(const TableCall *call, WalkState *state, RegexUse *use, int row, int *count) {
    const StringView *text = arg_text(call, 0, row);
    RegexWalk walk;
    RegexSpan span;
    regex_set_text(use->regex, stringview_data(text), text->length);
    regex_walk_start(&walk, use->regex, state->at, true);
    walk.previous_end = state->previous_end;
    walk.done = state->at > regex_text_characters(use->regex);
    while (*count < BATCH_ROWS && regex_walk_next(&walk, &span, 1)) {
        put_text(call, (*count)++, row, regex_part(use->regex, text, (RegexSpan){state->last, span.start}));
        state->last = span.end;
        state->at = walk.at;
        state->previous_end = walk.previous_end;
    }
    state->under_way = *count == BATCH_ROWS;
    if (state->under_way) return STATUS_OK;
    RegexSpan rest = {state->last, regex_text_characters(use->regex)};
    put_text(call, (*count)++, row, regex_part(use->regex, text, rest));
    return STATUS_OK;
}

static Status walk_rows(const TableCall *call, bool split, int *count, Error *err) {
    WalkState *state = call->state;
    RegexUse use = {0};
    Status status = STATUS_OK;
    *count = 0;
    while (state->k < call->row_count && *count < BATCH_ROWS && status == STATUS_OK) {
        int row = call->rows[state->k];
        bool global = false;
        status =
            regex_use_with(&use, arg_text(call, 1, row), call->arg_count > 2 ? arg_text(call, 2, row) : NULL,
                           "regexp_split_to_table()", split ? NULL : &global, err);
        if (status != STATUS_OK) break;
        status = split ? parts_of_row(call, state, &use, row, count)
                       : matches_of_row(call, state, &use, global, row, count, err);
        if (!state->under_way) *state = (WalkState){.k = state->k + 1};
    }
    regex_give(use.regex);
    return status;
}
static Status matches_next(const TableCall *call, int *count, Error *err) {
    return walk_rows(call, false, count, err);
}
static Status split_next(const TableCall *call, int *count, Error *err) {
    return walk_rows(call, true, count, err);
}

/* ---- string_to_table ------------------------------------------------------------------------------------
 */

typedef struct SplitState {
    int k;
    size_t at; /* bytes */
    bool under_way;
} SplitState;

static bool is_null_at(const Vector *vector, int row) {
    return vector_is_null(vector, row);
}

/* The next part from `at`; *next is where the one after it starts, past the text's length when this was last.
 * No separator (NULL): each character is a part. */
static StringView next_part(const StringView *text, const StringView *separator, size_t at, size_t *next) {
    const char *data = stringview_data(text) + at;
    size_t left = text->length - at, bytes = left;
    *next = (size_t)text->length + 1;
    if (!separator) {
        bytes = 1;
        while (bytes < left && ((unsigned char)data[bytes] & 0xC0) == 0x80)
            bytes++;
        if (bytes < left) *next = at + bytes;
    } else if (separator->length > 0) {
        const char *found = memmem(data, left, stringview_data(separator), separator->length);
        if (found) {
            bytes = (size_t)(found - data);
            *next = at + bytes + separator->length;
        }
    }
    return stringview_make(data, (uint32_t)bytes);
}

static Status string_to_table_next(const TableCall *call, int *count, Error *err) {
    SplitState *state = call->state;
    *count = 0;
    while (state->k < call->row_count && *count < BATCH_ROWS) {
        int row = call->rows[state->k];
        const StringView *text = arg_text(call, 0, row);
        if (is_null_at(&call->args[0], row) || text->length == 0) {
            state->k++;
            continue;
        }
        const StringView *separator = is_null_at(&call->args[1], row) ? NULL : arg_text(call, 1, row);
        bool has_null = call->arg_count > 2 && !is_null_at(&call->args[2], row);
        while (*count < BATCH_ROWS && state->at <= text->length) {
            size_t next;
            StringView part = next_part(text, separator, state->at, &next);
            if (has_null && stringview_equals(&part, arg_text(call, 2, row)))
                bitmap_clear(vector_make_validity(&call->out[0], BATCH_ROWS, call->arena), (size_t)*count);
            put_text(call, (*count)++, row, part);
            state->at = next;
        }
        if (state->at > text->length) *state = (SplitState){.k = state->k + 1};
    }
    return STATUS_OK;
}

static Status string_to_array(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    for (int k = 0, n = kernel_selected(call); k < n; k++) {
        int row = kernel_row(call, k);
        out[row] = stringview_make("", 0);
        if (vector_is_null(&call->args[0], row)) {
            kernel_set_null(call, row);
            continue;
        }
        const StringView *text = kernel_text(call, 0, row), *separator = NULL, *null_text = NULL;
        if (!vector_is_null(&call->args[1], row)) separator = kernel_text(call, 1, row);
        if (call->arg_count > 2 && !vector_is_null(&call->args[2], row))
            null_text = kernel_text(call, 2, row);
        ArrayBuilder builder;
        array_builder_init(&builder, sqltype_of(SQL_TEXT), call->arena);
        for (size_t at = 0, next; text->length > 0 && at <= text->length; at = next) {
            StringView part = next_part(text, separator, at, &next);
            if (null_text && stringview_equals(&part, null_text))
                TRY(array_builder_add(&builder, NULL, err));
            else
                TRY(array_builder_add_string(&builder, stringview_data(&part), part.length, err));
        }
        TRY(array_builder_finish(&builder, call->arena, &out[row], err));
    }
    return STATUS_OK;
}

#define T K_TEXT
#define TA                                                                                                   \
    { .id = SQL_TEXT, .is_array = true }

static const ScalarFunction scalar_rows[] = {
    {.name = "string_to_array",
     .arg_count = 2,
     .args = {T, T},
     .result = TA,
     .null_on_error = true,
     .eval = string_to_array},
    {.name = "string_to_array",
     .arg_count = 3,
     .args = {T, T, T},
     .result = TA,
     .null_on_error = true,
     .eval = string_to_array},
};

FunctionTable split_functions(void) {
    return KERNEL_TABLE(scalar_rows);
}

#define TABLE_ROW(text, count, strictly, type, bytes, function, rows_guess, binder)                          \
    {                                                                                                        \
        .name = text, .arg_count = count, .args = {T, T, T}, .strict = strictly, .column_count = 1,          \
        .columns = {{text, type}}, .state_bytes = bytes, .next = function, .estimate = rows_guess,           \
        .bind = binder                                                                                       \
    }

static const TableFunction table_rows[] = {
    TABLE_ROW("regexp_matches", 2, true, TA, sizeof(WalkState), matches_next, 1, regex_bind_pattern),
    TABLE_ROW("regexp_matches", 3, true, TA, sizeof(WalkState), matches_next, 10, regex_bind_pattern),
    TABLE_ROW("regexp_split_to_table", 2, true, T, sizeof(WalkState), split_next, 10, regex_bind_pattern),
    TABLE_ROW("regexp_split_to_table", 3, true, T, sizeof(WalkState), split_next, 10, regex_bind_pattern),
    TABLE_ROW("string_to_table", 2, false, T, sizeof(SplitState), string_to_table_next, 10, NULL),
    TABLE_ROW("string_to_table", 3, false, T, sizeof(SplitState), string_to_table_next, 10, NULL),
};

TableFunctionTable text_table_functions(void) {
    return (TableFunctionTable){table_rows, (int)(sizeof table_rows / sizeof table_rows[0])};
}
