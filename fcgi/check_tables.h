/* signalbox check --tables. */
#pragma once

#include "fcgi/command.h"

int command_check_tables(CommandLine *line);
