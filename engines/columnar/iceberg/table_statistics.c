#include "engines/columnar/iceberg/table_statistics.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/iceberg/table_deletes.h"
#include "engines/columnar/parquet/distinct_sketch.h"

/* Of a table of very many files these are looked at, evenly spread; page bounds, which are read for this, of
 * fewer. */
enum { MOST_FILES = 64, MOST_PAGED_FILES = 8, MOST_PAGED_GROUPS = 4 };

struct TableStatistics {
    int column_count;
    ColumnStatistics columns[];
};

void table_statistics_free(struct TableStatistics *statistics) {
    free(statistics);
}

bool table_bound_number(SqlType type, const union ParquetBound *bound, double *out) {
    switch (physical_type_of(type)) {
    case PHYS_I16:
    case PHYS_I32:
    case PHYS_I64: *out = (double)bound->i64; break;
    case PHYS_F32:
    case PHYS_F64: *out = bound->f64; break;
    default: return false;
    }
    for (int digit = 0; type.id == SQL_NUMERIC && digit < type.scale; digit++)
        *out /= 10;
    return true;
}

/* A file without a sketch: chunks in which every value has a place in the dictionary tell its length. */
static double distinct_of_chunks(const ParquetFile *file, int column) {
    double most = -1;
    for (int g = 0; g < parquet_file_row_group_count(file); g++) {
        ParquetColumnStats stats;
        parquet_chunk_stats(file, g, column, &stats);
        if (stats.distinct_count < 0) return -1;
        most = fmax(most, (double)stats.distinct_count);
    }
    return most;
}

typedef struct Gathering {
    DistinctSketch sketch;
    bool sketched, missing;  /* by some file; not by some */
    double least;            /* so many at least, from files without a sketch; -1 */
    double bytes, file_rows; /* stored, of the files looked at */
    double low, high;        /* of their values, where those are numbers */
    double page_rows,
        width; /* of the pages looked at, and how far their bounds lie apart, times their rows */
} Gathering;

static void note_width(const ParquetColumnStats *stats, SqlType type, int64_t rows, Gathering *gathering) {
    double low, high;
    if (!stats->has_min_max || !table_bound_number(type, &stats->min, &low) ||
        !table_bound_number(type, &stats->max, &high))
        return;
    gathering->page_rows += (double)rows;
    gathering->width += (high - low) * (double)rows;
}

/* How far values are scattered over a file's pages, from the bounds of some of them. */
static void gather_widths(ParquetFile *file, int column, Gathering *gathering) {
    int groups = parquet_file_row_group_count(file);
    SqlType type = parquet_file_column(file, column)->type;
    for (int g = 0; g < groups; g++) {
        ParquetColumnStats stats;
        double low, high;
        parquet_chunk_stats(file, g, column, &stats);
        if (!stats.has_min_max || !table_bound_number(type, &stats.min, &low) ||
            !table_bound_number(type, &stats.max, &high))
            return;
        gathering->low = fmin(gathering->low, low);
        gathering->high = fmax(gathering->high, high);
    }
    int looked_at = groups < MOST_PAGED_GROUPS ? groups : MOST_PAGED_GROUPS;
    for (int i = 0; i < looked_at; i++) {
        int group = (int)((int64_t)i * groups / looked_at);
        const ParquetPageIndex *index = parquet_chunk_page_index(file, group, column);
        ParquetColumnStats chunk;
        parquet_chunk_stats(file, group, column, &chunk);
        for (int p = 0; index && p < index->page_count; p++)
            note_width(&index->pages[p].stats, type, index->pages[p].row_count, gathering);
        if (!index) note_width(&chunk, type, parquet_row_group_row_count(file, group), gathering);
    }
}

static void gather_file(const ParquetFile *file, int column, Gathering *gathering) {
    char key[512];
    DistinctSketch sketch;
    const ParquetColumn *info = parquet_file_column(file, column);
    size_t prefix = strlen(DISTINCT_SKETCH_KEY), length = strlen(info->name);
    const char *text = NULL;
    if (prefix + length < sizeof key) {
        memcpy(key, DISTINCT_SKETCH_KEY, prefix);
        memcpy(key + prefix, info->name, length + 1);
        text = parquet_file_metadata(file, key);
    }
    if (text && distinct_sketch_decode(text, &sketch)) {
        distinct_sketch_merge(&gathering->sketch, &sketch);
        gathering->sketched = true;
    } else {
        gathering->missing = true;
        gathering->least = fmax(gathering->least, distinct_of_chunks(file, column));
    }
    for (int g = 0; g < parquet_file_row_group_count(file); g++)
        gathering->bytes += (double)parquet_chunk_bytes(file, g, column);
}

static void conclude(const TableVersion *version, int column, const Gathering *gathering,
                     ColumnStatistics *out) {
    double rows = (double)version->row_count, nulls = 0;
    bool nulls_known = version->file_count > 0;
    for (int f = 0; f < version->file_count && nulls_known; f++) {
        const ParquetColumnStats *stats = version->files[f].stats ? &version->files[f].stats[column] : NULL;
        nulls_known = stats && stats->null_count >= 0;
        nulls += nulls_known ? (double)stats->null_count : 0;
    }
    *out = (ColumnStatistics){.distinct = -1, .null_fraction = -1, .stored_bytes = -1, .overlap = -1};
    if (gathering->page_rows > 0 && gathering->high > gathering->low)
        out->overlap = fmin(1, gathering->width / gathering->page_rows / (gathering->high - gathering->low));
    if (nulls_known && rows > 0) out->null_fraction = fmin(1, nulls / rows);
    out->tight_bounds = gathering->sketched && !gathering->missing && version->file_count <= MOST_FILES &&
                        !version->has_deletes;
    double values = nulls_known ? rows - nulls : rows, looked_at = gathering->file_rows;
    if (gathering->bytes > 0 && looked_at > 0) out->stored_bytes = gathering->bytes / looked_at * rows;
    double distinct = gathering->sketched ? distinct_sketch_estimate(&gathering->sketch) : -1;
    if (gathering->missing && gathering->least >= 0) distinct = fmax(distinct, gathering->least);
    if (distinct < 0) return;
    /* As many as values within the sketch's error: a key. Of files not looked at, a key has new values. */
    if (looked_at > 0 && distinct > 0.95 * looked_at * (rows > 0 ? values / rows : 1)) distinct = values;
    out->distinct = fmin(distinct, values);
}

static struct TableStatistics *gather(const TableVersion *version) {
    int count = version->column_count;
    struct TableStatistics *statistics =
        calloc(1, sizeof *statistics + sizeof *statistics->columns * (size_t)(count + 1));
    Gathering *gathering = calloc((size_t)count + 1, sizeof *gathering);
    if (!statistics || !gathering) abort();
    int files = version->file_count < MOST_FILES ? version->file_count : MOST_FILES;
    for (int c = 0; c < count; c++)
        gathering[c] = (Gathering){.least = -1, .low = INFINITY, .high = -INFINITY};
    for (int i = 0; i < files; i++) {
        int64_t at = (int64_t)i * version->file_count / files;
        ParquetFile *file = NULL;
        Error ignored = {0};
        if (parquet_file_open(version->files[at].path, &file, &ignored) != STATUS_OK) continue;
        for (int c = 0; c < count; c++) {
            int column = table_file_column(version, c, file);
            gathering[c].file_rows += (double)version->files[at].row_count;
            if (column >= 0) gather_file(file, column, &gathering[c]);
            bool paged = i % ((files + MOST_PAGED_FILES - 1) / MOST_PAGED_FILES) == 0;
            if (column >= 0 && paged) gather_widths(file, column, &gathering[c]);
        }
        parquet_file_release(file);
    }
    statistics->column_count = count;
    for (int c = 0; c < count; c++)
        conclude(version, c, &gathering[c], &statistics->columns[c]);
    free(gathering);
    return statistics;
}

const ColumnStatistics *table_statistics(const TableVersion *version) {
    /* Const to its readers; this one field is filled by whoever asks first. */
    _Atomic(struct TableStatistics *) *slot = (_Atomic(struct TableStatistics *) *)&version->statistics;
    struct TableStatistics *known = atomic_load(slot);
    if (!known) {
        struct TableStatistics *fresh = gather(version);
        if (atomic_compare_exchange_strong(slot, &known, fresh))
            known = fresh;
        else
            free(fresh); /* another thread was faster */
    }
    return known->columns;
}
