/* A RecordBatch and its body as arrays. Internal to format/. */
#pragma once

#include "fcgi/format/arrow_ipc_schema.h"

/* `table` is the RecordBatch, `rows` its length. `body` (malloc'd) is taken, also when this fails. */
Status ipc_body_read(const FlatTable *table, const ArrowSchema *schema, int64_t rows, uint8_t *body,
                     size_t body_bytes, ArrowArray *out, Error *err);
