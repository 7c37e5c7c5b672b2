// Statements that need more memory than they may have, with spilling off: each is refused with 53200, and their process serves others meanwhile.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { eventually, isAlive, pidOf, query, rows, varDirectory } from './support/stack.mjs';

const beside = join(dirname(varDirectory), 'signalbox.toml');
const config = existsSync(beside) ? beside : join(varDirectory, 'signalbox.toml');
const LOOKUP = 'SELECT id FROM users WHERE id = 42';
const SMALL = "SELECT count(*) AS n FROM flights WHERE origin = 'ORD'";
const GREEDY = [
  'SELECT date, delay, distance, origin, destination, count(*) FROM flights GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC LIMIT 3',
  'SELECT * FROM flights ORDER BY destination, distance, delay, date OFFSET 2999990',
  'SELECT count(*) FROM flights a JOIN (SELECT DISTINCT date, delay, origin FROM flights) b ON a.date = b.date AND a.delay = b.delay',
  'SELECT sum(r) FROM (SELECT row_number() OVER (PARTITION BY origin ORDER BY date, delay) AS r FROM flights) x',
];
const workers = () => [1, 2].map((number) => pidOf(`worker-${number}`));

// The processes read the file when they start; those before them drain.
async function restartWorkers() {
  const before = workers();
  for (const pid of before) process.kill(pid, 'SIGTERM');
  await eventually('new processes are there', () => workers().every((pid) => !before.includes(pid) && isAlive(pid)), 20_000);
  await eventually('they answer', async () => (await Promise.all(Array.from({ length: 16 }, () => query(LOOKUP)))).every((response) => response.status === 200));
}

describe('a statement over its memory, nothing spilled', () => {
  const written = readFileSync(config, 'utf8');
  before(async () => {
    writeFileSync(config, written.replace('[engines.columnar]', '[engines.columnar]\nspill = false\nquery_memory_bytes = "32MiB"'));
    await restartWorkers();
  });
  after(async () => {
    writeFileSync(config, written);
    await restartWorkers();
  });

  test('is refused with 53200; the same process serves others meanwhile', async () => {
    const before = workers();
    let refused = 0, served = 0, busy = true;
    const greedy = Promise.all(Array.from({ length: 4 }, async () => {
      for (let round = 0; round < 3; round++)
        for (const sql of GREEDY) {
          const response = await query({ sql, engine: 'columnar' });
          assert.equal(response.status, 503, `${sql}: ${response.status} ${response.text.slice(0, 300)}`);
          assert.equal(response.json().sqlstate, '53200', response.text);
          refused++;
        }
    })).finally(() => (busy = false));
    const others = Promise.all(Array.from({ length: 4 }, async () => {
      while (busy) {
        assert.deepEqual(await rows(LOOKUP), [{ id: 42 }]);
        assert.deepEqual(await rows(SMALL), [{ n: 166341 }]);
        served += 2;
      }
    }));
    await Promise.all([greedy, others]);
    assert.equal(refused, 48);
    assert.ok(served >= 8, `${served} served meanwhile`);
    assert.deepEqual(workers(), before, 'no process ended');
  });

  test('with a spill directory such statements give rows', async () => {
    writeFileSync(config, written.replace('[engines.columnar]', '[engines.columnar]\nquery_memory_bytes = "32MiB"'));
    await restartWorkers();
    for (const sql of [GREEDY[0], GREEDY[3]]) {
      const response = await query({ sql, engine: 'columnar' });
      assert.equal(response.status, 200, `${sql}: ${response.text.slice(0, 300)}`);
    }
  });
});
