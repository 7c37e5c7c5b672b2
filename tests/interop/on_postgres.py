"""The catalog in PostgreSQL instead of a file: PyIceberg and Signalbox on one, made by either, one after another and at once.

The server is the one of SIGNALBOX_TEST_PG (a connection string with a user who may create databases), else one that `./run servers` starts."""
import os
import subprocess
import threading
import types

import ours
import samples
from peers.pyiceberg_peer import PyIceberg
from peers.signalbox import Signalbox
from psycopg2 import connect
from theirs import EVENT_SCHEMA, arrow_of
from turns import KINDS, NAMES

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Server:
    def __init__(self, work):
        self.environment = None
        given = os.environ.get('SIGNALBOX_TEST_PG')
        if not given:
            var = os.path.join(work, 'servers', 'var')
            self.environment = dict(os.environ, VAR=var)
            os.chmod(work, 0o755)
            os.mkdir(os.path.dirname(var))
            subprocess.run([os.path.join(ROOT, 'run'), 'servers'], env=self.environment, check=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL)
            given = 'host=%s/run/postgres port=54329 user=signalbox dbname=signalbox' % var
        self.settings = dict(word.split('=', 1) for word in given.split())

    def run(self, sql):
        connection = connect(**self.settings)
        connection.autocommit = True
        connection.cursor().execute(sql)
        connection.close()

    def database(self, name):
        """-> connection strings for Signalbox and for SQLAlchemy."""
        self.run('CREATE DATABASE ' + name)
        settings = dict(self.settings, dbname=name)
        words = ['%s=%s' % item for item in settings.items()]
        return ' '.join(words), 'postgresql+psycopg2:///%s?%s' % (name, '&'.join(word for word in words if not word.startswith('dbname=')))

    def close(self):
        if self.environment:
            subprocess.run([os.path.join(ROOT, 'run'), 'stop'], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def at_once(peers, report):
    """Both commit to one table; PyIceberg, which does not try again by itself, is told to."""
    rounds, failures = 10, []
    ours.load(peers, 'race', samples.EVENTS, [])

    def theirs():
        for i in range(rounds):
            rows = arrow_of(EVENT_SCHEMA, samples.events_rows(100000 + i * 10, 10))
            for attempt in range(50):
                try:
                    peers.pyiceberg.load('race').append(rows)
                    break
                except Exception as error:  # a lost race; the last one counts
                    if attempt == 49:
                        failures.append(error)

    thread = threading.Thread(target=theirs)
    thread.start()
    expected = []
    for i in range(rounds):
        rows = samples.events_rows(i * 10, 10)
        ours.load(peers, 'race', samples.EVENTS, rows, '--append')
        expected += rows + samples.events_rows(100000 + i * 10, 10)
    thread.join()
    if failures:
        raise failures[0]
    both(peers, report, 'both', 'race', expected)


def both(peers, report, writer, table, rows):
    for reader in (peers.signalbox, peers.pyiceberg):
        report.equal(writer, reader.name, table, KINDS, rows, lambda reader=reader: reader.rows(table, NAMES))


def exchange(peers, report):
    rows = samples.events_rows(0, 200)
    made = peers.pyiceberg.catalog.create_table('default.theirs', EVENT_SCHEMA)  # the namespace is there
    made.append(arrow_of(EVENT_SCHEMA, rows))
    both(peers, report, 'pyiceberg', 'theirs', rows)
    ours.load(peers, 'ours', samples.EVENTS, rows)
    both(peers, report, 'signalbox', 'ours', rows)
    for table in ('ours', 'theirs'):
        more, last = samples.events_rows(1000, 50), samples.events_rows(2000, 50)
        peers.pyiceberg.load(table).append(arrow_of(EVENT_SCHEMA, more))
        ours.load(peers, table, samples.EVENTS, last, '--append')
        peers.signalbox.execute('DELETE FROM %s WHERE id >= 2000 AND id < 2010' % table)
        left = [row for row in rows + more + last if not 2000 <= row[0] < 2010]
        both(peers, report, 'both', table, left)
    peers.pyiceberg.catalog.rename_table('default.theirs', 'default.renamed')
    both(peers, report, 'pyiceberg', 'renamed', left)
    at_once(peers, report)


def run(work, report):
    server = Server(work)
    try:
        for first in ('signalbox', 'pyiceberg'):
            name = 'signalbox_interop_%d_%s' % (os.getpid(), first)
            conninfo, uri = server.database(name)
            warehouse = types.SimpleNamespace(work=os.path.join(work, first), path=os.path.join(work, first, 'warehouse'))
            os.makedirs(warehouse.path)
            try:
                made = {}
                for peer in (first, 'pyiceberg', 'signalbox'):
                    if peer == 'signalbox':
                        made[peer] = Signalbox(warehouse, conninfo)
                        made[peer].run('check')
                    elif peer not in made:
                        made[peer] = PyIceberg(warehouse, uri, peer == first)
                        if peer == first:
                            made[peer].catalog.create_namespace('default')
                report.succeeds(first, 'both', 'on postgres', 'exchange',
                                lambda: exchange(types.SimpleNamespace(warehouse=warehouse, **made), report))
                made['pyiceberg'].catalog.engine.dispose()
            finally:
                server.run('DROP DATABASE IF EXISTS %s WITH (FORCE)' % name)
    finally:
        server.close()
