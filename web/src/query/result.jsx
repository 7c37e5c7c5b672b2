// What came back: rows, a write's count, or an error; as a grid, a chart, a plan, and why this engine.
import { useEffect } from 'preact/hooks';
import { count, milliseconds, plural } from '../format.js';
import { Lazy } from '../lazy.jsx';
import { go, hrefOf, place } from '../place.js';
import { TabList } from '../tablist.jsx';
import { stored, store } from '../storage.js';
import { signal } from '@preact/signals';
import { Download } from './download.jsx';
import { Grid } from './grid.jsx';
import { Routing } from './routing.jsx';
import { isExplain } from './sql_text.js';
import { activeTab, liveOf } from './tabs.js';

export function Problem({ error }) {
  const parts = [
    error.sqlstate && <>SQLSTATE <code>{error.sqlstate}</code></>,
    error.position > 0 && <>at character {error.position}</>,
    error.request_id && <>request <code>{error.request_id}</code></>,
  ].filter(Boolean);
  return (
    <section class={error.cancelled ? 'problem cancelled' : 'problem'} role="alert" data-id={error.id}>
      <h2>{error.title}</h2>
      <p>{error.detail}</p>
      {error.more && <p>{error.more}</p>}
      {error.hint && <p><strong>Hint:</strong> {error.hint}</p>}
      {parts.length > 0 && <p class="quiet">{parts.map((part, index) => <>{index > 0 && ' · '}{part}</>)}</p>}
    </section>
  );
}

const VIEWS = [['rows', 'Rows'], ['chart', 'Chart'], ['plan', 'Plan'], ['route', 'Route']];
const viewOf = () => (VIEWS.some(([name]) => name === place.value.parts[1]) ? place.value.parts[1] : 'rows');
export const hrefOfView = (tab, view) => hrefOf('query', view === 'rows' ? [tab.id] : [tab.id, view]);

const sideShown = signal(stored('signalbox.side', true));
const toggleSide = () => {
  sideShown.value = !sideShown.value;
  store('signalbox.side', sideShown.value);
};

function Summary({ answer, live }) {
  const rows = answer.columns ? answer.rows.count : answer.row_count;
  const more = answer.truncated && answer.maxRows < 1_000_000;
  return (
    <p class="summary-text">
      <strong>{answer.columns ? plural(rows, 'row') : `${answer.command}: ${plural(rows, 'row')}`}</strong>
      {answer.partial && <span> · {live.running.value ? 'more are coming' : 'and no more'}</span>}
      {!answer.partial && <span> · {answer.engine} · {milliseconds(answer.duration * 1000)}</span>}
      {answer.cached && <span class="badge">cached</span>}
      {answer.truncated && <span class="truncated"> · there are more{more ? ': raise “Rows”' : ''}</span>}
    </p>
  );
}

function View({ name, answer, tab, live }) {
  if (name === 'chart') return <Lazy load={() => import('../chart/chart.jsx')} pick="ChartView" key={answer.id} answer={answer} tab={tab} version={live.version.value} />;
  if (name === 'plan') return <Lazy load={() => import('../plan/plan.jsx')} pick="PlanView" key={answer.id} answer={answer} live={live} />;
  if (name === 'route') return <div class="route-view"><Routing answer={answer} live={live} /></div>;
  return answer.columns?.length > 0
    ? <Grid key={answer.id} columns={answer.columns} rows={answer.rows} version={live.version.value + (answer.partial ? 0 : 1)} />
    : <p class="no-rows">{answer.command ? `${answer.command} is done: ${plural(answer.row_count, 'row')} changed in ${answer.engine}.` : 'The statement returns no rows.'}</p>;
}

export function Result() {
  const tab = activeTab.value;
  const live = liveOf(tab.id);
  const answer = live.answer.value;
  const view = viewOf();
  // A plan that was asked for is best seen as one.
  useEffect(() => {
    if (answer && !answer.partial && isExplain(answer.sql) && view === 'rows') go(hrefOfView(tab, 'plan'), { replace: true });
  }, [answer?.id, answer?.partial]);
  if (live.problem.value) return <Problem error={live.problem.value} />;
  if (!answer)
    return live.running.value ? <div class="result-waiting" aria-hidden="true"><span /><span /><span /></div> : (
      <p class="welcome">Write a statement and press <kbd>Ctrl</kbd> <kbd>↵</kbd>. Signalbox picks the engine that answers it fastest, and says why.</p>
    );
  const stale = live.running.value && !answer.partial;
  const side = sideShown.value && view !== 'route' && answer.route;
  return (
    <div class={`result${stale ? ' stale' : ''}${side ? ' with-side' : ''}`} aria-busy={live.running.value} data-id={answer.id}>
      <section class="rows" aria-label="Result">
        <div class="summary">
          <TabList label="Ways to look at the result" id="view" items={VIEWS} chosen={view} onChoose={(name) => go(hrefOfView(tab, name))} />
          <Summary answer={answer} live={live} />
          <span class="actions">
            {answer.columns?.length > 0 && <Download answer={answer} />}
            <button type="button" class="small side-toggle" aria-pressed={sideShown.value} onClick={toggleSide}>Why</button>
          </span>
        </div>
        <div class="view" role="tabpanel" id="view-panel" aria-labelledby={`view-${view}`}><View name={view} answer={answer} tab={tab} live={live} /></div>
      </section>
      {side && <aside class="route" aria-label="Why this engine"><Routing answer={answer} live={live} /></aside>}
    </div>
  );
}
