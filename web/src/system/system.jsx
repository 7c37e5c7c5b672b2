// How it goes: engines, slots, queue, latency, throughput, memory; the pool's processes answer in turn and are added up.
import { useEffect, useState } from 'preact/hooks';
import { getJson, getText } from '../api.js';
import { engines, refreshCatalog } from '../catalog.js';
import { bytes, count, duration, milliseconds, percent, plural, short } from '../format.js';
import { Waiting } from '../lazy.jsx';
import { bucketsOf, quantile, readMetrics, sumOf } from './metrics_text.js';
import { Plot } from './plot.jsx';

const EVERY_MS = 2000;
const KEPT = 200;
const FORGOTTEN_MS = 20_000; // a process that did not answer for so long is gone

const isQuery = (labels) => labels.path === '/query';

// What is kept between looks; it outlives a visit of another page.
const processes = new Map(); // by the start time that a process tells: {at, samples, rates}
const statuses = new Map(); // by pid
const history = { throughput: [], p50: [], p99: [], memory: [], busy: [], queue: [], regret: [], hits: [], engines: new Map() };
let frame = null;

const keep = (list, value) => {
  list.push({ at: Date.now(), value });
  if (list.length > KEPT) list.shift();
};

function ratesOf(before, samples) {
  const seconds = (Date.now() - before.at) / 1000;
  const rate = (name, matches) => Math.max(0, (sumOf(samples, name, matches) - sumOf(before.samples, name, matches)) / seconds);
  const names = [...new Set((samples.get('signalbox_queries_total') ?? []).map((sample) => sample.labels.engine))];
  return {
    seconds, throughput: rate('signalbox_requests_total', isQuery),
    engines: Object.fromEntries(names.map((engine) => [engine, rate('signalbox_queries_total', (labels) => labels.engine === engine)])),
    buckets: [bucketsOf(before.samples, 'signalbox_request_duration_seconds', isQuery), bucketsOf(samples, 'signalbox_request_duration_seconds', isQuery)],
  };
}

// A pool of which every process tells all the same figures shows up as one.
function takeMetrics(text) {
  const samples = readMetrics(text);
  const id = String(sumOf(samples, 'process_start_time_seconds'));
  const before = processes.get(id);
  if (before && Date.now() - before.at < 500) return;
  processes.set(id, { at: Date.now(), samples, rates: before ? ratesOf(before, samples) : null });
  for (const [other, process] of processes) if (Date.now() - process.at > FORGOTTEN_MS) processes.delete(other);
}

function takeStatus(status) {
  statuses.set(status.pid, { ...status, at: Date.now() });
  for (const [pid, other] of statuses) if (Date.now() - other.at > FORGOTTEN_MS) statuses.delete(pid);
}

const merged = (list) => {
  const sum = new Map();
  for (const buckets of list) for (const [le, value] of buckets) sum.set(le, (sum.get(le) ?? 0) + value);
  return sum;
};
const add = (list, read) => list.reduce((sum, one) => sum + (read(one) ?? 0), 0);

function note() {
  const alive = [...processes.values()], rated = alive.filter((process) => process.rates), pool = [...statuses.values()];
  keep(history.throughput, add(rated, (process) => process.rates.throughput));
  const before = merged(rated.map((process) => process.rates.buckets[0])), after = merged(rated.map((process) => process.rates.buckets[1]));
  const p50 = quantile(before, after, 0.5), p99 = quantile(before, after, 0.99);
  keep(history.p50, p50 === null ? null : p50 * 1000);
  keep(history.p99, p99 === null ? null : p99 * 1000);
  const resident = alive.at(-1)?.samples.get('process_resident_memory_bytes') ?? [];
  keep(history.memory, resident.length > 1 ? resident.reduce((sum, sample) => sum + sample.value, 0) : add(pool, (one) => one.resident_bytes));
  keep(history.busy, add(pool, (one) => one.slots?.busy));
  keep(history.queue, add(pool, (one) => one.queue?.length));
  for (const engine of new Set(rated.flatMap((process) => Object.keys(process.rates.engines)))) {
    if (!history.engines.has(engine)) history.engines.set(engine, []);
    keep(history.engines.get(engine), add(rated, (process) => process.rates.engines[engine]));
  }
  const decisions = add(pool, (one) => one.router?.decisions), hits = add(pool, (one) => one.router?.cache_hits);
  frame = {
    pool, decisions, hits, slots: add(pool, (one) => one.slots?.total), uptime: Math.max(0, ...pool.map((one) => one.uptime_seconds)),
    requests: add(alive, (process) => sumOf(process.samples, 'signalbox_requests_total')), errors: add(alive, (process) => sumOf(process.samples, 'signalbox_query_errors_total')),
    jobs: pool.at(-1)?.jobs, version: pool.at(-1)?.version, configuration: pool.at(-1)?.configuration, cache: pool.at(-1)?.cache ?? pool.at(-1)?.result_cache,
  };
}

function Engines() {
  return (
    <div class="card data-frame" tabIndex={0} role="region" aria-label="Engines">
      <table class="data">
        <thead><tr><th scope="col">Engine</th><th scope="col">State</th><th scope="col">Version</th><th scope="col" class="number">Answers in</th><th scope="col" class="number">Connections</th><th scope="col" class="number">Tables</th><th scope="col">Breaker</th></tr></thead>
        <tbody>
          {engines.value.map((engine) => (
            <tr key={engine.name}>
              <td class="name">{engine.name}</td>
              <td><span class={`state ${engine.up ? 'good' : 'bad'}`}>{engine.up ? 'up' : 'down'}</span> {engine.message && <span class="facts">{engine.message}</span>}</td>
              <td class="clip">{engine.version}</td>
              <td class="number">{engine.up ? milliseconds(engine.latency_ms) : '–'}</td>
              <td class="number">{engine.connections ? `${engine.connections.busy} of ${engine.connections.open} busy` : '–'}</td>
              <td class="number">{count(engine.tables)}</td>
              <td>{engine.breaker ? <span class={`state ${engine.breaker.state === 'closed' ? '' : 'bad'}`} title={engine.breaker.message ?? ''}>{engine.breaker.state}{engine.breaker.failures > 0 ? ` · ${plural(engine.breaker.failures, 'failure')}` : ''}</span> : '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Shapes() {
  const [found, setFound] = useState(null);
  useEffect(() => {
    getJson('/api/v1/history/statistics?limit=12').then(setFound, () => setFound({ fingerprints: [] }));
  }, []);
  if (!found || found.fingerprints.length === 0) return null;
  return (
    <section class="stack" aria-labelledby="shapes-title">
      <h2 id="shapes-title">Where the time goes {found.regret?.compared > 0 && <span class="facts">regret {found.regret.mean.toFixed(3)} over {plural(found.regret.compared, 'statement')}: time taken ÷ the best engine’s</span>}</h2>
      <div class="card data-frame" tabIndex={0} role="region" aria-label="Statements by their time">
        <table class="data">
          <thead><tr><th scope="col">Statement</th><th scope="col" class="number">Times</th><th scope="col" class="number">Altogether</th><th scope="col" class="number">Median</th><th scope="col" class="number">95 %</th><th scope="col">Engines</th><th scope="col" class="number">Regret</th></tr></thead>
          <tbody>
            {found.fingerprints.map((shape) => (
              <tr key={shape.fingerprint}>
                <td class="name clip" title={shape.sql}>{shape.sql}</td>
                <td class="number">{count(shape.count)}</td><td class="number">{milliseconds(shape.total_ms)}</td><td class="number">{milliseconds(shape.p50_ms)}</td><td class="number">{milliseconds(shape.p95_ms)}</td>
                <td>{shape.engines.map((engine) => `${engine.engine} ${percent(engine.share)}`).join(', ')}</td>
                <td class="number">{shape.regret == null ? '–' : shape.regret.toFixed(2)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

export function SystemPage() {
  const [, redraw] = useState(0);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    let timer, gone = false, turn = 0;
    const look = async () => {
      if (!document.hidden) {
        try {
          const [status, text] = await Promise.all([getJson('/api/v1/status'), getText('/metrics')]);
          takeStatus(status);
          takeMetrics(text);
          note();
          if (turn++ % 3 === 0) refreshCatalog();
          setProblem(null);
        } catch (error) {
          setProblem(error);
        }
        if (!gone) redraw((value) => value + 1);
      }
      if (!gone) timer = setTimeout(look, EVERY_MS);
    };
    look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, []);
  return (
    <div class="page">
      <div class="head"><h2>System</h2>{frame && <span class="facts">Signalbox {frame.version} · up {duration(frame.uptime)} · {plural(frame.pool.length, 'process', 'processes')}</span>}</div>
      <div class="stack">
        {problem && <p class="note bad" role="alert">{problem.detail || problem.title}</p>}
        {!frame && !problem && <Waiting text="Looking" />}
        {frame && (
          <>
            <dl class="tiles">
              <div class="card tile"><dt>Requests</dt><dd>{short(frame.requests)} <span class="facts">{frame.errors > 0 ? `${count(frame.errors)} failed` : 'none failed'}</span></dd></div>
              <div class="card tile"><dt>Decisions</dt><dd>{short(frame.decisions)} <span class="facts">{frame.decisions > 0 ? `${percent(frame.hits / frame.decisions)} known` : ''}</span></dd></div>
              {frame.jobs && <div class="card tile"><dt>Jobs</dt><dd>{count(frame.jobs.running)} <span class="facts">running, {count(frame.jobs.queued)} queued</span></dd></div>}
              {frame.cache && <div class="card tile"><dt>Result cache</dt><dd>{bytes(frame.cache.bytes ?? 0)} <span class="facts">{frame.cache.hits != null ? `${short(frame.cache.hits)} hits` : ''}</span></dd></div>}
              {frame.configuration && <div class="card tile"><dt>Rules</dt><dd>{count(frame.configuration.rules)} <span class="facts">{frame.configuration.error ? <span class="failed">{frame.configuration.error}</span> : frame.configuration.rules ? 'in effect' : 'cost alone decides'}</span></dd></div>}
            </dl>
            <div class="plots">
              <Plot title="Statements per second" series={[...history.engines].map(([name, points]) => ({ name, points }))} />
              <Plot title="Latency of /query" series={[{ name: 'p50', points: history.p50 }, { name: 'p99', points: history.p99 }]} least={0.1} unit={(ms) => (ms === 0 ? '0' : milliseconds(ms).replace(/\.0+ /, ' '))} />
              <Plot title="Requests to /query per second" series={[{ points: history.throughput }]} />
              <Plot title={`Busy slots of ${count(frame.slots)}`} series={[{ points: history.busy }]} most={Math.max(1, frame.slots)} unit={(value) => String(Math.round(value))} />
              <Plot title="Queue" series={[{ points: history.queue }]} unit={(value) => short(Math.round(value * 10) / 10)} />
              <Plot title="Memory of the pool" series={[{ points: history.memory }]} unit={bytes} least={1e6} />
            </div>
          </>
        )}
        <h2>Engines</h2>
        <Engines />
        <Shapes />
      </div>
    </div>
  );
}
