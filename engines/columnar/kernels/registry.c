/* Joins the tables of this folder, and finds entries by name through one hash table built at first use. */
#include <pthread.h>
#include <stdlib.h>

#include "engines/base/hash.h"
#include "engines/columnar/kernels/array_kernels.h"
#include "engines/columnar/kernels/plugin_functions.h"

enum { NAME_SLOTS = 2048 }; /* power of two, over twice the number of names */

/* All functions of a name are chained in table order through `next`. */
typedef struct FunctionLink {
    const ScalarFunction *function;
    struct FunctionLink *next;
} FunctionLink;

typedef struct NameSlot {
    const char *name;
    FunctionLink *first, *last;
} NameSlot;

static NameSlot name_slots[NAME_SLOTS];
static const char *all_names[NAME_SLOTS];
static int all_name_count;
static pthread_once_t registry_once = PTHREAD_ONCE_INIT;

/* One a line, so that additions meet in merges. */
/* clang-format off */
static FunctionTable (*const function_tables[])(void) = {
    integer_functions,
    float_functions,
    numeric_functions,
    compare_functions,
    text_functions,
    pattern_functions,
    regex_functions,
    word_search_functions,
    split_functions,
    encode_functions,
    quote_functions,
    number_template_functions,
    datetime_read_functions,
    datetime_functions,
    datetime_make_functions,
    zone_functions,
    numeric_math_functions,
    bytea_functions,
    degree_functions,
    choice_functions,
    to_char_functions,
    array_functions,
    array_build_functions,
    array_compare_functions,
    array_any_functions,
    record_functions,
    json_access_functions,
    json_change_functions,
    json_build_functions,
    jsonpath_functions,
};
/* clang-format on */
static CastTable (*const cast_tables[])(void) = {number_casts, text_casts, datetime_casts, record_casts,
                                                 json_casts};
static AggregateTable (*const aggregate_tables[])(void) = {
    number_aggregates,   extreme_aggregates, other_aggregates,  statistics_aggregates,
    interval_aggregates, array_aggregates,   sketch_aggregates, json_aggregates};
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static NameSlot *find_slot(const char *name) {
    size_t slot = hash64_bytes(name, strlen(name), 0) & (NAME_SLOTS - 1);
    while (name_slots[slot].name && strcmp(name_slots[slot].name, name) != 0)
        slot = (slot + 1) & (NAME_SLOTS - 1);
    return &name_slots[slot];
}

static const CastEntry *cast_index[SQL_TYPE_COUNT][SQL_TYPE_COUNT][3];

static void index_casts(void) {
    for (size_t t = 0; t < LENGTH(cast_tables); t++) {
        CastTable table = cast_tables[t]();
        for (int i = 0; i < table.count; i++) {
            const CastEntry *entry = &table.casts[i];
            for (int context = entry->weakest; context <= (int)entry->strongest; context++)
                if (!cast_index[entry->from][entry->to][context])
                    cast_index[entry->from][entry->to][context] = entry;
        }
    }
}

static void registry_build(void) {
    size_t total = 0, used = 0;
    for (size_t t = 0; t < LENGTH(function_tables); t++)
        total += (size_t)function_tables[t]().count;
    FunctionLink *links = calloc(total, sizeof *links); /* lives as long as the process */
    if (!links) abort();
    for (size_t t = 0; t < LENGTH(function_tables); t++) {
        FunctionTable table = function_tables[t]();
        for (int i = 0; i < table.count; i++) {
            FunctionLink *link = &links[used++];
            NameSlot *slot = find_slot(table.functions[i].name);
            link->function = &table.functions[i];
            if (!slot->name) {
                all_names[all_name_count++] = slot->name = link->function->name;
                slot->first = link;
            } else {
                slot->last->next = link;
            }
            slot->last = link;
        }
    }
    index_casts();
}

int function_candidates(const char *name, const ScalarFunction **out, int capacity) {
    pthread_once(&registry_once, registry_build);
    int count = 0;
    for (const FunctionLink *link = find_slot(name)->first; link && count < capacity; link = link->next)
        out[count++] = link->function;
    return count + plugin_function_candidates(name, out + count, capacity - count);
}

int aggregate_candidates(const char *name, const AggregateFunction **out, int capacity) {
    int count = 0;
    for (size_t t = 0; t < LENGTH(aggregate_tables); t++) {
        AggregateTable table = aggregate_tables[t]();
        for (int i = 0; i < table.count && count < capacity; i++)
            if (strcmp(table.functions[i].name, name) == 0) out[count++] = &table.functions[i];
    }
    return count + plugin_aggregate_candidates(name, out + count, capacity - count);
}

const ScalarFunction *cast_function(SqlType from, SqlType to, CastContext context) {
    pthread_once(&registry_once, registry_build);
    if (from.is_array || to.is_array) return array_cast(from, to);
    if (from.id >= SQL_TYPE_COUNT || to.id >= SQL_TYPE_COUNT) return NULL;
    const CastEntry *entry = cast_index[from.id][to.id][context];
    return entry ? &entry->function : NULL;
}

static void add_aggregate_names(const char **out, int capacity, int *count) {
    for (size_t t = 0; t < LENGTH(aggregate_tables); t++) {
        AggregateTable table = aggregate_tables[t]();
        for (int i = 0; i < table.count && *count < capacity; i++) {
            bool known = false;
            for (int j = 0; j < *count && !known; j++)
                known = strcmp(out[j], table.functions[i].name) == 0;
            if (!known) out[(*count)++] = table.functions[i].name;
        }
    }
}

int function_names(const char **out, int capacity) {
    pthread_once(&registry_once, registry_build);
    int count = 0;
    while (count < all_name_count && count < capacity) {
        out[count] = all_names[count];
        count++;
    }
    add_aggregate_names(out, capacity, &count);
    return count;
}
