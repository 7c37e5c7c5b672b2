/* signalbox route: the decision of /api/v1/route, for people or as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/api/decision_json.h"
#include "fcgi/command.h"
#include "router/rules.h"

typedef struct RouteCommand {
    const char *engine, *as_of;
    bool json, explain;
    const char *user, *role, *tag; /* as which to ask */
    const char *user_parameter, *role_parameter;
    char *sql;
} RouteCommand;

static void print_estimate(const char *unit, double value) {
    if (value >= 0) printf("  %s %.4g", unit, value);
}

static void print_text(const Decision *decision, const RouteTiming *timing) {
    printf("engine     %s\nrule       %s\nclass      %s\nshape      %016llx\nreason     %s\n",
           decision->engine->name, decision->rule, statement_class_name(decision->class),
           (unsigned long long)decision->fingerprint, decision->reason);
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

static void print_trials(const RuleTrials *trials) {
    for (int i = 0; i < trials->count; i++)
        printf("%-10s %-20s %-5s line %d: %s\n", i ? "" : "rules", trials->items[i].name,
               trials->items[i].matched ? "yes" : "no", trials->items[i].line, trials->items[i].why);
    if (!trials->count) printf("rules      none is configured\n");
}

/* The headers that the options stand for. */
static const char *header_of(const void *request, const char *parameter) {
    const RouteCommand *command = request;
    if (!strcmp(parameter, command->user_parameter)) return command->user;
    if (!strcmp(parameter, command->role_parameter)) return command->role;
    return NULL;
}

static int run_route(Runtime *runtime, void *argument) {
    RouteCommand *command = argument;
    RouteRequest request = {.sql = command->sql,
                            .sql_length = strlen(command->sql),
                            .engine = command->engine,
                            .as_of = command->as_of};
    char user_parameter[RULES_PARAMETER_BYTES], role_parameter[RULES_PARAMETER_BYTES];
    rules_header_parameter(runtime->config.user_header, user_parameter);
    rules_header_parameter(runtime->config.role_header, role_parameter);
    command->user_parameter = user_parameter;
    command->role_parameter = role_parameter;
    RouteContext context = {.header = header_of, .request = command, .tag = command->tag};
    Arena arena;
    arena_init(&arena);
    RuleTrials trials = {.arena = &arena};
    request.context = &context;
    if (command->explain) request.trials = &trials;
    RouteTiming timing = {0};
    Decision *decision;
    Error err = {0};
    if (router_decide(runtime->router, &request, &decision, &timing, &err) != STATUS_OK) {
        if (command->explain && !command->json) print_trials(&trials);
        arena_deinit(&arena);
        return command_failed(&err, command->sql);
    }
    if (command->json) {
        StrBuf out;
        strbuf_init(&out);
        decision_append_answer(&out, decision, &timing, &trials);
        puts(out.data);
        strbuf_deinit(&out);
    } else {
        print_text(decision, &timing);
        if (command->explain) print_trials(&trials);
    }
    arena_deinit(&arena);
    decision_release(decision);
    return EXIT_DONE;
}

int command_route(CommandLine *line) {
    RouteCommand command = {0};
    const char *format;
    if (!command_take_option(line, "--engine", &command.engine) ||
        !command_take_option(line, "--as-of", &command.as_of) ||
        !command_take_option(line, "--format", &format) ||
        !command_take_option(line, "--user", &command.user) ||
        !command_take_option(line, "--role", &command.role) ||
        !command_take_option(line, "--tag", &command.tag))
        return command_usage_error("route", "an option needs a value");
    command.explain = command_take_flag(line, "--explain");
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
