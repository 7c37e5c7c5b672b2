// Why this engine, what the others would have cost, which rules were tried, and a race between them.
import { useState } from 'preact/hooks';
import { compareEngines, fetchRoute } from '../api.js';
import { bytes, count, milliseconds, plural } from '../format.js';
import { mayAskAgain } from './run.js';

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`.replace(/\.\.$/, '.');

// Costs span orders of magnitude: bars are drawn on a logarithmic scale, and the figure stands beside each.
const barWidth = (cost, most) => `${Math.max(4, (100 * Math.log1p(cost * 1000)) / Math.log1p(most * 1000))}%`;

function Candidate({ candidate, chosen, most }) {
  return (
    <li class={chosen ? 'candidate chosen' : 'candidate'}>
      <div class="candidate-head">
        <span class="candidate-name">{candidate.engine}</span>
        <span class="candidate-cost">
          {candidate.eligible ? `≈ ${milliseconds(candidate.cost_ms)}` : 'not eligible'}
          {chosen && <strong> · chosen</strong>}
        </span>
      </div>
      {candidate.eligible && (
        <div class="bar" aria-hidden="true">
          <div style={{ width: barWidth(candidate.cost_ms, most) }} />
        </div>
      )}
      {candidate.why && !chosen && <p>{candidate.why}</p>}
    </li>
  );
}

function Time({ timing, roundTrip }) {
  const parts = [['parse', timing.parse_us / 1000], ['route', timing.route_us / 1000], ['queue', timing.queue_us / 1000], ['execute', timing.execute_us / 1000]];
  const network = Math.max(0, roundTrip - parts.reduce((sum, [, ms]) => sum + (ms ?? 0), 0));
  const all = [...parts, ['transfer', network]];
  const whole = all.reduce((sum, [, ms]) => sum + ms, 0) || 1;
  return (
    <>
      <h3>Where the time went</h3>
      <div class="time-bar" aria-hidden="true">{all.map(([name, ms]) => <span key={name} class={`time-${name}`} style={{ flexGrow: Math.max(ms / whole, 0.004) }} />)}</div>
      <dl class="timing">
        {all.map(([name, ms]) => <><dt><span class={`swatch time-${name}`} aria-hidden="true" />{name}</dt><dd>{milliseconds(ms)}</dd></>)}
        <dt class="whole">round trip</dt><dd class="whole">{milliseconds(roundTrip)}</dd>
      </dl>
    </>
  );
}

function Difference({ engine }) {
  const { difference } = engine;
  if (!difference) return null;
  return <p class="warning">{difference.same_rows ? `The rows are the same, their order differs from row ${difference.row} on.` : `First differing row: ${count(difference.row)}.`}</p>;
}

function Race({ race }) {
  const ran = race.engines.filter((engine) => engine.runs_ms);
  const most = Math.max(...ran.map((engine) => Math.max(...engine.runs_ms)), 0.001);
  const best = Math.min(...ran.map((engine) => engine.best_ms));
  return (
    <>
      <p class={race.agree === false ? 'verdict bad' : race.agree ? 'verdict good' : 'verdict'}>
        {race.agree === null ? 'Only one engine can answer this.' : race.agree ? 'All engines gave the same answer.' : 'The answers differ.'}
      </p>
      {race.warning && <p class="rule">{sentence(race.warning)}</p>}
      <ul class="candidates">
        {race.engines.map((engine) => (
          <li key={engine.engine} class={engine.engine === race.chosen ? 'candidate chosen' : 'candidate'}>
            <div class="candidate-head">
              <span class="candidate-name">{engine.engine}</span>
              <span class="candidate-cost">{engine.runs_ms ? <>{milliseconds(engine.best_ms)}{engine.best_ms === best && ran.length > 1 && <strong> · fastest</strong>}</> : 'did not run'}</span>
            </div>
            {engine.runs_ms && <div class="bar" aria-hidden="true"><div style={{ width: barWidth(engine.best_ms, most) }} /></div>}
            {engine.runs_ms
              ? <p>{plural(engine.rows, 'row')}{engine.truncated ? ' and more' : ''} · runs {engine.runs_ms.map((ms) => milliseconds(ms)).join(', ')}{engine.engine === race.chosen ? ' · the router’s choice' : ''}</p>
              : <p>{engine.why}</p>}
            <Difference engine={engine} />
          </li>
        ))}
      </ul>
    </>
  );
}

function Compare({ answer, live }) {
  const [busy, setBusy] = useState(false);
  const { race, raceProblem } = live.extras.value;
  const compare = async () => {
    setBusy(true);
    try {
      live.extras.value = { ...live.extras.value, race: await compareEngines({ ...answer, engine: 'auto' }, 3), raceProblem: null };
    } catch (error) {
      live.extras.value = { ...live.extras.value, race: null, raceProblem: error };
    }
    setBusy(false);
  };
  return (
    <section class="compare" aria-label="Comparison of the engines">
      <h3>Race the engines</h3>
      {!race && !raceProblem && <p class="rule">Runs the statement three times on each engine that can, and checks that the answers agree.</p>}
      {race && <Race race={race} />}
      {raceProblem && <p class="warning">{raceProblem.detail || raceProblem.title}</p>}
      <p><button type="button" class="small" disabled={busy} onClick={compare}>{busy ? 'Running…' : race ? 'Compare again' : 'Compare engines'}</button></p>
    </section>
  );
}

function Rules({ answer, live }) {
  const { rules, rulesProblem } = live.extras.value;
  const load = async (event) => {
    if (!event.currentTarget.open || rules) return;
    try {
      live.extras.value = { ...live.extras.value, rules: (await fetchRoute(answer)).rules_tried ?? [] };
    } catch (error) {
      live.extras.value = { ...live.extras.value, rulesProblem: error.detail || error.title };
    }
  };
  return (
    <details class="rules" onToggle={load}>
      <summary>Rules tried</summary>
      {rulesProblem && <p class="warning">{rulesProblem}</p>}
      {rules && rules.length === 0 && <p class="rule">No rules are configured: the cost alone decides.</p>}
      {rules && rules.length > 0 && (
        <ol class="rule-list">
          {rules.map((rule) => <li key={rule.line} class={rule.matched ? 'matched' : ''}><strong>{rule.rule}</strong> <span class="facts">line {rule.line}</span><p>{rule.matched ? 'matched' : 'passed over'}{rule.why ? `: ${rule.why}` : ''}</p></li>)}
        </ol>
      )}
    </details>
  );
}

export function Routing({ answer, live }) {
  const { route, timing, stats } = answer;
  if (!route) return <p class="waiting">The decision comes with the last row…</p>;
  const isChosen = (candidate) => candidate.engine === answer.engine;
  const candidates = [...(route.candidates ?? [])].sort((a, b) => isChosen(b) - isChosen(a) || b.eligible - a.eligible || (a.cost_ms ?? 0) - (b.cost_ms ?? 0));
  const most = Math.max(0.001, ...candidates.filter((c) => c.eligible).map((c) => c.cost_ms ?? 0));
  return (
    <>
      <h2>Why {answer.engine}</h2>
      <p class="reason">{sentence(route.reason)}</p>
      {route.warning && <p class="warning">{sentence(route.warning)}</p>}
      {route.fallback && <p class="warning">{sentence(route.fallback.why ?? route.fallback.reason ?? `${route.fallback.engine ?? 'the first engine'} failed, this one answered`)}</p>}
      <p class="rule">Rule <code>{route.rule}</code>{route.class && <> · class <code>{route.class}</code></>}</p>
      <h3>What each engine would have cost</h3>
      <ul class="candidates">
        {candidates.map((candidate) => <Candidate key={candidate.engine} candidate={candidate} chosen={isChosen(candidate)} most={most} />)}
      </ul>
      {mayAskAgain(answer) && <Compare answer={answer} live={live} />}
      {timing && <Time timing={timing} roundTrip={answer.roundTrip} />}
      {(stats?.rows_scanned > 0 || stats?.bytes_scanned > 0) && (
        <p class="rule">
          {[stats.rows_scanned > 0 && `${plural(stats.rows_scanned, 'row')} scanned`, stats.bytes_scanned > 0 && `${bytes(stats.bytes_scanned)} read`,
            stats.row_groups_skipped > 0 && `${plural(stats.row_groups_skipped, 'row group')} skipped`, stats.files_skipped > 0 && `${plural(stats.files_skipped, 'file')} skipped`].filter(Boolean).join(' · ')}
        </p>
      )}
      <Rules answer={answer} live={live} />
    </>
  );
}
