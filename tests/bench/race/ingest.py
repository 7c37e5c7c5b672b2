"""Prints how fast text becomes a table: 1,000,000 NDJSON events (nested, about 135 bytes each) and TPC-H's lineitem as CSV, beside DuckDB's
COPY (SELECT * FROM read_json/read_csv) TO parquet (zstd), in turns within one run, both on 2 threads.

    ingest.py VAR PORT ingest [--events N] [--scale SF] [--rounds N]

Rates are medians; the ratio is that of the medians. Peak memory is the process's. The rows must be the same: counts and sums."""
import argparse
import csv
import datetime
import glob
import io
import json
import multiprocessing
import os
import random
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BINARY = os.path.join(ROOT, 'build', os.environ.get('PRESET', 'release'), 'signalbox')
CHECKS = {
    'events': 'SELECT count(*), sum(id), sum(CAST(ms AS DECIMAL(18,2))), count(DISTINCT page), min(length(type)) FROM %s',
    'lineitem': 'SELECT count(*), sum(l_orderkey), sum(CAST(l_extendedprice AS DECIMAL(18,2))), sum(length(l_comment)), '
                'count(DISTINCT l_shipdate) FROM %s',
}


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('var')
    parser.add_argument('port', type=int)
    parser.add_argument('workload')
    parser.add_argument('--events', type=int, default=1000000)
    parser.add_argument('--scale', default='1')
    parser.add_argument('--rounds', type=int, default=3)
    return parser.parse_args()


def make_events(path, count):
    chance = random.Random(42)
    moment = datetime.datetime(2026, 1, 1)
    with open(path + '.new', 'w') as out:
        for i in range(count):
            moment += datetime.timedelta(milliseconds=chance.randrange(1, 2000))
            event = {'id': i, 'ts': moment.strftime('%Y-%m-%dT%H:%M:%S.%f')[:-3] + 'Z',
                     'type': chance.choice(['click', 'view', 'purchase', 'signup', 'scroll']),
                     'user': {'id': chance.randrange(100000), 'country': chance.choice(['DE', 'US', 'FR', 'GB', 'JP', 'BR', 'IN'])},
                     'page': '/p/%d' % chance.randrange(2000), 'ms': round(chance.expovariate(0.01), 2), 'ok': chance.random() < 0.9}
            out.write(json.dumps(event, separators=(',', ':')) + '\n')
    os.rename(path + '.new', path)


def make_lineitem(path, scale):
    import duckdb
    with duckdb.connect(config={'allow_unsigned_extensions': 'true'}) as database:
        package = __import__('duckdb_extension_tpch')
        for folder, _, files in os.walk(os.path.dirname(package.__file__)):
            for file in files:
                if file.endswith('.duckdb_extension'):
                    database.execute("LOAD '%s'" % os.path.join(folder, file))
        database.execute('CALL dbgen(sf=%s)' % scale)
        database.execute("COPY lineitem TO '%s.new' (HEADER)" % path)
    os.rename(path + '.new', path)


def apart(make, *arguments):
    """In a child: a child's peak is never below what its parent holds when it forks, and dbgen holds gigabytes."""
    child = multiprocessing.get_context('fork').Process(target=make, args=arguments)
    child.start()
    child.join()
    if child.exitcode:
        sys.exit('%s failed' % make.__name__)


def run(command):
    """Seconds and peak megabytes of a child of its own."""
    started = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit('%s failed' % ' '.join(command))
    return time.monotonic() - started, usage.ru_maxrss / 1024


def ours(config, table, source):
    seconds, memory = run([BINARY, '--config', config, 'load', table, source, '--replace'])
    answer = subprocess.run([BINARY, '--config', config, 'query', '--format', 'csv', CHECKS[table] % table], check=True, capture_output=True)
    return seconds, memory, list(csv.reader(io.StringIO(answer.stdout.decode())))[1]


def table_bytes(config, table):
    data = os.path.join(os.path.dirname(config), 'data', 'warehouse', 'default', table, 'data')
    return sum(os.path.getsize(path) for path in glob.glob(os.path.join(data, '**', '*.parquet'), recursive=True))


def theirs(table, kind, source, out):
    statement = "SET threads=2; COPY (SELECT * FROM read_%s('%s')) TO '%s' (FORMAT parquet, COMPRESSION zstd)" % (kind, source, out)
    seconds, memory = run([sys.executable, '-c', 'import duckdb, sys; duckdb.connect().execute(sys.argv[1])', statement])
    import duckdb
    row = duckdb.connect().execute(CHECKS[table] % ("'%s'" % out)).fetchone()
    return seconds, memory, [str(value) for value in row]


def race(directory, config, table, kind, source, rounds):
    figures = {'ours': [], 'theirs': []}
    out = os.path.join(directory, table + '.parquet')
    for _ in range(rounds):
        figures['ours'].append(ours(config, table, source))
        figures['theirs'].append(theirs(table, kind, source, out))
    if figures['ours'][0][2] != figures['theirs'][0][2]:
        sys.exit('%s: the rows differ: %s and %s' % (table, figures['ours'][0][2], figures['theirs'][0][2]))
    rows = int(figures['ours'][0][2][0])
    rate = {who: rows / statistics.median(row[0] for row in runs) for who, runs in figures.items()}
    memory = {who: max(row[1] for row in runs) for who, runs in figures.items()}
    # A fresh load alone, so that no replaced snapshot's files are counted.
    shutil.rmtree(os.path.join(directory, 'data'))
    ours(config, table, source)
    size, their_size, text = table_bytes(config, table), os.path.getsize(out), os.path.getsize(source)
    print('%-9s %6.2f M rows/s, DuckDB %5.2f: %4.2fx   peak %4.0f MB, DuckDB %4.0f   %.1f MB, DuckDB %.1f: %.2fx, of the text %.3f' % (
        table, rate['ours'] / 1e6, rate['theirs'] / 1e6, rate['ours'] / rate['theirs'], memory['ours'], memory['theirs'], size / 1e6,
        their_size / 1e6, size / their_size, size / text), flush=True)


def main():
    given = options()
    directory = os.path.join(given.var, 'ingest')
    os.makedirs(directory, exist_ok=True)
    config = os.path.join(directory, 'signalbox.toml')
    with open(config, 'w') as out:
        out.write('[paths]\ndata_directory = "%s"\n[engines.postgres]\nenabled = false\n[engines.mysql]\nenabled = false\n'
                  % os.path.join(directory, 'data'))
    events = os.path.join(directory, 'events-%d.ndjson' % given.events)
    lineitem = os.path.join(directory, 'lineitem-%s.csv' % given.scale)
    if not os.path.exists(events):
        apart(make_events, events, given.events)
    if not os.path.exists(lineitem):
        apart(make_lineitem, lineitem, given.scale)
    race(directory, config, 'events', 'json', events, given.rounds)
    race(directory, config, 'lineitem', 'csv', lineitem, given.rounds)


main()
