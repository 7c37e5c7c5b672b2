/* WITH (...) of COPY. */
#pragma once

#include <pg_query/pg_query.pb-c.h>

#include "engines/base/error.h"

typedef enum CopyFormat {
    COPY_FORMAT_AUTO,
    COPY_FORMAT_CSV,
    COPY_FORMAT_JSON,
    COPY_FORMAT_PARQUET
} CopyFormat;

typedef struct CopyOptions {
    CopyFormat format;
    char delimiter, quote; /* 0 = not given */
    int header;            /* -1 = not given */
    const char *null_text; /* NULL = not given */
    bool skip_bad_rows;    /* ON_ERROR ignore */
} CopyOptions;

/* A name of no format but known to PostgreSQL (text, binary) is 0A000, as is every other option that is not
 * listed above. `file_name` tells the format when no option does. */
Status copy_options_read(const PgQuery__CopyStmt *copy, CopyOptions *out, Error *err);
