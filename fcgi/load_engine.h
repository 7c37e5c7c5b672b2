/* signalbox load into tables of other engines than the columnar one. */
#pragma once

#include "engines/table_intake.h"
#include "fcgi/command.h"

enum { LOAD_ENGINE_NAME_BYTES = 128 };

/* Whether the table's name begins with that of a configured engine which is not columnar: "postgres.t". */
bool load_engine_names(const CommandLine *line, const char *table, char name[LOAD_ENGINE_NAME_BYTES]);
/* The files that the line still holds (argv[1] on; "-" is the standard input) into `intake`'s table, whose
 * options are set. Prints what became of it; returns the exit code. */
int load_engine_run(CommandLine *line, const char *engine, TableIntake *intake);
