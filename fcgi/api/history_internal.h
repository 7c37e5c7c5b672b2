/* What history_store.c and history_statistics.c share. */
#pragma once

#include <sqlite3.h>

#include "fcgi/api/history_store.h"

struct HistoryStore {
    sqlite3 *handle;
    int64_t max_rows, max_bytes;
};

Status history_error(HistoryStore *store, const char *what, Error *err);
Status history_prepare(HistoryStore *store, const char *sql, sqlite3_stmt **out, Error *err);
void history_append_time(StrBuf *out, int64_t wall_us);
void history_append_text(StrBuf *out, sqlite3_stmt *statement, int column);
