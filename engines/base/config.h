/* The configuration: signalbox.toml, every key optional, an unknown key an error that names it and its line.
 * docs/configuration.md lists every key; `config_keys` in config.c is the one table both follow. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engines/base/arena.h"
#include "engines/base/error.h"

enum { CONFIG_MAX_ENGINES = 8 };

struct TomlEntry;

/* [engines.NAME] */
typedef struct EngineConfig {
    const char *name; /* "postgres", "mysql", "columnar" or the user's own name */
    const char *kind; /* postgres | mysql | columnar */
    bool enabled;
    const char *conninfo; /* postgres: libpq connection string */
    const char *host;     /* mysql */
    int port;             /* mysql, 0 = default */
    const char *socket;   /* mysql: unix socket path */
    const char *user;     /* mysql */
    const char *password; /* mysql */
    const char *database; /* mysql */
    int max_connections;  /* pool size per process */
    int lane_connections; /* postgres: pipelined connections per event loop */
    int connect_timeout_ms;
    const char *directory; /* columnar: warehouse (tables, catalog.db, spill) */
    const char *catalog;   /* columnar: SQLite file, default DIRECTORY/catalog.db, or PostgreSQL */
    int threads;           /* columnar: 0 = the machine's cores */
    int64_t memory_bytes;  /* columnar: budget of the process, 0 = 3/4 of the machine / pool */
    int64_t query_memory_bytes;
    bool spill;                   /* columnar: what exceeds a query's memory goes to DIRECTORY/spill */
    int64_t spill_limit_bytes;    /* columnar: on disk per query, 0 = no limit */
    int64_t cache_bytes;          /* decoded pages */
    const char *file_directories; /* columnar: what statements may read and write, colons between them */
    const char *plugins;          /* columnar: shared objects with functions, colons between them */
    bool maintenance;             /* columnar: tables are maintained in the background while serving */
    int maintenance_interval_ms;
    int64_t maintenance_memory_bytes;
    int insert_window_ms; /* columnar: how long a small insert waits for others to share its commit */
    double latency_ms;    /* fixed cost assumed before any measurement */
} EngineConfig;

/* [placements]: one key per table. Its copies in these engines hold the same rows. */
typedef struct PlacementConfig {
    const char *table;   /* NAME or SCHEMA.NAME, the same in each engine */
    const char *engines; /* colons between them; the first one's keys and statistics describe the table */
    int line;
} PlacementConfig;

typedef struct Config {
    Arena arena; /* owns every string */
    const char *path;
    /* [server] */
    const char *listen; /* unix:PATH | HOST:PORT | fd:N */
    int io_threads;
    int worker_threads; /* slow lane, 0 = 2 × cores, 32 at least */
    int64_t max_body_bytes;
    int64_t max_header_bytes;
    int64_t max_upload_bytes;    /* of a body that holds rows; it goes to a file */
    const char *spool_directory; /* for those files, "" = DATA/spool */
    int64_t max_spooled_bytes;   /* there, of responses that clients have not taken yet */
    int drain_timeout_ms;
    const char *cors_origins; /* pages of which other sites may call: blanks between them, "*" = all */
    /* [limits] */
    int64_t max_sql_bytes;
    int max_sql_tokens;
    int max_runtime_seconds;
    double interactive_seconds; /* reads expected to take longer are to be jobs, 0 = none */
    int64_t max_rows;           /* default max_rows of a request */
    /* [log] */
    const char *log_file;
    const char *log_level;  /* debug | info | warn | error */
    const char *log_format; /* text | json */
    /* [access_log] */
    const char *access_log_file;     /* "" = none */
    const char *access_log_requests; /* all | failed */
    const char *audit_file;          /* "" = none */
    /* [router] */
    int64_t decision_cache_bytes;
    int registry_refresh_seconds;
    double explore_share; /* of the time of reads chosen by cost, for trying other engines */
    int explore_max_ms;
    int explore_seed;
    int probe_seconds;          /* how often engines' constants are measured, 0 = never */
    const char *default_engine; /* for statements over no table, "" = postgres */
    /* [identity] */
    const char *user_header; /* the request header that a trusted proxy sets, "" = none */
    const char *role_header; /* roles, commas between them */
    /* [history] */
    bool history_enabled;
    const char *history_path; /* "" = DATA/history/history.db */
    bool history_text, history_params;
    int64_t history_max_rows, history_max_bytes;
    int history_rows_per_second;
    /* [jobs] */
    bool jobs_enabled;
    const char *jobs_directory; /* "" = DATA/jobs */
    int jobs_slots;             /* over the pool, 0 = the machine's cores, 2 at least */
    int jobs_reserved_slots;    /* of these, for statements whose client waits; -1 = a quarter, 1 at least */
    int64_t jobs_slot_memory_bytes; /* 0 = what the engine gives a query */
    int jobs_slot_threads;          /* 0 = as many as the engine has */
    int64_t jobs_max_queued;
    int jobs_max_queue_seconds, jobs_max_runtime_seconds;
    double jobs_aging_seconds;
    int64_t jobs_max_result_bytes, jobs_results_bytes;
    double jobs_result_hours, jobs_job_hours;
    int64_t jobs_max_jobs; /* ended ones that are kept */
    /* [cache] of answers */
    int64_t cache_bytes; /* 0 = none */
    int64_t cache_max_entry_bytes;
    double cache_min_cost_ms; /* of statements whose server must be asked what has changed */
    /* [shadow] */
    double shadow_share; /* of the reads that several engines could answer */
    /* [paths] */
    const char *data_directory; /* parent of the columnar warehouse and logs, default var */
    /* [[rule]]: every entry in file order, "rule[N]" before "rule[N].key"; router/rules.h reads them */
    const struct TomlEntry **rule_entries;
    int rule_entry_count;
    PlacementConfig *placements;
    int placement_count;
    int engine_count;
    EngineConfig engines[CONFIG_MAX_ENGINES];
} Config;

/* Defaults alone: one postgres, one mysql and one columnar engine pointing below `var`. */
void config_init_defaults(Config *config);
/* Defaults, then the file over them. A missing file is an error only when `must_exist`. */
Status config_load(Config *config, const char *path, bool must_exist, Error *err);
void config_deinit(Config *config);
/* NULL when there is none of that name. */
const EngineConfig *config_engine(const Config *config, const char *name);
