#include "engines/base/row_sender.h"

#include <inttypes.h>
#include <stdlib.h>

void row_sender_init(RowSender *sender) {
    strbuf_init(&sender->text);
    sender->capacity = sender->rows_at_once;
    sender->ends = malloc((size_t)sender->capacity * sizeof *sender->ends);
    sender->numbers = malloc((size_t)sender->capacity * sizeof *sender->numbers);
    sender->rejects = ARENA_NEW_ARRAY(sender->arena, RowReject, ROW_SENDER_REJECTS);
    if (!sender->ends || !sender->numbers) abort();
    row_sender_restart(sender);
}

void row_sender_deinit(RowSender *sender) {
    strbuf_deinit(&sender->text);
    free(sender->ends);
    free(sender->numbers);
}

void row_sender_restart(RowSender *sender) {
    strbuf_reset(&sender->text);
    sender->count = sender->reject_count = 0;
    sender->sent_rows = sender->rejected_rows = 0;
}

static bool is_of_a_row(const Error *err) {
    return !strncmp(err->sqlstate, "22", 2) || !strncmp(err->sqlstate, "23", 2) ||
           !strncmp(err->sqlstate, "P0", 2);
}

static size_t start_of(const RowSender *sender, int row) {
    return row ? sender->ends[row - 1] : 0;
}

static void keep_reject(RowSender *sender, int row, const RowRefusal *refusal, const Error *failure) {
    sender->rejected_rows++;
    if (sender->reject_count == ROW_SENDER_REJECTS) return;
    sender->rejects[sender->reject_count++] =
        (RowReject){.source = sender->source,
                    .row = sender->numbers[row],
                    .column = refusal->column[0] ? arena_strdup(sender->arena, refusal->column) : NULL,
                    .reason = arena_strdup(sender->arena, failure->message)};
}

static Status fail(const RowSender *sender, int first, int last, const RowRefusal *refusal,
                   const Error *failure, Error *err) {
    Error told = *failure;
    if (first == last && refusal->column[0])
        (void)error_set(&told, failure->sqlstate, "\"%.200s\", row %" PRId64 ", column \"%s\": %.600s",
                        sender->source, sender->numbers[first], refusal->column, failure->message);
    else if (first == last)
        (void)error_set(&told, failure->sqlstate, "\"%.200s\", row %" PRId64 ": %.700s", sender->source,
                        sender->numbers[first], failure->message);
    else
        (void)error_set(&told, failure->sqlstate, "\"%.200s\", a row of %" PRId64 " to %" PRId64 ": %.700s",
                        sender->source, sender->numbers[first], sender->numbers[last], failure->message);
    memcpy(told.detail, failure->detail, sizeof told.detail);
    memcpy(told.hint, failure->hint, sizeof told.hint);
    if (err) *err = told;
    return STATUS_ERROR;
}

/* Rows [first, last]. */
static Status send_rows(RowSender *sender, int first, int last, Error *err) {
    RowRefusal refusal = {.row = -1};
    Error failure = {0};
    size_t start = start_of(sender, first);
    int count = last - first + 1;
    if (sender->send(sender->context, sender->text.data + start, sender->ends[last] - start, count, &refusal,
                     &failure) == STATUS_OK) {
        sender->sent_rows += count;
        return STATUS_OK;
    }
    if (!is_of_a_row(&failure)) {
        if (err) *err = failure;
        return STATUS_ERROR;
    }
    bool is_told = count == 1 || (refusal.row >= 0 && refusal.row < count);
    int bad = count == 1 || !is_told ? first : first + refusal.row;
    if (!sender->skip && is_told) return fail(sender, bad, bad, &refusal, &failure, err);
    if (!sender->may_retry) return fail(sender, first, last, &refusal, &failure, err);
    if (count == 1) {
        keep_reject(sender, first, &refusal, &failure);
        return STATUS_OK;
    }
    int middle = first + count / 2;
    TRY(send_rows(sender, first, middle - 1, err));
    return send_rows(sender, middle, last, err);
}

Status row_sender_flush(RowSender *sender, Error *err) {
    if (sender->count == 0) return STATUS_OK;
    Status status = send_rows(sender, 0, sender->count - 1, err);
    sender->count = 0;
    strbuf_reset(&sender->text);
    return status;
}

Status row_sender_source(RowSender *sender, const char *source, Error *err) {
    if (sender->source == source) return STATUS_OK;
    TRY(row_sender_flush(sender, err));
    sender->source = source;
    return STATUS_OK;
}

Status row_sender_end_row(RowSender *sender, int64_t number, Error *err) {
    sender->ends[sender->count] = sender->text.length;
    sender->numbers[sender->count++] = number;
    if (sender->count < sender->capacity && sender->text.length < ROW_SENDER_BYTES) return STATUS_OK;
    return row_sender_flush(sender, err);
}
