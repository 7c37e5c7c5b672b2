/* Evaluates one function call or cast over typed text literals: what the expression tests share. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engines/columnar/kernels/aggregate.h"
#include "engines/columnar/kernels/function.h"

enum { HARNESS_ROWS = 65 };

typedef struct HarnessArg {
    SqlType type;
    const char *text; /* NULL = SQL NULL */
} HarnessArg;

static inline Vector harness_text_constant(const char *text, SqlType type, Arena *arena) {
    StringView view = stringview_make(text ? text : "", text ? (uint32_t)strlen(text) : 0);
    Vector vector;
    vector_init_constant(&vector, type, text ? &view : NULL, arena);
    return vector;
}

static inline Status harness_call(const ScalarFunction *function, Vector *args, int arg_count, int rows,
                                  const uint16_t *selection, int selected, SqlType result, Arena *arena,
                                  Vector *out, Error *err) {
    const Vector *constants[FUNCTION_MAX_ARGS] = {0};
    vector_init_flat(out, result, rows, arena);
    memset(out->values, 0, physical_width((PhysicalType)out->physical) * (size_t)rows);
    for (int i = 0; i < arg_count; i++) {
        if (args[i].encoding == VECTOR_CONSTANT) constants[i] = &args[i];
        if (!function->strict || !args[i].validity) continue;
        uint64_t *validity = vector_make_validity(out, rows, arena);
        for (int row = 0; row < rows; row++)
            if (vector_is_null(&args[i], row)) bitmap_clear(validity, (size_t)row);
    }
    const void *bind_data = NULL;
    if (function->bind) TRY(function->bind(constants, arg_count, arena, &bind_data, err));
    KernelCall call = {.args = args,
                       .arg_count = arg_count,
                       .row_count = rows,
                       .selection = selection,
                       .selected = selected,
                       .out = out,
                       .arena = arena,
                       .bind_data = bind_data};
    return function->eval(&call, err);
}

/* A cast by text as literals get it; the constant comes out. */
static inline Status harness_cast(Vector *from, SqlType to, CastContext context, Arena *arena, Vector *out,
                                  Error *err) {
    const ScalarFunction *cast = cast_function(from->type, to, context);
    if (!cast) return error_set(err, "42846", "no cast");
    SqlType result = to.precision == 0 && cast->result_type ? function_result(cast, &from->type, 1) : to;
    TRY(harness_call(cast, from, 1, 1, NULL, 1, result, arena, out, err));
    out->encoding = VECTOR_CONSTANT;
    return STATUS_OK;
}

static inline Status harness_literal(HarnessArg arg, Arena *arena, Vector *out, Error *err) {
    Vector text = harness_text_constant(arg.text, sqltype_of(SQL_TEXT), arena);
    return harness_cast(&text, arg.type, CAST_EXPLICIT, arena, out, err);
}

/* The same value in every row of a FLAT vector, NULL in every third. */
static inline Vector harness_repeat(const Vector *constant, Arena *arena) {
    Vector flat;
    vector_init_flat(&flat, constant->type, HARNESS_ROWS, arena);
    size_t width = physical_width((PhysicalType)flat.physical);
    uint64_t *validity = vector_make_validity(&flat, HARNESS_ROWS, arena);
    for (int row = 0; row < HARNESS_ROWS; row++) {
        memcpy((char *)flat.values + width * (size_t)row, constant->values, width);
        if (row % 3 == 0 || vector_is_null(constant, 0)) bitmap_clear(validity, (size_t)row);
    }
    return flat;
}

/* Text of row `row`, NULL for SQL NULL. */
static inline const char *harness_show(const Vector *vector, int row, Arena *arena) {
    if (vector_is_null(vector, row)) return NULL;
    size_t width = physical_width((PhysicalType)vector->physical);
    Vector one, text;
    vector_init_constant(&one, vector->type, (char *)vector->values + width * (size_t)row, arena);
    Error err = {0};
    if (harness_cast(&one, sqltype_of(SQL_TEXT), CAST_EXPLICIT, arena, &text, &err) != STATUS_OK)
        return arena_printf(arena, "not shown: %s", err.message);
    const StringView *view = text.values;
    return arena_strndup(arena, stringview_data(view), view->length);
}

static inline const ScalarFunction *harness_find(const char *name, const HarnessArg *args, int arg_count) {
    const ScalarFunction *candidates[256];
    int count = function_candidates(name, candidates, 256);
    for (int c = 0; c < count; c++) {
        const ScalarFunction *function = candidates[c];
        bool same = function->variadic ? arg_count >= function->arg_count : arg_count == function->arg_count;
        for (int i = 0; i < arg_count && same; i++) {
            SqlType declared = function->args[i < function->arg_count ? i : function->arg_count - 1];
            same = declared.id == SQL_UNKNOWN || declared.id == args[i].type.id;
        }
        if (same) return function;
    }
    return NULL;
}
