"""Prints what a small memory budget costs: a GROUP BY with as many groups as rows, a join of two large inputs, a sort of everything, each
under --budget MB, beside DuckDB with the same memory_limit on the same rows (its own Parquet files are what we load).

    memory.py VAR PORT memory [--rows N] [--budget MB] [--only group,join,sort]

Rows must be equal. "spilled" is what ours wrote to disk (EXPLAIN ANALYZE). Peaks are of resident memory, each statement's own (VmHWM of the
pool's process, set back before; DuckDB's of a process that runs nothing else, Python in it). Ours should be the budget, the cache of decoded
pages (64 MB) and about 50 MB for the program itself."""
import argparse
import glob
import multiprocessing
import os
import re
import resource
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path[:0] = [HERE, os.path.join(ROOT, 'tests', 'sql')]
import duckdb
import signalbox_client as client

STATEMENTS = {
    'group': 'SELECT k % 7 AS part, count(*), sum(c), sum(s) FROM (SELECT k, count(*) AS c, sum(v) AS s FROM big GROUP BY k) t GROUP BY 1 ORDER BY 1',
    'join': 'SELECT count(*), sum(a.v), sum(b.v) FROM half a JOIN other b ON a.k = b.k',
    'sort': 'SELECT k, v FROM big ORDER BY v, k OFFSET %(last)d',
}
TABLES = {
    # Multiplying by an odd number modulo a power of two visits every number once, in no order that helps.
    'big': ('SELECT CAST((range * 2654435761) %% 4294967296 AS BIGINT) AS k, CAST(hash(range) %% 1000000007 AS BIGINT) AS v FROM range(%(rows)d)', 1),
    'half': ('SELECT CAST((range * 2654435761) %% 4294967296 AS BIGINT) AS k, CAST(hash(range + 1) %% 1000000007 AS BIGINT) AS v FROM range(%(rows)d)', 2),
    'other': ('SELECT CAST(((range + %(rows)d / 2)::BIGINT * 2654435761) %% 4294967296 AS BIGINT) AS k, CAST(hash(range + 2) %% 1000000007 AS BIGINT) AS v FROM range(%(rows)d)', 2),
}


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('var')
    parser.add_argument('port', type=int)
    parser.add_argument('workload')
    parser.add_argument('--rows', type=int, default=100000000)
    parser.add_argument('--budget', type=int, default=512, help='MB of one statement')
    parser.add_argument('--only', default='')
    return parser.parse_args()


def set_budget(server, megabytes):
    """The statement's, the process's, and a small cache: DuckDB's limit counts its cache too."""
    keys = {'query_memory_bytes': megabytes, 'memory_bytes': megabytes, 'cache_bytes': 64}
    with open(server.config) as file:
        lines = [line for line in file.read().split('\n') if line.split(' = ')[0] not in ('threads', *keys)]
    at = lines.index('[engines.columnar]') + 1
    lines[at:at] = ['%s = "%dMiB"' % each for each in keys.items()]
    with open(server.config, 'w') as out:
        out.write('\n'.join(lines))
    for command in ('stop', 'start'):
        subprocess.run([os.path.join(ROOT, 'run'), command], check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def load(server, directory, rows):
    database = duckdb.connect()
    files = {}
    for table, (select, share) in TABLES.items():
        files[table] = os.path.join(directory, 'memory-%s-%d.parquet' % (table, rows))
        if not os.path.exists(files[table]):
            database.execute("COPY (%s) TO '%s' (FORMAT parquet, COMPRESSION zstd)" % (select % {'rows': rows // share}, files[table]))
        os.chmod(files[table], 0o644)
        have = server.query('SELECT count(*) FROM %s' % table, 'columnar')
        if have.error or int(have.rows[0][0]) != rows // share:
            server.signalbox('load', table, files[table], '--replace')
    database.close()
    server.refresh()
    return files


def run_duckdb(*arguments):
    """-> seconds, rows or an error's text, peak MB; in a process of its own."""
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context('spawn').Process(target=duckdb_child, args=(there, *arguments))
    child.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        return 0, 'died', 0
    finally:
        child.join()


def duckdb_child(pipe, *arguments):
    seconds, rows = time_duckdb(*arguments)
    pipe.send((seconds, rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


def time_duckdb(files, directory, sql, budget):
    spill = os.path.join(directory, 'duckdb-spill')
    database = duckdb.connect(config={'memory_limit': '%dMB' % budget, 'threads': 2, 'temp_directory': spill})
    database.execute('SET enable_progress_bar = false')
    for table, file in files.items():
        database.execute("CREATE VIEW %s AS FROM read_parquet('%s')" % (table, file))
    started = time.perf_counter()
    try:
        rows = [[str(v) for v in row] for row in database.execute(sql).fetchall()]
    except duckdb.Error as problem:
        return time.perf_counter() - started, str(problem)
    finally:
        database.close()
    return time.perf_counter() - started, rows


def processes(server):
    with open(glob.glob(os.path.join(server.var, 'run', 'pool-*.pid'))[0]) as file:
        keeper = file.read().strip()
    children = subprocess.run(['pgrep', '-P', keeper], capture_output=True, encoding='utf-8').stdout.split()
    return children + [keeper]


def forget_peak(server):
    for pid in processes(server):
        with open('/proc/%s/clear_refs' % pid, 'w') as file:
            file.write('5')


def peak_megabytes(server):
    return max(int(re.search(r'VmHWM:\s+(\d+)', open('/proc/%s/status' % pid).read()).group(1)) // 1024 for pid in processes(server))


def main():
    o = options()
    server = client.Server(o.var, o.port)
    directory = os.path.join(o.var, 'race')
    failed = 0
    try:
        files = load(server, directory, o.rows)
        set_budget(server, o.budget)
        print('%d rows, budget %d MB, 2 threads' % (o.rows, o.budget))
        print("| statement | Signalbox | DuckDB (Parquet) | ratio | rows | spilled | our peak | DuckDB's |\n|---|---|---|---|---|---|---|---|")
        for name, text in STATEMENTS.items():
            if o.only and name not in o.only.split(','):
                continue
            sql = text % {'last': o.rows - 10} if '%(' in text else text
            forget_peak(server)
            answer = server.query(sql, 'columnar', max_runtime_seconds=300)
            peak = peak_megabytes(server)
            if answer.error:
                print('| %s | %s: %s |' % (name, answer.sqlstate, answer.detail))
                failed += 1
                continue
            seconds, rows, their_peak = run_duckdb(files, directory, sql, o.budget)
            same = [[str(v) for v in row] for row in answer.rows] == rows
            failed += not same and isinstance(rows, list)
            plan = server.query('EXPLAIN ANALYZE ' + sql, 'columnar', max_runtime_seconds=300)
            spilled = re.findall(r'[Ss]pilled[^0-9]*([0-9.,]+ ?[kMG]?i?B?)', '\n'.join(str(row[0]) for row in plan.rows))
            ours = float(answer.timing['execute_us']) / 1e6
            print('| %s | %.1f s | %.1f s | %.2f | %s | %s | %d MB | %d MB |' % (
                name, ours, seconds, ours / seconds, 'equal' if same else rows if isinstance(rows, str) else 'DIFFERENT', ' + '.join(spilled) or 'nothing', peak, their_peak), flush=True)
    finally:
        server.close()
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
