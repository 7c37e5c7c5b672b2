/* Avro containers, the bounds that manifests carry in them, and both kinds of Iceberg's: manifest lists and
 * manifests, as far as what a scan needs of their entries. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engines/columnar/iceberg/iceberg_types.h"
#include "engines/columnar/iceberg/manifest.h"
#include "tests/fuzz/avro_mutator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode_bounds(const AvroValue *value) {
    union ParquetBound bound;
    if (value->kind == AVRO_BYTES)
        for (int type = SQL_BOOL; type < SQL_TYPE_COUNT; type++)
            (void)iceberg_bound_decode((SqlType){.id = (uint8_t)type, .precision = type % 2 ? 30 : 9},
                                       value->bytes.data, value->bytes.length, &bound);
    if (value->kind == AVRO_RECORD || value->kind == AVRO_ARRAY || value->kind == AVRO_MAP)
        for (int i = 0; i < value->count; i++)
            decode_bounds(&value->items[i]);
}

/* Types of partition values and columns: fields 1000.. and columns 1.. have them in turn. */
static const SqlTypeId TYPES[] = {SQL_INT4, SQL_INT8,    SQL_TEXT, SQL_DATE,       SQL_FLOAT8,
                                  SQL_UUID, SQL_NUMERIC, SQL_BOOL, SQL_TIMESTAMPTZ};
enum { TYPE_COUNT = sizeof TYPES / sizeof *TYPES };

static SqlType type_at(int i) {
    SqlTypeId id = TYPES[i % TYPE_COUNT];
    return id == SQL_NUMERIC ? sqltype_numeric(i % 2 ? 9 : 30, 2) : sqltype_of(id);
}

static void read_entry(const ManifestEntry *entry, Arena *arena) {
    TableColumn columns[2 * TYPE_COUNT];
    Error err = {0};
    DataFile file;
    DeleteFile deletes;
    for (int i = 0; i < 2 * TYPE_COUNT; i++)
        columns[i] = (TableColumn){"column", type_at(i), true, i + 1};
    if (manifest_entry_data_file(entry, columns, 2 * TYPE_COUNT, arena, &file, &err) != STATUS_OK &&
        !error_is_set(&err))
        abort();
    err = (Error){0};
    if (manifest_entry_delete_file(entry, arena, &deletes, &err) != STATUS_OK && !error_is_set(&err)) abort();
}

static void read_manifests(const char *data, size_t size) {
    static int fd = -1;
    char path[64];
    Arena arena;
    Error err = {0};
    ManifestFile *files, manifest = {.path = path, .sequence_number = 3, .added_snapshot_id = 7};
    PartitionField fields[TYPE_COUNT];
    PartitionSpec spec = {.field_count = TYPE_COUNT, .fields = fields};
    EntryList entries = {0};
    int count;
    if (fd < 0) fd = memfd_create("manifest", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size) abort();
    for (int i = 0; i < TYPE_COUNT; i++)
        fields[i] =
            (PartitionField){"field", i + 1, 1000 + i, {TRANSFORM_IDENTITY, 0}, type_at(i), type_at(i)};
    arena_init(&arena);
    if (manifest_list_read(path, &arena, &files, &count, &err) != STATUS_OK && !error_is_set(&err)) abort();
    err = (Error){0};
    if (manifest_read(&manifest, &spec, &arena, &entries, &err) != STATUS_OK && !error_is_set(&err)) abort();
    for (int i = 0; i < entries.count; i++)
        if (entries.entries[i].uri && entries.entries[i].format) read_entry(&entries.entries[i], &arena);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    Arena arena;
    AvroFile file;
    Error err = {0};
    arena_init(&arena);
    Status status = avro_file_open(copy, size, "fuzz", &arena, &file, &err);
    for (bool more = true; status == STATUS_OK && more;) {
        AvroValue record;
        status = avro_file_next(&file, &record, &more, &err);
        if (status == STATUS_OK && more) decode_bounds(&record);
    }
    if (status != STATUS_OK && !error_is_set(&err)) abort();
    arena_deinit(&arena);
    read_manifests(copy, size);
    free(copy);
    return 0;
}
