/* What read_parquet(), read_csv() and read_json() ask for. */
#pragma once

#include <stdbool.h>

typedef enum FileKind { FILE_KIND_PARQUET, FILE_KIND_CSV, FILE_KIND_JSON } FileKind;

typedef struct FileRequest {
    FileKind kind;
    const char *const *patterns;
    int pattern_count;
    char delimiter, quote; /* CSV: 0 = detect */
    int header;            /* CSV: -1 = detect, 0 = none, 1 = first record */
    const char *null_text; /* CSV: an unquoted field of exactly this text is NULL too; NULL = only empty */
    const char *columns;   /* text formats: "id int8, note text"; NULL = found over the whole input */
    bool ignore_errors;    /* rows that cannot be read are left out */
    bool file_names;       /* one more column, filename: the path of the file that a row is in */
    const char *key;       /* all of the above as one text: the same key, the same request */
} FileRequest;
