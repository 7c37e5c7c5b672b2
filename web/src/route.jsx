// Why this engine, and what the others would have cost.
import { milliseconds } from './format.js';

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

export function Route({ answer }) {
  const { route, timing, stats } = answer;
  if (!route) return null;
  const isChosen = (candidate) => candidate.engine === answer.engine;
  const candidates = [...(route.candidates ?? [])].sort((a, b) => isChosen(b) - isChosen(a) || b.eligible - a.eligible || (a.cost_ms ?? 0) - (b.cost_ms ?? 0));
  const most = Math.max(0.001, ...candidates.filter((c) => c.eligible).map((c) => c.cost_ms ?? 0));
  return (
    <section class="route" aria-labelledby="route-title">
      <h2 id="route-title">Why {answer.engine}</h2>
      <p class="reason">{sentence(route.reason)}</p>
      {route.warning && <p class="warning">{sentence(route.warning)}</p>}
      <p class="rule">Rule <code>{route.rule}</code></p>
      <h3>What each engine would have cost</h3>
      <ul class="candidates">
        {candidates.map((candidate) => (
          <Candidate key={candidate.engine} candidate={candidate} chosen={isChosen(candidate)} most={most} />
        ))}
      </ul>
      {timing && (
        <>
          <h3>Where the time went</h3>
          <dl class="timing">
            <dt>parse</dt><dd>{milliseconds(timing.parse_us / 1000)}</dd>
            <dt>route</dt><dd>{milliseconds(timing.route_us / 1000)}</dd>
            <dt>queue</dt><dd>{milliseconds(timing.queue_us / 1000)}</dd>
            <dt>execute</dt><dd>{milliseconds(timing.execute_us / 1000)}</dd>
            <dt>round trip</dt><dd>{milliseconds(answer.roundTrip)}</dd>
          </dl>
        </>
      )}
      {stats?.rows_scanned > 0 && <p class="rule">{stats.rows_scanned.toLocaleString('en-US')} rows scanned</p>}
    </section>
  );
}
