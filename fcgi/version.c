#include <pg_query.h>
#include <stdio.h>

#include "fcgi/command.h"

int command_version(CommandLine *line) {
    if (line->argc) return command_usage_error("version", "it takes no arguments");
    printf("signalbox %s (PostgreSQL %s grammar)\n", SIGNALBOX_VERSION, PG_MAJORVERSION);
    return EXIT_DONE;
}
