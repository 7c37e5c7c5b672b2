#include "fcgi/runtime.h"

#include <string.h>

static const EngineOps *const engine_kinds[] = {&postgres_engine_ops, &mysql_engine_ops,
                                                &columnar_engine_ops};
enum { ENGINE_KIND_COUNT = sizeof engine_kinds / sizeof engine_kinds[0] };

Status runtime_load_config(Config *config, const char *config_path, Error *err) {
    return config_load(config, config_path ? config_path : "signalbox.toml", config_path != NULL, err);
}

static const EngineOps *ops_of(const char *kind) {
    for (int i = 0; i < ENGINE_KIND_COUNT; i++)
        if (!strcmp(engine_kinds[i]->kind, kind)) return engine_kinds[i];
    return NULL;
}

static Status open_engines(Runtime *runtime, Error *err) {
    for (int i = 0; i < runtime->config.engine_count; i++) {
        const EngineConfig *config = &runtime->config.engines[i];
        if (!config->enabled) continue;
        const EngineOps *ops = ops_of(config->kind);
        if (!ops)
            return error_set(err, SQLSTATE_CONFIG, "engine \"%s\" has the unknown kind \"%s\"", config->name,
                             config->kind);
        TRY(ops->open(config, &runtime->engines[runtime->engine_count], err));
        runtime->engine_count++;
    }
    return STATUS_OK;
}

Status runtime_open(Runtime *runtime, const char *config_path, Error *err) {
    memset(runtime, 0, sizeof *runtime);
    TRY(runtime_load_config(&runtime->config, config_path, err));
    if (open_engines(runtime, err) == STATUS_OK &&
        router_create(&runtime->config, runtime->engines, runtime->engine_count, &runtime->router, err) ==
            STATUS_OK)
        return STATUS_OK;
    runtime_close(runtime);
    return STATUS_ERROR;
}

void runtime_close(Runtime *runtime) {
    if (runtime->router) router_destroy(runtime->router);
    while (runtime->engine_count > 0) {
        Engine *engine = runtime->engines[--runtime->engine_count];
        engine->ops->close(engine);
    }
    config_deinit(&runtime->config);
}
