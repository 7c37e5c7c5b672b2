"""The races' tables and statements: TPC-H and TPC-DS from DuckDB's generators, ClickBench's shapes over rows made here.

A workload gives: tables (name -> column definitions in PostgreSQL's types), write_csv(table, path), statements (name -> SQL that all
three databases take). Data is made once and kept in the race's directory."""
import os
import re

import duckdb

import clickbench

TYPES = {'DECIMAL': 'numeric', 'INTEGER': 'int4', 'BIGINT': 'int8', 'VARCHAR': 'text', 'SMALLINT': 'int2', 'DOUBLE': 'float8'}


def postgres_type(name):
    return re.sub(r'^[A-Z]+', lambda found: TYPES.get(found.group(0), found.group(0).lower()), name)


class Workload:
    """Tables in a DuckDB file, which is a contestant as it is and the source of the others' rows."""

    def __init__(self, name, directory, scale):
        self.name, self.scale = name, scale
        os.makedirs(directory, exist_ok=True)
        self.path = os.path.join(directory, '%s-%s.duckdb' % (name, scale))
        fresh = not os.path.exists(self.path)
        self.database = duckdb.connect(self.path, config={'allow_unsigned_extensions': 'true', 'threads': 2})
        self.load_generator()
        if fresh:
            try:
                self.generate()
            except BaseException:
                self.database.close()
                os.unlink(self.path)
                raise
        self.statements = self.read_statements()

    def load_generator(self):
        """The extensions come as PyPI packages, beside the module they extend."""
        extension = __import__('duckdb_extension_' + self.name)
        root = os.path.dirname(extension.__file__)
        for folder, _, files in os.walk(root):
            for file in files:
                if file.endswith('.duckdb_extension'):
                    self.database.execute("LOAD '%s'" % os.path.join(folder, file))

    def tables(self):
        out = {}
        for table, column, kind in self.database.execute(
                "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'main' "
                'ORDER BY table_name, ordinal_position').fetchall():
            out.setdefault(table, []).append('%s %s' % (column, postgres_type(kind)))
        return {table: ', '.join(columns) for table, columns in out.items()}

    def keys(self):
        """Columns that PostgreSQL gets an index on: a race without any would be unfair to it."""
        return []

    def write_csv(self, table, path):
        self.database.execute("COPY %s TO '%s' (HEADER, DELIMITER ',')" % (table, path))


class TpcH(Workload):
    def generate(self):
        self.database.execute('CALL dbgen(sf=%s)' % self.scale)

    def read_statements(self):
        rows = self.database.execute('SELECT query_nr, query FROM tpch_queries()').fetchall()
        return {'q%02d' % number: text.strip().rstrip(';') for number, text in rows}

    def keys(self):
        return ['lineitem(l_orderkey)', 'lineitem(l_partkey, l_suppkey)', 'orders(o_orderkey)', 'orders(o_custkey)', 'customer(c_custkey)',
                'part(p_partkey)', 'partsupp(ps_partkey)', 'supplier(s_suppkey)']


class TpcDs(Workload):
    def generate(self):
        self.database.execute('CALL dsdgen(sf=%s)' % self.scale)

    def read_statements(self):
        rows = self.database.execute('SELECT query_nr, query FROM tpcds_queries()').fetchall()
        return {'q%02d' % number: text.strip().rstrip(';') for number, text in rows}

    def keys(self):
        first = ['%s(%s)' % (table, columns.split()[0]) for table, columns in self.tables().items()]
        return first + ['store_sales(ss_item_sk)', 'store_sales(ss_customer_sk)', 'store_sales(ss_ticket_number)', 'catalog_sales(cs_item_sk)',
                        'catalog_sales(cs_order_number)', 'catalog_sales(cs_bill_customer_sk)', 'web_sales(ws_item_sk)',
                        'web_sales(ws_order_number)', 'web_sales(ws_bill_customer_sk)', 'catalog_returns(cr_order_number)',
                        'web_returns(wr_order_number)', 'store_returns(sr_ticket_number)']


class ClickBench(Workload):
    """`scale` is in millions of rows."""

    def load_generator(self):
        pass

    def generate(self):
        clickbench.generate(self.database, int(float(self.scale) * 1e6))

    def read_statements(self):
        return {'q%02d' % (i + 1): text for i, text in enumerate(clickbench.STATEMENTS)}


WORKLOADS = {'tpch': (TpcH, '1'), 'tpcds': (TpcDs, '1'), 'clickbench': (ClickBench, '10')}
