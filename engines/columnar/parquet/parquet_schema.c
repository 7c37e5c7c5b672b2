/* Schema elements → columns with SQL types and the conversion of their stored values. */
#include <string.h>

#include "engines/columnar/parquet/parquet_nested.h"

static void set(ParquetLeaf *leaf, SqlTypeId id, ParquetConversion conversion) {
    leaf->type = sqltype_of(id);
    leaf->conversion = conversion;
}

static const char *resolve_decimal(const SchemaElement *element, ParquetLeaf *leaf) {
    int precision = element->precision, scale = element->scale;
    if (precision < 1 || precision > NUMERIC_MAX_PRECISION) return "decimal with more than 38 digits";
    if (scale < 0 || scale > precision) return "decimal with a scale outside its precision";
    leaf->type = sqltype_numeric(precision, scale);
    bool wide = precision > 18;
    switch (element->physical) {
    case PARQUET_INT32: leaf->conversion = wide ? CONVERT_I32_I128 : CONVERT_I32_I64; return NULL;
    case PARQUET_INT64: leaf->conversion = wide ? CONVERT_I64_I128 : CONVERT_SAME; return NULL;
    case PARQUET_BYTE_ARRAY:
    case PARQUET_FIXED: leaf->conversion = wide ? CONVERT_DECIMAL_I128 : CONVERT_DECIMAL_I64; return NULL;
    default: return "decimal over a floating-point or boolean column";
    }
}

static void resolve_int32(const SchemaElement *element, ParquetLeaf *leaf) {
    int bits = element->logical == LOGICAL_INTEGER ? element->integer_bits : 0;
    bool is_unsigned = element->logical == LOGICAL_INTEGER && !element->integer_signed;
    int converted = element->logical == LOGICAL_INTEGER ? -1 : element->converted;
    if (element->logical == LOGICAL_DATE || converted == CONVERTED_DATE)
        set(leaf, SQL_DATE, CONVERT_SAME);
    else if (element->logical == LOGICAL_TIME || converted == CONVERTED_TIME_MILLIS)
        set(leaf, SQL_TIME, CONVERT_I32_MILLIS);
    else if ((bits == 8 && is_unsigned) || converted == CONVERTED_UINT_8)
        set(leaf, SQL_INT2, CONVERT_U8_I16);
    else if ((bits == 16 && is_unsigned) || converted == CONVERTED_UINT_16)
        set(leaf, SQL_INT4, CONVERT_U16_I32);
    else if ((bits == 32 && is_unsigned) || converted == CONVERTED_UINT_32)
        set(leaf, SQL_INT8, CONVERT_U32_I64);
    else if (bits == 8 || bits == 16 || converted == CONVERTED_INT_8 || converted == CONVERTED_INT_16)
        set(leaf, SQL_INT2, CONVERT_I32_I16);
    else
        set(leaf, SQL_INT4, CONVERT_SAME);
}

static void resolve_int64(const SchemaElement *element, ParquetLeaf *leaf) {
    if (element->logical == LOGICAL_TIMESTAMP) {
        ParquetConversion conversion = element->time_unit == TIME_UNIT_MILLIS  ? CONVERT_I64_MILLIS
                                       : element->time_unit == TIME_UNIT_NANOS ? CONVERT_I64_NANOS
                                                                               : CONVERT_SAME;
        set(leaf, element->utc_adjusted ? SQL_TIMESTAMPTZ : SQL_TIMESTAMP, conversion);
    } else if (element->logical == LOGICAL_TIME) {
        set(leaf, SQL_TIME, element->time_unit == TIME_UNIT_NANOS ? CONVERT_I64_NANOS : CONVERT_SAME);
    } else if (element->logical == LOGICAL_INTEGER ? !element->integer_signed
                                                   : element->converted == CONVERTED_UINT_64) {
        leaf->type = sqltype_numeric(20, 0);
        leaf->conversion = CONVERT_U64_I128;
    } else if (element->logical == 0 && element->converted == CONVERTED_TIMESTAMP_MILLIS) {
        set(leaf, SQL_TIMESTAMPTZ, CONVERT_I64_MILLIS); /* the old annotation means "adjusted to UTC" */
    } else if (element->logical == 0 && element->converted == CONVERTED_TIMESTAMP_MICROS) {
        set(leaf, SQL_TIMESTAMPTZ, CONVERT_SAME);
    } else if (element->logical == 0 && element->converted == CONVERTED_TIME_MICROS) {
        set(leaf, SQL_TIME, CONVERT_SAME);
    } else {
        set(leaf, SQL_INT8, CONVERT_SAME);
    }
}

static void resolve_byte_array(const SchemaElement *element, ParquetLeaf *leaf) {
    int converted = element->logical ? -1 : element->converted;
    if (element->logical == LOGICAL_JSON || converted == CONVERTED_JSON)
        set(leaf, SQL_JSON, CONVERT_STRING);
    else if (element->logical == LOGICAL_STRING || element->logical == LOGICAL_ENUM ||
             converted == CONVERTED_UTF8 || converted == CONVERTED_ENUM)
        set(leaf, SQL_TEXT, CONVERT_STRING);
    else
        set(leaf, SQL_BYTEA, CONVERT_STRING);
}

static void resolve_fixed(const SchemaElement *element, ParquetLeaf *leaf) {
    if (element->logical == LOGICAL_UUID && element->type_length == 16)
        set(leaf, SQL_UUID, CONVERT_FIXED_STRING);
    else if (element->logical == LOGICAL_FLOAT16 && element->type_length == 2)
        set(leaf, SQL_FLOAT4, CONVERT_FLOAT16);
    else if (element->logical == 0 && element->converted == CONVERTED_INTERVAL && element->type_length == 12)
        set(leaf, SQL_INTERVAL, CONVERT_INTERVAL);
    else
        set(leaf, SQL_BYTEA, CONVERT_FIXED_STRING);
}

/* NULL, or why the leaf cannot be read. */
static const char *resolve_leaf(const SchemaElement *element, ParquetLeaf *leaf) {
    static const uint8_t widths[] = {0, 4, 8, 12, 4, 8, 0, 0};
    leaf->physical = (ParquetPhysical)element->physical;
    leaf->type_length = element->physical == PARQUET_FIXED ? element->type_length : widths[element->physical];
    leaf->optional = element->repetition == 1;
    leaf->type = sqltype_of(SQL_OTHER);
    if (element->logical == LOGICAL_DECIMAL ||
        (element->logical == 0 && element->converted == CONVERTED_DECIMAL))
        return resolve_decimal(element, leaf);
    switch (leaf->physical) {
    case PARQUET_BOOLEAN: set(leaf, SQL_BOOL, CONVERT_BOOL); break;
    case PARQUET_INT32: resolve_int32(element, leaf); break;
    case PARQUET_INT64: resolve_int64(element, leaf); break;
    case PARQUET_INT96: set(leaf, SQL_TIMESTAMP, CONVERT_INT96); break;
    case PARQUET_FLOAT: set(leaf, SQL_FLOAT4, CONVERT_SAME); break;
    case PARQUET_DOUBLE: set(leaf, SQL_FLOAT8, CONVERT_SAME); break;
    case PARQUET_BYTE_ARRAY: resolve_byte_array(element, leaf); break;
    default: resolve_fixed(element, leaf); break;
    }
    return NULL;
}

static Status check_element(const char *path, const SchemaElement *element, Error *err) {
    if (element->physical < -1 || element->physical >= PARQUET_PHYSICAL_COUNT)
        return parquet_corrupt(err, path, "column %s has the unknown type %d", element->name,
                               element->physical);
    if (element->physical == PARQUET_FIXED && (element->type_length <= 0 || element->type_length > 1 << 20))
        return parquet_corrupt(err, path, "column %s has the fixed length %d", element->name,
                               element->type_length);
    if (element->repetition < 0 || element->repetition > 2)
        return parquet_corrupt(err, path, "column %s has the unknown repetition %d", element->name,
                               element->repetition);
    if (element->physical >= 0 ? element->child_count != 0 : element->child_count < 0)
        return parquet_corrupt(err, path, "column %s has %d children", element->name, element->child_count);
    return STATUS_OK;
}

/* Index after the subtree that starts at `index`, or -1. */
static int subtree_end(const ParquetMetadata *metadata, int index) {
    int64_t open = 1;
    while (open > 0) {
        if (index >= metadata->schema_count) return -1;
        open += metadata->schema[index++].child_count - 1;
    }
    return index;
}

static Status resolve_column(const char *path, ParquetMetadata *metadata, int first, int end, int column,
                             Arena *arena, Error *err) {
    const SchemaElement *top = &metadata->schema[first];
    ParquetColumn *out = &metadata->columns[column];
    metadata->column_first_leaf[column] = metadata->leaf_count;
    for (int i = first; i < end; i++) {
        TRY(check_element(path, &metadata->schema[i], err));
        if (metadata->schema[i].physical >= 0) {
            ParquetLeaf *leaf = &metadata->leaves[metadata->leaf_count++];
            const char *why = resolve_leaf(&metadata->schema[i], leaf);
            if (why) out->unsupported = why;
            leaf->vector_physical = physical_type_of(leaf->type);
        }
    }
    metadata->column_leaf_count[column] = metadata->leaf_count - metadata->column_first_leaf[column];
    out->name = top->name;
    out->nullable = top->repetition != 0;
    out->field_id = top->field_id;
    out->type = sqltype_of(SQL_OTHER);
    if (out->unsupported) return STATUS_OK;
    int first_leaf = metadata->column_first_leaf[column];
    if (top->physical >= 0 && top->repetition != 2) {
        out->type = metadata->leaves[first_leaf].type;
        return STATUS_OK;
    }
    NestedNode *tree = nested_tree_build(metadata, first, first_leaf, arena, &out->unsupported);
    if (out->unsupported) return STATUS_OK;
    metadata->column_trees[column] = tree;
    out->type = nested_tree_type(tree);
    out->nullable = top->repetition == 1;
    return STATUS_OK;
}

Status parquet_schema_resolve(const char *path, ParquetMetadata *metadata, Arena *arena, Error *err) {
    if (metadata->schema_count < 1 || metadata->schema[0].physical >= 0)
        return parquet_corrupt(err, path, "the footer has no schema");
    int count = metadata->schema[0].child_count;
    if (count < 0 || count > metadata->schema_count - 1)
        return parquet_corrupt(err, path, "the schema's root has %d children", count);
    metadata->columns = ARENA_NEW_ARRAY(arena, ParquetColumn, count ? count : 1);
    metadata->column_first_leaf = ARENA_NEW_ARRAY(arena, int, count ? count : 1);
    metadata->column_leaf_count = ARENA_NEW_ARRAY(arena, int, count ? count : 1);
    metadata->column_trees = ARENA_NEW_ARRAY(arena, NestedNode *, count ? count : 1);
    metadata->leaves = ARENA_NEW_ARRAY(arena, ParquetLeaf, metadata->schema_count);
    int next = 1;
    for (int i = 1; i < metadata->schema_count; i++)
        TRY(check_element(path, &metadata->schema[i], err));
    for (int column = 0; column < count; column++) {
        int end = subtree_end(metadata, next);
        if (end < 0) return parquet_corrupt(err, path, "the schema ends within a column");
        TRY(resolve_column(path, metadata, next, end, column, arena, err));
        next = end;
    }
    if (next != metadata->schema_count)
        return parquet_corrupt(err, path, "the schema has elements outside its root");
    metadata->column_count = count;
    return STATUS_OK;
}
