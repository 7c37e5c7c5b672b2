#include "engines/columnar/exec/row_stash.h"

#include <stdlib.h>

enum { SPILL_LEAST_BYTES = 1 << 20 };

static void *grown(void *items, size_t bytes) {
    void *memory = realloc(items, bytes);
    if (!memory) abort();
    return memory;
}

static void add_piece(StashPieces *pieces, StashPiece piece) {
    if (pieces->count == pieces->capacity) {
        pieces->capacity = pieces->capacity ? pieces->capacity * 2 : 16;
        pieces->items = grown(pieces->items, sizeof *pieces->items * (size_t)pieces->capacity);
    }
    pieces->items[pieces->count++] = piece;
}

void stash_init(RowStash *stash, Query *query, const SqlType *types, int column_count, OperatorStats *stats) {
    *stash = (RowStash){.query = query, .stats = stats};
    row_layout_init(&stash->layout, types, column_count, 0, &query->arena);
    stash->row_width = stash->layout.width ? stash->layout.width : 8;
    spill_format_init(&stash->format, stash->row_width);
    spill_format_add_rows(&stash->format, &stash->layout, &query->arena);
}

void stash_deinit(RowStash *stash) {
    for (int i = 0; i < stash->store_count; i++)
        row_store_deinit(&stash->stores[i]);
    for (int i = 0; i < stash->file_count; i++)
        spill_destroy(stash->files[i]);
    free(stash->stores);
    free(stash->files);
    free(stash->pieces.items);
    *stash = (RowStash){0};
}

/* ---- writing ---------------------------------------------------------------------------------------------
 */

void stash_writer_init(StashWriter *writer, RowStash *stash) {
    *writer = (StashWriter){.stash = stash};
    row_collector_init(&writer->collector, stash->query, stash->row_width);
}

void stash_writer_deinit(StashWriter *writer) {
    row_collector_deinit(&writer->collector);
    for (int i = 0; i < writer->file_count; i++)
        spill_destroy(writer->files[i]);
    free(writer->files);
    free(writer->spilled.items);
    *writer = (StashWriter){0};
}

/* The segments as written, cut where the file's blocks end. */
static void note_spilled(StashWriter *writer, const SpillFile *file) {
    const RowCollector *collector = &writer->collector;
    int64_t block = 0, offset = 0;
    for (int64_t s = 0; s < collector->segment_count; s++) {
        const RowSegment *segment = &collector->segments[s];
        for (int64_t done = 0; done < segment->count;) {
            int64_t room = spill_block_rows(file, block) - offset;
            int64_t count = segment->count - done < room ? segment->count - done : room;
            add_piece(&writer->spilled, (StashPiece){.morsel = segment->morsel,
                                                     .order = segment->order,
                                                     .file = file,
                                                     .block = block,
                                                     .offset = offset,
                                                     .count = count});
            done += count;
            offset += count;
            if (offset == spill_block_rows(file, block)) block++, offset = 0;
        }
    }
}

static Status spill_writer(StashWriter *writer, Error *err) {
    RowStash *stash = writer->stash;
    RowCollector *collector = &writer->collector;
    SpillFile *file;
    TRY(spill_create(stash->query, &stash->format, stash->stats, &file, err));
    writer->files = grown(writer->files, sizeof *writer->files * (size_t)(writer->file_count + 1));
    writer->files[writer->file_count++] = file;
    for (int64_t s = 0; s < collector->segment_count; s++) {
        TRY(query_check_each(stash->query, s * 64, err));
        TRY(spill_append(file, collector->segments[s].rows, collector->segments[s].count, err));
    }
    TRY(spill_finish(file, err));
    note_spilled(writer, file);
    row_store_deinit(&collector->store);
    row_store_init(&collector->store, stash->query, stash->row_width);
    collector->segment_count = 0;
    return STATUS_OK;
}

Status stash_writer_add(StashWriter *writer, const Batch *batch, int64_t morsel, Error *err) {
    char *rows;
    writer->batches++;
    if (!writer->pinned && query_memory_pressure(writer->stash->query) &&
        query_may_spill(writer->stash->query) &&
        row_store_bytes(&writer->collector.store) >= SPILL_LEAST_BYTES)
        TRY(spill_writer(writer, err));
    TRY(row_collector_add(&writer->collector, &writer->stash->layout, batch, morsel, &rows, err));
    writer->collector.segments[writer->collector.segment_count - 1].order = writer->batches;
    return STATUS_OK;
}

static void take_pieces(RowStash *stash, StashWriter *writer) {
    RowCollector *collector = &writer->collector;
    for (int64_t i = 0; i < writer->spilled.count; i++) {
        add_piece(&stash->pieces, writer->spilled.items[i]);
        stash->row_count += writer->spilled.items[i].count;
    }
    for (int64_t s = 0; s < collector->segment_count; s++) {
        const RowSegment *segment = &collector->segments[s];
        add_piece(&stash->pieces, (StashPiece){.morsel = segment->morsel,
                                               .order = segment->order,
                                               .rows = segment->rows,
                                               .count = segment->count});
        stash->row_count += segment->count;
    }
    collector->segment_count = 0;
    writer->spilled.count = 0;
}

Status stash_publish(RowStash *stash, StashWriter *writer, Error *err) {
    enum { MOVED_BYTES = 8 << 20 };
    if (writer->file_count > 0 || row_store_bytes(&writer->collector.store) > MOVED_BYTES)
        return stash_take(stash, writer, err);
    take_pieces(stash, writer);
    writer->pinned = true;
    return charged_arena_settle(stash->query, &writer->collector.store.strings, err);
}

Status stash_take(RowStash *stash, StashWriter *writer, Error *err) {
    RowCollector *collector = &writer->collector;
    take_pieces(stash, writer);
    stash->files =
        grown(stash->files, sizeof *stash->files * (size_t)(stash->file_count + writer->file_count + 1));
    for (int i = 0; i < writer->file_count; i++)
        stash->files[stash->file_count++] = writer->files[i];
    writer->file_count = 0;
    writer->pinned = false;
    if (collector->store.block_count == 0) return STATUS_OK;
    stash->stores = grown(stash->stores, sizeof *stash->stores * (size_t)(stash->store_count + 1));
    stash->stores[stash->store_count++] = collector->store;
    if (stash->stats) stats_note_memory(stash->stats, row_store_bytes(&collector->store));
    row_store_init(&collector->store, stash->query, stash->row_width);
    return STATUS_OK;
}

void stash_join_pieces(RowStash *stash) {
    StashPieces *pieces = &stash->pieces;
    for (; pieces->count >= 2; pieces->count--) {
        const StashPiece *last = &pieces->items[pieces->count - 1];
        StashPiece *before = &pieces->items[pieces->count - 2];
        if (!before->rows || !last->rows || before->count + last->count > BATCH_ROWS ||
            before->rows + (size_t)before->count * stash->row_width != last->rows)
            return;
        before->count += last->count;
    }
}

static int compare_pieces(const void *left, const void *right) {
    const StashPiece *a = left, *b = right;
    if (a->morsel != b->morsel) return a->morsel < b->morsel ? -1 : 1;
    if (a->order != b->order) return a->order < b->order ? -1 : 1;
    if (a->block != b->block) return a->block < b->block ? -1 : 1;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

void stash_sort(RowStash *stash, int64_t from) {
    if (stash->pieces.count - from > 1)
        qsort(stash->pieces.items + from, (size_t)(stash->pieces.count - from), sizeof *stash->pieces.items,
              compare_pieces);
}

/* ---- reading ---------------------------------------------------------------------------------------------
 */

void stash_reader_init(StashReader *reader, const RowStash *stash, const int *columns, int column_count) {
    *reader = (StashReader){
        .stash = stash, .query = stash->query, .columns = columns, .column_count = column_count, .block = -1};
    if (!columns) reader->column_count = stash->layout.column_count;
}

void stash_reader_deinit(StashReader *reader) {
    if (reader->memory) query_free(reader->query, reader->memory, reader->capacity);
    reader->memory = NULL;
    reader->file = NULL;
}

static Status load_block(StashReader *reader, const StashPiece *piece, Error *err) {
    if (reader->file == piece->file && reader->block == piece->block) return STATUS_OK;
    Query *query = reader->query;
    size_t bytes = (size_t)spill_block_bytes(piece->file, piece->block);
    reader->file = NULL;
    if (bytes > reader->capacity) {
        if (reader->memory) query_free(query, reader->memory, reader->capacity);
        reader->memory = NULL;
        reader->capacity = 0;
        void *memory;
        TRY(query_alloc(query, bytes, &memory, err));
        reader->memory = memory;
        reader->capacity = bytes;
    }
    TRY(spill_block_read(piece->file, piece->block, reader->memory, err));
    reader->file = piece->file;
    reader->block = piece->block;
    return STATUS_OK;
}

static int list_rows(char **rows, int count, char *first, int64_t pieces, size_t width) {
    for (int64_t k = 0; k < pieces; k++)
        rows[count + k] = first + (size_t)k * width;
    return count + (int)pieces;
}

Status stash_read(StashReader *reader, Arena *arena, Batch **out, Error *err) {
    const RowStash *stash = reader->stash;
    *out = NULL;
    if (reader->next >= reader->end) return STATUS_OK;
    char **rows = arena_alloc(arena, sizeof *rows * BATCH_ROWS);
    int count = 0;
    const StashPiece *piece = &stash->pieces.items[reader->next];
    if (!piece->rows) {
        TRY(load_block(reader, piece, err));
        count = list_rows(rows, 0, reader->memory + (size_t)piece->offset * stash->row_width, piece->count,
                          stash->row_width);
        reader->next++;
    }
    /* Small pieces side by side make one batch. */
    while (count == 0 || stash->pieces.items[reader->next - 1].rows) {
        if (reader->next >= reader->end) break;
        piece = &stash->pieces.items[reader->next];
        if (!piece->rows || count + piece->count > BATCH_ROWS) break;
        count = list_rows(rows, count, piece->rows, piece->count, stash->row_width);
        reader->next++;
    }
    Vector *columns = ARENA_NEW_ARRAY(arena, Vector, reader->column_count + 1);
    for (int i = 0; i < reader->column_count; i++)
        rows_gather(&stash->layout, reader->columns ? reader->columns[i] : i, rows, count, NULL, count,
                    &columns[i], arena);
    reader->batch = (Batch){
        .row_count = count, .column_count = reader->column_count, .columns = columns, .selected = count};
    *out = &reader->batch;
    return STATUS_OK;
}

Status stash_source_open(const RowStash *stash, Source *source, void **state, Error *err) {
    StashReader *reader = malloc(sizeof *reader);
    if (!reader) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    stash_reader_init(reader, stash, source->node->scan_columns, source->node->column_count);
    *state = reader;
    return STATUS_OK;
}

Status stash_source_next(Source *source, Chain *chain, void *state, Batch **out, Error *err) {
    return stash_read(state, &chain->batch_arena, out, err);
}

void stash_source_close(Source *source, void *state) {
    stash_reader_deinit(state);
    free(state);
}
