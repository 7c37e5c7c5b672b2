/* Which delete files apply to which data files (Iceberg specification, "Scan Planning"): position deletes of
 * the same partition that are not older than the file; equality deletes of the same partition, or of an
 * unpartitioned spec, that are newer; a deletion vector in place of position delete files. */
#include <stdlib.h>
#include <string.h>

#include "engines/base/hash.h"
#include "engines/columnar/iceberg/table_version.h"

typedef struct Keyed {
    uint64_t key;
    const DeleteFile *file;
} Keyed;

static uint64_t partition_key(const PartitionSpec *spec, const PartitionValue *values) {
    uint64_t key = hash64_u64((uint64_t)spec->spec_id + 1);
    for (int i = 0; values && i < spec->field_count; i++)
        key = hash64_combine(key, partition_value_hash(spec->fields[i].result_type, &values[i]));
    return key;
}

static uint64_t path_key(const char *path) {
    return hash64_bytes(path, strlen(path), 0x70617468);
}

static bool same_partition(const PartitionSpec *spec, const PartitionValue *a, const PartitionValue *b) {
    for (int i = 0; i < spec->field_count; i++)
        if (!a || !b || !partition_value_equals(spec->fields[i].result_type, &a[i], &b[i])) return false;
    return true;
}

static int by_key(const void *left, const void *right) {
    const Keyed *a = left, *b = right;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return (a->file > b->file) - (a->file < b->file);
}

static const Keyed *first_of(const Keyed *keyed, int count, uint64_t key) {
    int low = 0, high = count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (keyed[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return keyed + low;
}

static bool applies(const TableVersion *version, const DeleteFile *file, const DataFile *data) {
    if (file->content == CONTENT_EQUALITY_DELETES) {
        if (file->sequence_number <= data->sequence_number) return false;
    } else if (file->sequence_number < data->sequence_number) {
        return false;
    }
    if (file->referenced_path) return strcmp(file->referenced_path, data->path) == 0;
    const PartitionSpec *spec = table_version_spec(version, file->spec_id);
    if (!spec) return false;
    if (file->content == CONTENT_EQUALITY_DELETES && spec->field_count == 0) return true;
    return file->spec_id == data->spec_id && same_partition(spec, file->partition, data->partition);
}

typedef struct Index {
    Keyed *keyed;
    int count;
    const DeleteFile **everywhere; /* equality deletes without a partition */
    int everywhere_count;
    const DeleteFile **found; /* for one data file */
    int found_count;
} Index;

static void find_by_key(const TableVersion *version, Index *index, uint64_t key, const DataFile *data) {
    const Keyed *end = index->keyed + index->count;
    for (const Keyed *at = first_of(index->keyed, index->count, key); at < end && at->key == key; at++)
        if (applies(version, at->file, data)) index->found[index->found_count++] = at->file;
}

static void assign(TableVersion *version, Index *index, DataFile *data) {
    index->found_count = 0;
    const PartitionSpec *spec = table_version_spec(version, data->spec_id);
    find_by_key(version, index, path_key(data->path), data);
    if (spec) find_by_key(version, index, partition_key(spec, data->partition), data);
    for (int i = 0; i < index->everywhere_count; i++)
        if (applies(version, index->everywhere[i], data))
            index->found[index->found_count++] = index->everywhere[i];
    if (index->found_count == 0) return;
    bool vector = false;
    for (int i = 0; i < index->found_count; i++)
        vector = vector || index->found[i]->deletion_vector;
    const DeleteFile **kept = ARENA_NEW_ARRAY(&version->arena, const DeleteFile *, index->found_count);
    int64_t deleted = 0;
    for (int i = 0; i < index->found_count; i++) {
        const DeleteFile *file = index->found[i];
        bool positions = file->content == CONTENT_POSITION_DELETES;
        if (vector && positions && !file->deletion_vector) continue;
        kept[data->delete_count++] = file;
        if (positions && file->referenced_path) deleted += file->row_count;
    }
    data->deletes = kept;
    version->has_deletes = true;
    version->row_count -= deleted < data->row_count ? deleted : data->row_count;
}

void table_version_assign_deletes(TableVersion *version, const DeleteList *deletes) {
    if (deletes->count == 0) return;
    size_t room = (size_t)deletes->count;
    Index index = {.keyed = calloc(room, sizeof *index.keyed),
                   .everywhere = calloc(room, sizeof *index.everywhere),
                   .found = calloc(room, sizeof *index.found)};
    if (!index.keyed || !index.everywhere || !index.found) abort();
    for (int i = 0; i < deletes->count; i++) {
        const DeleteFile *file = &deletes->files[i];
        const PartitionSpec *spec = table_version_spec(version, file->spec_id);
        if (file->content == CONTENT_EQUALITY_DELETES && spec && spec->field_count == 0)
            index.everywhere[index.everywhere_count++] = file;
        else if (file->referenced_path)
            index.keyed[index.count++] = (Keyed){path_key(file->referenced_path), file};
        else if (spec)
            index.keyed[index.count++] = (Keyed){partition_key(spec, file->partition), file};
    }
    qsort(index.keyed, (size_t)index.count, sizeof *index.keyed, by_key);
    for (int i = 0; i < version->file_count; i++)
        assign(version, &index, (DataFile *)&version->files[i]);
    free(index.keyed);
    free(index.everywhere);
    free(index.found);
}
