/* signalbox: the program. Finds the subcommand, takes --config and --help, runs it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/command.h"

static void print_help(FILE *out) {
    fprintf(out, "Usage: signalbox [--config FILE] COMMAND [ARGUMENTS]\n\n"
                 "One SQL endpoint over PostgreSQL, MySQL/MariaDB and columnar tables.\n\nCommands:\n");
    for (int i = 0; i < command_count; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\nsignalbox COMMAND --help tells more. The configuration is signalbox.toml in the working\n"
                 "directory unless --config names another; every key is optional.\n");
}

static int print_command_help(const Command *command) {
    printf("Usage: signalbox [--config FILE] %s%s%s\n\n%s.\n", command->name,
           command->arguments[0] ? " " : "", command->arguments, command->summary);
    if (command->details) printf("%s\n", command->details);
    return EXIT_DONE;
}

int main(int argc, char **argv) {
    signal(SIGXFSZ, SIG_IGN); /* a file beyond the limit on sizes is an error like a full disk, not the end */
    CommandLine line = {.argc = argc - 1, .argv = argv + 1};
    if (!command_take_option(&line, "--config", &line.config_path)) {
        fprintf(stderr, "signalbox: --config needs a file\n");
        return EXIT_USAGE;
    }
    bool help = command_take_flag(&line, "--help") || command_take_flag(&line, "-h");
    if (line.argc == 0) {
        print_help(help ? stdout : stderr);
        return help ? EXIT_DONE : EXIT_USAGE;
    }
    const char *name = strcmp(line.argv[0], "--version") ? line.argv[0] : "version";
    const Command *command = command_find(name);
    if (!command) {
        fprintf(stderr, "signalbox: there is no command \"%s\" (see signalbox --help)\n", name);
        return EXIT_USAGE;
    }
    if (help) return print_command_help(command);
    line.argc--;
    line.argv++;
    return command->run(&line);
}
