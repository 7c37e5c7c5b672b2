/* CSV records (RFC 4180 and its relatives): any one-byte delimiter and quote, quoted line breaks, LF, CRLF or
 * CR, out of a text in memory.
 *
 * csv_dialect_detect looks at the beginning of a file, csv_last_record_end cuts a text into blocks of whole
 * records, csv_parser_next gives one record after another. A quote counts at the beginning of a field only.
 * Blank lines are skipped.
 */
#pragma once

#include <stdbool.h>

#include "engines/columnar/ingest/cell.h"

enum { CSV_MAX_FIELDS = 20000 };

typedef struct CsvDialect {
    char delimiter;
    char quote;
} CsvDialect;

typedef enum CsvOutcome {
    CSV_RECORD,
    CSV_END,
    CSV_TEXT_AFTER_QUOTE,
    CSV_UNCLOSED_QUOTE,
    CSV_TOO_WIDE
} CsvOutcome;

typedef struct CsvParser {
    CsvDialect dialect;
    const char *base, *at, *end; /* at: where the next record begins */
    const char *window;          /* `mask` is of window[0, 64), without what lies before `at` */
    uint64_t mask;
    const char *record; /* the current one's beginning; it ends at `at` */
    int field_count;    /* of the current record, those beyond the capacity included */
} CsvParser;

/* `text[length]` and TEXT_PADDING bytes behind it belong to the caller: the first becomes a line feed. */
void csv_parser_init(CsvParser *parser, char *text, size_t length, CsvDialect dialect);
/* Field i goes to columns[i][row]; those from `capacity` on are counted only. After an outcome that is no
 * record the parser stands behind the next line end. */
CsvOutcome csv_parser_next(CsvParser *parser, CellRef *const *columns, int capacity, int row);
const char *csv_outcome_text(CsvOutcome outcome);

/* Offset behind the last record that is whole, 0 when there is none; the text goes on. */
size_t csv_last_record_end(const char *text, size_t length, CsvDialect dialect);

/* The dialect under which the sample (the beginning of a file, maybe cut off) has the most regular records. A
 * non-zero delimiter or quote in `known` is kept. The sample is padded as for csv_parser_init. */
CsvDialect csv_dialect_detect(char *sample, size_t bytes, CsvDialect known);
