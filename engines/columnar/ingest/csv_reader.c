#include "engines/columnar/ingest/csv_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/utf8.h"

typedef enum ParseResult {
    PARSE_RECORD,
    PARSE_INCOMPLETE,
    PARSE_TEXT_AFTER_QUOTE,
    PARSE_UNCLOSED_QUOTE,
    PARSE_TOO_WIDE
} ParseResult;

void csv_reader_init(CsvReader *reader, ByteSource *source, CsvDialect dialect) {
    *reader = (CsvReader){.source = source, .dialect = dialect};
    reader->special[(unsigned char)dialect.delimiter] = true;
    reader->special['\n'] = reader->special['\r'] = true;
}

void csv_reader_deinit(CsvReader *reader) {
    free(reader->fields);
    reader->fields = NULL;
}

static CsvField *next_field(CsvReader *reader) {
    if (reader->field_count == reader->field_capacity) {
        reader->field_capacity = reader->field_capacity ? reader->field_capacity * 2 : 64;
        reader->fields = realloc(reader->fields, (size_t)reader->field_capacity * sizeof *reader->fields);
        if (!reader->fields) abort();
    }
    return &reader->fields[reader->field_count++];
}

/* From after the opening quote to after the closing one. NULL when it is not in the window. */
static const char *scan_quoted(char quote, const char *at, const char *end, bool at_end, CsvField *field) {
    field->data = at;
    for (;;) {
        const char *close = memchr(at, quote, (size_t)(end - at));
        if (!close || (close + 1 == end && !at_end)) return NULL;
        if (close + 1 < end && close[1] == quote) {
            field->escaped = true;
            at = close + 2;
            continue;
        }
        field->length = (uint32_t)(close - field->data);
        return close + 1;
    }
}

/* Finds the fields of the record at `text`; bytes are not changed, so it may be tried again on a larger
 * window. */
static ParseResult parse_record(CsvReader *reader, const char *text, const char *end, bool at_end,
                                const char **next) {
    const char *at = text;
    reader->field_count = 0;
    for (;;) {
        if (reader->field_count == CSV_MAX_FIELDS) return PARSE_TOO_WIDE;
        CsvField *field = next_field(reader);
        *field = (CsvField){.data = at};
        if (at < end && *at == reader->dialect.quote) {
            field->quoted = true;
            at = scan_quoted(reader->dialect.quote, at + 1, end, at_end, field);
            if (!at) return at_end ? PARSE_UNCLOSED_QUOTE : PARSE_INCOMPLETE;
            while (at < end && *at == ' ' && reader->dialect.delimiter != ' ')
                at++;
            if (at < end && !reader->special[(unsigned char)*at]) return PARSE_TEXT_AFTER_QUOTE;
        } else {
            while (at < end && !reader->special[(unsigned char)*at])
                at++;
            field->length = (uint32_t)(at - field->data);
        }
        if (at == end) {
            *next = end;
            return at_end ? PARSE_RECORD : PARSE_INCOMPLETE;
        }
        if (*at == reader->dialect.delimiter) {
            at++;
            continue;
        }
        if (*at == '\r' && at + 1 == end && !at_end) return PARSE_INCOMPLETE;
        *next = at + (at[0] == '\r' && at + 1 < end && at[1] == '\n' ? 2 : 1);
        return PARSE_RECORD;
    }
}

static void fold_quotes(CsvField *field, char quote) {
    char *out = (char *)field->data;
    const char *in = field->data, *end = in + field->length;
    while (in < end) {
        if (*in == quote) in++; /* the first of two */
        *out++ = *in++;
    }
    field->length = (uint32_t)(out - field->data);
}

static bool is_clean_text(const char *text, size_t length) {
    uint64_t high = 0, word;
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
        memcpy(&word, text + i, 8);
        high |= word;
    }
    for (; i < length; i++)
        high |= (unsigned char)text[i];
    return !(high & 0x8080808080808080u) || utf8_is_valid(text, length);
}

static Status record_error(const CsvReader *reader, const char *sqlstate, const char *what, Error *err) {
    return error_set(err, sqlstate, "\"%s\", row %" PRId64 ": %s", reader->source->name, reader->record,
                     what);
}

static Status skip_byte_order_mark(CsvReader *reader, Error *err) {
    ByteSource *source = reader->source;
    reader->started = true;
    while (source->end - source->start < 4 && !source->at_end)
        TRY(byte_source_fill(source, err));
    const char *text = source->buffer + source->start;
    size_t length = source->end - source->start;
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        source->start += 3;
    else if (length >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0))
        return error_set(err, "22021", "\"%s\" is UTF-16 text; convert it to UTF-8 first", source->name);
    return STATUS_OK;
}

static Status accept_record(CsvReader *reader, const char *text, size_t length, Error *err) {
    if (!is_clean_text(text, length)) return record_error(reader, "22021", "it is not valid UTF-8", err);
    if (memchr(text, 0, length)) return record_error(reader, "22021", "it contains a NUL byte", err);
    for (int i = 0; i < reader->field_count; i++)
        if (reader->fields[i].escaped) fold_quotes(&reader->fields[i], reader->dialect.quote);
    return STATUS_OK;
}

/* Doubles what is in the window, so that a long record is scanned a bounded number of times. */
static Status enlarge_window(ByteSource *source, Error *err) {
    size_t wanted = 2 * (source->end - source->start) + 1;
    while (source->end - source->start < wanted && !source->at_end)
        TRY(byte_source_fill(source, err));
    return STATUS_OK;
}

Status csv_reader_next(CsvReader *reader, bool *more, Error *err) {
    ByteSource *source = reader->source;
    if (!reader->started) TRY(skip_byte_order_mark(reader, err));
    for (;;) {
        const char *text = source->buffer + source->start, *end = source->buffer + source->end, *next = end;
        if (text == end && source->at_end) {
            *more = false;
            return STATUS_OK;
        }
        ParseResult result = parse_record(reader, text, end, source->at_end, &next);
        if (result == PARSE_INCOMPLETE) {
            TRY(enlarge_window(source, err));
            continue;
        }
        bool blank = result == PARSE_RECORD && reader->field_count == 1 && !reader->fields[0].quoted &&
                     reader->fields[0].length == 0;
        if (!blank) reader->record++;
        if (result == PARSE_TEXT_AFTER_QUOTE)
            return record_error(reader, "22P04",
                                "there is text between a closing quote and the next delimiter", err);
        if (result == PARSE_UNCLOSED_QUOTE)
            return record_error(reader, "22P04", "a quoted field is not closed", err);
        if (result == PARSE_TOO_WIDE)
            return record_error(reader, SQLSTATE_PROGRAM_LIMIT, "it has too many fields", err);
        source->start = (size_t)(next - source->buffer);
        if (blank) continue;
        *more = true;
        return accept_record(reader, text, (size_t)(next - text), err);
    }
}

enum { DETECT_RECORDS = 200 };

/* How regular the sample's records are under a dialect: 0 when one column or unreadable. */
static double dialect_score(const char *sample, size_t bytes, CsvDialect dialect) {
    CsvReader reader;
    csv_reader_init(&reader, NULL, dialect);
    const char *at = sample, *end = sample + bytes;
    int counts[DETECT_RECORDS], records = 0, quoted = 0;
    while (at < end && records < DETECT_RECORDS) {
        const char *next;
        ParseResult result = parse_record(&reader, at, end, false, &next);
        if (result == PARSE_INCOMPLETE && records == 0)
            result = parse_record(&reader, at, end, true, &next); /* one record without a line end */
        if (result == PARSE_INCOMPLETE) break;
        if (result != PARSE_RECORD) {
            csv_reader_deinit(&reader);
            return 0;
        }
        at = next;
        if (reader.field_count == 1 && reader.fields[0].length == 0) continue;
        for (int i = 0; i < reader.field_count; i++)
            quoted += reader.fields[i].quoted;
        counts[records++] = reader.field_count;
    }
    csv_reader_deinit(&reader);
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

CsvDialect csv_dialect_detect(const char *sample, size_t bytes, CsvDialect known) {
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
