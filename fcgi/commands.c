#include "fcgi/command.h"

#include <string.h>

const Command commands[] = {
    {"serve", "[--listen unix:PATH|HOST:PORT|fd:N]", "answer FastCGI requests until SIGTERM",
     "A listening descriptor inherited from systemd or spawn-fcgi is used in place of the address.\n"
     "SIGTERM finishes the requests in flight and exits 0; SIGHUP reads the configuration again.",
     command_serve},
    {"query", "[--engine NAME] [--format table|json|compact|csv|ndjson] [--max-rows N] SQL", "run a statement",
     "SQL may be '-': the statement is read from standard input. All rows are shown unless --max-rows is given.",
     command_query},
    {"route", "[--engine NAME] [--format text|json] SQL", "show which engine would run a statement, and why",
     "SQL may be '-': the statement is read from standard input.", command_route},
    {"check", "", "check configuration, engines and catalog: one line each", "Exits 1 if any of them fails.",
     command_check},
    {"version", "", "print the version", NULL, command_version},
};
const int command_count = sizeof commands / sizeof commands[0];

const Command *command_find(const char *name) {
    for (int i = 0; i < command_count; i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}
