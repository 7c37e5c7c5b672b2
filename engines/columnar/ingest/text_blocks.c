#include "engines/columnar/ingest/text_blocks.h"

#include <stdlib.h>

#include "engines/columnar/ingest/csv_header.h"
#include "engines/columnar/ingest/json_scan.h"

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
enum { SMALLEST_SAMPLE = 1 << 8 }; /* inputs are short, and are to be cut into blocks all the same */
#else
enum { SMALLEST_SAMPLE = 1 << 16 };
#endif

struct BlockReader {
    TextSource *source;
    InputPlan plan;
    size_t block_bytes;
    Budget *budget;
    char *kept; /* text read and not given yet */
    size_t kept_length, kept_capacity;
    bool at_end;         /* nothing behind what is kept */
    bool array_begun;    /* JSON_ARRAY: behind the opening bracket */
    bool array_closed;   /* JSON_ARRAY: behind the closing one */
    char last_character; /* JSON_ARRAY: the last one given that is no space */
};

static Status reserve(BlockReader *reader, char **text, size_t *capacity, size_t used, size_t wanted,
                      Error *err) {
    if (wanted <= *capacity) return STATUS_OK;
    TRY(budget_reserve(reader->budget, (int64_t)wanted, err));
    char *grown = malloc(wanted + TEXT_PADDING);
    if (!grown) {
        budget_release(reader->budget, (int64_t)wanted);
        return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory while reading \"%s\"",
                         reader->plan.input->name);
    }
    if (used) memcpy(grown, *text, used);
    free(*text);
    budget_release(reader->budget, (int64_t)*capacity);
    *text = grown;
    *capacity = wanted;
    return STATUS_OK;
}

/* Reads until `text` holds nearly `wanted` bytes (a source needs room for whole characters) or the input
 * ends.
 */
static Status fill(BlockReader *reader, char *text, size_t *length, size_t wanted, Error *err) {
    while (*length + TEXT_SOURCE_ROOM <= wanted && !reader->at_end) {
        size_t got;
        TRY(text_source_read(reader->source, text + *length, wanted - *length, &got, err));
        *length += got;
        reader->at_end = got == 0;
    }
    return STATUS_OK;
}

/* Most of the sample's first lines are documents? Those that are not may be meant to be left out. */
static bool looks_like_lines(const char *text, size_t length) {
    const char *at = text, *end = text + length;
    int documents = 0, lines = 0;
    while (lines < 100 && (at = json_skip_space(at)) < end) {
        JsonScan scan = {.at = at, .end = end};
        CellKind kind;
        const char *value, *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t bytes;
        if (!line_end) break;
        lines++;
        documents += json_scan_value(&scan, &kind, &value, &bytes) && scan.at <= line_end &&
                     json_skip_space(scan.at) >= line_end;
        at = line_end;
    }
    return lines > 0 && documents * 2 >= lines;
}

static Status plan_json(BlockReader *reader, bool lines, Error *err) {
    char *text = reader->kept;
    memset(text + reader->kept_length, 0, TEXT_PADDING);
    const char *first = json_skip_space(text);
    reader->plan.layout = JSON_DOCUMENTS;
    if (*first == '[') {
        reader->plan.layout = JSON_ARRAY;
        reader->array_begun = true;
        reader->last_character = '[';
        size_t skipped = (size_t)(first + 1 - text);
        reader->kept_length -= skipped;
        memmove(text, text + skipped, reader->kept_length);
    } else if (lines && looks_like_lines(text, reader->kept_length)) {
        reader->plan.layout = JSON_LINES;
    }
    return STATUS_OK;
}

Status block_reader_open(const LoadInput *input, const IngestOptions *options, bool lines, size_t block_bytes,
                         Budget *budget, Arena *arena, BlockReader **out, Error *err) {
    BlockReader *reader = calloc(1, sizeof *reader);
    if (!reader) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    reader->plan.input = input;
    reader->budget = budget;
    reader->block_bytes = block_bytes ? block_bytes : BLOCK_BYTES;
    Status status = text_source_open(input, options->encoding, &reader->source, err);
    size_t sample = reader->block_bytes < SMALLEST_SAMPLE ? SMALLEST_SAMPLE : reader->block_bytes;
    if (status == STATUS_OK) status = reserve(reader, &reader->kept, &reader->kept_capacity, 0, sample, err);
    if (status == STATUS_OK) status = fill(reader, reader->kept, &reader->kept_length, sample, err);
    if (status == STATUS_OK && input->format == INGEST_JSON) status = plan_json(reader, lines, err);
    if (status == STATUS_OK && input->format == INGEST_CSV) {
        size_t header_bytes;
        status = csv_header_find(&reader->plan, options, reader->kept, reader->kept_length, reader->at_end,
                                 arena, &header_bytes, err);
        if (status == STATUS_OK) {
            reader->kept_length -= header_bytes;
            memmove(reader->kept, reader->kept + header_bytes, reader->kept_length);
        }
    }
    if (status != STATUS_OK) {
        block_reader_close(reader);
        return STATUS_ERROR;
    }
    *out = reader;
    return STATUS_OK;
}

InputPlan *block_reader_plan(BlockReader *reader) {
    return &reader->plan;
}

void text_block_trim(TextBlock *block, size_t block_bytes, Budget *budget) {
    enum { LARGEST_KEPT = 4 }; /* times the usual size */
    if (block->capacity <= LARGEST_KEPT * (block_bytes ? block_bytes : BLOCK_BYTES)) return;
    free(block->text);
    budget_release(budget, (int64_t)block->capacity);
    block->text = NULL;
    block->length = block->capacity = 0;
}

int64_t block_reader_bytes_read(const BlockReader *reader) {
    return text_source_bytes_read(reader->source);
}

void block_reader_close(BlockReader *reader) {
    if (!reader) return;
    text_source_close(reader->source);
    free(reader->kept);
    budget_release(reader->budget, (int64_t)reader->kept_capacity);
    free(reader);
}

static Status array_error(const BlockReader *reader, const char *what, Error *err) {
    return error_set(err, SQLSTATE_INVALID_TEXT, "\"%s\": %s", reader->plan.input->name, what);
}

/* The last character that is no space, `none` when all are. */
static char last_of(const char *text, size_t length, char none) {
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t' || text[length - 1] == '\r' ||
                          text[length - 1] == '\n'))
        length--;
    return length == 0 ? none : text[length - 1] ? text[length - 1] : '?';
}

/* What follows the array's closing bracket, at text[from]: nothing but space may. */
static Status finish_array(BlockReader *reader, TextBlock *block, size_t end, Error *err) {
    char last = last_of(block->text, end, reader->last_character);
    if (last == ',') return array_error(reader, "an element is missing after a comma", err);
    reader->array_closed = true;
    const char *behind = block->text + end + 1;
    size_t length = block->length - end - 1;
    char rest[4096];
    for (;;) {
        if (last_of(behind, length, 0))
            return array_error(reader, "there is text after the array's end", err);
        if (reader->at_end) break;
        length = 0;
        behind = rest;
        TRY(fill(reader, rest, &length, sizeof rest, err));
    }
    block->length = end;
    return STATUS_OK;
}

/* Offset behind the last whole record of the block, 0 when it needs more text. */
static Status find_cut(BlockReader *reader, TextBlock *block, size_t *cut, Error *err) {
    const InputPlan *plan = &reader->plan;
    bool closed = false;
    memset(block->text + block->length, 0, TEXT_PADDING);
    if (plan->input->format == INGEST_CSV) {
        *cut =
            reader->at_end ? block->length : csv_last_record_end(block->text, block->length, plan->dialect);
    } else if (plan->layout == JSON_ARRAY) {
        *cut = json_last_element_end(block->text, block->length, &closed);
        if (closed) {
            TRY(finish_array(reader, block, *cut, err));
        } else if (reader->at_end) {
            return array_error(reader, "the array is not closed", err);
        }
        if (*cut) reader->last_character = last_of(block->text, *cut, reader->last_character);
    } else if (reader->at_end) {
        *cut = block->length;
    } else if (plan->layout == JSON_LINES) {
        const char *line_end = memrchr(block->text, '\n', block->length);
        *cut = line_end ? (size_t)(line_end - block->text) + 1 : 0;
    } else {
        *cut = json_last_document_end(block->text, block->length);
    }
    return STATUS_OK;
}

static Status keep_rest(BlockReader *reader, TextBlock *block, size_t cut, Error *err) {
    size_t rest = block->length - cut;
    reader->kept_length = 0;
    if (rest) {
        TRY(reserve(reader, &reader->kept, &reader->kept_capacity, 0, rest, err));
        memcpy(reader->kept, block->text + cut, rest);
        reader->kept_length = rest;
    }
    block->length = cut;
    memset(block->text + cut, 0, TEXT_PADDING);
    return STATUS_OK;
}

Status block_reader_next(BlockReader *reader, TextBlock *block, bool *more, Error *err) {
    const char *name = reader->plan.input->name;
    block->plan = &reader->plan;
    block->length = 0;
    *more = false;
    if (reader->array_closed) return STATUS_OK;
    size_t wanted = reader->kept_length + 2 * TEXT_SOURCE_ROOM > reader->block_bytes
                        ? reader->kept_length + reader->block_bytes
                        : reader->block_bytes;
    TRY(reserve(reader, &block->text, &block->capacity, 0, wanted, err));
    memcpy(block->text, reader->kept, reader->kept_length);
    block->length = reader->kept_length;
    for (;;) {
        size_t cut = 0;
        TRY(fill(reader, block->text, &block->length, wanted, err));
        if (block->length == 0 && reader->at_end) {
            if (!reader->array_begun) return STATUS_OK;
        }
        TRY(find_cut(reader, block, &cut, err));
        if (cut > 0 || reader->array_closed || reader->at_end) {
            TRY(keep_rest(reader, block, cut, err));
            *more = block->length > 0;
            return STATUS_OK;
        }
        if (wanted >= BLOCK_MAX_BYTES)
            return error_set(err, SQLSTATE_PROGRAM_LIMIT, "\"%s\": a record is longer than %d MB", name,
                             BLOCK_MAX_BYTES >> 20);
        /* Not by the capacity, which a block may have from before: every pass cuts at the same places. */
        wanted = wanted * 2 < BLOCK_MAX_BYTES ? wanted * 2 : BLOCK_MAX_BYTES;
        TRY(reserve(reader, &block->text, &block->capacity, block->length, wanted, err));
    }
}
