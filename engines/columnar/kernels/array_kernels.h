/* What the files of nested values share: arrays (array_*.c), rows (record_*.c), json (json_*.c). Internal to
 * kernels/, but for nested_key(), which plan/ asks for.
 *
 * Work on elements is done for a whole batch at once: array_rows_gather() lays the elements of all rows into
 * one vector, kernel_map() runs a kernel over it.
 */
#pragma once

#include "engines/base/strbuf.h"
#include "engines/columnar/kernels/kernel.h"
#include "engines/columnar/types/array_value.h"

typedef struct ArrayRows {
    ArrayValue *arrays; /* by row; a constant has one */
    int *first;         /* of the row's elements in `elements`; gathered only */
    Vector elements;
    int element_count;
    bool constant;
} ArrayRows;

Status array_rows_open(const KernelCall *call, int arg, ArrayRows *out, Error *err);
Status array_rows_gather(const KernelCall *call, int arg, ArrayRows *out, Error *err);
static inline const ArrayValue *array_row(const ArrayRows *rows, int row) {
    return &rows->arrays[rows->constant ? 0 : row];
}
/* `function` over `count` values, in blocks of a batch; `out` gets type `to`. */
Status kernel_map(const KernelCall *call, const ScalarFunction *function, const Vector *in, int count,
                  SqlType to, Vector *out, Error *err);
/* Casts values; a value of the same type goes through unchanged. 0A000 when there is no such cast. */
Status values_cast(const KernelCall *call, const Vector *in, int count, SqlType to, CastContext context,
                   Vector *out, Error *err);
/* As the type's output function prints them, which a cast to text does not always do. */
Status values_print(const KernelCall *call, const Vector *in, int count, Vector *out, Error *err);

/* Order of two values that are not NULL, as the type's default operator class has it; `type` is that of both.
 */
int value_compare(SqlTypeId type, PhysicalType physical, const void *a, const void *b);
int array_compare(const ArrayValue *a, const ArrayValue *b);
int record_compare_blobs(const StringView *a, const StringView *b);
/* jsonb in its text form. */
int jsonb_compare(const StringView *a, const StringView *b);
/* json and what PostgreSQL has no operators for. */
bool type_has_equality(SqlTypeId element);

/* Bytes whose memcmp order is the order of the values (value_compare), so that arrays, rows and jsonb can be
 * keys of sorts, groups and joins. */
void order_key_value(StrBuf *out, SqlTypeId type, PhysicalType physical, const void *value);
void order_key_string(StrBuf *out, const char *data, size_t length);
void order_key_numeric(StrBuf *out, Numeric value);
Status order_key_array(StrBuf *out, const StringView *blob, Error *err);
Status order_key_record(StrBuf *out, const StringView *blob, Error *err);
void order_key_jsonb(StrBuf *out, const StringView *text);

/* A value's text as it stands in an array or row literal, quoted where it must be. */
void array_quote(StrBuf *out, const char *text, size_t length);

const ScalarFunction *array_cast(SqlType from, SqlType to);
