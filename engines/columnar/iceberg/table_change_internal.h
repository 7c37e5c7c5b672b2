/* A TableChange as its own sources and the writer see it. */
#pragma once

#include "engines/columnar/iceberg/metadata_step.h"
#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/iceberg/table_change.h"

typedef struct RemovedFile {
    const DataFile *file;
    bool found; /* in the base of this attempt */
} RemovedFile;

/* Rows of one data file to be deleted by position. */
typedef struct PendingDelete {
    const DataFile *file;
    int64_t *positions; /* sorted, distinct */
    int64_t count;
} PendingDelete;

/* A manifest of the base and what this change makes of it; kept from attempt to attempt. */
typedef struct RewrittenManifest {
    const char *from; /* URI */
    bool changed;     /* false: it has none of the files that leave */
    bool used;        /* by the last attempt */
    ManifestFile to;  /* path NULL: nothing was left that has to be said */
    int64_t removed_files, removed_rows, removed_bytes;
    int64_t removed_delete_files, removed_positions, removed_equality;
    int *hits; /* indexes into `removed` */
    int hit_count;
} RewrittenManifest;

typedef struct RowRequirement {
    bool (*may_match)(void *context, const DataFile *file);
    void *context;
    bool any;
} RowRequirement;

struct TableChange {
    TableCatalog *catalog;
    Arena arena;
    pthread_mutex_t lock; /* guards what writers add: `added`, `written` and the arena while they do */
    TableVersion *base;   /* NULL for a table that is new */
    const char *namespace_name, *name;
    bool creating, or_replace;
    const char *made_directory; /* of a table that is new, and nobody else's until it is committed */
    TableMetadata metadata;     /* of the base with the steps applied */
    TableVersion *target;       /* the same, for writers; made anew after a step */
    char *data_directory, *metadata_directory;
    MetadataStep *steps;
    int step_count, step_capacity;
    EntryList added, added_deletes;
    const char **written; /* absolute paths of all files made for it but the metadata file */
    int written_count, written_capacity;
    int file_number;
    RemovedFile *removed; /* sorted by path when committing */
    int removed_count, removed_capacity;
    const DeleteFile **removed_deletes;
    int removed_delete_count, removed_delete_capacity;
    bool remove_all;
    PendingDelete *pending;
    int pending_count, pending_capacity;
    RowRequirement requirement;
    int64_t keep_sequence; /* -1 = the commit's */
    int64_t merge_below;   /* 0 = only when there are very many */
    bool operation_set;
    TableOperation operation;
    PropertyPair *summary;
    int summary_count, summary_capacity;
    const char *branch;      /* NULL = main */
    int64_t branch_snapshot; /* the branch's when the change was put on it; -1 = none */
    int64_t snapshot_id;
    int64_t added_rows, added_bytes;
    int writer_pin; /* its files are no orphans while it lasts: table_pins.h */
    bool uncertain; /* the catalog failed so that nobody knows whether it took the commit */
    ManifestFile *own;
    int own_count;
    bool own_written;
    RewrittenManifest *rewritten;
    int rewritten_count, rewritten_capacity;
};

/* One attempt's own state. */
typedef struct CommitAttempt {
    Arena arena;
    TableMetadata metadata;   /* the newest base with the steps applied */
    TableMetadata parent;     /* the same root, the branch's snapshot selected */
    const char *old_location; /* "" for a table that does not exist yet */
    ManifestFile *base;       /* the parent's manifests */
    int base_count;
    ManifestFile *manifests; /* the new snapshot's */
    int manifest_count;
    int64_t sequence_number;
    int64_t removed_files, removed_rows, removed_bytes;
    int64_t removed_delete_files, removed_positions, removed_equality;
    char *list_path, *metadata_path;
    const char **merged; /* manifests made by merging for this attempt alone */
    int merged_count;
} CommitAttempt;

/* table_change.c */
void change_destroy(TableChange *change);
void *change_grow(Arena *arena, void *items, int count, int *capacity, size_t size);
void change_note_written(TableChange *change, const char *path);
char *change_metadata_path(TableChange *change, const char *suffix, Arena *arena);
bool change_touches_rows(const TableChange *change);
/* table_change_rows.c: position deletes become delete files. */
Status change_write_deletes(TableChange *change, Error *err);
/* table_change_manifests.c: what the new snapshot holds. */
Status change_make_manifests(TableChange *change, CommitAttempt *attempt, Error *err);
/* table_change_merge.c */
Status change_merge_manifests(TableChange *change, CommitAttempt *attempt, Error *err);
/* table_change_validate.c: is what the change rests on still so? 40001 if not. */
Status change_validate(TableChange *change, CommitAttempt *attempt, Error *err);
/* table_change_summary.c */
json_t *change_summary(const TableChange *change, const CommitAttempt *attempt);
