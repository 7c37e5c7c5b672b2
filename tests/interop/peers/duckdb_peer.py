"""DuckDB: the table by its metadata (iceberg extension), and the bare Parquet files by their paths."""
import glob
import os

import duckdb
import duckdb_extension_avro
import duckdb_extension_iceberg


class DuckDB:
    name = 'duckdb'

    def __init__(self, warehouse, pyiceberg):
        self.pyiceberg = pyiceberg
        self.connection = duckdb.connect()
        self.connection.execute("SET timezone = 'UTC'")
        for package in (duckdb_extension_avro, duckdb_extension_iceberg):
            [extension] = glob.glob(os.path.join(os.path.dirname(package.__file__), '**', '*.duckdb_extension'), recursive=True)
            self.connection.execute("LOAD '%s'" % extension)

    def query(self, sql):
        return self.connection.execute(sql).fetchall()

    def source(self, table):
        return "iceberg_scan('%s')" % self.pyiceberg.load(table).metadata_location

    def rows(self, table, columns):
        return self.query('SELECT %s FROM %s' % (', '.join('"%s"' % column for column in columns), self.source(table)))

    def where(self, table, columns, condition):
        return self.query('SELECT %s FROM %s WHERE %s' % (', '.join('"%s"' % column for column in columns),
                                                          self.source(table), condition))

    def file_rows(self, table, columns):
        """The Parquet files of the current snapshot, which the manifests name, without Iceberg."""
        files = [task.file.file_path.removeprefix('file://') for task in self.pyiceberg.load(table).scan().plan_files()]
        if not files:
            return []
        return self.query('SELECT %s FROM read_parquet([%s])' % (', '.join('"%s"' % column for column in columns),
                                                                 ', '.join("'%s'" % file for file in files)))
