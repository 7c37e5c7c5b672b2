#include "engines/columnar/iceberg/table_version.h"

#include <libdeflate.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/iceberg/metadata_cache.h"
#include "engines/columnar/iceberg/table_deletes.h"
#include "engines/columnar/iceberg/table_statistics.h"
#include "engines/columnar/store/local_store.h"

TableVersion *table_version_create(const char *namespace_name, const char *name,
                                   const char *metadata_location, const TableColumn *columns,
                                   int column_count) {
    TableVersion *version = calloc(1, sizeof *version);
    if (!version) abort();
    version->references = 1;
    arena_init(&version->arena);
    version->namespace_name = arena_strdup(&version->arena, namespace_name);
    version->name = arena_strdup(&version->arena, name);
    version->metadata_location = arena_strdup(&version->arena, metadata_location);
    version->snapshot_id = -1;
    TableColumn *copy = ARENA_NEW_ARRAY(&version->arena, TableColumn, column_count + 1);
    for (int i = 0; i < column_count; i++) {
        copy[i] = columns[i];
        copy[i].name = arena_strdup(&version->arena, columns[i].name);
    }
    version->columns = copy;
    version->column_count = column_count;
    return version;
}

TableVersion *table_version_retain(TableVersion *version) {
    version->references++;
    return version;
}

void table_version_release(TableVersion *version) {
    if (!version || --version->references > 0) return;
    table_statistics_free(version->statistics);
    table_deletes_free(version->deletes);
    arena_deinit(&version->arena);
    free(version);
}

static Status inflate(const char *path, const char *packed, size_t packed_bytes, Arena *arena, char **out,
                      size_t *bytes, Error *err) {
    struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
    if (!inflater) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    enum libdeflate_result result = LIBDEFLATE_INSUFFICIENT_SPACE;
    for (size_t capacity = packed_bytes * 4 + 4096; result == LIBDEFLATE_INSUFFICIENT_SPACE; capacity *= 4) {
        if (capacity > METADATA_MAX_BYTES) break;
        *out = arena_alloc(arena, capacity + 1);
        result = libdeflate_gzip_decompress(inflater, packed, packed_bytes, *out, capacity, bytes);
    }
    libdeflate_free_decompressor(inflater);
    if (result != LIBDEFLATE_SUCCESS)
        return error_set(err, SQLSTATE_DATA_CORRUPTED, "table metadata \"%s\" does not decompress", path);
    return STATUS_OK;
}

Status table_catalog_read_metadata(const char *location, Arena *arena, TableMetadata *out, Error *err) {
    const char *path;
    char *text;
    size_t bytes;
    struct stat info;
    *out = (TableMetadata){0};
    TRY(store_path_from_uri(location, arena, &path, err));
    bool known = stat(path, &info) == 0;
    json_t *cached = known ? metadata_cache_find(path, &info) : NULL;
    Status status = STATUS_OK;
    if (cached) {
        status = table_metadata_take(cached, path, arena, out, err);
    } else {
        TRY(store_read_file(path, METADATA_MAX_BYTES, arena, &text, &bytes, err));
        if (bytes > 2 && text[0] == '\x1f' && text[1] == '\x8b')
            TRY(inflate(path, text, bytes, arena, &text, &bytes, err));
        status = table_metadata_parse(text, bytes, path, arena, out, err);
        if (status == STATUS_OK && known)
            metadata_cache_put(path, &info, &(MetadataText){.bytes = bytes}, out->root);
    }
    if (status != STATUS_OK) table_metadata_deinit(out);
    return status;
}

static StringView copy_text(const StringView *view, Arena *arena) {
    return stringview_make(arena_strndup(arena, stringview_data(view), view->length), view->length);
}

const PartitionValue *partition_copy(const PartitionSpec *spec, const PartitionValue *values, Arena *arena) {
    if (!values || !spec || spec->field_count == 0) return NULL;
    PartitionValue *copy = ARENA_NEW_ARRAY(arena, PartitionValue, spec->field_count);
    for (int i = 0; i < spec->field_count; i++) {
        copy[i] = values[i];
        if (!copy[i].is_null && physical_type_of(spec->fields[i].result_type) == PHYS_STRING)
            copy[i].value.string = copy_text(&values[i].value.string, arena);
    }
    return copy;
}

static const TableColumnOrigin *copy_origins(const TableMetadata *metadata, Arena *arena) {
    if (!metadata->origins) return NULL;
    TableColumnOrigin *copy = ARENA_NEW_ARRAY(arena, TableColumnOrigin, metadata->column_count + 1);
    for (int i = 0; i < metadata->column_count; i++) {
        const TableColumnOrigin *from = &metadata->origins[i];
        const char **aliases = ARENA_NEW_ARRAY(arena, const char *, from->alias_count + 1);
        for (int a = 0; a < from->alias_count; a++)
            aliases[a] = arena_strdup(arena, from->aliases[a]);
        copy[i] = (TableColumnOrigin){.aliases = aliases, .alias_count = from->alias_count};
        if (!from->initial_default) continue;
        PartitionValue *value = arena_memdup(arena, from->initial_default, sizeof *value);
        if (physical_type_of(metadata->columns[i].type) == PHYS_STRING)
            value->value.string = copy_text(&value->value.string, arena);
        copy[i].initial_default = value;
    }
    return copy;
}

static const PartitionSpec *copy_specs(const TableMetadata *metadata, Arena *arena) {
    PartitionSpec *specs = ARENA_NEW_ARRAY(arena, PartitionSpec, metadata->spec_count + 1);
    for (int i = 0; i < metadata->spec_count; i++) {
        const PartitionSpec *from = &metadata->specs[i];
        PartitionField *fields = ARENA_NEW_ARRAY(arena, PartitionField, from->field_count + 1);
        for (int f = 0; f < from->field_count; f++) {
            fields[f] = from->fields[f];
            fields[f].name = arena_strdup(arena, from->fields[f].name);
        }
        specs[i] = (PartitionSpec){from->spec_id, from->field_count, fields};
    }
    return specs;
}

TableVersion *table_version_describe(const char *namespace_name, const char *name, const char *location,
                                     const TableMetadata *metadata) {
    TableVersion *version =
        table_version_create(namespace_name, name, location, metadata->columns, metadata->column_count);
    Arena *arena = &version->arena;
    version->snapshot_id = metadata->snapshot_id;
    version->schema_id = metadata->schema_id;
    version->origins = copy_origins(metadata, arena);
    version->name_mapping = metadata->name_mapping;
    version->specs = copy_specs(metadata, arena);
    version->spec_count = metadata->spec_count;
    version->spec_id = metadata->spec_id;
    version->sequence_number = json_integer_value(json_object_get(metadata->snapshot, "sequence-number"));
    if (metadata->sort_order.field_count) {
        SortOrder *order = arena_memdup(arena, &metadata->sort_order, sizeof *order);
        order->fields =
            arena_memdup(arena, order->fields, sizeof *order->fields * (size_t)order->field_count);
        version->sort_order = order;
    }
    return version;
}

const PartitionSpec *table_version_spec(const TableVersion *version, int spec_id) {
    for (int i = 0; i < version->spec_count; i++)
        if (version->specs[i].spec_id == spec_id) return &version->specs[i];
    return NULL;
}

typedef struct FileList {
    DataFile *files; /* the version's arena */
    int count, capacity;
} FileList;

static void *grow(void *items, int count, int *capacity, size_t size, Arena *arena) {
    if (count < *capacity) return items;
    *capacity = *capacity ? *capacity * 2 : 16;
    void *grown = arena_alloc(arena, (size_t)*capacity * size);
    if (count) memcpy(grown, items, (size_t)count * size);
    return grown;
}

static Status keep_entry(TableVersion *version, const PartitionSpec *spec, const ManifestEntry *entry,
                         FileList *files, DeleteList *deletes, Error *err) {
    Arena *arena = &version->arena;
    if (entry->content == CONTENT_DATA) {
        files->files = grow(files->files, files->count, &files->capacity, sizeof *files->files, arena);
        DataFile *file = &files->files[files->count++];
        TRY(manifest_entry_data_file(entry, version->columns, version->column_count, arena, file, err));
        file->partition = partition_copy(spec, entry->partition, arena);
        version->row_count += file->row_count;
        version->bytes += file->bytes;
        return STATUS_OK;
    }
    deletes->files = grow(deletes->files, deletes->count, &deletes->capacity, sizeof *deletes->files, arena);
    DeleteFile *file = &deletes->files[deletes->count++];
    TRY(manifest_entry_delete_file(entry, arena, file, err));
    file->partition = partition_copy(spec, entry->partition, arena);
    if (file->equality_count)
        file->equality_ids =
            arena_memdup(arena, file->equality_ids, sizeof(int) * (size_t)file->equality_count);
    return STATUS_OK;
}

/* One manifest at a time in `scratch`, so that only what is kept stays in memory. */
static Status read_manifest(TableVersion *version, const ManifestFile *manifest, Arena *scratch,
                            FileList *files, DeleteList *deletes, Error *err) {
    const PartitionSpec *spec = table_version_spec(version, manifest->spec_id);
    EntryList list = {0};
    if (!spec)
        return error_set(err, SQLSTATE_DATA_CORRUPTED,
                         "manifest \"%s\" is of partition spec %d, which is missing", manifest->path,
                         manifest->spec_id);
    TRY(manifest_read(manifest, spec, scratch, &list, err));
    for (int i = 0; i < list.count; i++)
        if (list.entries[i].status != ENTRY_DELETED)
            TRY(keep_entry(version, spec, &list.entries[i], files, deletes, err));
    return STATUS_OK;
}

static Status read_files(TableVersion *version, const TableMetadata *metadata, Arena *list_arena,
                         Arena *scratch, Error *err) {
    ManifestFile *manifests;
    int count;
    FileList files = {0};
    DeleteList deletes = {0};
    TRY(manifest_list_of(metadata, list_arena, &manifests, &count, err));
    for (int i = 0; i < count; i++) {
        if (manifests[i].added_files == 0 && manifests[i].existing_files == 0) continue;
        TRY(read_manifest(version, &manifests[i], scratch, &files, &deletes, err));
        arena_reset(scratch);
    }
    version->files = files.files;
    version->file_count = files.count;
    table_version_assign_deletes(version, &deletes);
    return STATUS_OK;
}

Status table_version_read(const char *namespace_name, const char *name, const char *location,
                          const TableMetadata *metadata, TableVersion **out, Error *err) {
    TableVersion *version = table_version_describe(namespace_name, name, location, metadata);
    Arena list_arena, scratch;
    arena_init(&list_arena);
    arena_init(&scratch);
    Status status = read_files(version, metadata, &list_arena, &scratch, err);
    arena_deinit(&scratch);
    arena_deinit(&list_arena);
    if (status == STATUS_OK)
        *out = version;
    else
        table_version_release(version);
    return status;
}

/* ---- time travel -----------------------------------------------------------------------------------------
 */

static int64_t snapshot_at(const TableMetadata *metadata, int64_t timestamp_ms) {
    int64_t found = -1;
    size_t index;
    json_t *entry;
    json_array_foreach(json_object_get(metadata->root, "snapshot-log"), index, entry) {
        if (json_integer_value(json_object_get(entry, "timestamp-ms")) <= timestamp_ms)
            found = json_integer_value(json_object_get(entry, "snapshot-id"));
    }
    return found;
}

Status table_metadata_as_of(TableMetadata *metadata, const TableAsOf *as_of, const char *name, Arena *arena,
                            Error *err) {
    int64_t id = as_of->snapshot_id;
    bool own_schema = true;
    if (as_of->ref) {
        json_t *ref = json_object_get(json_object_get(metadata->root, "refs"), as_of->ref);
        const char *type = json_string_value(json_object_get(ref, "type"));
        bool is_main = strcmp(as_of->ref, "main") == 0;
        if (!ref && !is_main)
            return error_set(err, "42704", "table \"%s\" has no branch or tag \"%s\"", name, as_of->ref);
        own_schema = type && strcmp(type, "tag") == 0;
        id = ref ? json_integer_value(json_object_get(ref, "snapshot-id")) : metadata->snapshot_id;
        if (is_main && id == -1) return STATUS_OK;
    } else if (as_of->timestamp_ms >= 0) {
        id = snapshot_at(metadata, as_of->timestamp_ms);
        if (id == -1)
            return error_set(err, SQLSTATE_INVALID_PARAMETER, "table \"%s\" has no snapshot of that time",
                             name);
    }
    json_t *snapshot = table_metadata_find_snapshot(metadata, id);
    if (!snapshot) return error_set(err, "42704", "table \"%s\" has no snapshot %lld", name, (long long)id);
    TRY(table_metadata_select(metadata, id, name, err));
    json_t *schema = json_object_get(snapshot, "schema-id");
    if (!own_schema || !json_is_integer(schema)) return STATUS_OK;
    TRY(table_metadata_read_schema(metadata, (int)json_integer_value(schema), name, arena, err));
    return table_metadata_read_layout(metadata, name, arena, err);
}
