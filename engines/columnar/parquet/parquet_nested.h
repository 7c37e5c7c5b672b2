/* Nested columns: groups and repeated fields of the schema as a tree, and the reader that puts rows together
 * again from the leaves' levels.
 *
 * What a column becomes in SQL: a list of scalars is an array of their type; everything else (structs, maps,
 * lists of lists or structs, variants) is jsonb. Levels: parquet-format's LogicalTypes.md and the Dremel
 * paper. Inside this folder only.
 */
#pragma once

#include "engines/base/strbuf.h"
#include "engines/columnar/parquet/parquet_column.h"

/* VARIANT: its children are metadata (only of the outermost), value, typed_value; NULL where there is none.
 */
typedef enum NestedKind { NESTED_LEAF, NESTED_LIST, NESTED_STRUCT, NESTED_MAP, NESTED_VARIANT } NestedKind;

enum { NESTED_MAX_DEPTH = 64 };

struct NestedNode {
    uint8_t kind;
    int definition;             /* the level from which on the value is not NULL */
    int repeated_definition;    /* LIST, MAP: from which on there is an element */
    int repetition;             /* LIST, MAP: of the second element and those after it */
    int first_leaf, leaf_count; /* of the column's leaves */
    const ParquetLeaf *leaf;    /* LEAF */
    const char *name;
    NestedNode **children; /* LIST: the element; MAP: key, value; STRUCT: fields in jsonb's order of keys */
    int child_count;
};

/* The tree of the column whose subtree of schema elements starts at `first`; its leaves get their levels.
 * `*why` says why the column cannot be read. */
NestedNode *nested_tree_build(ParquetMetadata *metadata, int first, int first_leaf, Arena *arena,
                              const char **why);
/* The SQL type of a column with this tree. */
SqlType nested_tree_type(const NestedNode *tree);

/* One leaf's entries of the rows of a batch. `row_entry[r]` and `row_value[r]`: where row r's begin. */
typedef struct NestedLeaf {
    const ParquetLeaf *leaf;
    uint8_t *definitions, *repetitions;
    char *values; /* of entries that have one: physical values */
    int64_t entry_count, entry_capacity;
    int64_t value_count, value_capacity;
    uint32_t row_entry[BATCH_ROWS + 1];
    uint32_t row_value[BATCH_ROWS + 1];
    /* while a row is put together: */
    uint32_t entry, entry_end, value;
} NestedLeaf;

/* Appends row `row` in jsonb's form, or adds its elements to the builder. *null when the row is NULL. */
Status nested_row_json(const NestedNode *tree, NestedLeaf **leaves, int row, const char *path, StrBuf *out,
                       bool *null, Error *err);
Status nested_row_array(const NestedNode *tree, NestedLeaf **leaves, int row, const char *path,
                        ArrayBuilder *out, bool *null, Error *err);
/* A value of the leaf's physical type as jsonb prints it. */
void nested_scalar_json(const ParquetLeaf *leaf, const void *value, StrBuf *out);

/* The reader of a nested column, behind parquet_column_*. */
Status nested_reader_open(ParquetFile *file, int row_group, int column, int64_t first_row, NestedReader **out,
                          Error *err);
Status nested_reader_read(NestedReader *reader, int rows, const uint16_t *selection, int selected,
                          Vector *out, Error *err);
Status nested_reader_skip(NestedReader *reader, int64_t rows, Error *err);
int64_t nested_reader_bytes_read(const NestedReader *reader);
void nested_reader_close(NestedReader *reader);
