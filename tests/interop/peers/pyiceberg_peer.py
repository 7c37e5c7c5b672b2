"""PyIceberg through the same SQLite catalog."""
from pyiceberg.catalog.sql import SqlCatalog


class PyIceberg:
    name = 'pyiceberg'

    def __init__(self, warehouse):
        self.catalog = SqlCatalog('default', uri='sqlite:///' + warehouse.catalog, warehouse='file://' + warehouse.path,
                                  init_catalog_tables='false')

    def load(self, table):
        return self.catalog.load_table('default.' + table)

    def scan(self, table, columns, row_filter=None):
        scan = self.load(table).scan(selected_fields=tuple(columns), **({'row_filter': row_filter} if row_filter else {}))
        return [tuple(row[column] for column in columns) for row in scan.to_arrow().to_pylist()]

    def rows(self, table, columns):
        return self.scan(table, columns)

    def where(self, table, columns, condition):
        return self.scan(table, columns, condition)
