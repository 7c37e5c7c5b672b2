// Statements that run by the clock: what they are, when they run next, what became of the last runs.
import { useEffect, useState } from 'preact/hooks';
import { getJson, sendJson } from '../api.js';
import { announcement } from '../catalog.js';
import { ago } from '../format.js';
import { Waiting } from '../lazy.jsx';
import { hrefOf } from '../place.js';
import { Problem } from '../query/result.jsx';
import { activeTab } from '../query/tabs.js';

const pathOf = (schedule, rest = '') => `/api/v1/schedules/${encodeURIComponent(schedule.schedule_id)}${rest}`;
const TONE = { completed: 'good', failed: 'bad', running: 'busy' };

function New({ onDone }) {
  const [fields, setFields] = useState({ name: '', sql: activeTab.value.sql, cron: '0 * * * *', table: '', mode: 'replace' });
  const [problem, setProblem] = useState(null);
  const input = (name) => ({ value: fields[name], onInput: (event) => setFields({ ...fields, [name]: event.currentTarget.value }) });
  const save = async (event) => {
    event.preventDefault();
    const { table, mode, ...rest } = fields;
    try {
      await sendJson('POST', '/api/v1/schedules', table.trim() ? { ...rest, table: table.trim(), mode } : rest);
      setProblem(null);
      announcement.value = 'It is scheduled';
      onDone();
    } catch (error) {
      setProblem(error);
    }
  };
  return (
    <details class="card schedule-new">
      <summary>New schedule</summary>
      <form class="stack" onSubmit={save}>
        <p class="row-of">
          <label class="field"><span>Name</span><input type="text" required {...input('name')} /></label>
          <label class="field"><span>When (cron, UTC)</span><input type="text" required {...input('cron')} /></label>
          <label class="field"><span>Into the table (may be left out)</span><input type="text" {...input('table')} /></label>
          <label class="field"><span>Its rows</span><select {...input('mode')}><option value="replace">go: replace</option><option value="append">stay: append</option></select></label>
        </p>
        <label class="field"><span>Statement</span><textarea class="paste short" spellcheck={false} required {...input('sql')} /></label>
        {problem && <p class="note bad" role="alert">{problem.detail || problem.title}</p>}
        <p><button class="primary">Schedule it</button></p>
      </form>
    </details>
  );
}

function Last({ runs }) {
  if (runs.length === 0) return <span class="quiet">not yet</span>;
  return <span class="row-of">{runs.slice(0, 5).map((run) => <a key={run.job_id} href={hrefOf('jobs', [run.job_id])} title={run.error?.detail ?? ''}><span class={`state ${TONE[run.status] ?? ''}`}>{run.status}</span></a>)}</span>;
}

export function Schedules() {
  const [state, setState] = useState({});
  const load = () => getJson('/api/v1/schedules').then((answer) => setState({ list: answer.schedules }), (problem) => setState({ problem }));
  useEffect(() => {
    load();
    const timer = setInterval(() => document.hidden || load(), 5000);
    return () => clearInterval(timer);
  }, []);
  const act = async (method, path, done) => {
    try {
      await sendJson(method, path);
      announcement.value = done;
    } catch (problem) {
      announcement.value = problem.detail || problem.title;
    }
    load();
  };
  const { list, problem } = state;
  return (
    <div class="stack">
      {problem && <Problem error={problem} />}
      {!list && !problem && <Waiting text="Reading the schedules" />}
      {list && <New onDone={load} />}
      {list?.length === 0 && <p class="empty">Nothing is scheduled.</p>}
      {list?.length > 0 && (
        <div class="card data-frame" tabIndex={0} role="region" aria-label="Schedules">
          <table class="data jobs schedules">
            <thead><tr><th scope="col">Name</th><th scope="col">When</th><th scope="col">Statement</th><th scope="col">Into</th><th scope="col">Next</th><th scope="col">Last runs</th><th scope="col"><span class="unseen">What to do</span></th></tr></thead>
            <tbody>
              {list.map((schedule) => (
                <tr key={schedule.schedule_id}>
                  <td><strong>{schedule.name}</strong>{!schedule.enabled && <span class="facts"> paused</span>}</td>
                  <td><code>{schedule.cron}</code> <span class="facts">{schedule.timezone}</span></td>
                  <td class="name clip" title={schedule.sql}>{schedule.sql}</td>
                  <td>{schedule.table ? `${schedule.table} (${schedule.mode})` : '–'}</td>
                  <td>{schedule.next_run_at && schedule.enabled ? <span title={ago(schedule.updated_at)}>{new Date(schedule.next_run_at).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'short' })}</span> : '–'}</td>
                  <td><Last runs={schedule.history ?? []} /></td>
                  <td class="row-of"><button type="button" class="small" onClick={() => act('POST', pathOf(schedule, '/run'), 'It runs')}>Run now</button>
                    <button type="button" class="small" onClick={() => act('DELETE', pathOf(schedule), 'It is forgotten')}>Delete</button></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
