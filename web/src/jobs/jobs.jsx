// Statements that run on their own: the list, as it changes; one of them, with its progress, rows and profile.
import { useEffect, useState } from 'preact/hooks';
import { getJson, sendJson } from '../api.js';
import { announcement } from '../catalog.js';
import { ago, count, duration, milliseconds, percent } from '../format.js';
import { Waiting } from '../lazy.jsx';
import { go, hrefOf, place } from '../place.js';
import { Problem } from '../query/result.jsx';
import { openSql } from '../query/tabs.js';
import { TabList } from '../tablist.jsx';
import { JobPlan, JobResult } from './job_result.jsx';
import { Schedules } from './schedules.jsx';

const STATES = ['queued', 'running', 'completed', 'failed', 'cancelled'];
const TONE = { queued: '', running: 'busy', completed: 'good', failed: 'bad', cancelled: '' };
const idOf = (job) => job.job_id;
const isOver = (job) => !['queued', 'running'].includes(job.status);

// Asks again while something moves.
function useAsked(path, again) {
  const [state, setState] = useState({});
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    let timer;
    const ask = async () => {
      let next = 3000;
      try {
        const answer = document.hidden ? null : await getJson(path, abort.signal);
        if (answer) {
          setState({ answer });
          next = again(answer);
        }
      } catch (problem) {
        if (problem.cancelled) return;
        setState({ problem });
        if (problem.status === 404) return;
      }
      if (next) timer = setTimeout(ask, next);
    };
    ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [path, turn]);
  return [state, () => setTurn(turn + 1)];
}

async function cancelJob(job, done) {
  try {
    await sendJson('DELETE', `/api/v1/jobs/${encodeURIComponent(idOf(job))}`);
    announcement.value = 'The job is cancelled';
  } catch (problem) {
    announcement.value = problem.detail || problem.title;
  }
  done();
}

const runtimeOf = (job) => {
  const { started_at: from, finished_at: to } = job;
  if (job.duration != null) return milliseconds(job.duration * 1000);
  return from ? milliseconds((to ? new Date(to) : new Date()) - new Date(from)) : '–';
};

function Progress({ job }) {
  if (job.status !== 'running') return <span class={`state ${TONE[job.status] ?? ''}`}>{job.status}{job.queue_position > 0 ? ` · ${job.queue_position}.` : ''}</span>;
  const share = job.progress ?? 0;
  const eta = job.eta_seconds;
  return (
    <div style={{ minWidth: '9rem' }}>
      <div class="progress-bar" role="progressbar" aria-label="Progress" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)}><i style={{ width: `${share * 100}%` }} /></div>
      <p class="facts">{percent(share)}{eta > 0 ? ` · ${duration(eta)} to go` : ''}</p>
    </div>
  );
}

function List() {
  const [status, setStatus] = useState('');
  const [{ answer, problem }, again] = useAsked(`/api/v1/jobs?limit=100${status ? `&status=${status}` : ''}`, (found) => ((found.jobs ?? []).some((job) => !isOver(job)) ? 1000 : 4000));
  const jobs = answer?.jobs ?? [];
  return (
    <>
      <p class="row-of">
        <label class="row-of">Show <select value={status} onChange={(event) => setStatus(event.currentTarget.value)}><option value="">all</option>{STATES.map((one) => <option key={one} value={one}>{one}</option>)}</select></label></p>
      {problem && (problem.status === 404 ? <p class="note">This server keeps no jobs.</p> : <Problem error={problem} />)}
      {!answer && !problem && <Waiting text="Reading the jobs" />}
      {answer && jobs.length === 0 && <p class="empty">{status ? `None is ${status}.` : 'None yet.'}</p>}
      {jobs.length > 0 && (
        <div class="card data-frame" tabIndex={0} role="region" aria-label="Jobs">
          <table class="data jobs">
            <thead><tr><th scope="col">State</th><th scope="col">Statement</th><th scope="col">Engine</th><th scope="col" class="number">Rows</th><th scope="col" class="number">Time</th><th scope="col">Asked</th><th scope="col"><span class="unseen">What to do</span></th></tr></thead>
            <tbody>
              {jobs.map((job) => (
                <tr key={idOf(job)}>
                  <td><Progress job={job} /></td>
                  <td class="name clip"><a href={hrefOf('jobs', [idOf(job)])}>{(job.sql ?? idOf(job)).slice(0, 120)}</a></td>
                  <td>{job.engine ?? '–'}</td>
                  <td class="number">{job.row_count == null ? '–' : count(job.row_count)}</td>
                  <td class="number">{runtimeOf(job)}</td>
                  <td>{job.created_at ? ago(job.created_at) : '–'}</td>
                  <td>{!isOver(job) && <button type="button" class="small" onClick={() => cancelJob(job, again)}>Cancel</button>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

const SHOWN = [['Priority', (job) => job.priority], ['User', (job) => job.user], ['Engine', (job) => job.engine], ['Rows', (job) => job.row_count != null && count(job.row_count)], ['Time', runtimeOf], ['Attempts', (job) => job.attempts]];

function One({ id }) {
  const [{ answer: job, problem }, again] = useAsked(`/api/v1/jobs/${encodeURIComponent(id)}`, (found) => (isOver(found) ? 0 : 700));
  if (problem) return <div class="page"><p><a href={hrefOf('jobs')}>All jobs</a></p><Problem error={problem} /></div>;
  if (!job) return <div class="page"><Waiting text="Reading the job" /></div>;
  const error = job.error && (typeof job.error === 'string' ? { title: 'It failed', detail: job.error } : { title: 'It failed', ...job.error });
  return (
    <div class="page">
      <div class="head"><h2>Job</h2><span class="facts">{id}</span><span class="end">
        {!isOver(job) && <button type="button" class="small" onClick={() => cancelJob(job, again)}>Cancel</button>}
        {job.sql && <button type="button" class="small" onClick={() => go(hrefOf('query', [openSql(job.sql).id]))}>Open in the editor</button>}
        <a class="small as-button" href={hrefOf('jobs')}>All jobs</a></span></div>
      <div class="stack">
        <Progress job={job} />
        <dl class="tiles">{SHOWN.map(([name, read]) => [name, read(job)]).filter(([, value]) => value || value === 0).map(([name, value]) => <div key={name} class="card tile"><dt>{name}</dt><dd class={typeof value === 'string' && /^[a-z]/i.test(value) ? 'word' : undefined}>{value}</dd></div>)}</dl>
        {job.sql && <pre class="card source" tabIndex={0}>{job.sql}</pre>}
        {error && <Problem error={error} />}
        {job.result_available && <JobResult id={id} job={job} />}
        {isOver(job) && <JobPlan id={id} />}
      </div>
    </div>
  );
}

const KINDS = [['all', 'Jobs'], ['schedules', 'Schedules']];

export function JobsPage() {
  const [id] = place.value.parts;
  if (id && id !== 'schedules') return <One key={id} id={id} />;
  const chosen = id ?? 'all';
  return (
    <div class="page">
      <div class="head"><h2>Jobs</h2></div>
      <p class="lead">Statements that run without somebody waiting, once or by the clock. They and their rows outlive a restart.</p>
      <TabList label="Jobs or schedules" id="jobs" items={KINDS} chosen={chosen} onChoose={(one) => go(hrefOf('jobs', one === 'all' ? [] : [one]))} />
      <div role="tabpanel" id="jobs-panel" aria-labelledby={`jobs-${chosen}`} class="stack">{chosen === 'all' ? <List /> : <Schedules />}</div>
    </div>
  );
}
