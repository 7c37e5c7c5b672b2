/* The HTTP resources over a router: what fcgi/server serves.
 *
 *   api_create → api_server_app (to server_create) → api_attach_server → api_start_upkeep → server_run
 *   → api_stop_upkeep → server_destroy → api_destroy
 *
 * The upkeep thread reads the registry right at the start (statements wait for that once), then calls
 * router_tick and asks the engines' health every second.
 */
#pragma once

#include "fcgi/api/config_watch.h"
#include "fcgi/server/server.h"
#include "router/router.h"

typedef struct Api Api;

Status api_create(const Config *config, Router *router, Api **out, Error *err);
void api_destroy(Api *api);

ServerApp api_server_app(Api *api);
/* For limits and counters. `reload` (may be NULL) is called for SIGHUP with `reload_context`. */
void api_attach_server(Api *api, Server *server, void (*reload)(void *), void *reload_context);
/* The upkeep thread calls `reload` when this file has changed. The watch stays the caller's. */
void api_watch_config(Api *api, ConfigWatch *watch);
/* Takes max_rows, max_runtime_seconds from a configuration read again. */
void api_set_limits(Api *api, const Config *config);

/* Remembers writes begun, in a file that the pool's processes on this host share; without it nginx's second
 * attempt at a write whose process died would run it again. */
Status api_share_attempts(Api *api, const char *path, Error *err);
/* What statements took, learned by all processes of the pool together. */
Status api_share_costs(Api *api, const char *path, Error *err);
/* How fast the engines are, as any of them has measured. */
Status api_share_calibration(Api *api, const char *path, Error *err);

/* Remembers Idempotency-Keys of posted rows, in a file likewise; without it the header is not looked at. */
Status api_share_intake_keys(Api *api, const char *path, Error *err);

/* Keeps answers in files that the pool's processes on this host share, unless [cache] is switched off. */
Status api_share_results(Api *api, const Config *config, const char *path, Error *err);

/* Tells the pool's processes on this host of each other's DDL, through a file that they share. */
Status api_share_schema_clock(Api *api, const char *path, Error *err);

/* Counts where every process of the pool sees it, in a file of this directory; before serving. Without it
 * GET /metrics tells of the process that answers. */
Status api_share_metrics(Api *api, const char *directory, Error *err);

/* Keeps the access and audit logs of [access_log], unless none is named. */
Status api_keep_access_log(Api *api, const Config *config, Error *err);
/* After rotation. */
void api_reopen_logs(Api *api);

/* Keeps the query log of [history] in its file, unless it is switched off, and begins shadow runs. */
Status api_keep_history(Api *api, const Config *config, Error *err);

/* Opens the jobs of [jobs] and begins to run them, unless they are switched off. */
Status api_keep_jobs(Api *api, const Config *config, Error *err);

Status api_start_upkeep(Api *api, Error *err);
void api_stop_upkeep(Api *api);
