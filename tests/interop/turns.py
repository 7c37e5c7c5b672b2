"""One table, several writers in turns and at once: each must see and keep what the others wrote."""
import threading

import ours
import samples
from theirs import EVENT_SCHEMA, arrow_of, trino_values

NAMES, KINDS = ours.names_of(samples.EVENTS), ours.kinds_of(samples.EVENTS)


class Writers:
    """append(rows) of each program."""

    def __init__(self, peers, table):
        self.peers, self.table = peers, table

    def signalbox(self, rows):
        ours.load(self.peers, self.table, samples.EVENTS, rows, '--append')

    def pyiceberg(self, rows):
        self.peers.pyiceberg.load(self.table).append(arrow_of(EVENT_SCHEMA, rows))

    def spark(self, rows):
        frame = self.peers.spark.session.createDataFrame(rows, 'id bigint, made timestamp_ntz, day date, name string, '
                                                               'amount decimal(12, 2), score double, flag boolean')
        frame.createOrReplaceGlobalTempView('turn')
        self.peers.spark.execute('INSERT INTO default.default.%s SELECT * FROM global_temp.turn' % self.table)

    def trino(self, rows):
        self.peers.trino.execute('INSERT INTO %s VALUES %s' % (self.table, trino_values(rows)))


def in_turns(peers, report, table, create, order):
    if not report.succeeds(order[0], order[0], table, 'create', create):
        return
    writers, rows = Writers(peers, table), []
    for i, name in enumerate(order):
        more = samples.events_rows(i * 100, 100)
        if report.succeeds(name, name, table, 'append', lambda name=name, more=more: getattr(writers, name)(more)):
            rows += more
    for reader in [peers.signalbox, *peers.readers()]:
        report.equal('all', reader.name, table, KINDS, rows, lambda reader=reader: reader.rows(table, NAMES))


def tables(peers, report):
    order = ['signalbox', 'pyiceberg', 'signalbox', 'spark', 'signalbox', 'trino', 'signalbox']
    for suffix, ours_by, spark_by in (('', '', ''), ('_parted', "WITH (partitioning = 'bucket(3, id), month(made)')",
                                                     'PARTITIONED BY (bucket(3, id), months(made))')):
        in_turns(peers, report, 'tn_ours' + suffix, lambda: peers.signalbox.execute(
            'CREATE TABLE columnar.tn_ours%s (%s) %s' % (suffix, samples.schema_of(samples.EVENTS), ours_by)), order)
        in_turns(peers, report, 'tn_spark' + suffix, lambda: peers.spark.execute(
            'CREATE TABLE default.default.tn_spark%s (id bigint, made timestamp_ntz, day date, name string, amount decimal(12, 2), '
            'score double, flag boolean) USING iceberg %s' % (suffix, spark_by)), ['spark'] + order)
    in_turns(peers, report, 'tn_py', lambda: peers.pyiceberg.catalog.create_table('default.tn_py', EVENT_SCHEMA),
             ['pyiceberg'] + order)


def at_once(peers, report):
    """PyIceberg and Signalbox commit at the same time; a writer that lost a race tries again, and no row may go."""
    table, rounds = 'tn_race', 12
    ours.load(peers, table, samples.EVENTS, [])
    writers, failures = Writers(peers, table), []

    def theirs():
        for i in range(rounds):
            rows = samples.events_rows(100000 + i * 10, 10)
            for attempt in range(50):
                try:
                    writers.pyiceberg(rows)
                    break
                except Exception as error:
                    if 'CommitFailed' not in type(error).__name__ and 'locked' not in str(error) or attempt == 49:
                        failures.append(error)
                        return

    thread = threading.Thread(target=theirs)
    thread.start()
    rows = []
    for i in range(rounds * 2):
        more = samples.events_rows(i * 10, 10)
        if report.succeeds('signalbox', 'signalbox', table, 'append', lambda more=more: writers.signalbox(more)):
            rows += more
    thread.join()

    def other_writer():
        if failures:
            raise failures[0]
    report.succeeds('pyiceberg', 'pyiceberg', table, 'append', other_writer)
    rows += samples.events_rows(100000, rounds * 10)
    for reader in (peers.signalbox, peers.pyiceberg, peers.trino):
        report.equal('both', reader.name, table, KINDS, rows, lambda reader=reader: reader.rows(table, NAMES))


def run(peers, report):
    for part in (tables, at_once):
        report.succeeds('all', 'all', part.__name__, 'the part', lambda part=part: part(peers, report))
