#include "engines/columnar/exec/runtime_filter.h"

#include <stdlib.h>

#include "engines/base/hash.h"
#include "engines/columnar/exec/scan_prune.h"

enum {
    EXACT_BITS_PER_VALUE = 64, /* a sparser range is better served by a bloom filter */
    EXACT_MOST_BYTES = 4 << 20,
    BLOOM_BITS_PER_VALUE = 16,
    BLOOM_MOST_BYTES = 16 << 20,
    TRIED_ROWS = 16384, /* after so many: is it worth asking? */
    REST_BATCHES = 256,
    SEGMENTS_PER_TASK = 256,
    MOST_DICTIONARY = 1 << 16
};

/* ---- where a key comes from ------------------------------------------------------------------------------
 */

static bool runs_once(const Query *query, const PlanNode *scan) {
    int seen = 0;
    for (int i = 0; i < query->stats_count; i++)
        seen += query->stats[i].node == scan;
    return seen == 1;
}

static int column_of(const Expr *expr) {
    return expr->kind == EXPR_COLUMN ? expr->column : -1;
}

static bool is_listable(SqlType type) {
    return sqltype_is_integer(type) || sqltype_is(type, SQL_DATE);
}

/* Leaves the filter at every scan whose rows give `column`; false when some rows come from elsewhere too,
 * which is no harm: they go on unfiltered. A row dropped below must be one that only leads to rows whose
 * `column` is without a match, or NULL (an outer join that lost its partner), above. */
static void attach(Query *query, const PlanNode *node, int column, RuntimeFilter *filter, bool *attached) {
    while (column >= 0) {
        switch (node->kind) {
        case PLAN_FILTER: node = node->inputs[0]; break;
        case PLAN_PROJECT:
            column = column_of(node->exprs[column]);
            node = node->inputs[0];
            break;
        case PLAN_SORT:
            if (node->sort_limit > 0) return;
            node = node->inputs[0];
            break;
        case PLAN_AGGREGATE: /* groups go as a whole */
            if (column >= node->group_count || node->grouping_set_count) return;
            column = column_of(node->groups[column]);
            node = node->inputs[0];
            break;
        case PLAN_JOIN: {
            int left = node->inputs[0]->column_count;
            if (column >= left && node->join_type == JOIN_MARK) return;
            if (node->join_type == JOIN_RIGHT_SEMI || node->join_type == JOIN_RIGHT_ANTI) {
                node = node->inputs[1];
                break;
            }
            node = node->inputs[column >= left];
            column -= column >= left ? left : 0;
            break;
        }
        case PLAN_UNION_ALL:
            for (int i = 0; i < node->input_count; i++)
                attach(query, node->inputs[i], column, filter, attached);
            return;
        case PLAN_FOREIGN_SCAN: /* in terms of the other engine: whole numbers and dates alone */
            if (!filter->ranged || filter->moving || !is_listable(node->columns[column].type)) return;
            if (!filter->listed)
                filter->listed = ARENA_NEW_ARRAY(&query->arena, int64_t, RUNTIME_FILTER_MOST_LISTED);
            /* fall through */
        case PLAN_SCAN: {
            if (node->scan_row_limit > 0 || !runs_once(query, node)) return;
            if (!key_types_meet(filter->key.columns[0].type, node->columns[column].type)) return;
            FilteredScan *entry = ARENA_NEW(&query->arena, FilteredScan);
            *entry = (FilteredScan){query->filtered_scans, node, column, filter};
            query->filtered_scans = entry;
            *attached = true;
            return;
        }
        default: return;
        }
    }
}

RuntimeFilter **runtime_filters_create(Query *query, const PlanNode *join, const KeyLayout *keys) {
    RuntimeFilter **filters = ARENA_NEW_ARRAY(&query->arena, RuntimeFilter *, join->key_count + 1);
    bool drops = join->join_type == JOIN_INNER || join->join_type == JOIN_SEMI ||
                 join->join_type == JOIN_RIGHT || join->join_type == JOIN_RIGHT_SEMI ||
                 join->join_type == JOIN_RIGHT_ANTI;
    for (int i = 0; drops && !join->nulls_equal && i < join->key_count; i++) {
        RuntimeFilter *filter = ARENA_NEW(&query->arena, RuntimeFilter);
        SqlType type = keys->columns[i].type;
        filter->query = query;
        key_layout_init(&filter->key, &type, 1, false, &query->arena);
        uint8_t physical = keys->columns[i].physical;
        filter->ranged = physical >= PHYS_I8 && physical <= PHYS_I64;
        bool attached = false;
        attach(query, join->inputs[0], column_of(join->left_keys[i]), filter, &attached);
        if (attached) filters[i] = filter;
    }
    return filters;
}

/* ---- a top-N's bound
 * ---------------------------------------------------------------------------------------
 */

/* The scan that rows stream from without a breaker between, where leaving out a row leaves out its
 * descendants only. */
static const PlanNode *streaming_scan(const PlanNode *node, int *column) {
    while (*column >= 0) {
        switch (node->kind) {
        case PLAN_FILTER: break;
        case PLAN_PROJECT: *column = column_of(node->exprs[*column]); break;
        case PLAN_JOIN:
            if (*column >= node->inputs[0]->column_count || node->join_type == JOIN_RIGHT ||
                node->join_type == JOIN_FULL || node->join_type == JOIN_RIGHT_SEMI ||
                node->join_type == JOIN_RIGHT_ANTI)
                return NULL;
            break;
        case PLAN_SCAN: return node;
        default: return NULL;
        }
        node = node->inputs[0];
    }
    return NULL;
}

RuntimeFilter *runtime_filter_for_top_n(Query *query, const PlanNode *sort) {
    const SortKey *key = &sort->sort_keys[0];
    int column = column_of(key->expr);
    const PlanNode *scan = streaming_scan(sort->inputs[0], &column);
    if (!scan || scan->scan_row_limit > 0 || (key->nulls_first && scan->columns[column].nullable))
        return NULL;
    SqlType type = scan->columns[column].type;
    PhysicalType physical = physical_type_of(type);
    bool attached = false;
    if (physical < PHYS_I8 || physical > PHYS_I64) return NULL;
    RuntimeFilter *filter = ARENA_NEW(&query->arena, RuntimeFilter);
    filter->query = query;
    key_layout_init(&filter->key, &type, 1, false, &query->arena);
    filter->ranged = filter->moving = filter->ready = true;
    filter->value_count = 1;
    atomic_init(&filter->moving_min, INT64_MIN);
    atomic_init(&filter->moving_max, INT64_MAX);
    attach(query, scan, column, filter, &attached);
    return attached ? filter : NULL;
}

void runtime_filter_tighten(RuntimeFilter *filter, bool descending, int64_t bound) {
    _Atomic int64_t *side = descending ? &filter->moving_min : &filter->moving_max;
    int64_t now = atomic_load_explicit(side, memory_order_relaxed);
    while ((descending ? bound > now : bound < now) &&
           !atomic_compare_exchange_weak_explicit(side, &now, bound, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

/* Before its first bound even NULL may be among the best. */
static bool has_moved(const RuntimeFilter *filter) {
    return atomic_load_explicit(&filter->moving_min, memory_order_relaxed) != INT64_MIN ||
           atomic_load_explicit(&filter->moving_max, memory_order_relaxed) != INT64_MAX;
}

/* A moving filter as it stands now. */
static const RuntimeFilter *settled(const RuntimeFilter *filter, RuntimeFilter *copy) {
    if (!filter->moving) return filter;
    *copy = (RuntimeFilter){.query = filter->query,
                            .key = filter->key,
                            .ranged = true,
                            .ready = true,
                            .value_count = 1,
                            .min = atomic_load_explicit(&filter->moving_min, memory_order_relaxed),
                            .max = atomic_load_explicit(&filter->moving_max, memory_order_relaxed)};
    return copy;
}

const FilteredScan *runtime_filter_next(const Query *query, const PlanNode *scan,
                                        const FilteredScan *previous) {
    const FilteredScan *entry = previous ? previous->next : query->filtered_scans;
    while (entry && entry->scan != scan)
        entry = entry->next;
    return entry;
}

/* ---- building --------------------------------------------------------------------------------------------
 */

void key_range_init(KeyRange *range) {
    *range = (KeyRange){INT64_MAX, INT64_MIN};
}

static bool key_is_null(const KeyLayout *keys, int column, const uint64_t *key) {
    return key[column / 64] >> (column % 64) & 1;
}

void key_range_note(KeyRange *range, const KeyLayout *keys, int column, const uint64_t *rows, int count) {
    uint32_t word = keys->columns[column].word;
    for (int k = 0; k < count; k++) {
        const uint64_t *key = rows + (size_t)k * keys->words;
        int64_t value = (int64_t)key[word];
        if (key_is_null(keys, column, key)) continue;
        if (value < range->min) range->min = value;
        if (value > range->max) range->max = value;
    }
}

static inline uint64_t value_hash(const KeyColumn *column, const uint64_t *words) {
    switch ((KeyKind)column->kind) {
    case KEY_WORD: return hash64_u64(words[0]);
    case KEY_I128:
    case KEY_INTERVAL: return hash64_u64(hash64_u64(words[0]) ^ words[1]);
    case KEY_NUMERIC: return hash64_u64(hash64_u64(hash64_u64(words[0]) ^ words[1]) ^ words[2]);
    default: break;
    }
    StringView view;
    memcpy(&view, words, sizeof view);
    return hash64_bytes(stringview_data(&view), view.length, 0);
}

/* Four bits of one word: a value costs one cache miss. */
static inline uint64_t bloom_mask(uint64_t hash) {
    return UINT64_C(1) << (hash & 63) | UINT64_C(1) << (hash >> 6 & 63) | UINT64_C(1) << (hash >> 12 & 63) |
           UINT64_C(1) << (hash >> 18 & 63);
}
static inline uint64_t bloom_word(const RuntimeFilter *filter, uint64_t hash) {
    return (hash >> 32) & (filter->word_count - 1);
}

static inline void set_bits(uint64_t *word, uint64_t mask) {
    if ((__atomic_load_n(word, __ATOMIC_RELAXED) & mask) != mask)
        __atomic_fetch_or(word, mask, __ATOMIC_RELAXED);
}

static void add_value(RuntimeFilter *filter, const KeyColumn *column, const uint64_t *words) {
    if (filter->exact) {
        uint64_t bit = words[0] - (uint64_t)filter->min;
        set_bits(&filter->words[bit / 64], UINT64_C(1) << (bit % 64));
    } else {
        uint64_t hash = value_hash(column, words);
        set_bits(&filter->words[bloom_word(filter, hash)], bloom_mask(hash));
    }
}

typedef struct FillJob {
    RuntimeFilter *filter;
    const KeyLayout *keys;
    int column;
    const RowSegment *segments;
    int64_t segment_count;
    size_t row_width;
    uint32_t key_offset;
} FillJob;

static void fill_task(void *argument, int task) {
    const FillJob *job = argument;
    const KeyColumn *column = &job->keys->columns[job->column];
    int64_t end = (int64_t)(task + 1) * SEGMENTS_PER_TASK;
    for (int64_t s = (int64_t)task * SEGMENTS_PER_TASK; s < end && s < job->segment_count; s++) {
        if (query_is_stopped(job->filter->query)) return;
        for (int64_t r = 0; r < job->segments[s].count; r++) {
            const uint64_t *key =
                (const uint64_t *)(job->segments[s].rows + (size_t)r * job->row_width + job->key_offset);
            if (!key_is_null(job->keys, job->column, key)) add_value(job->filter, column, key + column->word);
        }
    }
}

/* Exact bits when the range is dense enough, else bloom; false when neither is worth its memory. */
static bool choose_form(RuntimeFilter *filter, int64_t rows) {
    uint64_t span = filter->ranged ? (uint64_t)filter->max - (uint64_t)filter->min : UINT64_MAX;
    uint64_t wanted = rows < 1024 ? 1024 : (uint64_t)rows;
    filter->exact = span < (uint64_t)EXACT_MOST_BYTES * 8 && span / EXACT_BITS_PER_VALUE < wanted;
    if (filter->exact) {
        filter->word_count = span / 64 + 1;
        return true;
    }
    filter->word_count = 64;
    while (filter->word_count * 64 < wanted * BLOOM_BITS_PER_VALUE)
        filter->word_count *= 2;
    return filter->word_count * 8 <= BLOOM_MOST_BYTES;
}

static int ascending(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static int without_repeats(int64_t *values, int count) {
    int kept = 0;
    qsort(values, (size_t)count, sizeof *values, ascending);
    for (int i = 0; i < count; i++)
        if (i == 0 || values[i] != values[i - 1]) values[kept++] = values[i];
    return kept;
}

static void list_values(RuntimeFilter *filter, const FillJob *job, int64_t rows) {
    filter->listed_count = 0;
    if (!filter->listed || rows > RUNTIME_FILTER_MOST_LISTED) return;
    uint32_t word = job->keys->columns[job->column].word;
    for (int64_t s = 0; s < job->segment_count; s++)
        for (int64_t r = 0; r < job->segments[s].count; r++) {
            const uint64_t *key =
                (const uint64_t *)(job->segments[s].rows + (size_t)r * job->row_width + job->key_offset);
            if (!key_is_null(job->keys, job->column, key))
                filter->listed[filter->listed_count++] = (int64_t)key[word];
        }
    filter->listed_count = without_repeats(filter->listed, filter->listed_count);
}

void runtime_filter_build(RuntimeFilter *filter, const KeyLayout *keys, int column, KeyRange range,
                          const RowSegment *segments, int64_t segment_count, size_t row_width,
                          uint32_t key_offset) {
    int64_t rows = 0;
    for (int64_t s = 0; s < segment_count; s++)
        rows += segments[s].count;
    runtime_filter_release(filter);
    filter->value_count = rows;
    filter->min = range.min;
    filter->max = range.max;
    bool none = !rows || (filter->ranged && range.min > range.max);
    void *words = NULL;
    FillJob listing = {filter, keys, column, segments, segment_count, row_width, key_offset};
    list_values(filter, &listing, rows);
    if (!none && choose_form(filter, rows) &&
        query_zalloc(filter->query, filter->word_count * 8, &words, NULL) == STATUS_OK) {
        filter->words = words;
        FillJob job = {filter, keys, column, segments, segment_count, row_width, key_offset};
        query_parallel(filter->query, (int)((segment_count + SEGMENTS_PER_TASK - 1) / SEGMENTS_PER_TASK),
                       fill_task, &job);
    }
    filter->value_count = none ? 0 : rows;
    filter->generation++;
    filter->ready = none || filter->words || filter->ranged;
}

void runtime_filter_release(RuntimeFilter *filter) {
    if (filter->words) query_free(filter->query, filter->words, filter->word_count * 8);
    filter->words = NULL;
    filter->ready = false;
}

/* ---- asking ----------------------------------------------------------------------------------------------
 */

static int64_t clamp(int64_t value, int64_t least, int64_t most) {
    return value < least ? least : value > most ? most : value;
}

static Vector bound_vector(const RuntimeFilter *filter, SqlType type, int64_t value, Arena *arena) {
    Vector bound;
    union {
        int8_t i8;
        int16_t i16;
        int32_t i32;
        int64_t i64;
    } held = {0};
    SqlType wide = sqltype_is_integer(type) ? sqltype_of(SQL_INT8) : type;
    /* A bound that has not been set lies outside of the narrow types. */
    switch (physical_type_of(wide)) {
    case PHYS_I8: held.i8 = (int8_t)clamp(value, INT8_MIN, INT8_MAX); break;
    case PHYS_I16: held.i16 = (int16_t)clamp(value, INT16_MIN, INT16_MAX); break;
    case PHYS_I32: held.i32 = (int32_t)clamp(value, INT32_MIN, INT32_MAX); break;
    default: held.i64 = value; break;
    }
    vector_init_constant(&bound, wide, &held, arena);
    return bound;
}

bool runtime_filter_excludes(const RuntimeFilter *filter, const ParquetColumnStats *stats, SqlType type,
                             int64_t rows, Arena *arena) {
    RuntimeFilter copy;
    if (!filter->ready) return false;
    if (!filter->value_count) return true;
    if (!filter->ranged || (filter->moving && !has_moved(filter))) return false;
    filter = settled(filter, &copy);
    Vector min = bound_vector(filter, filter->key.columns[0].type, filter->min, arena);
    Vector max = bound_vector(filter, filter->key.columns[0].type, filter->max, arena);
    PruneTest from = {.op = PRUNE_GE, .type = min.type, .values = &min, .value_count = 1};
    PruneTest to = {.op = PRUNE_LE, .type = max.type, .values = &max, .value_count = 1};
    return prune_excludes(&from, stats, type, rows) || prune_excludes(&to, stats, type, rows);
}

void filter_state_deinit(FilterState *state) {
    free(state->passes);
}

bool filter_state_wants(FilterState *state, const RuntimeFilter *filter) {
    if (!filter->ready) return false;
    if (filter->moving && !has_moved(filter)) return false;
    if (state->rest > 0) {
        state->rest--;
        return false;
    }
    if (state->asked < TRIED_ROWS) return true;
    bool useless = state->passed > state->asked / 8 * 7;
    state->asked = state->passed = 0;
    state->rest = useless ? REST_BATCHES : 0;
    return !useless;
}

static inline bool word_passes(const RuntimeFilter *filter, uint64_t word) {
    if (filter->ranged && ((int64_t)word < filter->min || (int64_t)word > filter->max)) return false;
    if (!filter->words) return true;
    if (filter->exact) {
        uint64_t bit = word - (uint64_t)filter->min;
        return filter->words[bit / 64] >> (bit % 64) & 1;
    }
    uint64_t hash = hash64_u64(word), mask = bloom_mask(hash);
    return (filter->words[bloom_word(filter, hash)] & mask) == mask;
}

static bool key_passes(const RuntimeFilter *filter, const uint64_t *key) {
    const KeyColumn *column = &filter->key.columns[0];
    if (key[0]) return false; /* NULL */
    if (column->kind == KEY_WORD) return word_passes(filter, key[column->word]);
    if (!filter->words) return true;
    uint64_t hash = value_hash(column, key + column->word), mask = bloom_mask(hash);
    return (filter->words[bloom_word(filter, hash)] & mask) == mask;
}

/* Every value of a dictionary is asked about once. */
static bool learn_dictionary(const RuntimeFilter *filter, FilterState *state, const Vector *vector,
                             Arena *arena) {
    uint32_t length = vector->dictionary_length;
    if (!vector->dictionary_id || !length || length > MOST_DICTIONARY) return false;
    if (state->dictionary_id == vector->dictionary_id && state->generation == filter->generation) return true;
    if (length > state->capacity) {
        free(state->passes);
        state->passes = malloc(length);
        if (!state->passes) abort();
        state->capacity = length;
    }
    size_t width = physical_width((PhysicalType)vector->dictionary->physical);
    uint64_t *keys = arena_alloc(arena, 8 * (size_t)filter->key.words * BATCH_ROWS);
    for (uint32_t start = 0; start < length; start += BATCH_ROWS) {
        int count = length - start < BATCH_ROWS ? (int)(length - start) : BATCH_ROWS;
        Vector part = *vector->dictionary;
        part.values = (char *)part.values + start * width;
        keys_encode(&filter->key, &part, NULL, count, keys, NULL);
        for (int k = 0; k < count; k++)
            state->passes[start + (uint32_t)k] = key_passes(filter, keys + (size_t)k * filter->key.words);
    }
    state->dictionary_id = vector->dictionary_id;
    state->generation = filter->generation;
    return true;
}

static int apply_dictionary(const FilterState *state, const Vector *vector, const uint16_t *selection,
                            int selected, uint16_t *out) {
    int kept = 0;
    for (int k = 0; k < selected; k++) {
        uint16_t row = selection ? selection[k] : (uint16_t)k;
        bool passes = !vector_is_null(vector, row) && state->passes[vector->codes[row]];
        out[kept] = row;
        kept += passes;
    }
    return kept;
}

#define APPLY_WORDS(TYPE)                                                                                    \
    for (int k = 0; k < selected; k++) {                                                                     \
        uint16_t row = selection ? selection[k] : (uint16_t)k;                                               \
        bool passes = !vector_is_null(vector, row) &&                                                        \
                      word_passes(filter, (uint64_t)(int64_t)((const TYPE *)vector->values)[row]);           \
        out[kept] = row;                                                                                     \
        kept += passes;                                                                                      \
    }

/* Without NULLs against one bit per value: no branch depends on the data. */
#define APPLY_BITS(TYPE)                                                                                     \
    for (int k = 0; k < selected; k++) {                                                                     \
        uint16_t row = selection ? selection[k] : (uint16_t)k;                                               \
        uint64_t bit = (uint64_t)(int64_t)((const TYPE *)vector->values)[row] - (uint64_t)filter->min;       \
        uint64_t inside = bit <= span;                                                                       \
        out[kept] = row;                                                                                     \
        kept += (int)(words[inside ? bit / 64 : 0] >> (bit % 64) & inside);                                  \
    }

static int apply_bits(const RuntimeFilter *filter, const Vector *vector, const uint16_t *selection,
                      int selected, uint16_t *out) {
    const uint64_t *words = filter->words;
    uint64_t span = (uint64_t)filter->max - (uint64_t)filter->min;
    int kept = 0;
    if (vector->physical == PHYS_I64)
        APPLY_BITS(int64_t)
    else
        APPLY_BITS(int32_t)
    return kept;
}

static int apply_encoded(const RuntimeFilter *filter, const Vector *vector, const uint16_t *selection,
                         int selected, uint16_t *out, Arena *arena) {
    size_t words = filter->key.words;
    uint64_t *keys = arena_alloc(arena, 8 * words * BATCH_ROWS);
    keys_encode(&filter->key, vector, selection, selected, keys, NULL);
    int kept = 0;
    for (int k = 0; k < selected; k++) {
        bool passes = key_passes(filter, keys + (size_t)k * words);
        out[kept] = selection ? selection[k] : (uint16_t)k;
        kept += passes;
    }
    return kept;
}

int runtime_filter_apply(const RuntimeFilter *filter, FilterState *state, const Vector *vector,
                         const uint16_t *selection, int selected, uint16_t *out, Arena *arena) {
    int kept = 0;
    RuntimeFilter copy;
    if (!filter->value_count) return 0;
    filter = settled(filter, &copy);
    bool flat = vector->encoding == VECTOR_FLAT && filter->ranged;
    bool bits = filter->exact && filter->words && !vector->validity;
    if (vector->encoding == VECTOR_DICTIONARY && filter != &copy &&
        learn_dictionary(filter, state, vector, arena))
        kept = apply_dictionary(state, vector, selection, selected, out);
    else if (flat && bits && (vector->physical == PHYS_I64 || vector->physical == PHYS_I32))
        kept = apply_bits(filter, vector, selection, selected, out);
    else if (flat && vector->physical == PHYS_I64)
        APPLY_WORDS(int64_t)
    else if (flat && vector->physical == PHYS_I32)
        APPLY_WORDS(int32_t)
    else
        kept = apply_encoded(filter, vector, selection, selected, out, arena);
    state->asked += selected;
    state->passed += kept;
    return kept;
}
