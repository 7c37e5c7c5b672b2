// Point lookups by primary key, as bench.mjs and serve/serve.mjs measure them: wrk through an HTTP server, pgbench direct.
import { execFile } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';

const exec = promisify(execFile);
export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
export const percentile = (values, p) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * p))];

const luaOf = (path, body) => `
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
-- Made once: the load generator shares the machine with what it measures.
local requests, at = {}, 0
init = function(args)
  for i = 1, 5000 do
    requests[i] = wrk.format(nil, "${path}", nil, '${body}')
  end
end
request = function()
  at = at % 5000 + 1
  return requests[at]
end
done = function(summary, latency)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  io.write(string.format("FIGURES %f %f %f %d\\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, failed))
end
`;

// { rate, p50, p99, failed }: per second, milliseconds. `body` is JSON with ' .. ID .. ' where the id goes.
export async function lookupsOverHttp({ url, path = '/query', body, connections, seconds }) {
  const script = `/tmp/signalbox-lookup-${process.pid}.lua`;
  writeFileSync(script, luaOf(path, body.replace('ID', "' .. math.random(1, 100000) .. '")));
  try {
    const { stdout } = await exec('wrk', ['-t1', `-c${connections}`, `-d${seconds}`, '--latency', '-s', script, `${url}/`]);
    const [, rate, p50, p99, failed] = stdout.match(/FIGURES (\S+) (\S+) (\S+) (\d+)/).map(Number);
    return { rate, p50, p99, failed };
  } finally {
    rmSync(script);
  }
}

export const SIGNALBOX_BODY = '{"sql":"SELECT * FROM users WHERE id = $1","params":[ID]}';

// pgbench -l writes each transaction's latency in microseconds in the third column.
export async function lookupsThroughPgbench({ postgres, connections, seconds }) {
  const prefix = `/tmp/signalbox-pgbench-${process.pid}`, script = `${prefix}.sql`;
  writeFileSync(script, '\\set id random(1, 100000)\nSELECT * FROM users WHERE id = :id;\n');
  const { stdout } = await exec('pgbench', ['-n', '-M', 'prepared', '-f', script, '-c', connections, '-j', Math.min(2, connections),
    '-T', seconds, '-l', `--log-prefix=${prefix}`, '--sampling-rate=0.1', ...postgres], { cwd: '/tmp' });
  const latencies = [];
  for (const file of readdirSync('/tmp').filter((name) => `/tmp/${name}`.startsWith(prefix))) {
    if (!file.endsWith('.sql')) for (const line of readFileSync(`/tmp/${file}`, 'utf8').split('\n')) if (line) latencies.push(Number(line.split(' ')[2]) / 1000);
    rmSync(`/tmp/${file}`);
  }
  return { rate: Number(stdout.match(/tps = ([\d.]+)/)[1]), p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99), failed: 0 };
}
