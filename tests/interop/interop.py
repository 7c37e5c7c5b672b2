"""The whole exchange; started by run-interop."""
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import answers  # noqa: E402
import changed  # noqa: E402
import on_postgres  # noqa: E402
import ours  # noqa: E402
import theirs  # noqa: E402
import turns  # noqa: E402
from peers.duckdb_peer import DuckDB  # noqa: E402
from peers.pyiceberg_peer import PyIceberg  # noqa: E402
from peers.signalbox import Signalbox  # noqa: E402
from peers.spark_peer import Spark  # noqa: E402
from peers.trino_peer import Trino  # noqa: E402
from report import Report  # noqa: E402

PARTS = {'ours': ours.run, 'changed': changed.run, 'theirs': theirs.run, 'turns': turns.run, 'answers': answers.run}


class Warehouse:
    """A directory of our own; the catalog is SQLite's file in it."""

    def __init__(self):
        self.work = tempfile.mkdtemp(prefix='signalbox-interop.')
        self.path = os.path.join(self.work, 'warehouse')
        self.catalog = os.path.join(self.path, 'catalog.db')
        os.mkdir(self.path)


class Peers:
    def __init__(self, warehouse, cache):
        self.warehouse = warehouse
        self.signalbox = Signalbox(warehouse)
        # The first table makes the catalog's namespace, which the peers do not make by themselves.
        self.signalbox.execute('CREATE TABLE columnar.first (id int4)')
        self.pyiceberg = PyIceberg(warehouse)
        self.duckdb = DuckDB(warehouse, self.pyiceberg)
        self.spark = self.trino = None
        with ThreadPoolExecutor() as pool:
            started = pool.submit(Trino, warehouse, cache)
            self.spark = Spark(warehouse, cache)
            self.trino = started.result()

    def readers(self):
        return [self.pyiceberg, self.duckdb, self.spark, self.trino]

    def close(self):
        for peer in (self.spark, self.trino):
            if peer:
                peer.close()


def parts_wanted(arguments):
    for i, argument in enumerate(arguments):
        if argument == '--only':
            return arguments[i + 1].split(',')
    return [*PARTS, 'postgres']


def main():
    started = time.time()
    report, warehouse = Report(), Warehouse()
    # Spark's Java writes its log to the second descriptor; Python's own errors go on to the terminal.
    sys.stderr = os.fdopen(os.dup(2), 'w')
    os.dup2(os.open(os.path.join(warehouse.work, 'spark.log'), os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    wanted, peers = parts_wanted(sys.argv[1:]), None
    try:
        if wanted != ['postgres']:
            peers = Peers(warehouse, os.environ['SIGNALBOX_INTEROP_CACHE'])
            print('peers started in %.0f s' % (time.time() - started), flush=True)
        for part in wanted:
            if part == 'postgres':
                on_postgres.run(warehouse.work, report)
            else:
                PARTS[part](peers, report)
    finally:
        if peers:
            peers.close()
        if report.failed or '--keep' in sys.argv:
            print('The tables are in %s' % warehouse.path)
        else:
            shutil.rmtree(warehouse.work)
    print('in %.0f s' % (time.time() - started))
    return report.conclude()


if __name__ == '__main__':
    sys.exit(main())
