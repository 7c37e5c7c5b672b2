/* signalbox route: the decision of /api/v1/route, for people or as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/api/decision_json.h"
#include "fcgi/command.h"

typedef struct RouteCommand {
    const char *engine;
    bool json;
    char *sql;
} RouteCommand;

static void print_estimate(const char *unit, double value) {
    if (value >= 0) printf("  %s %.4g", unit, value);
}

static void print_text(const Decision *decision, const RouteTiming *timing) {
    printf("engine     %s\nrule       %s\nclass      %s\nreason     %s\n", decision->engine->name,
           decision->rule, statement_class_name(decision->class), decision->reason);
    for (int i = 0; i < decision->candidate_count; i++) {
        const Candidate *candidate = &decision->candidates[i];
        printf("%-10s %-10s", i ? "" : "candidates", candidate->engine->name);
        if (candidate->verdict.eligible) {
            print_estimate("cost_ms", candidate->verdict.estimate.cost_ms);
            print_estimate("rows", candidate->verdict.estimate.rows);
            printf("%s\n", candidate->chosen ? "  (chosen)" : "");
        } else {
            printf("  no: %s\n", candidate->verdict.why);
        }
    }
    printf("timing     parse %.1f us, route %.1f us\n", timing->parse_us, timing->route_us);
}

static int run_route(Runtime *runtime, void *argument) {
    RouteCommand *command = argument;
    RouteRequest request = {
        .sql = command->sql, .sql_length = strlen(command->sql), .engine = command->engine};
    RouteTiming timing = {0};
    Decision *decision;
    Error err = {0};
    if (router_decide(runtime->router, &request, &decision, &timing, &err) != STATUS_OK)
        return command_failed(&err, command->sql);
    if (command->json) {
        StrBuf out;
        strbuf_init(&out);
        decision_append_answer(&out, decision, &timing);
        puts(out.data);
        strbuf_deinit(&out);
    } else {
        print_text(decision, &timing);
    }
    decision_release(decision);
    return EXIT_DONE;
}

int command_route(CommandLine *line) {
    RouteCommand command = {0};
    const char *format;
    if (!command_take_option(line, "--engine", &command.engine) ||
        !command_take_option(line, "--format", &format))
        return command_usage_error("route", "an option needs a value");
    const char *unknown = command_unknown_option(line);
    if (unknown) return command_usage_error("route", "there is no option %s", unknown);
    if (format && strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
        return command_usage_error("route", "there is no format \"%s\"; text and json are", format);
    if (line->argc != 1)
        return command_usage_error("route", line->argc ? "one statement was expected, quote it"
                                                       : "the statement is missing");
    command.json = format && format[0] == 'j';
    command.sql = command_read_text(line->argv[0]);
    if (!command.sql) return EXIT_FAILED;
    int code = command_with_runtime(line, run_route, &command);
    free(command.sql);
    return code;
}
