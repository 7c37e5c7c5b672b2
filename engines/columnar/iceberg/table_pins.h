/* Who is reading what, over all processes of a warehouse: files of a snapshot are not deleted (by expiry,
 * compaction, DROP, orphan removal) while a query of any process reads them.
 *
 * A small file of slots below the warehouse, mapped by every process; each process owns a block of slots as
 * long as it holds the lock on the block's byte, which the kernel gives back when it dies: pins of a dead
 * reader count no more.
 *
 * A reader: enter (before it reads the catalog) → load versions → hold(versions) → leave → read → release.
 * Between enter and leave it may be about to read any snapshot, so a deleter waits for it. A deleter: commit
 * what makes files unreachable, then wait_readers, then ask for the snapshots read, and delete only what none
 * of them refers to. A reader that entered after the commit cannot find the old snapshots; one that entered
 * before is waited for or seen.
 *
 * A writer marks itself as well: its files are in no snapshot yet, and orphan removal keeps what is younger
 * than the oldest writer of the table.
 *
 * All functions are thread-safe and take NULL (a warehouse that cannot be written to) for `pins`. */
#pragma once

#include "engines/columnar/iceberg/table_catalog.h"

typedef struct TablePins TablePins;

enum { TABLE_PIN_NONE = -2 }; /* holds nothing; may be released */

/* `directory` is made when missing. */
Status table_pins_open(const char *directory, TablePins **out, Error *err);
void table_pins_close(TablePins *pins);

/* The pins of a catalog's warehouse; NULL when it cannot be written to. */
TablePins *table_catalog_pins(TableCatalog *catalog);

/* What tables are told apart by: the directory of their metadata. */
uint64_t table_pins_key(const char *metadata_location);

int table_pins_enter(TablePins *pins);
/* `slots` has room for `count`. Empty tables have nothing to hold. */
void table_pins_hold(TablePins *pins, TableVersion *const *versions, int count, int *slots);
/* A writer, from before it creates its first file until its commit is over. */
int table_pins_write(TablePins *pins, const char *metadata_location);
/* Ends what enter, hold and write began. */
void table_pins_release(TablePins *pins, const int *slots, int count);

/* Waits until every reader that is about to choose a snapshot has chosen. False after `timeout_ms`: then
 * nothing may be deleted. */
bool table_pins_wait_readers(TablePins *pins, int64_t timeout_ms);
/* Snapshots of a table being read, in `arena`. False when somebody reads that could not be listed: then
 * nothing may be deleted. */
bool table_pins_snapshots(TablePins *pins, uint64_t key, Arena *arena, int64_t **out, int *count);
/* When the oldest writer of the table began (ms since 1970), INT64_MAX when nobody writes. */
int64_t table_pins_oldest_writer(TablePins *pins, uint64_t key);
