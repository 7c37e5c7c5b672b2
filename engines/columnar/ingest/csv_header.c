#include "engines/columnar/ingest/csv_header.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engines/base/strbuf.h"
#include "engines/base/utf8.h"
#include "engines/columnar/ingest/column_registry.h"
#include "engines/columnar/ingest/value_parse.h"

enum { SAMPLE_BYTES = 256 << 10, HEADER_SAMPLE_RECORDS = 200 };

/* Records of a sample, one at a time. */
typedef struct Probe {
    CsvParser parser;
    CellRef *cells;
    CellRef **columns;
} Probe;

static CsvOutcome probe_next(Probe *probe) {
    return csv_parser_next(&probe->parser, probe->columns, CSV_MAX_FIELDS, 0);
}

static ValueShape shape_of(const Probe *probe, int field) {
    CellRef ref = probe->cells[field];
    return value_shape(probe->parser.base + ref.offset, cell_ref_length(ref));
}

static bool same_text(const Probe *probe, int a, int b) {
    uint32_t length = cell_ref_length(probe->cells[a]);
    return length == cell_ref_length(probe->cells[b]) &&
           memcmp(probe->parser.base + probe->cells[a].offset, probe->parser.base + probe->cells[b].offset,
                  length) == 0;
}

/* Whether the first record names the columns: it does when some column's values have a shape (number, date
 * ...) that its first value has not, or when nothing has a shape and the first record is all names, each used
 * once. */
static bool looks_like_header(Probe *probe) {
    enum { PROBED = 256 };
    bool header_shaped[PROBED], text_below[PROBED], shaped_below[PROBED], all_names = true;
    memset(text_below, 0, sizeof text_below);
    memset(shaped_below, 0, sizeof shaped_below);
    if (probe_next(probe) != CSV_RECORD) return false;
    int columns = probe->parser.field_count < PROBED ? probe->parser.field_count : PROBED;
    for (int i = 0; i < columns; i++) {
        header_shaped[i] = shape_of(probe, i) != SHAPE_TEXT;
        if (header_shaped[i] || cell_ref_length(probe->cells[i]) == 0) all_names = false;
        for (int j = 0; j < i && all_names; j++)
            all_names = !same_text(probe, i, j);
    }
    for (int record = 0; record < HEADER_SAMPLE_RECORDS && probe_next(probe) == CSV_RECORD; record++) {
        for (int i = 0; i < columns && i < probe->parser.field_count; i++) {
            if (cell_ref_length(probe->cells[i]) == 0) continue;
            *(shape_of(probe, i) == SHAPE_TEXT ? &text_below[i] : &shaped_below[i]) = true;
        }
    }
    for (int i = 0; i < columns; i++)
        if (shaped_below[i] && !text_below[i] && !header_shaped[i]) return true;
    return all_names;
}

static char *field_text(const Probe *probe, int field, Arena *arena) {
    CellRef ref = probe->cells[field];
    const char *text = probe->parser.base + ref.offset;
    char *copy = arena_strndup(arena, text, cell_ref_length(ref)), *out = copy;
    if (cell_ref_kind(ref) != CELL_QUOTED_ESCAPED) return copy;
    for (const char *in = copy; *in; in++) {
        if (*in == probe->parser.dialect.quote) in++;
        *out++ = *in;
    }
    *out = 0;
    return copy;
}

/* "column3" for an empty name, "name_2" for the second "name". */
static const char **unique_names(const Probe *probe, bool header, Arena *arena) {
    int count = probe->parser.field_count, column;
    const char **names = ARENA_NEW_ARRAY(arena, const char *, count + 1);
    ColumnRegistry taken;
    column_registry_init(&taken);
    for (int i = 0; i < count; i++) {
        const char *base = header ? field_text(probe, i, arena) : "";
        if (!base[0]) base = arena_printf(arena, "column%d", i + 1);
        names[i] = base;
        int first = column_registry_find(&taken, base, strlen(base), -1);
        /* Its suffixes so far are counted at the first of a name: thousands may be the same. */
        while (first >= 0 && column_registry_find(&taken, names[i], strlen(names[i]), -1) >= 0)
            names[i] = arena_printf(arena, "%s_%d", base, (int)++taken.columns[first].first_seen + 1);
        Error ignored; /* beyond what a table may have: said when they become its columns */
        if (column_registry_add(&taken, names[i], strlen(names[i]), &column, &ignored) != STATUS_OK) continue;
    }
    column_registry_deinit(&taken);
    return names;
}

static Status read_first(Probe *probe, InputPlan *plan, Arena *arena, size_t *header_bytes, Error *err) {
    CsvOutcome outcome = probe_next(probe);
    if (outcome == CSV_END) return STATUS_OK;
    const char *name = plan->input->name, *record = probe->parser.record;
    size_t bytes = (size_t)(probe->parser.at - record);
    if (outcome != CSV_RECORD)
        return error_set(err, outcome == CSV_TOO_WIDE ? SQLSTATE_PROGRAM_LIMIT : "22P04", "\"%s\", row 1: %s",
                         name, csv_outcome_text(outcome));
    if (plan->header && (memchr(record, 0, bytes) || !utf8_is_valid(record, bytes)))
        return error_set(err, "22021", "\"%s\", row 1: it is not valid UTF-8", name);
    plan->field_count = probe->parser.field_count;
    plan->names = unique_names(probe, plan->header, arena);
    if (plan->header) *header_bytes = (size_t)(probe->parser.at - probe->parser.base);
    return STATUS_OK;
}

Status csv_header_find(InputPlan *plan, const IngestOptions *options, char *text, size_t length, bool whole,
                       Arena *arena, size_t *header_bytes, Error *err) {
    size_t sample = length < SAMPLE_BYTES ? length : SAMPLE_BYTES;
    char replaced = text[sample];
    *header_bytes = 0;
    memset(text + length, 0, TEXT_PADDING);
    plan->dialect = csv_dialect_detect(text, sample, (CsvDialect){options->delimiter, options->quote});
    Probe probe = {.cells = malloc(CSV_MAX_FIELDS * sizeof(CellRef)),
                   .columns = malloc(CSV_MAX_FIELDS * sizeof(CellRef *))};
    if (!probe.cells || !probe.columns) abort();
    for (int i = 0; i < CSV_MAX_FIELDS; i++)
        probe.columns[i] = &probe.cells[i];
    csv_parser_init(&probe.parser, text, sample, plan->dialect);
    plan->header = options->header == 1 || (options->header < 0 && looks_like_header(&probe));
    text[sample] = replaced;
    csv_parser_init(&probe.parser, text, length, plan->dialect);
    Status status = read_first(&probe, plan, arena, header_bytes, err);
    free(probe.cells);
    free(probe.columns);
    return status;
}
