/* Text that an aggregate puts together: in the states' arena, doubled when full, each part behind its
 * separator; the first separator is kept for combine. Its state, under the name of string_agg and of
 * json_agg. */
#pragma once

#include "engines/columnar/kernels/kernel.h"

typedef struct AggregateText {
    char *data;
    uint32_t length, capacity;
    uint32_t first_separator; /* bytes of it, at the front of data */
    bool seen;
} __attribute__((aligned(16))) AggregateText;

static inline Status aggregate_text_append(AggregateText *list, const char *data, size_t bytes, Arena *arena,
                                           Error *err) {
    uint64_t needed = (uint64_t)list->length + bytes;
    if (needed > 1073741823)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "out of memory: an aggregated text exceeds 1 GB");
    if (needed > list->capacity) {
        uint64_t capacity = needed * 2 < 64 ? 64 : needed * 2;
        char *room = arena_alloc(arena, (size_t)capacity);
        if (list->length) memcpy(room, list->data, list->length);
        list->data = room;
        list->capacity = (uint32_t)capacity;
    }
    if (bytes) memcpy(list->data + list->length, data, bytes);
    list->length = (uint32_t)needed;
    return STATUS_OK;
}
