/* signalbox check: configuration, each engine, the catalog of tables; one line each. */
#include <stdio.h>
#include <string.h>

#include "fcgi/check_tables.h"
#include "router/rules.h"

static int print_line(bool good, const char *what, const char *message) {
    printf("%-6s %-14s %s\n", good ? "ok" : "failed", what, message);
    return good ? 0 : 1;
}

static int check_engine(Engine *engine) {
    EngineHealth health = {0};
    engine->ops->health(engine, &health);
    char message[512];
    if (health.up)
        snprintf(message, sizeof message, "%s %s, %.2f ms", engine->ops->kind, health.version,
                 health.latency_ms);
    else
        snprintf(message, sizeof message, "%s", health.message[0] ? health.message : "does not answer");
    return print_line(health.up, engine->name, message);
}

static int check_catalog(Router *router) {
    Error err = {0};
    if (router_refresh(router, &err) != STATUS_OK) return print_line(false, "catalog", err.message);
    RegistryView view;
    router_registry(router, &view);
    char message[64];
    snprintf(message, sizeof message, "%d tables", view.count);
    registry_view_release(&view);
    return print_line(true, "catalog", message);
}

static int run_check(Runtime *runtime, void *argument) {
    const char *path = runtime->config.path;
    int failures = print_line(true, "configuration", path && path[0] ? path : "defaults, no file");
    for (int i = 0; i < runtime->engine_count; i++)
        failures += check_engine(runtime->engines[i]);
    failures += check_catalog(runtime->router);
    return failures ? EXIT_FAILED : EXIT_DONE;
}

/* Each mistake in the rules, where other errors end at the first. True when there was one. */
static bool print_rule_mistakes(const char *config_path) {
    Config config;
    StrBuf problems;
    RuleSet *rules = NULL;
    Error err = {0};
    if (runtime_load_config(&config, config_path, &err) != STATUS_OK) return false; /* said by the runtime */
    strbuf_init(&problems);
    bool wrong = rules_read(&config, &rules, &problems, &err) != STATUS_OK;
    for (char *at = problems.data, *end; at && (end = strchr(at, '\n')); at = end + 1) {
        *end = 0;
        print_line(false, "rule", at);
    }
    strbuf_deinit(&problems);
    rules_release(rules);
    config_deinit(&config);
    return wrong;
}

int command_check(CommandLine *line) {
    if (command_take_flag(line, "--tables")) return command_check_tables(line);
    if (line->argc) return command_usage_error("check", "\"%s\" was not expected", line->argv[0]);
    if (print_rule_mistakes(line->config_path)) return EXIT_FAILED;
    return command_with_runtime(line, run_check, NULL);
}
