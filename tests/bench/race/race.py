"""Prints a race: the same statements on Signalbox's columnar engine, DuckDB's native tables and PostgreSQL, on the same rows.

    race.py VAR PORT tpch|tpcds|clickbench [--scale N] [--rounds N] [--threads 2,1] [--only q01,q05] [--no-postgres] [--no-times]

First every statement's rows are compared with PostgreSQL's (where PostgreSQL gives up after --timeout seconds, with DuckDB's). Then times:
hot, Signalbox and DuckDB in turn, medians of --rounds; ours is the engine's time without HTTP, DuckDB's execute and fetch in
this process. The last lines give sums, geometric means and the worst ratio. run-bench starts the servers and calls this."""
import argparse
import glob
import math
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path[:0] = [HERE, os.path.join(ROOT, 'tests', 'sql')]
import signalbox_client as client
import sqllogictest as slt
from workloads import WORKLOADS


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('var')
    parser.add_argument('port', type=int)
    parser.add_argument('workload', choices=WORKLOADS)
    parser.add_argument('--scale')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--threads', default='2,1')
    parser.add_argument('--only', default='')
    parser.add_argument('--timeout', type=int, default=300, help="seconds PostgreSQL gets for a statement")
    parser.add_argument('--no-postgres', action='store_true', help='rows are compared with DuckDB alone')
    parser.add_argument('--no-times', action='store_true')
    return parser.parse_args()


# ---- loading --------------------------------------------------------------------------------------------------


def forget(server, table):
    """Another workload's table of that name is gone."""
    for marker in glob.glob(os.path.join(server.var, 'race-*.loaded')):
        lines = open(marker).read().split()
        with open(marker, 'w') as out:
            out.write(''.join(line + '\n' for line in lines if line.split(':')[1] != table))


def load(server, workload, with_postgres):
    """Into a schema's worth of tables of both engines, once: a marker file tells."""
    marker = os.path.join(server.var, 'race-%s-%s.loaded' % (workload.name, workload.scale))
    done = open(marker).read().split() if os.path.exists(marker) else []
    for table, columns in workload.tables().items():
        wanted = [e for e in (['columnar', 'postgres'] if with_postgres else ['columnar']) if e + ':' + table not in done]
        if not wanted:
            continue
        path = os.path.join(server.scratch, table + '.csv')
        workload.write_csv(table, path)
        os.chmod(path, 0o644)
        if 'columnar' in wanted:
            server.signalbox('load', table, path, '--replace', '--format', 'csv', '--delimiter', ',', '--header', '--schema', columns)
        if 'postgres' in wanted:
            server.psql("DROP TABLE IF EXISTS %s;\nCREATE TABLE %s (%s);\n\\copy %s FROM '%s' CSV HEADER\n" % (table, table, columns, table, path))
        os.unlink(path)
        forget(server, table)
        with open(marker, 'a') as out:
            out.write(''.join('%s:%s\n' % (engine, table) for engine in wanted))
    if with_postgres and 'postgres:index' not in done:
        for key in workload.keys():
            server.psql('CREATE INDEX ON %s;' % key)
        server.psql('ANALYZE;')
        with open(marker, 'a') as out:
            out.write('postgres:index\n')
    server.refresh()


# ---- rows -----------------------------------------------------------------------------------------------------


def duckdb_text(value):
    if isinstance(value, bool) or value is None:
        return value
    return str(value)


def same_rows(ours, theirs):
    """Rows against rows of another program: names and types aside, numbers by value."""
    def canonical(value):
        value = slt.plain(value)
        try:
            return '%.9g' % float(value) if value is not None else '\0'
        except ValueError:
            return value.rstrip(' ')
    left = [[canonical(v) for v in row] for row in ours]
    right = [[canonical(v) for v in row] for row in theirs]
    return left == right or sorted(left) == sorted(right)


def check_rows(server, workload, name, sql, with_postgres, timeout):
    """-> what to print: 'equal' or what differs; and PostgreSQL's seconds, None when it gave up."""
    ours = server.query(sql, 'columnar')
    if ours.error:
        return '%s: %s' % (ours.sqlstate, ours.detail), None
    if with_postgres:
        started = time.monotonic()
        theirs = server.query(sql, 'postgres', max_runtime_seconds=timeout)
        seconds = time.monotonic() - started
        if not theirs.error:
            difference = slt.difference(theirs, ours, 'nosort') and slt.difference(theirs, ours, 'rowsort')
            return difference or 'equal', seconds
        if theirs.sqlstate not in ('57014', '42883', '42601'):
            return 'PostgreSQL: %s %s' % (theirs.sqlstate, theirs.detail), None
    rows = [[duckdb_text(v) for v in row] for row in workload.database.execute(sql).fetchall()]
    if same_rows(ours.rows, rows):
        return 'equal (to DuckDB)', None
    return "not DuckDB's rows: %d and %d" % (len(ours.rows), len(rows)), None


# ---- times ----------------------------------------------------------------------------------------------------


MEMORY_KEYS = ('threads', 'query_memory_bytes', 'memory_bytes', 'cache_bytes')  # what memory.py sets


def set_threads(server, threads):
    """The engine's threads are read at start. The memory is what users have who say nothing."""
    with open(server.config) as file:
        lines = [line for line in file.read().split('\n') if line.split(' = ')[0] not in MEMORY_KEYS]
    at = lines.index('[engines.columnar]')
    lines.insert(at + 1, 'threads = %d' % threads)
    with open(server.config, 'w') as out:
        out.write('\n'.join(lines))
    if server.connection:
        server.connection.close()
        server.connection = None
    for command in ('stop', 'start'):
        subprocess.run([os.path.join(ROOT, 'run'), command], check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def time_statement(server, workload, sql, rounds):
    ours, theirs = [], []
    server.query(sql, 'columnar')
    workload.database.execute(sql).fetchall()
    for _ in range(rounds):
        answer = server.query(sql, 'columnar')
        if answer.error:
            return None
        ours.append(float(answer.timing['execute_us']) / 1000)
        started = time.perf_counter()
        workload.database.execute(sql).fetchall()
        theirs.append((time.perf_counter() - started) * 1000)
    return statistics.median(ours), statistics.median(theirs)


def geometric_mean(values):
    return math.exp(sum(math.log(v) for v in values) / len(values))


def race(server, workload, statements, threads, rounds):
    set_threads(server, threads)
    workload.database.execute('SET threads = %d' % threads)
    print('\n%s, scale %s, %d thread%s, hot, medians of %d: ms' % (workload.name, workload.scale, threads, 's'[:threads != 1], rounds))
    print('| query | Signalbox | DuckDB native | ratio |\n|---|---|---|---|')
    times = {}
    for name, sql in statements.items():
        measured = time_statement(server, workload, sql, rounds)
        if measured:
            times[name] = measured
            print('| %s | %.1f | %.1f | %.2f |' % (name, *measured, measured[0] / measured[1]), flush=True)
    ours, theirs = [t[0] for t in times.values()], [t[1] for t in times.values()]
    ratios = {name: t[0] / t[1] for name, t in times.items()}
    worst = max(ratios, key=ratios.get)
    print('| **sum** | %.0f | %.0f | **%.2f** |' % (sum(ours), sum(theirs), sum(ours) / sum(theirs)))
    print('| **geometric mean** | %.1f | %.1f | **%.2f** |' % (geometric_mean(ours), geometric_mean(theirs), geometric_mean(list(ratios.values()))))
    print('worst: %s, %.2f' % (worst, ratios[worst]), flush=True)


def main():
    o = options()
    kind, scale = WORKLOADS[o.workload]
    workload = kind(o.workload, os.path.join(o.var, 'race'), o.scale or scale)
    server = client.Server(o.var, o.port)
    try:
        load(server, workload, not o.no_postgres)
        statements = {n: s for n, s in workload.statements.items() if not o.only or n in o.only.split(',')}
        equal, postgres_times = [], []
        for name, sql in statements.items():
            verdict, seconds = check_rows(server, workload, name, sql, not o.no_postgres, o.timeout)
            if verdict.startswith('equal'):
                equal.append(name)
            if seconds:
                postgres_times.append(seconds)
            print('%s: %s%s' % (name, verdict[:300], ', PostgreSQL %.0f ms' % (seconds * 1000) if seconds else ''), flush=True)
        print('%d of %d statements equal' % (len(equal), len(statements)))
        if postgres_times:
            print('PostgreSQL: %d statements, geometric mean %.0f ms' % (len(postgres_times), 1000 * geometric_mean(postgres_times)))
        if not o.no_times:
            for threads in o.threads.split(','):
                race(server, workload, statements, int(threads), o.rounds)
        return 0 if len(equal) == len(statements) else 1
    finally:
        server.close()


if __name__ == '__main__':
    sys.exit(main())
