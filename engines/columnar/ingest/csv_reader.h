/* CSV records (RFC 4180 and its relatives): any one-byte delimiter and quote, quoted line breaks, LF, CRLF or
 * CR.
 *
 * csv_dialect_detect looks at the beginning of a file; csv_reader_next gives one record after another. Blank
 * lines are skipped. Text is checked: UTF-8 without NUL bytes, anything else is an error naming the record.
 */
#pragma once

#include "engines/columnar/ingest/byte_source.h"

enum { CSV_MAX_FIELDS = 20000 };

typedef struct CsvDialect {
    char delimiter;
    char quote;
} CsvDialect;

typedef struct CsvField {
    const char *data; /* unescaped; valid until the next call */
    uint32_t length;
    bool quoted;
    bool escaped; /* private: has doubled quotes still to be folded */
} CsvField;

typedef struct CsvReader {
    ByteSource *source;
    CsvDialect dialect;
    CsvField *fields;
    int field_count, field_capacity;
    int64_t record; /* number of the current record, from 1, header included */
    bool special[256];
    bool started;
} CsvReader;

void csv_reader_init(CsvReader *reader, ByteSource *source, CsvDialect dialect);
void csv_reader_deinit(CsvReader *reader);
Status csv_reader_next(CsvReader *reader, bool *more, Error *err);

/* The dialect under which the sample (the beginning of a file, maybe cut off) has the most regular records. A
 * non-zero delimiter or quote in `known` is kept. */
CsvDialect csv_dialect_detect(const char *sample, size_t bytes, CsvDialect known);
