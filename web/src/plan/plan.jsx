// The plan of a statement as a tree, with the time and rows of each step.
import { useState } from 'preact/hooks';
import { fetchRows } from '../api.js';
import { bytes, count, milliseconds } from '../format.js';
import { Waiting } from '../lazy.jsx';
import { isExplain, startsAsRead } from '../query/sql_text.js';
import { mayAskAgain } from '../query/run.js';
import { readPlan, readText } from './read.js';
import { Grid } from '../query/grid.jsx';

const timesOf = (node) => [node.own ?? 0, ...node.children.flatMap(timesOf)];

function Node({ node, whole, hottest }) {
  const own = node.own;
  const share = own != null && whole > 0 ? own / whole : 0;
  const off = node.rows != null && node.estimated > 0 ? Math.max(node.rows, 1) / node.estimated : 1;
  return (
    <li>
      <div class={own != null && own === hottest && share > 0.2 ? 'plan-node hot' : 'plan-node'}>
        <p class="plan-head">
          <strong>{node.name}</strong>{node.on && <code>{node.on}</code>}
          <span class="figures">
            {[node.rows != null && `${count(node.rows)} rows`, node.rows == null && node.estimated != null && `about ${count(node.estimated)} rows`, own != null && milliseconds(own),
              node.loops > 1 && `${count(node.loops)} times`, node.memory > 0 && bytes(node.memory)].filter(Boolean).join(' · ')}
            {(off > 10 || off < 0.1) && <span class="warning"> · {count(node.estimated)} were expected</span>}
          </span>
        </p>
        {own != null && whole > 0 && <div class="plan-heat" aria-hidden="true"><i style={{ width: `${Math.max(1, share * 100)}%` }} /></div>}
        {node.details.length > 0 && <p class="plan-detail">{node.details.map(([key, value]) => (key ? `${key}: ${value}` : value)).join(' · ').slice(0, 600)}</p>}
      </div>
      {node.children.length > 0 && <ul>{node.children.map((child, index) => <Node key={index} node={child} whole={whole} hottest={hottest} />)}</ul>}
    </li>
  );
}

export function Tree({ plan }) {
  const times = timesOf(plan.root);
  const whole = times.reduce((sum, time) => sum + time, 0);
  return <div class="plan-tree" tabIndex={0} role="region" aria-label="Plan"><ul class="plan-root"><Node node={plan.root} whole={whole} hottest={Math.max(...times)} /></ul></div>;
}

function Shown({ plan }) {
  if (plan.tree) return <Tree plan={plan.tree} />;
  if (plan.text) return <pre class="source" tabIndex={0}>{plan.text}</pre>;
  return <Grid columns={plan.columns} rows={plan.rows} sortable={false} label="Plan" />;
}

// From the engine that answered, in the notation that it has.
async function explain(answer, analyze) {
  const ask = (options) => fetchRows(`EXPLAIN ${options}${answer.sql}`, { engine: answer.engine, params: answer.params });
  const isMysql = (answer.route?.candidates ?? []).length === 0;
  let found;
  try {
    found = await ask(analyze ? '(ANALYZE, FORMAT JSON) ' : '(FORMAT JSON) ');
  } catch (error) {
    if (isMysql || (error.status >= 500 && error.status !== 502)) throw error;
    found = await ask(analyze ? 'ANALYZE ' : '');
  }
  const text = found.data.map((row) => row[0] ?? '').join('\n');
  const tree = found.columns.length === 1 ? (readPlan(text) ?? readText(text.split('\n'))) : null;
  return { tree, text: found.columns.length === 1 ? text : null, columns: found.columns, rows: found.rows, engine: found.engine, analyze };
}

// The answer of an EXPLAIN that was typed.
function ofAnswer(answer) {
  const lines = Array.from({ length: Math.min(answer.rows.count, 5000) }, (_, row) => answer.rows.at(row)[0] ?? '');
  if (answer.columns.length !== 1) return { columns: answer.columns, rows: answer.rows };
  return { tree: readPlan(lines.join('\n')) ?? readText(lines), text: lines.join('\n') };
}

export function PlanView({ answer, live }) {
  const [busy, setBusy] = useState(false);
  const typed = isExplain(answer.sql) && answer.columns && !answer.partial;
  const { plan: asked, planProblem } = live.extras.value;
  const plan = typed ? ofAnswer(answer) : asked;
  const show = async (analyze) => {
    setBusy(true);
    try {
      live.extras.value = { ...live.extras.value, plan: await explain(answer, analyze), planProblem: null };
    } catch (error) {
      live.extras.value = { ...live.extras.value, planProblem: error };
    }
    setBusy(false);
  };
  const may = !typed && (startsAsRead(answer.sql) || answer.command) && !answer.partial;
  const tree = plan?.tree;
  return (
    <div class="plan-view">
      <div class="plan-bar">
        {may && <button type="button" class="small" disabled={busy} onClick={() => show(false)}>Plan only</button>}
        {may && mayAskAgain(answer) && <button type="button" class="small" disabled={busy} onClick={() => show(true)}>Run and measure</button>}
        {tree?.execution != null && <span>executed in <strong>{milliseconds(tree.execution)}</strong></span>}
        {tree?.planning != null && <span class="quiet">planned in {milliseconds(tree.planning)}</span>}
        {tree?.memory > 0 && <span class="quiet">peak memory {bytes(tree.memory)}</span>}
        {tree?.workers > 0 && <span class="quiet">{count(tree.workers)} workers</span>}
        {tree?.summary?.map((line) => <span key={line} class="quiet">{line}</span>)}
      </div>
      {busy && <Waiting text="Asking for the plan" />}
      {!busy && planProblem && <p class="empty">{planProblem.detail || planProblem.title}</p>}
      {!busy && !planProblem && plan && <Shown plan={plan} />}
      {!busy && !planProblem && !plan && (
        <p class="empty">{may ? 'See how the engine goes about it: the plan alone, or with the rows and times of a run of it.' : 'There is no plan to show for this.'}</p>
      )}
    </div>
  );
}
