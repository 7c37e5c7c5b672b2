/* What serve and every command that touches data stand on: configuration, engines, router.
 *
 *   runtime_open → use → runtime_close
 *
 * Opening waits for no server: engines connect when first used.
 */
#pragma once

#include "router/router.h"

typedef struct Runtime {
    Config config; /* engines keep pointers into it: it lives as long as they do */
    Engine *engines[CONFIG_MAX_ENGINES];
    int engine_count;
    Router *router;
} Runtime;

/* `config_path` NULL = signalbox.toml in the working directory, defaults alone when there is none. */
Status runtime_open(Runtime *runtime, const char *config_path, Error *err);
void runtime_close(Runtime *runtime);

Status runtime_load_config(Config *config, const char *config_path, Error *err);
