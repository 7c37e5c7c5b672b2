/* The program's subcommands. Each is one file with one function; commands.c holds the table. To add one:
 * write fcgi/NAME.c with command_NAME and add its row.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong usage. `--config FILE` and `--help` work for all and are taken off by
 * main.
 */
#pragma once

#include "fcgi/runtime.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

typedef struct CommandLine {
    const char *config_path; /* NULL = signalbox.toml in the working directory, if there is one */
    int argc;                /* arguments after the subcommand's name */
    char **argv;
} CommandLine;

typedef struct Command {
    const char *name;
    const char *arguments; /* for the usage line */
    const char *summary;   /* one line */
    const char *details;   /* of its own --help, may be NULL */
    int (*run)(CommandLine *line);
} Command;

extern const Command commands[];
extern const int command_count;
const Command *command_find(const char *name);

/* Takes `name VALUE` or `name=VALUE` off the line. False when the value is missing (usage); *value NULL when
 * not given. */
bool command_take_option(CommandLine *line, const char *name, const char **value);
bool command_take_flag(CommandLine *line, const char *name);
/* An option that nobody took ("-" and what follows "--" are arguments), or NULL. */
const char *command_unknown_option(CommandLine *line);
/* Prints "signalbox NAME: message" and how to get help; returns EXIT_USAGE. */
int command_usage_error(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints an error for people, with the line of `sql` it points at (may be NULL); returns EXIT_FAILED. */
int command_failed(const Error *err, const char *sql);
/* Opens configuration, engines, router and runs `work` on a thread with the large stack; returns its exit
 * code. */
int command_with_runtime(CommandLine *line, int (*work)(Runtime *runtime, void *argument), void *argument);
/* The text of an argument; "-" reads standard input. malloc'd, NULL after printing an error. */
char *command_read_text(const char *argument);

int command_serve(CommandLine *line);
int command_query(CommandLine *line);
int command_route(CommandLine *line);
int command_load(CommandLine *line);
int command_archive(CommandLine *line);
int command_generate(CommandLine *line);
int command_export(CommandLine *line);
int command_check(CommandLine *line);
int command_maintain(CommandLine *line);
int command_version(CommandLine *line);
