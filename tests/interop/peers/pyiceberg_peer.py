"""PyIceberg through the same catalog: SQLite's file, or the database at `uri`."""
from pyiceberg.catalog.sql import SqlCatalog


class PyIceberg:
    name = 'pyiceberg'

    def __init__(self, warehouse, uri=None, makes_tables=False):
        self.catalog = SqlCatalog('default', uri=uri or 'sqlite:///' + warehouse.catalog, warehouse='file://' + warehouse.path,
                                  init_catalog_tables='true' if makes_tables else 'false')

    def load(self, table):
        return self.catalog.load_table('default.' + table)

    def scan(self, table, columns, row_filter=None):
        scan = self.load(table).scan(selected_fields=tuple(columns), **({'row_filter': row_filter} if row_filter else {}))
        return [tuple(row[column] for column in columns) for row in scan.to_arrow().to_pylist()]

    def rows(self, table, columns):
        return self.scan(table, columns)

    def where(self, table, columns, condition):
        return self.scan(table, columns, condition)
