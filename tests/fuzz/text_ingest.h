/* Both passes of a load over bytes in memory: what the first pass found must hold what the second reads. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/ingest/load_pass.h"
#include "engines/columnar/ingest/loader.h"
#include "engines/columnar/ingest/reject_list.h"

/* The one thing that only the second pass tells: text that no text column can hold. */
static inline bool fuzz_is_no_text(const char *reason) {
    return strstr(reason, "\\u0000") || strstr(reason, "surrogate");
}

static inline bool fuzz_same_rows(const LoadPass *first, const LoadPass *second) {
    int64_t told_later = 0;
    for (int i = 0; i < second->rejects->count; i++)
        told_later += fuzz_is_no_text(second->rejects->entries[i].reject.reason);
    return second->row_count + second->rejected_count == first->row_count + first->rejected_count &&
           second->rejected_count <= first->rejected_count + told_later;
}

/* Into a table whose columns have types of their own: values that do not fit are told, row by row. */
static inline void fuzz_into_given_types(const LoadPass *first, RejectList *rejects) {
    static const SqlTypeId IDS[] = {SQL_INT2,        SQL_UUID,  SQL_TIME,  SQL_NUMERIC, SQL_BOOL,
                                    SQL_TIMESTAMPTZ, SQL_INT8,  SQL_BYTEA, SQL_FLOAT4,  SQL_DATE,
                                    SQL_JSON,        SQL_TEXT,  SQL_INT4,  SQL_JSONB,   SQL_NUMERIC,
                                    SQL_TIMESTAMP,   SQL_FLOAT8};
    enum { ID_COUNT = sizeof IDS / sizeof *IDS };
    Error err = {0};
    LoadPass given = *first;
    SqlType *types = ARENA_NEW_ARRAY(first->arena, SqlType, first->found.count);
    for (int i = 0; i < first->found.count; i++) {
        SqlTypeId id = IDS[((size_t)i + (size_t)first->bytes_read) % ID_COUNT];
        types[i] = id == SQL_NUMERIC ? sqltype_numeric(i % 2 ? 30 : 9, 2) : sqltype_of(id);
    }
    rejects->count = 0;
    given.columns = &first->found;
    given.types = types;
    given.rejects = rejects;
    given.row_count = given.rejected_count = 0;
    if (load_pass_run(&given, &err) != STATUS_OK && !error_is_set(&err)) abort();
}

static inline void fuzz_passes(LoadPass *pass) {
    Error err = {0};
    Status status = load_pass_run(pass, &err);
    if (status != STATUS_OK && !error_is_set(&err)) abort();
    if (status != STATUS_OK || pass->not_lines) return;
    LoadPass second = *pass;
    RejectEntry entries[4096];
    RejectList rejects = {.entries = entries, .capacity = sizeof entries / sizeof *entries};
    second.columns = &pass->found;
    second.types = load_profiled_types(&pass->found, pass->arena);
    second.rejects = &rejects;
    second.row_count = second.rejected_count = 0;
    if (pass->found.count == 0) return;
    arena_init(&rejects.arena);
    status = load_pass_run(&second, &err);
    bool good = status == STATUS_OK ? fuzz_same_rows(pass, &second) : fuzz_is_no_text(err.message);
    if (second.conflict || !good) {
        fprintf(stderr, "second pass: %s, %lld rows of %lld, %lld rejected of %lld\n", err.message,
                (long long)second.row_count, (long long)pass->row_count, (long long)second.rejected_count,
                (long long)pass->rejected_count);
        abort();
    }
    fuzz_into_given_types(pass, &rejects);
    arena_deinit(&rejects.arena);
}

/* A pass takes a millisecond: while inputs are made up each has one of the four, the corpus gets all. */
static inline bool fuzz_round_chosen(int round, const uint8_t *data, size_t size) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++)
        sum = sum * 31 + data[i];
    return (int)((sum ^ sum >> 13) % 4) == round;
#else
    return true;
#endif
}

static inline void fuzz_text_ingest(IngestFormat format, const uint8_t *data, size_t size) {
    char *copy = malloc(size ? size : 1); /* exact: an overrun is seen */
    memcpy(copy, data, size);
    LoadInput input = {.name = "fuzz", .format = format, .fd = -1, .data = copy, .bytes = (int64_t)size};
    /* All of it in one block, then records that cross blocks; strict, then leaving rows out. */
    for (int round = 0; round < 4; round++) {
        if (!fuzz_round_chosen(round, data, size)) continue;
        Arena arena;
        IngestOptions options = INGEST_OPTIONS_DEFAULT;
        options.table = "fuzz";
        options.threads = 1;
        options.block_bytes = round % 2 ? 256 : 0;
        options.on_error = round < 2 ? INGEST_FAIL : INGEST_SKIP;
        arena_init(&arena);
        LoadPass pass = {.options = &options,
                         .inputs = &input,
                         .input_count = 1,
                         .json_lines = round % 2 == 0,
                         .arena = &arena};
        column_registry_init(&pass.found);
        fuzz_passes(&pass);
        column_registry_deinit(&pass.found);
        arena_deinit(&arena);
    }
    free(copy);
}
