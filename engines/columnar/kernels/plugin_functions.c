#include "engines/columnar/kernels/plugin_functions.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/columnar/plugin.h"

_Static_assert(sizeof(SignalboxString) == sizeof(StringView),
               "a string of the plugin interface is a StringView");

enum { MOST_SCALARS = 256, MOST_AGGREGATES = 16, MOST_OBJECTS = 64 };

static pthread_mutex_t load_lock = PTHREAD_MUTEX_INITIALIZER;
static char *loaded[MOST_OBJECTS];
static int loaded_count;
static ScalarFunction scalars[MOST_SCALARS];
static _Atomic int scalar_count;
static AggregateFunction aggregates[MOST_AGGREGATES];
static const SignalboxAggregate *aggregate_sources[MOST_AGGREGATES];
static _Atomic int aggregate_count;

static const SqlTypeId TYPES[SIGNALBOX_TYPE_END] = {
    [SIGNALBOX_BOOL] = SQL_BOOL,
    [SIGNALBOX_INT2] = SQL_INT2,
    [SIGNALBOX_INT4] = SQL_INT4,
    [SIGNALBOX_INT8] = SQL_INT8,
    [SIGNALBOX_FLOAT4] = SQL_FLOAT4,
    [SIGNALBOX_FLOAT8] = SQL_FLOAT8,
    [SIGNALBOX_TEXT] = SQL_TEXT,
    [SIGNALBOX_BYTEA] = SQL_BYTEA,
    [SIGNALBOX_DATE] = SQL_DATE,
    [SIGNALBOX_TIMESTAMP] = SQL_TIMESTAMP,
    [SIGNALBOX_TIMESTAMPTZ] = SQL_TIMESTAMPTZ,
};

/* ---- calls -----------------------------------------------------------------------------------------------
 */

static void *alloc_in_arena(void *context, size_t bytes) {
    return arena_alloc(context, bytes);
}

static int type_number(SqlType type) {
    for (int t = 1; t < SIGNALBOX_TYPE_END; t++)
        if (TYPES[t] == type.id) return t;
    return 0;
}

static void show_vectors(const Vector *args, int count, SignalboxVector *out) {
    for (int a = 0; a < count; a++)
        out[a] = (SignalboxVector){.type = type_number(args[a].type),
                                   .constant = args[a].encoding == VECTOR_CONSTANT,
                                   .validity = args[a].validity,
                                   .values = args[a].values};
}

static Status plugin_failure(const char *name, const SignalboxCall *call, Error *err) {
    const char *message = call->error[0] ? call->error : "the function failed";
    bool has_state = memchr(call->sqlstate, 0, sizeof call->sqlstate) == call->sqlstate + 5;
    return error_set(err, has_state ? call->sqlstate : "38000", "%s: %.199s", name, message);
}

static Status scalar_eval(const KernelCall *call, Error *err) {
    const SignalboxScalar *source = call->bind_data;
    SignalboxVector args[SIGNALBOX_MAX_ARGS];
    show_vectors(call->args, call->arg_count, args);
    SignalboxCall plugin = {.args = args,
                            .arg_count = call->arg_count,
                            .row_count = call->row_count,
                            .selection = call->selection,
                            .selected = call->selection ? call->selected : call->row_count,
                            .out_values = call->out->values,
                            .out_validity = vector_make_validity(call->out, call->row_count, call->arena),
                            .alloc = alloc_in_arena,
                            .context = call->arena};
    return source->eval(&plugin) ? plugin_failure(source->name, &plugin, err) : STATUS_OK;
}

static Status aggregate_update(const SignalboxAggregate *source, char *states, size_t stride,
                               const uint32_t *groups, const AggregateInput *input, Error *err) {
    SignalboxVector args[3];
    Vector flat[3];
    for (int a = 0; a < input->arg_count; a++)
        vector_flatten(&input->args[a], input->row_count, &flat[a], input->arena);
    show_vectors(flat, input->arg_count, args);
    SignalboxCall call = {.args = args,
                          .arg_count = input->arg_count,
                          .row_count = input->row_count,
                          .selection = input->selection,
                          .selected = input->selected,
                          .alloc = alloc_in_arena,
                          .context = input->arena};
    return source->update(states, stride, groups, &call) ? plugin_failure(source->name, &call, err)
                                                         : STATUS_OK;
}

static Status aggregate_update_single(const SignalboxAggregate *source, void *state,
                                      const AggregateInput *input, Error *err) {
    uint32_t groups[BATCH_ROWS] = {0};
    return aggregate_update(source, state, source->state_bytes, groups, input, err);
}

static Status aggregate_combine(const SignalboxAggregate *source, void *into, const void *from, Arena *arena,
                                Error *err) {
    SignalboxCall call = {.alloc = alloc_in_arena, .context = arena};
    return source->combine(into, from, &call) ? plugin_failure(source->name, &call, err) : STATUS_OK;
}

static Status aggregate_finalize(const SignalboxAggregate *source, const char *states, size_t stride,
                                 int count, Vector *out, Arena *arena, Error *err) {
    size_t width = physical_width((PhysicalType)out->physical);
    SignalboxCall call = {.alloc = alloc_in_arena, .context = arena};
    for (int g = 0; g < count; g++) {
        char *value = (char *)out->values + (size_t)g * width;
        memset(value, 0, width);
        int result = source->finalize(states + (size_t)g * stride, value, &call);
        if (result < 0) return plugin_failure(source->name, &call, err);
        if (result > 0) bitmap_clear(vector_make_validity(out, count, arena), (size_t)g);
    }
    return STATUS_OK;
}

/* An aggregate's functions do not learn which aggregate they are: one set of them per place in the list. */
#define SLOT 0
#include "engines/columnar/kernels/plugin_slot.inc.c"
#define SLOT 1
#include "engines/columnar/kernels/plugin_slot.inc.c"
#define SLOT 2
#include "engines/columnar/kernels/plugin_slot.inc.c"
#define SLOT 3
#include "engines/columnar/kernels/plugin_slot.inc.c"
#define SLOT 4
#include "engines/columnar/kernels/plugin_slot.inc.c"
#define SLOT 5
#include "engines/columnar/kernels/plugin_slot.inc.c"
#define SLOT 6
#include "engines/columnar/kernels/plugin_slot.inc.c"
#define SLOT 7
#include "engines/columnar/kernels/plugin_slot.inc.c"

static const AggregateFunction *const slots[] = {&plugin_slot_0, &plugin_slot_1, &plugin_slot_2,
                                                 &plugin_slot_3, &plugin_slot_4, &plugin_slot_5,
                                                 &plugin_slot_6, &plugin_slot_7};
enum { SLOT_COUNT = sizeof slots / sizeof slots[0] };

/* ---- loading ---------------------------------------------------------------------------------------------
 */

static Status refused(const char *path, Error *err, const char *why) {
    return error_set(err, SQLSTATE_CONFIG, "plugin %s: %s", path, why);
}

static bool valid_name(const char *name) {
    if (!name || !*name || strlen(name) > 63) return false;
    for (const char *at = name; *at; at++)
        if (!((*at >= 'a' && *at <= 'z') || *at == '_' || (at > name && *at >= '0' && *at <= '9')))
            return false;
    return true;
}

static bool valid_types(const int32_t *args, int count, int32_t result) {
    for (int a = 0; a < count; a++)
        if (args[a] < 1 || args[a] >= SIGNALBOX_TYPE_END) return false;
    return result >= 1 && result < SIGNALBOX_TYPE_END;
}

static bool name_is_taken(const char *name) {
    const ScalarFunction *scalar[1];
    const AggregateFunction *aggregate[1];
    return function_candidates(name, scalar, 1) > plugin_function_candidates(name, scalar, 1) ||
           aggregate_candidates(name, aggregate, 1) > plugin_aggregate_candidates(name, aggregate, 1);
}

static Status add_scalar(const char *path, const SignalboxScalar *source, Error *err) {
    if (!valid_name(source->name))
        return refused(path, err, "a function has no name, or one with other characters than a-z, 0-9, _");
    if (source->arg_count < 0 || source->arg_count > SIGNALBOX_MAX_ARGS ||
        !valid_types(source->args, source->arg_count, source->result) || !source->eval)
        return refused(path, err, "a function has arguments that are not as plugin.h has them");
    if (name_is_taken(source->name)) return refused(path, err, "a function is named as a built-in one");
    if (scalar_count == MOST_SCALARS) return refused(path, err, "more functions than can be held");
    ScalarFunction *made = &scalars[scalar_count];
    *made = (ScalarFunction){.name = source->name,
                             .arg_count = source->arg_count,
                             .result = sqltype_of(TYPES[source->result]),
                             .strict = source->strict != 0,
                             .eval = scalar_eval,
                             .data = source};
    for (int a = 0; a < source->arg_count; a++)
        made->args[a] = sqltype_of(TYPES[source->args[a]]);
    atomic_fetch_add(&scalar_count, 1);
    return STATUS_OK;
}

static Status add_aggregate(const char *path, const SignalboxAggregate *source, Error *err) {
    if (!valid_name(source->name))
        return refused(path, err, "an aggregate has no name, or one with other characters than a-z, 0-9, _");
    if (source->arg_count < 1 || source->arg_count > 3 ||
        !valid_types(source->args, source->arg_count, source->result) || !source->update ||
        !source->combine || !source->finalize || source->state_bytes < 1 ||
        source->state_bytes > SIGNALBOX_MAX_STATE_BYTES)
        return refused(path, err, "an aggregate is not as plugin.h has them");
    if (name_is_taken(source->name))
        return refused(path, err, "an aggregate is named as a built-in function");
    if (aggregate_count == SLOT_COUNT) return refused(path, err, "more aggregates than can be held");
    AggregateFunction *made = &aggregates[aggregate_count];
    aggregate_sources[aggregate_count] = source;
    *made = *slots[aggregate_count];
    made->name = source->name;
    made->arg_count = source->arg_count;
    made->result = sqltype_of(TYPES[source->result]);
    made->state_bytes = (source->state_bytes + 15) / 16 * 16;
    made->ordered = source->ordered != 0;
    for (int a = 0; a < source->arg_count; a++)
        made->args[a] = sqltype_of(TYPES[source->args[a]]);
    atomic_fetch_add(&aggregate_count, 1);
    return STATUS_OK;
}

static Status add_plugin(const char *path, const SignalboxPlugin *plugin, Error *err) {
    char why[160];
    if (!plugin) return refused(path, err, "signalbox_plugin() gave nothing");
    if (plugin->abi_version != SIGNALBOX_PLUGIN_ABI || plugin->struct_bytes != sizeof(SignalboxPlugin)) {
        snprintf(why, sizeof why,
                 "it was made for version %u of the interface (%u bytes), this server has %d (%zu)",
                 plugin->abi_version, plugin->struct_bytes, SIGNALBOX_PLUGIN_ABI, sizeof(SignalboxPlugin));
        return refused(path, err, why);
    }
    if (plugin->scalar_count < 0 || plugin->aggregate_count < 0 ||
        (plugin->scalar_count && !plugin->scalars) || (plugin->aggregate_count && !plugin->aggregates))
        return refused(path, err, "its lists are not as plugin.h has them");
    for (int i = 0; i < plugin->scalar_count; i++)
        TRY(add_scalar(path, &plugin->scalars[i], err));
    for (int i = 0; i < plugin->aggregate_count; i++)
        TRY(add_aggregate(path, &plugin->aggregates[i], err));
    return STATUS_OK;
}

static Status load_object(const char *path, Error *err) {
    for (int i = 0; i < loaded_count; i++)
        if (strcmp(loaded[i], path) == 0) return STATUS_OK;
    if (loaded_count == MOST_OBJECTS) return refused(path, err, "more plugins than can be held");
    if (access(path, R_OK) != 0)
        return error_set(err, SQLSTATE_UNDEFINED_FILE, "plugin %s: no such file", path);
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!object) return refused(path, err, dlerror());
    const SignalboxPlugin *(*entry)(void) = NULL;
    void *symbol = dlsym(object, "signalbox_plugin");
    memcpy(&entry, &symbol, sizeof entry); /* a function pointer is none of void * in C */
    if (!entry) {
        dlclose(object);
        return refused(path, err, "it does not export signalbox_plugin()");
    }
    TRY(add_plugin(path, entry(), err));
    loaded[loaded_count++] = strdup(path);
    return STATUS_OK;
}

Status plugins_load(const char *paths, Error *err) {
    Status status = STATUS_OK;
    char *list = strdup(paths ? paths : ""), *rest = NULL;
    if (!list) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    pthread_mutex_lock(&load_lock);
    for (char *path = strtok_r(list, ":", &rest); path && status == STATUS_OK;
         path = strtok_r(NULL, ":", &rest))
        status = load_object(path, err);
    pthread_mutex_unlock(&load_lock);
    free(list);
    return status;
}

int plugin_function_candidates(const char *name, const ScalarFunction **out, int capacity) {
    int count = 0, all = atomic_load(&scalar_count);
    for (int i = 0; i < all && count < capacity; i++)
        if (strcmp(scalars[i].name, name) == 0) out[count++] = &scalars[i];
    return count;
}

int plugin_aggregate_candidates(const char *name, const AggregateFunction **out, int capacity) {
    int count = 0, all = atomic_load(&aggregate_count);
    for (int i = 0; i < all && count < capacity; i++)
        if (strcmp(aggregates[i].name, name) == 0) out[count++] = &aggregates[i];
    return count;
}
