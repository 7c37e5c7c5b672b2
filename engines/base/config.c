#include "engines/base/config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/strbuf.h"
#include "engines/base/toml.h"

typedef enum KeyKind { KEY_STRING, KEY_LIST, KEY_INT, KEY_INT64, KEY_BOOL, KEY_DOUBLE, KEY_BYTES } KeyKind;

typedef struct ConfigKey {
    const char *name;
    KeyKind kind;
    size_t offset;
    double minimum, maximum; /* numbers; bytes may be 0 */
} ConfigKey;

/* Every key there is, except [engines.NAME]'s. docs/configuration.md describes them in this order, and a test
 * compares the two. */
static const ConfigKey config_keys[] = {
    {"server.listen", KEY_STRING, offsetof(Config, listen), 0, 0},
    {"server.io_threads", KEY_INT, offsetof(Config, io_threads), 1, 64},
    {"server.worker_threads", KEY_INT, offsetof(Config, worker_threads), 0, 1024},
    {"server.max_body_bytes", KEY_BYTES, offsetof(Config, max_body_bytes), 1024, 1e13},
    {"server.max_header_bytes", KEY_BYTES, offsetof(Config, max_header_bytes), 1024, 1e9},
    {"server.max_upload_bytes", KEY_BYTES, offsetof(Config, max_upload_bytes), 1024, 1e15},
    {"server.spool_directory", KEY_STRING, offsetof(Config, spool_directory), 0, 0},
    {"server.max_spooled_bytes", KEY_BYTES, offsetof(Config, max_spooled_bytes), 0, 1e15},
    {"server.drain_timeout_ms", KEY_INT, offsetof(Config, drain_timeout_ms), 0, 3600000},
    {"server.cors_origins", KEY_STRING, offsetof(Config, cors_origins), 0, 0},
    {"limits.max_sql_bytes", KEY_BYTES, offsetof(Config, max_sql_bytes), 100, 16e6},
    {"limits.max_sql_tokens", KEY_INT, offsetof(Config, max_sql_tokens), 10, 1000000},
    {"limits.max_runtime_seconds", KEY_INT, offsetof(Config, max_runtime_seconds), 1, 86400},
    {"limits.interactive_seconds", KEY_DOUBLE, offsetof(Config, interactive_seconds), 0, 86400},
    {"limits.max_rows", KEY_INT64, offsetof(Config, max_rows), 1, 1e12},
    {"log.file", KEY_STRING, offsetof(Config, log_file), 0, 0},
    {"log.level", KEY_STRING, offsetof(Config, log_level), 0, 0},
    {"log.format", KEY_STRING, offsetof(Config, log_format), 0, 0},
    {"access_log.file", KEY_STRING, offsetof(Config, access_log_file), 0, 0},
    {"access_log.requests", KEY_STRING, offsetof(Config, access_log_requests), 0, 0},
    {"access_log.audit_file", KEY_STRING, offsetof(Config, audit_file), 0, 0},
    {"router.decision_cache_bytes", KEY_BYTES, offsetof(Config, decision_cache_bytes), 0, 1e12},
    {"router.registry_refresh_seconds", KEY_INT, offsetof(Config, registry_refresh_seconds), 1, 86400},
    {"router.explore_share", KEY_DOUBLE, offsetof(Config, explore_share), 0, 0.5},
    {"router.explore_max_ms", KEY_INT, offsetof(Config, explore_max_ms), 1, 3600000},
    {"router.explore_seed", KEY_INT, offsetof(Config, explore_seed), 0, 2147483647},
    {"router.probe_seconds", KEY_INT, offsetof(Config, probe_seconds), 0, 86400},
    {"router.default_engine", KEY_STRING, offsetof(Config, default_engine), 0, 0},
    {"identity.user_header", KEY_STRING, offsetof(Config, user_header), 0, 0},
    {"identity.role_header", KEY_STRING, offsetof(Config, role_header), 0, 0},
    {"history.enabled", KEY_BOOL, offsetof(Config, history_enabled), 0, 1},
    {"history.path", KEY_STRING, offsetof(Config, history_path), 0, 0},
    {"history.text", KEY_BOOL, offsetof(Config, history_text), 0, 1},
    {"history.params", KEY_BOOL, offsetof(Config, history_params), 0, 1},
    {"history.max_rows", KEY_INT64, offsetof(Config, history_max_rows), 100, 1e9},
    {"history.max_bytes", KEY_BYTES, offsetof(Config, history_max_bytes), 1 << 20, 1e12},
    {"history.rows_per_second", KEY_INT, offsetof(Config, history_rows_per_second), 1, 100000},
    {"jobs.enabled", KEY_BOOL, offsetof(Config, jobs_enabled), 0, 1},
    {"jobs.directory", KEY_STRING, offsetof(Config, jobs_directory), 0, 0},
    {"jobs.slots", KEY_INT, offsetof(Config, jobs_slots), 0, 256},
    {"jobs.reserved_slots", KEY_INT, offsetof(Config, jobs_reserved_slots), -1, 255},
    {"jobs.slot_memory_bytes", KEY_BYTES, offsetof(Config, jobs_slot_memory_bytes), 0, 1e15},
    {"jobs.slot_threads", KEY_INT, offsetof(Config, jobs_slot_threads), 0, 1024},
    {"jobs.max_queued", KEY_INT64, offsetof(Config, jobs_max_queued), 1, 1e9},
    {"jobs.max_queue_seconds", KEY_INT, offsetof(Config, jobs_max_queue_seconds), 1, 1e9},
    {"jobs.max_runtime_seconds", KEY_INT, offsetof(Config, jobs_max_runtime_seconds), 1, 1e9},
    {"jobs.aging_seconds", KEY_DOUBLE, offsetof(Config, jobs_aging_seconds), 0, 1e9},
    {"jobs.max_result_bytes", KEY_BYTES, offsetof(Config, jobs_max_result_bytes), 1 << 16, 1e15},
    {"jobs.results_bytes", KEY_BYTES, offsetof(Config, jobs_results_bytes), 1 << 16, 1e16},
    {"jobs.result_hours", KEY_DOUBLE, offsetof(Config, jobs_result_hours), 0, 1e6},
    {"jobs.job_hours", KEY_DOUBLE, offsetof(Config, jobs_job_hours), 0, 1e6},
    {"jobs.max_jobs", KEY_INT64, offsetof(Config, jobs_max_jobs), 1, 1e9},
    {"cache.bytes", KEY_BYTES, offsetof(Config, cache_bytes), 0, 1e12},
    {"cache.max_entry_bytes", KEY_BYTES, offsetof(Config, cache_max_entry_bytes), 1024, 1e9},
    {"cache.min_cost_ms", KEY_DOUBLE, offsetof(Config, cache_min_cost_ms), 0, 1e6},
    {"shadow.share", KEY_DOUBLE, offsetof(Config, shadow_share), 0, 1},
    {"paths.data_directory", KEY_STRING, offsetof(Config, data_directory), 0, 0},
};

static const ConfigKey engine_keys[] = {
    {"kind", KEY_STRING, offsetof(EngineConfig, kind), 0, 0},
    {"enabled", KEY_BOOL, offsetof(EngineConfig, enabled), 0, 1},
    {"conninfo", KEY_STRING, offsetof(EngineConfig, conninfo), 0, 0},
    {"host", KEY_STRING, offsetof(EngineConfig, host), 0, 0},
    {"port", KEY_INT, offsetof(EngineConfig, port), 0, 65535},
    {"socket", KEY_STRING, offsetof(EngineConfig, socket), 0, 0},
    {"user", KEY_STRING, offsetof(EngineConfig, user), 0, 0},
    {"password", KEY_STRING, offsetof(EngineConfig, password), 0, 0},
    {"database", KEY_STRING, offsetof(EngineConfig, database), 0, 0},
    {"max_connections", KEY_INT, offsetof(EngineConfig, max_connections), 1, 10000},
    {"lane_connections", KEY_INT, offsetof(EngineConfig, lane_connections), 1, 64},
    {"connect_timeout_ms", KEY_INT, offsetof(EngineConfig, connect_timeout_ms), 1, 600000},
    {"directory", KEY_STRING, offsetof(EngineConfig, directory), 0, 0},
    {"catalog", KEY_STRING, offsetof(EngineConfig, catalog), 0, 0},
    {"threads", KEY_INT, offsetof(EngineConfig, threads), 0, 1024},
    {"memory_bytes", KEY_BYTES, offsetof(EngineConfig, memory_bytes), 0, 1e15},
    {"query_memory_bytes", KEY_BYTES, offsetof(EngineConfig, query_memory_bytes), 0, 1e15},
    {"spill", KEY_BOOL, offsetof(EngineConfig, spill), 0, 1},
    {"spill_limit_bytes", KEY_BYTES, offsetof(EngineConfig, spill_limit_bytes), 0, 1e15},
    {"cache_bytes", KEY_BYTES, offsetof(EngineConfig, cache_bytes), 0, 1e15},
    {"file_directories", KEY_LIST, offsetof(EngineConfig, file_directories), 0, 0},
    {"plugins", KEY_LIST, offsetof(EngineConfig, plugins), 0, 0},
    {"maintenance", KEY_BOOL, offsetof(EngineConfig, maintenance), 0, 1},
    {"maintenance_interval_ms", KEY_INT, offsetof(EngineConfig, maintenance_interval_ms), 100, 86400000},
    {"maintenance_memory_bytes", KEY_BYTES, offsetof(EngineConfig, maintenance_memory_bytes), 32 << 20, 1e15},
    {"insert_window_ms", KEY_INT, offsetof(EngineConfig, insert_window_ms), 0, 1000},
    {"latency_ms", KEY_DOUBLE, offsetof(EngineConfig, latency_ms), 0, 1e6},
};

static void engine_defaults(EngineConfig *engine, const char *name, const char *kind) {
    *engine = (EngineConfig){.name = name, .kind = kind, .enabled = true};
    engine->max_connections = 8;
    engine->lane_connections = 1;
    engine->connect_timeout_ms = 3000;
    engine->conninfo = engine->host = engine->socket = engine->user = engine->password = engine->database =
        "";
    engine->directory = engine->catalog = engine->plugins = "";
    engine->file_directories = "";
    engine->query_memory_bytes = (int64_t)2 << 30;
    engine->cache_bytes = (int64_t)1 << 30;
    engine->spill = true;
    engine->maintenance = true;
    engine->maintenance_interval_ms = 2000;
    engine->maintenance_memory_bytes = 256 << 20;
    engine->insert_window_ms = 5;
    engine->latency_ms = !strcmp(kind, "columnar") ? 0.3 : !strcmp(kind, "mysql") ? 0.2 : 0.15;
}

void config_init_defaults(Config *config) {
    memset(config, 0, sizeof *config);
    arena_init(&config->arena);
    config->path = "";
    config->listen = "unix:var/run/signalbox.sock";
    config->io_threads = 1;
    config->max_body_bytes = 64 << 20;
    config->max_header_bytes = 64 << 10;
    config->max_spooled_bytes = (int64_t)4 << 30;
    config->max_upload_bytes = (int64_t)16 << 30;
    config->spool_directory = config->cors_origins = "";
    config->drain_timeout_ms = 10000;
    config->max_sql_bytes = 1 << 20;
    config->max_sql_tokens = 50000;
    config->max_runtime_seconds = 300;
    config->max_rows = 10000;
    config->log_file = "";
    config->log_level = "info";
    config->log_format = "text";
    config->access_log_file = config->audit_file = "";
    config->access_log_requests = "all";
    config->decision_cache_bytes = 32 << 20;
    config->explore_share = 0.02;
    config->explore_max_ms = 1000;
    config->probe_seconds = 600;
    config->registry_refresh_seconds = 30;
    config->default_engine = "";
    config->user_header = config->role_header = "";
    config->history_enabled = config->history_text = true;
    config->history_path = "";
    config->history_max_rows = 200000;
    config->history_max_bytes = 256 << 20;
    config->history_rows_per_second = 500;
    config->jobs_enabled = true;
    config->jobs_directory = "";
    config->jobs_reserved_slots = -1;
    config->jobs_max_queued = 20000;
    config->jobs_max_queue_seconds = 86400;
    config->jobs_max_runtime_seconds = 3600;
    config->jobs_aging_seconds = 60;
    config->jobs_max_result_bytes = (int64_t)4 << 30;
    config->jobs_results_bytes = (int64_t)20 << 30;
    config->jobs_result_hours = 24;
    config->jobs_job_hours = 720;
    config->jobs_max_jobs = 100000;
    config->cache_bytes = 64 << 20;
    config->cache_max_entry_bytes = 2 << 20;
    config->cache_min_cost_ms = 2;
    config->data_directory = "var";
    config->engine_count = 3;
    engine_defaults(&config->engines[0], "postgres", "postgres");
    engine_defaults(&config->engines[1], "mysql", "mysql");
    engine_defaults(&config->engines[2], "columnar", "columnar");
}

/* ---- applying a file
 * ---------------------------------------------------------------------------------------- */

static Status wrong_value(const Config *config, const TomlEntry *entry, const char *expected, Error *err) {
    return error_set(err, SQLSTATE_CONFIG, "%s:%d: %s must be %s", config->path, entry->line, entry->key,
                     expected);
}

static Status check_range(const Config *config, const TomlEntry *entry, const ConfigKey *key, double number,
                          Error *err) {
    if (number >= key->minimum && number <= key->maximum) return STATUS_OK;
    return error_set(err, SQLSTATE_CONFIG, "%s:%d: %s must be between %.15g and %.15g", config->path,
                     entry->line, entry->key, key->minimum, key->maximum);
}

/* An array of strings, kept as one with colons between. */
static Status apply_list(const Config *config, const TomlEntry *entry, const char **target, Error *err) {
    const char *list = "";
    if (entry->value.kind != TOML_ARRAY) return wrong_value(config, entry, "an array of strings", err);
    for (int i = 0; i < entry->value.item_count; i++) {
        const TomlValue *item = &entry->value.items[i];
        if (item->kind != TOML_STRING || strchr(item->text, ':'))
            return wrong_value(config, entry, "an array of strings without colons", err);
        list = arena_printf((Arena *)&config->arena, "%s%s%s", list, i ? ":" : "", item->text);
    }
    *target = list;
    return STATUS_OK;
}

static Status apply(const Config *config, const TomlEntry *entry, const ConfigKey *key, void *base,
                    Error *err) {
    void *target = (char *)base + key->offset;
    const TomlValue *value = &entry->value;
    double number = value->number;
    switch (key->kind) {
    case KEY_STRING:
        if (value->kind != TOML_STRING) return wrong_value(config, entry, "a string in quotes", err);
        *(const char **)target = value->text;
        return STATUS_OK;
    case KEY_LIST: return apply_list(config, entry, target, err);
    case KEY_BOOL:
        if (value->kind != TOML_BOOL) return wrong_value(config, entry, "true or false", err);
        *(bool *)target = value->integer != 0;
        return STATUS_OK;
    case KEY_DOUBLE:
        if (value->kind != TOML_FLOAT && value->kind != TOML_INTEGER)
            return wrong_value(config, entry, "a number", err);
        break;
    case KEY_BYTES:
        if (!toml_bytes(value, &number))
            return wrong_value(config, entry, "a number of bytes or a size such as \"64MiB\"", err);
        break;
    default:
        if (value->kind != TOML_INTEGER) return wrong_value(config, entry, "a whole number", err);
    }
    TRY(check_range(config, entry, key, number, err));
    if (key->kind == KEY_DOUBLE)
        *(double *)target = number;
    else if (key->kind == KEY_INT)
        *(int *)target = (int)number;
    else
        *(int64_t *)target = (int64_t)number;
    return STATUS_OK;
}

static const ConfigKey *find_key(const ConfigKey *keys, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (!strcmp(keys[i].name, name)) return &keys[i];
    return NULL;
}

static EngineConfig *engine_of(Config *config, const char *name) {
    for (int i = 0; i < config->engine_count; i++)
        if (!strcmp(config->engines[i].name, name)) return &config->engines[i];
    if (config->engine_count == CONFIG_MAX_ENGINES) return NULL;
    EngineConfig *engine = &config->engines[config->engine_count++];
    engine_defaults(engine, arena_strdup(&config->arena, name), "");
    return engine;
}

static Status unknown_key(const Config *config, const TomlEntry *entry, Error *err) {
    error_clear(err);
    (void)error_set(err, SQLSTATE_CONFIG, "%s:%d: there is no key %s", config->path, entry->line, entry->key);
    return error_add_hint(err, "docs/configuration.md lists every key.");
}

static Status apply_engine_key(Config *config, const TomlEntry *entry, Error *err) {
    const char *name = entry->key + strlen("engines.");
    const char *dot = strchr(name, '.');
    if (!dot) return unknown_key(config, entry, err);
    const ConfigKey *key = find_key(engine_keys, sizeof engine_keys / sizeof engine_keys[0], dot + 1);
    if (!key) return unknown_key(config, entry, err);
    EngineConfig *engine = engine_of(config, arena_strndup(&config->arena, name, (size_t)(dot - name)));
    if (!engine)
        return error_set(err, SQLSTATE_CONFIG, "%s:%d: at most %d engines can be configured", config->path,
                         entry->line, CONFIG_MAX_ENGINES);
    return apply(config, entry, key, engine, err);
}

static Status apply_placement(Config *config, const TomlEntry *entry, Error *err) {
    PlacementConfig *placement = &config->placements[config->placement_count++];
    *placement = (PlacementConfig){.table = entry->key + strlen("placements."), .line = entry->line};
    return apply_list(config, entry, &placement->engines, err);
}

static Status apply_document(Config *config, const TomlDocument *document, Error *err) {
    config->placements = ARENA_NEW_ARRAY(&config->arena, PlacementConfig, document->count + 1);
    config->rule_entries = ARENA_NEW_ARRAY(&config->arena, const TomlEntry *, document->count + 1);
    for (int i = 0; i < document->count; i++) {
        const TomlEntry *entry = &document->entries[i];
        if (!strncmp(entry->key, "rule[", strlen("rule["))) {
            config->rule_entries[config->rule_entry_count++] = entry;
            continue;
        }
        if (!strncmp(entry->key, "placements.", strlen("placements."))) {
            TRY(apply_placement(config, entry, err));
            continue;
        }
        if (!strncmp(entry->key, "engines.", strlen("engines."))) {
            TRY(apply_engine_key(config, entry, err));
            continue;
        }
        const ConfigKey *key = find_key(config_keys, sizeof config_keys / sizeof config_keys[0], entry->key);
        if (!key) return unknown_key(config, entry, err);
        TRY(apply(config, entry, key, config, err));
    }
    return STATUS_OK;
}

/* ---- checks over the whole
 * ------------------------------------------------------------------------------------- */

static bool one_of(const char *value, const char *const *choices) {
    for (; *choices; choices++)
        if (!strcmp(value, *choices)) return true;
    return false;
}

/* Each engine of the list is configured, and there are two at least. */
static Status check_placement(const Config *config, const PlacementConfig *placement, Error *err) {
    char name[64];
    int count = 0;
    for (const char *at = placement->engines; *at; count++) {
        size_t length = strcspn(at, ":");
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        if (!config_engine(config, name))
            return error_set(err, SQLSTATE_CONFIG, "%s:%d: placements.%s names no configured engine: \"%s\"",
                             config->path, placement->line, placement->table, name);
        at += length + (at[length] == ':');
    }
    if (count >= 2) return STATUS_OK;
    return error_set(err, SQLSTATE_CONFIG, "%s:%d: placements.%s must name two engines at least",
                     config->path, placement->line, placement->table);
}

static Status check_config(const Config *config, Error *err) {
    static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
    static const char *const formats[] = {"text", "json", NULL};
    static const char *const requests[] = {"all", "failed", NULL};
    static const char *const kinds[] = {"postgres", "mysql", "columnar", NULL};
    if (!one_of(config->log_level, levels))
        return error_set(err, SQLSTATE_CONFIG, "%s: log.level must be debug, info, warn or error",
                         config->path);
    if (!one_of(config->log_format, formats))
        return error_set(err, SQLSTATE_CONFIG, "%s: log.format must be text or json", config->path);
    if (!one_of(config->access_log_requests, requests))
        return error_set(err, SQLSTATE_CONFIG, "%s: access_log.requests must be all or failed", config->path);
    for (int i = 0; i < config->engine_count; i++)
        if (!one_of(config->engines[i].kind, kinds))
            return error_set(err, SQLSTATE_CONFIG, "%s: engines.%s.kind must be postgres, mysql or columnar",
                             config->path, config->engines[i].name);
    if (config->cache_bytes > 0 && config->cache_bytes < 1 << 20)
        return error_set(err, SQLSTATE_CONFIG, "%s: cache.bytes must be 0 or at least 1 MiB", config->path);
    if (config->default_engine[0] && !config_engine(config, config->default_engine))
        return error_set(err, SQLSTATE_CONFIG, "%s: router.default_engine names no configured engine",
                         config->path);
    for (int i = 0; i < config->placement_count; i++)
        TRY(check_placement(config, &config->placements[i], err));
    return STATUS_OK;
}

/* Paths that follow from others when they were left open. */
static void fill_in(Config *config) {
    if (!config->spool_directory[0])
        config->spool_directory = arena_printf(&config->arena, "%s/spool", config->data_directory);
    if (!config->history_path[0])
        config->history_path = arena_printf(&config->arena, "%s/history/history.db", config->data_directory);
    if (!config->jobs_directory[0])
        config->jobs_directory = arena_printf(&config->arena, "%s/jobs", config->data_directory);
    for (int i = 0; i < config->engine_count; i++) {
        EngineConfig *engine = &config->engines[i];
        if (!strcmp(engine->kind, "columnar")) {
            if (!engine->directory[0])
                engine->directory = arena_printf(&config->arena, "%s/warehouse", config->data_directory);
            if (!engine->file_directories[0])
                engine->file_directories = arena_printf(&config->arena, "%s/files", config->data_directory);
            if (!engine->catalog[0])
                engine->catalog = arena_printf(&config->arena, "%s/catalog.db", engine->directory);
        }
    }
}

static Status read_text(const char *path, Arena *arena, char **out, Error *err) {
    FILE *file = fopen(path, "re");
    if (!file) return error_set_errno(err, errno, "cannot read the configuration %s", path);
    enum { LARGEST = 1 << 20, PART = 16 << 10 };
    StrBuf read; /* grows: what an idle process touches of its memory stays with it */
    strbuf_init(&read);
    for (size_t count = 1; count > 0 && read.length <= LARGEST; read.length += count) {
        strbuf_grow(&read, PART);
        count = fread(read.data + read.length, 1, PART, file);
    }
    fclose(file);
    size_t length = read.length;
    char *text = arena_strndup(arena, read.data, length);
    strbuf_deinit(&read);
    if (length > LARGEST)
        return error_set(err, SQLSTATE_CONFIG, "the configuration %s is larger than 1 MiB", path);
    if (strlen(text) != length)
        return error_set(err, SQLSTATE_CONFIG, "the configuration %s holds a NUL byte", path);
    *out = text;
    return STATUS_OK;
}

static Status load_file(Config *config, const char *path, bool must_exist, Error *err) {
    char *text = NULL;
    if (read_text(path, &config->arena, &text, err) != STATUS_OK) {
        if (must_exist || strcmp(err->sqlstate, SQLSTATE_UNDEFINED_FILE) != 0) return STATUS_ERROR;
        error_clear(err);
        return STATUS_OK;
    }
    TomlDocument document;
    TRY(toml_parse(text, path, &config->arena, &document, err));
    return apply_document(config, &document, err);
}

Status config_load(Config *config, const char *path, bool must_exist, Error *err) {
    Error own = {0};
    if (!err) err = &own;
    config_init_defaults(config);
    config->path = arena_strdup(&config->arena, path ? path : "");
    if ((path && load_file(config, config->path, must_exist, err) != STATUS_OK) ||
        check_config(config, err) != STATUS_OK) {
        config_deinit(config);
        return STATUS_ERROR;
    }
    fill_in(config);
    return STATUS_OK;
}

void config_deinit(Config *config) {
    arena_deinit(&config->arena);
    memset(config, 0, sizeof *config);
}

const EngineConfig *config_engine(const Config *config, const char *name) {
    for (int i = 0; i < config->engine_count; i++)
        if (!strcmp(config->engines[i].name, name)) return &config->engines[i];
    return NULL;
}
