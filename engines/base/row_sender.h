/* Rows as text on their way to a server, in pieces of bounded size; the rows that it refuses are found by
 * halving.
 *
 *   row_sender_init → for each row: append its text to sender.text, row_sender_end_row → row_sender_flush →
 *   row_sender_deinit
 *
 * A refusal is a row's when it says so: SQLSTATE classes 22 (data), 23 (constraints) and P0 (a trigger's).
 * Everything else ends the sending. */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/error.h"
#include "engines/base/strbuf.h"

enum { ROW_SENDER_REJECTS = 100, ROW_SENDER_BYTES = 1 << 20 };

/* What a server told about the row it refused. */
typedef struct RowRefusal {
    int row; /* of those sent, from 0; -1 = not told */
    char column[128];
} RowRefusal;

typedef struct RowReject {
    const char *source;
    int64_t row;
    const char *column; /* NULL = not told */
    const char *reason;
} RowReject;

typedef struct RowSender {
    /* Set by the caller. */
    void *context;
    /* All of the rows or none. */
    Status (*send)(void *context, const char *text, size_t length, int count, RowRefusal *refusal,
                   Error *err);
    bool skip;      /* refused rows are left out; else the first one is the error */
    bool may_retry; /* after a refusal others may be sent */
    int rows_at_once;
    Arena *arena; /* of the rejects */

    StrBuf text; /* of the piece */
    size_t *ends;
    int64_t *numbers;
    int count, capacity;
    const char *source; /* of the piece's rows */
    int64_t sent_rows, rejected_rows;
    RowReject *rejects; /* the first ROW_SENDER_REJECTS */
    int reject_count;
} RowSender;

void row_sender_init(RowSender *sender);
void row_sender_deinit(RowSender *sender);
/* Before the first row of a source; the name must outlive the sender. */
Status row_sender_source(RowSender *sender, const char *source, Error *err);
/* The text behind the last row's is row `number` of the source. */
Status row_sender_end_row(RowSender *sender, int64_t number, Error *err);
Status row_sender_flush(RowSender *sender, Error *err);
/* Forgets the rows and rejects so far: they are to come again. */
void row_sender_restart(RowSender *sender);
