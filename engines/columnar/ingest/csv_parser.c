#include "engines/columnar/ingest/csv_parser.h"

#include <stdlib.h>

#include "engines/columnar/ingest/text_mask.h"

void csv_parser_init(CsvParser *parser, char *text, size_t length, CsvDialect dialect) {
    *parser = (CsvParser){.dialect = dialect, .base = text, .at = text, .end = text + length, .window = text};
    text[length] = '\n'; /* every field ends somewhere */
    parser->mask = text_mask64(text, dialect.delimiter, '\n', '\r');
}

/* Makes `at` the beginning of what is looked at next. */
static inline void seek(CsvParser *parser, const char *at) {
    size_t ahead = (size_t)(at - parser->window);
    if (ahead >= 64) {
        parser->window = at;
        parser->mask = text_mask64(at, parser->dialect.delimiter, '\n', '\r');
    } else {
        parser->mask &= ~UINT64_C(0) << ahead;
    }
}

/* The next delimiter or line end, which is taken. */
static inline const char *next_special(CsvParser *parser) {
    while (parser->mask == 0) {
        parser->window += 64;
        parser->mask = text_mask64(parser->window, parser->dialect.delimiter, '\n', '\r');
    }
    const char *found = parser->window + __builtin_ctzll(parser->mask);
    parser->mask &= parser->mask - 1;
    return found;
}

/* From after the opening quote to after the closing one; NULL when there is none. */
static const char *end_of_quoted(const char *at, const char *end, char quote, bool *escaped) {
    for (;;) {
        const char *close = at < end ? memchr(at, quote, (size_t)(end - at)) : NULL;
        if (!close) return NULL;
        if (close + 1 == end || close[1] != quote) return close + 1;
        *escaped = true;
        at = close + 2;
    }
}

static CsvOutcome fail(CsvParser *parser, const char *from, CsvOutcome outcome) {
    const char *line_end = from < parser->end ? memchr(from, '\n', (size_t)(parser->end - from)) : NULL;
    parser->at = line_end ? line_end + 1 : parser->end;
    if (parser->at < parser->end) seek(parser, parser->at);
    return outcome;
}

/* A quoted field that begins at `start`; its end, where a delimiter or line end stands, or NULL. */
static const char *quoted_field(CsvParser *parser, const char *start, CellRef *out, CsvOutcome *outcome) {
    bool escaped = false;
    const char *at = end_of_quoted(start + 1, parser->end, parser->dialect.quote, &escaped);
    if (!at) {
        *outcome = fail(parser, start, CSV_UNCLOSED_QUOTE);
        return NULL;
    }
    *out = cell_ref(parser->base, start + 1, (size_t)(at - start) - 2,
                    escaped ? CELL_QUOTED_ESCAPED : CELL_QUOTED);
    while (*at == ' ' && parser->dialect.delimiter != ' ')
        at++;
    if (*at != parser->dialect.delimiter && *at != '\n' && *at != '\r') {
        *outcome = fail(parser, at, CSV_TEXT_AFTER_QUOTE);
        return NULL;
    }
    seek(parser, at);
    next_special(parser);
    return at;
}

CsvOutcome csv_parser_next(CsvParser *parser, CellRef *const *columns, int capacity, int row) {
    const char *at = parser->at, quote = parser->dialect.quote, delimiter = parser->dialect.delimiter;
    while (at < parser->end && (*at == '\n' || *at == '\r')) { /* blank lines */
        at++;
        seek(parser, at);
    }
    parser->record = at;
    parser->at = at;
    if (at >= parser->end) return CSV_END;
    for (int field = 0;; field++) {
        CellRef cell;
        const char *end;
        if (field == CSV_MAX_FIELDS) return fail(parser, at, CSV_TOO_WIDE);
        if (*at == quote && at < parser->end) {
            CsvOutcome outcome;
            end = quoted_field(parser, at, &cell, &outcome);
            if (!end) return outcome;
        } else {
            end = next_special(parser);
            cell = cell_ref(parser->base, at, (size_t)(end - at), CELL_TEXT);
        }
        if (field < capacity) columns[field][row] = cell;
        at = end + 1;
        if (*end == delimiter && end < parser->end) continue;
        parser->field_count = field + 1;
        if (*end == '\r' && *at == '\n' && at < parser->end) {
            at++;
            seek(parser, at);
        }
        parser->at = at < parser->end ? at : parser->end;
        return CSV_RECORD;
    }
}

const char *csv_outcome_text(CsvOutcome outcome) {
    switch (outcome) {
    case CSV_TEXT_AFTER_QUOTE: return "there is text between a closing quote and the next delimiter";
    case CSV_UNCLOSED_QUOTE: return "a quoted field is not closed";
    case CSV_TOO_WIDE: return "it has too many fields";
    default: return "";
    }
}

/* ---- blocks of whole records ---- */

static bool begins_field(const char *text, const char *at, CsvDialect dialect) {
    return at == text || at[-1] == dialect.delimiter || at[-1] == '\n' || at[-1] == '\r';
}

/* Behind the last line end of text[from, to), or `none`. */
static size_t last_line_end(const char *text, size_t from, size_t to, char line_end, size_t none) {
    const char *found = to > from ? memrchr(text + from, line_end, to - from) : NULL;
    return found ? (size_t)(found - text) + 1 : none;
}

size_t csv_last_record_end(const char *text, size_t length, CsvDialect dialect) {
    /* A file that has no line feed in all of a block ends its lines with carriage returns; the last byte may
     * be the first of a pair. */
    char line_end = memchr(text, '\n', length) ? '\n' : '\r';
    const char *at = text, *end = text + length - (line_end == '\r');
    size_t plain_from = 0, found = 0;
    while (at < end) {
        bool escaped;
        const char *quote = memchr(at, dialect.quote, (size_t)(end - at));
        if (!quote) break;
        at = quote + 1;
        if (!begins_field(text, quote, dialect)) continue;
        found = last_line_end(text, plain_from, (size_t)(quote - text), line_end, found);
        at = end_of_quoted(at, end, dialect.quote, &escaped);
        if (!at || at == end) return found; /* what follows may double the quote */
        plain_from = (size_t)(at - text);
    }
    return last_line_end(text, plain_from, (size_t)(end - text), line_end, found);
}

/* ---- the dialect ---- */

enum { DETECT_RECORDS = 200 };

/* How regular the sample's records are under a dialect: 0 when one column or unreadable. */
static double dialect_score(char *sample, size_t bytes, CsvDialect dialect) {
    CsvParser parser;
    int counts[DETECT_RECORDS], records = 0, quoted = 0;
    CellRef first;
    CellRef *columns[1] = {&first};
    csv_parser_init(&parser, sample, bytes, dialect);
    while (records < DETECT_RECORDS) {
        CsvOutcome outcome = csv_parser_next(&parser, columns, 1, 0);
        bool cut_off =
            parser.at >= parser.end && records > 0; /* the last record may go on behind the sample */
        if (outcome == CSV_END || (outcome != CSV_RECORD && cut_off)) break;
        if (outcome != CSV_RECORD) return 0;
        if (cut_off && bytes >= 4096) break;
        quoted += cell_ref_kind(first) != CELL_TEXT;
        for (const char *at = parser.record; at + 1 < parser.at && !quoted; at++)
            quoted += *at == dialect.delimiter && at[1] == dialect.quote;
        counts[records++] = parser.field_count;
    }
    int best = 0, agreeing = 0;
    for (int i = 0; i < records; i++) {
        int same = 0;
        for (int j = 0; j < records; j++)
            same += counts[j] == counts[i];
        if (same > agreeing || (same == agreeing && counts[i] > best)) {
            agreeing = same;
            best = counts[i];
        }
    }
    if (best < 2) return 0;
    double regular = (double)agreeing / records;
    return regular * regular * (2.0 - 1.0 / best) + (quoted > 0 ? 0.01 : 0);
}

CsvDialect csv_dialect_detect(char *sample, size_t bytes, CsvDialect known) {
    static const char DELIMITERS[] = {',', ';', '\t', '|'};
    static const char QUOTES[] = {'"', '\''};
    CsvDialect best = {known.delimiter ? known.delimiter : ',', known.quote ? known.quote : '"'};
    double best_score = 0;
    bool has_double = memchr(sample, '"', bytes) != NULL;
    for (size_t q = 0; q < sizeof QUOTES; q++) {
        /* Apostrophes are common in text: they quote only in files without double quotes. */
        if ((known.quote && q > 0) || (QUOTES[q] == '\'' && has_double)) continue;
        for (size_t d = 0; d < sizeof DELIMITERS; d++) {
            if (known.delimiter && d > 0) continue;
            CsvDialect dialect = {known.delimiter ? known.delimiter : DELIMITERS[d],
                                  known.quote ? known.quote : QUOTES[q]};
            double score = dialect_score(sample, bytes, dialect);
            if (score > best_score) {
                best_score = score;
                best = dialect;
            }
        }
    }
    return best;
}
