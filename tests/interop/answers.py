"""Results as files, read by pyarrow: Arrow's stream and file, and Parquet (by DuckDB, too)."""
import os

import duckdb
import pyarrow.ipc
import pyarrow.parquet

import samples
from ours import kinds_of, load, names_of

READERS = {
    'arrow': lambda path: pyarrow.ipc.open_file(path).read_all(),
    'arrows': lambda path: pyarrow.ipc.open_stream(path).read_all(),
    'parquet': pyarrow.parquet.read_table,
}


def _rows(table):
    table.validate(full=True)
    return [tuple(row.values()) for row in table.to_pylist()]


def run(peers, report):
    for table, columns, rows in (('answers', samples.TYPES, samples.types_rows(1500)), ('answer_times', samples.TIMES, samples.times_rows())):
        load(peers, table, columns, rows)
        names, kinds = names_of(columns), kinds_of(columns)
        sql = 'SELECT %s FROM %s' % (', '.join('"%s"' % name for name in names), table)
        for extension, read in READERS.items():
            path = os.path.join(peers.warehouse.work, '%s.%s' % (table, extension))
            if report.succeeds('signalbox', 'pyarrow', table, 'export ' + extension, lambda: peers.signalbox.run('export', sql, path)):
                report.equal('signalbox', 'pyarrow', '%s.%s' % (table, extension), kinds, rows, lambda: _rows(read(path)))
        path = os.path.join(peers.warehouse.work, table + '.parquet')
        report.equal('signalbox', 'duckdb', table + '.parquet', kinds, rows, lambda: duckdb.sql("SELECT * FROM '%s'" % path).fetchall())
