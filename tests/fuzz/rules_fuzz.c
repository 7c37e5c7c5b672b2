/* A configuration of any bytes with [[rule]] entries: rules or complaints with their lines, and whatever they
 * are is matched against requests and statements without harm. The same bytes give the texts to match. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/base/config.h"
#include "router/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *any_header(const void *request, const char *parameter) {
    if (strncmp(parameter, "HTTP_", 5) != 0) abort();
    return request;
}

static void match(RuleSet *rules, const char *text) {
    RouteContext context = {.header = any_header, .request = text, .tag = text};
    RuleTable tables[] = {{.engine = "postgres", .schema = text, .name = text}, {.name = "users"}};
    Arena arena;
    arena_init(&arena);
    RuleTrials trials = {.arena = &arena, .context = &context, .wall_us = 1700000000000000};
    for (int64_t hour = 0; hour < 24 * 7; hour += 5) {
        RuleBits bits;
        RuleOutcome outcome;
        RuleFacts facts = {.tables = tables,
                           .table_count = 2,
                           .class = (StatementClass)(hour % (CLASS_CONSTANT + 1)),
                           .fingerprint = (uint64_t)hour,
                           .bytes = (double)(hour * 1000000 - 1)};
        trials.wall_us += 3600000000;
        rules_context(rules, hour % 2 ? &context : NULL, trials.wall_us, &bits);
        rules_evaluate(rules, &bits, &facts, NULL, 0, hour % 3 ? NULL : &trials, &outcome);
        if (outcome.matched_count > rules_count(rules)) abort();
    }
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[] = "/tmp/signalbox-rules-XXXXXX", text[256];
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    close(fd);
    Config config;
    Error err = {0};
    if (config_load(&config, path, true, &err) == STATUS_OK) {
        RuleSet *rules = NULL;
        StrBuf problems;
        strbuf_init(&problems);
        Status status = rules_read(&config, &rules, &problems, &err);
        if ((status == STATUS_OK) != (problems.length == 0) || (status == STATUS_OK) != (rules != NULL))
            abort();
        snprintf(text, sizeof text, "%.*s", (int)(size < 200 ? size : 200), (const char *)data);
        if (rules) match(rules, text);
        rules_release(rules);
        strbuf_deinit(&problems);
        config_deinit(&config);
    }
    unlink(path);
    return 0;
}
