#include "fcgi/command.h"

#include <string.h>

const Command commands[] = {
    {"serve", "[--listen unix:PATH|HOST:PORT|fd:N] [--take-over]", "answer FastCGI requests until SIGTERM",
     "A listening descriptor inherited from systemd or spawn-fcgi is used in place of the address.\n"
     "SIGTERM finishes the requests in flight and exits 0; SIGHUP reads the configuration again.\n"
     "--take-over puts its socket in the place of a process that listens there, which then is to be ended\n"
     "with SIGQUIT: it finishes what it has, however long that takes.",
     command_serve},
    {"query",
     "[--engine NAME] [--as-of TIME|SNAPSHOT|REF] [--format table|json|compact|csv|ndjson] [--max-rows N] "
     "SQL",
     "run a statement",
     "SQL may be '-': the statement is read from standard input. All rows are shown unless --max-rows is "
     "given.",
     command_query},
    {"route",
     "[--explain] [--engine NAME] [--as-of TIME|SNAPSHOT|REF] [--user U] [--role R] [--tag T] [--format "
     "text|json] SQL",
     "show which engine would run a statement, and why",
     "SQL may be '-': the statement is read from standard input.\n"
     "  --explain    and every configured rule: whether it fits, and what does not\n"
     "  --user, --role, --tag   as whom to ask, for rules that look at it",
     command_route},
    {"load", "TABLE FILE|-... [--create|--append|--replace] [--format F] [--engine E]",
     "load CSV, JSON or Parquet files into a table",
     "  --create     make the table, its types found over the whole input (default)\n"
     "  --append     add to a table that exists, and the columns it lacks; --replace gives a table the "
     "files' columns and rows\n"
     "  --format     csv, tsv, json, ndjson, parquet; otherwise found by content, then by the file's name\n"
     "  --schema     the table's columns, not looked for: 'id int8, price numeric(10,2), \"Full name\" "
     "text'\n"
     "  --delimiter, --quote, --header, --no-header   CSV: otherwise detected\n"
     "  --null TEXT  CSV: this unquoted text is NULL, as the empty field is\n"
     "  --encoding E what the text is written in (latin1, windows-1252 ...); default UTF-8, or UTF-16 by its "
     "mark\n"
     "  --on-error skip   leaves out rows that cannot be read, and lists them\n"
     "  --engine E   whose table it is: columnar unless said, or named by TABLE (postgres.t, "
     "mysql.shop.t)\n"
     "Every row is loaded, as one snapshot or in one transaction, or none: an error names file, row and "
     "column.",
     command_load},
    {"archive", "TABLE --older-than WHEN --to DIRECTORY|--drop",
     "take old rows out of a columnar table, by whole files: the old partitions of one partitioned by time",
     "  --older-than  a date (2024-03-01, UTC), a time (\"2024-03-01 12:00:00\") or an age (90d, 12h, 8w)\n"
     "  --to          keeps the Parquet files there, below the table's name and partitions\n"
     "  --drop        keeps them nowhere; snapshots from before still have them until they expire\n"
     "  --column      which date or time says how old a row is; otherwise what the table is partitioned by\n"
     "  --dry-run     says what would leave\n"
     "A file leaves when all of its rows are older; all of them leave in one commit.",
     command_archive},
    {"generate", "users|transactions|events|products|sensors --count N [--table T | --output FILE]",
     "make realistic example data",
     "  --output     .csv, .ndjson, .jsonl or .parquet; \"-\" (default) is CSV to standard output\n"
     "  --table T    into a new columnar table; with --replace, in place of an old one\n"
     "  --seed S     other data (default 42); the same seed, kind and count give the same rows\n"
     "  --users N    user ids of transactions and events are 1..N (default 100000)\n"
     "Counts may end in k, m or g.",
     command_generate},
    {"export", "[--engine NAME] [--format csv|ndjson|json] SQL FILE",
     "write the rows of a statement to a file",
     "The format follows the file's name. SQL may be '-': the statement is read from standard input.\n"
     "The file appears when all rows are in it.",
     command_export},
    {"check", "[--tables [--deep] [--repair] [--older-than AGE]]",
     "check configuration, engines and catalog: one line each",
     "  --tables     every columnar table: metadata, manifests, files, sizes, row counts, of every snapshot\n"
     "  --deep       and every page of every file\n"
     "  --repair     remove the files that nothing refers to; nothing else is changed\n"
     "  --older-than files younger than this are left alone (default 1h; 0, 30m, 3d): other programs may be\n"
     "               writing them, Signalbox's own writers are seen\n"
     "Exits 1 if any of them fails; files that nothing refers to are no failure.",
     command_check},
    {"maintain", "[TABLE...] [--dry-run]", "merge small files, expire snapshots, remove what is left over",
     "All columnar tables unless some are named. Safe while others read and write.\n"
     "  --only STEPS        of compact, manifests, expire, orphans (commas between; default all)\n"
     "  --target-bytes N    of a merged file (default 128 MiB, or write.target-file-size-bytes)\n"
     "  --keep N            snapshots that stay, at most (default 500)\n"
     "  --max-age AGE       of snapshots that stay (default 5d)\n"
     "  --orphan-age AGE    files that nothing refers to go when older (default 3d)\n"
     "  --memory BYTES      of a compaction (default 1g); beyond it sorting spills",
     command_maintain},
    {"version", "", "print the version", NULL, command_version},
};
const int command_count = sizeof commands / sizeof commands[0];

const Command *command_find(const char *name) {
    for (int i = 0; i < command_count; i++)
        if (!strcmp(commands[i].name, name)) return &commands[i];
    return NULL;
}
