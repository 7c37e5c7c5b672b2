/* What the subcommands share: options, errors for people, a runtime on a large stack. */
#include "fcgi/command.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/log.h"
#include "engines/base/strbuf.h"
#include "engines/base/threadpool.h"
#include "engines/base/utf8.h"

static void remove_arguments(CommandLine *line, int index, int count) {
    memmove(line->argv + index, line->argv + index + count,
            sizeof *line->argv * (size_t)(line->argc - index - count));
    line->argc -= count;
}

bool command_take_option(CommandLine *line, const char *name, const char **value) {
    size_t length = strlen(name);
    *value = NULL;
    for (int i = 0; i < line->argc && strcmp(line->argv[i], "--") != 0; i++) {
        if (strncmp(line->argv[i], name, length) != 0) continue;
        if (line->argv[i][length] == '=') {
            *value = line->argv[i] + length + 1;
            remove_arguments(line, i, 1);
            return true;
        }
        if (line->argv[i][length] == 0) {
            if (i + 1 >= line->argc) return false;
            *value = line->argv[i + 1];
            remove_arguments(line, i, 2);
            return true;
        }
    }
    return true;
}

bool command_take_flag(CommandLine *line, const char *name) {
    for (int i = 0; i < line->argc && strcmp(line->argv[i], "--") != 0; i++) {
        if (strcmp(line->argv[i], name) != 0) continue;
        remove_arguments(line, i, 1);
        return true;
    }
    return false;
}

const char *command_unknown_option(CommandLine *line) {
    for (int i = 0; i < line->argc; i++) {
        if (!strcmp(line->argv[i], "--")) {
            remove_arguments(line, i, 1);
            return NULL;
        }
        /* A statement may begin with a comment; no option holds white space. */
        if (line->argv[i][0] == '-' && line->argv[i][1] && !strpbrk(line->argv[i], " \t\n"))
            return line->argv[i];
    }
    return NULL;
}

int command_usage_error(const char *name, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "signalbox %s: ", name);
    vfprintf(stderr, format, args);
    fprintf(stderr, " (see signalbox %s --help)\n", name);
    va_end(args);
    return EXIT_USAGE;
}

/* The statement's line that holds the position, and a caret below it. */
static void print_position(const char *sql, int position) {
    size_t at = utf8_offset_of(sql, strlen(sql), (size_t)(position - 1));
    size_t from = at, end = at + strcspn(sql + at, "\n");
    while (from > 0 && sql[from - 1] != '\n')
        from--;
    int number = 1;
    for (size_t i = 0; i < from; i++)
        number += sql[i] == '\n';
    int label = fprintf(stderr, "LINE %d: ", number);
    fprintf(stderr, "%.*s\n%*s^\n", (int)(end - from), sql + from,
            label + (int)utf8_count(sql + from, at - from), "");
}

int command_failed(const Error *err, const char *sql) {
    fprintf(stderr, "ERROR %s: %s\n", err->sqlstate, err->message);
    if (sql && err->position > 0) print_position(sql, err->position);
    if (err->detail[0]) fprintf(stderr, "DETAIL: %s\n", err->detail);
    if (err->hint[0]) fprintf(stderr, "HINT: %s\n", err->hint);
    return EXIT_FAILED;
}

char *command_read_text(const char *argument) {
    if (strcmp(argument, "-") != 0) return strdup(argument);
    StrBuf text;
    strbuf_init(&text);
    char part[8192];
    size_t count;
    while ((count = fread(part, 1, sizeof part, stdin)) > 0)
        strbuf_append(&text, part, count);
    if (!ferror(stdin) && strlen(strbuf_text(&text)) == text.length) return strbuf_release(&text);
    fprintf(stderr,
            ferror(stdin) ? "ERROR: cannot read standard input: %s\n"
                          : "ERROR: standard input holds a NUL byte\n",
            strerror(errno));
    strbuf_deinit(&text);
    return NULL;
}

typedef struct Job {
    CommandLine *line;
    int (*work)(Runtime *, void *);
    void *argument;
    int code;
} Job;

static void *run_job(void *argument) {
    Job *job = argument;
    Runtime runtime;
    Error err = {0};
    job->code = EXIT_FAILED;
    if (runtime_open(&runtime, job->line->config_path, &err) != STATUS_OK) {
        command_failed(&err, NULL);
        return NULL;
    }
    (void)!log_open(NULL, LOG_ERROR, false, NULL);
    if (router_refresh(runtime.router, &err) != STATUS_OK) log_warn("registry", "error=\"%s\"", err.message);
    job->code = job->work(&runtime, job->argument);
    runtime_close(&runtime);
    return NULL;
}

int command_with_runtime(CommandLine *line, int (*work)(Runtime *, void *), void *argument) {
    Job job = {.line = line, .work = work, .argument = argument};
    unsigned long thread;
    Error err = {0};
    if (thread_start(&thread, run_job, &job, &err) != STATUS_OK) return command_failed(&err, NULL);
    pthread_join(thread, NULL);
    return job.code;
}
