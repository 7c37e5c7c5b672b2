// The workbench: tabs, the editor, what it would cost, and the result.
import { useEffect, useRef, useState } from 'preact/hooks';
import { signal } from '@preact/signals';
import { dryRun, sendJson } from '../api.js';
import { announcement, engines, tables } from '../catalog.js';
import { bytes, milliseconds, plural } from '../format.js';
import { Icon } from '../icons.jsx';
import { go, hrefOf, place } from '../place.js';
import { stored, store } from '../storage.js';
import { Editor, focusEditor, formatEditor, markProblem, runEditor, setEditorText } from './editor.jsx';
import { hrefOfView, Result } from './result.jsx';
import { cancel, runAsJob, statementOf } from './run.js';
import { parameterCount, statementsOf } from './sql_text.js';
import { activate, activeId, activeTab, changeTab, closeTab, examples, liveOf, openSql, openTab, tabs, titleOf } from './tabs.js';

// ---- tabs ----------------------------------------------------------------------------------------------------------------------------

function TabStrip() {
  const [renaming, setRenaming] = useState(null);
  const onKey = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.target.tagName === 'INPUT') return;
    if (event.key === 'Delete') return closeTab(activeId.value);
    if (event.key === 'F2') return setRenaming(activeId.value);
    if (!step) return;
    const at = tabs.value.findIndex((tab) => tab.id === activeId.value);
    const next = tabs.value[(at + step + tabs.value.length) % tabs.value.length];
    go(hrefOf('query', [next.id]));
    requestAnimationFrame(() => document.getElementById(`query-tab-${next.id}`)?.focus());
    event.preventDefault();
  };
  const rename = (tab, name) => {
    changeTab(tab.id, { name: name.trim().slice(0, 60) });
    setRenaming(null);
  };
  return (
    <div class="query-tabs">
      <div class="query-tab-list" role="tablist" aria-label="Open queries" onKeyDown={onKey}>
        {tabs.value.map((tab) => {
          const chosen = tab.id === activeId.value;
          const live = liveOf(tab.id);
          if (renaming === tab.id)
            return <input key={tab.id} class="tab-name" aria-label="Name of this query" defaultValue={titleOf(tab)} ref={(element) => element?.select()}
              onBlur={(event) => rename(tab, event.currentTarget.value)} onKeyDown={(event) => ['Enter', 'Escape'].includes(event.key) && rename(tab, event.key === 'Enter' ? event.currentTarget.value : tab.name)} />;
          return (
            <button key={tab.id} id={`query-tab-${tab.id}`} type="button" role="tab" class="query-tab" aria-selected={chosen} tabIndex={chosen ? 0 : -1} title="Double click or F2 names it, Delete closes it"
              onClick={(event) => (event.target.closest('.close') ? closeTab(tab.id) : go(hrefOf('query', [tab.id])))} onDblClick={() => setRenaming(tab.id)}
              onAuxClick={(event) => event.button === 1 && closeTab(tab.id)}>
              {live.running.value && <span class="spinner" aria-hidden="true" />}
              <span class="query-tab-title">{titleOf(tab)}</span>
              <span class="close" aria-hidden="true">×</span>
            </button>
          );
        })}
      </div>
      <button type="button" class="icon-button" aria-label="New query" title="New query (Alt N)" onClick={() => { go(hrefOf('query', [openTab().id])); focusEditor(); }}><Icon name="plus" /></button>
    </div>
  );
}

// ---- what it would cost --------------------------------------------------------------------------------------------------------------

const estimate = signal(null); // {tab, sql, engine, text} or {tab, sql, problem}
const PAUSE_MS = 450;

const wording = (answer) => {
  const { cost_ms: cost, bytes_scanned: size, rows } = answer.estimate ?? {};
  const scan = size > 0 ? `will scan ${bytes(size)} on ` : rows > 0 ? `about ${plural(rows, 'row')} on ` : 'runs on ';
  return { before: scan, engine: answer.engine, after: cost > 0 ? ` · about ${milliseconds(cost)}` : '' };
};

function useEstimate(tab, live) {
  const sql = tab.sql;
  const key = JSON.stringify([tab.id, sql, tab.engine, tab.params]);
  useEffect(() => {
    if (!sql.trim() || live.running.value) return;
    const abort = new AbortController();
    const timer = setTimeout(async () => {
      try {
        estimate.value = { tab: tab.id, sql, ...wording(await dryRun(statementOf(tab), abort.signal)) };
      } catch (error) {
        if (error.cancelled || abort.signal.aborted) return;
        estimate.value = { tab: tab.id, sql, problem: error };
        if (error.position && !live.problem.value) markProblem({ ...error, sql, offset: 0, soft: true });
      }
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key, tables.value.length]);
}

function Estimate({ tab }) {
  const live = liveOf(tab.id);
  useEstimate(tab, live);
  const found = estimate.value;
  if (!tab.sql.trim() || found?.tab !== tab.id || found.sql !== tab.sql) return <p class="estimate" />;
  if (found.problem) return <p class="estimate wrong" title={found.problem.detail}>{found.problem.detail || found.problem.title}</p>;
  return <p class="estimate">{found.before}<strong>{found.engine}</strong>{found.after}</p>;
}

// ---- settings ------------------------------------------------------------------------------------------------------------------------

function Parameters({ tab }) {
  const many = parameterCount(tab.sql);
  if (many === 0) return null;
  const change = (index, value) => changeTab(tab.id, { params: Array.from({ length: Math.max(many, tab.params.length) }, (_, at) => (at === index ? value : (tab.params[at] ?? ''))) });
  return (
    <div class="parameters" role="group" aria-label="Parameters">
      {Array.from({ length: many }, (_, index) => (
        <label key={index}><code>${index + 1}</code>
          <input type="text" value={tab.params[index] ?? ''} placeholder="null" spellcheck={false} onInput={(event) => change(index, event.currentTarget.value)} />
        </label>
      ))}
      <p class="facts">Numbers, <code>true</code>, <code>null</code> and JSON are that; all else is text, also what is in quotes.</p>
    </div>
  );
}

const savedState = signal('');
async function saveQuery(tab) {
  const name = tab.name || prompt('Save this query as', titleOf(tab));
  if (!name) return;
  try {
    await sendJson('PUT', `/api/v1/saved/${encodeURIComponent(name)}`, { sql: tab.sql, params: tab.params, engine: tab.engine });
    changeTab(tab.id, { name });
    savedState.value = 'Saved';
    announcement.value = `Saved as ${name}`;
  } catch (error) {
    savedState.value = error.detail || error.title;
  }
  setTimeout(() => (savedState.value = ''), 4000);
}

async function submit(tab) {
  try {
    go(hrefOf('jobs', [await runAsJob(tab, 3)]));
  } catch (problem) {
    liveOf(tab.id).problem.value = { ...problem, sql: tab.sql, offset: 0 };
  }
}

async function share(tab) {
  const query = { sql: tab.sql };
  if (tab.engine !== 'auto') query.engine = tab.engine;
  await navigator.clipboard.writeText(`${location.origin}${location.pathname}${hrefOf('query', [], query)}`);
  savedState.value = 'Link copied';
  setTimeout(() => (savedState.value = ''), 4000);
}

function More({ tab }) {
  const details = useRef(null);
  useEffect(() => {
    const close = (event) => {
      if (details.current && !details.current.contains(event.target)) details.current.open = false;
    };
    addEventListener('pointerdown', close);
    return () => removeEventListener('pointerdown', close);
  }, []);
  const act = (action) => () => {
    details.current.open = false;
    action();
  };
  return (
    <details class="menu" ref={details} onKeyDown={(event) => event.key === 'Escape' && (details.current.open = false)}>
      <summary class="small" aria-label="More to do with this query">More</summary>
      <div class="menu-items">
        {statementsOf(tab.sql).length > 1 && <button type="button" onClick={act(() => runEditor(true))}>Run the statement at the cursor <kbd>Ctrl ⇧ ↵</kbd></button>}
        <button type="button" onClick={act(() => submit(tab))}>Run it as a job</button>
        <button type="button" onClick={act(async () => { savedState.value = (await formatEditor()) ?? ''; })}>Format <kbd>⇧ Alt F</kbd></button>
        <button type="button" onClick={act(() => saveQuery(tab))}>Save <kbd>Ctrl S</kbd></button>
        <button type="button" onClick={act(() => share(tab))}>Copy a link to it</button>
        <p class="facts">Examples</p>
        {examples.map((example) => <button key={example.label} type="button" onClick={act(() => go(hrefOf('query', [openSql(example.sql, { params: example.params ?? [] }).id])))}>{example.label}</button>)}
      </div>
    </details>
  );
}

const ROWS = [100, 1000, 10000, 100000, 1000000];

function Toolbar({ tab }) {
  const live = liveOf(tab.id);
  return (
    <div class="toolbar">
      {live.running.value
        ? <button type="button" class="run running" onClick={() => cancel(tab.id)}>Cancel <span class="quiet-on-colour">{milliseconds(live.elapsed.value)}</span></button>
        : <button type="button" class="run" onClick={() => runEditor()}><Icon name="play" /> Run <kbd>Ctrl ↵</kbd></button>}
      <span class="choice">
        <label for="engine">Engine</label>
        <select id="engine" value={tab.engine} onChange={(event) => changeTab(tab.id, { engine: event.currentTarget.value })}>
          <option value="auto">auto</option>
          {engines.value.map((engine) => <option key={engine.name} value={engine.name}>{engine.name}</option>)}
        </select>
      </span>
      <span class="choice">
        <label for="rows">Rows</label>
        <select id="rows" value={tab.maxRows} onChange={(event) => changeTab(tab.id, { maxRows: Number(event.currentTarget.value) })}>
          {ROWS.map((rows) => <option key={rows} value={rows}>{rows.toLocaleString('en-US')}</option>)}
        </select>
      </span>
      <More tab={tab} />
      <Estimate tab={tab} />
      {savedState.value && <span class="facts saved-state" role="status">{savedState.value}</span>}
      <p id="editor-help" class="unseen">Control and Enter runs the selection, or else the whole text; with Shift the statement at the cursor. Tab leaves the editor.</p>
    </div>
  );
}

// The border between statement and result can be dragged, or moved with the arrow keys.
const height = signal(stored('signalbox.height', 0));
function Divider() {
  const set = (value) => {
    height.value = Math.round(Math.max(90, Math.min(innerHeight * 0.7, value)));
    store('signalbox.height', height.value);
  };
  const now = () => document.querySelector('.editor').getBoundingClientRect().height;
  const drag = (event) => {
    const start = event.clientY - now();
    const target = event.currentTarget;
    target.setPointerCapture(event.pointerId);
    target.onpointermove = (move) => set(move.clientY - start);
    target.onpointerup = () => (target.onpointermove = target.onpointerup = null);
  };
  const onKey = (event) => {
    const step = { ArrowUp: -24, ArrowDown: 24 }[event.key];
    if (!step) return;
    set(now() + step);
    event.preventDefault();
  };
  return <div class="divider" role="separator" tabIndex={0} aria-orientation="horizontal" aria-label="Height of the editor" aria-valuemin={90} aria-valuemax={900} aria-valuenow={height.value || 190} onPointerDown={drag} onKeyDown={onKey} />;
}

// ---- the page ------------------------------------------------------------------------------------------------------------------------

// #/query/3 is a tab, #/query?sql=... opens a statement; a link never runs one.
function useAddress() {
  const { parts, query } = place.value;
  useEffect(() => {
    if (query.has('sql')) {
      const engine = query.get('engine');
      go(hrefOf('query', [openSql(query.get('sql'), engine ? { engine } : {}).id]), { replace: true });
    } else if (parts[0] && parts[0] !== activeId.value) {
      if (tabs.value.some((tab) => tab.id === parts[0])) activate(parts[0]);
      else go(hrefOf('query', [activeId.value]), { replace: true });
    }
  }, [place.value]);
  useEffect(() => {
    // A tab was closed, or chosen by other means than its address.
    const { page, parts: now, query: asked } = place.peek();
    if (page === 'query' && !asked.has('sql') && now[0] && now[0] !== activeId.value) go(hrefOf('query', [activeId.value]), { replace: true });
  }, [activeId.value]);
}

export function QueryPage() {
  useAddress();
  useEffect(() => {
    const onKey = (event) => {
      if (event.key === 's' && (event.ctrlKey || event.metaKey)) saveQuery(activeTab.value);
      else if (event.altKey && event.key === 'n') {
        go(hrefOf('query', [openTab().id]));
        focusEditor();
      } else return;
      event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const tab = activeTab.value;
  const live = liveOf(tab.id);
  return (
    <>
      <section class="statement" aria-label="Statement">
        <TabStrip />
        <div class="editor-frame" style={height.value ? { '--editor-height': `${height.value}px` } : undefined}><Editor /></div>
        <Parameters tab={tab} />
        <Toolbar tab={tab} />
        <div class={live.running.value ? 'progress busy' : 'progress'} aria-hidden="true" />
        <Divider />
      </section>
      <Result />
    </>
  );
}

export { hrefOfView, setEditorText };
