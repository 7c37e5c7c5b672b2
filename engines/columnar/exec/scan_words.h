/* search(column, 'words') over a row group whose column is all dictionary: when no value of the dictionary
 * holds the words, no row does, and nothing else of the row group need be read. */
#pragma once

#include "engines/columnar/exec/scan_prune.h"

/* False where that cannot be told from the dictionary, or where reading it fails (the scan will say so). */
bool words_excluded(const PruneTest *test, ParquetFile *file, int row_group, int column);
