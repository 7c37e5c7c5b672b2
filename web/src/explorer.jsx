// The side of the workbench: engines with their tables, queries that were saved, and what ran.
import { useEffect, useState } from 'preact/hooks';
import { signal } from '@preact/signals';
import { getJson, sendJson } from './api.js';
import { announcement, catalogState, engines, fullName, nameInSql, refreshCatalog, tables } from './catalog.js';
import { quoted } from './names.js';
import { ago, bytes, milliseconds, short } from './format.js';
import { Icon } from './icons.jsx';
import { go, hrefOf, place } from './place.js';
import { insertText } from './query/editor.jsx';
import { ranCount } from './query/run.js';
import { openSql } from './query/tabs.js';
import { TabList } from './tablist.jsx';

const chosen = signal('tables');
const filter = signal('');

const openInTab = (sql, fields) => go(hrefOf('query', [openSql(sql, fields).id]));

function TableEntry({ table, open }) {
  const size = table.row_count == null || table.row_count < 0 ? table.kind : `${short(table.row_count)} rows`;
  const others = table.placements.slice(1).map((placement) => placement.engine);
  const current = place.value.page === 'tables' && place.value.parts[0] === fullName(table);
  return (
    <details class="table-entry" open={open || undefined}>
      <summary class={current ? 'current' : undefined}>
        <span class="table-name">{table.name}</span>
        <span class="facts">{size}</span>
      </summary>
      <p class="table-links">
        <a href={hrefOf('tables', [fullName(table)])}>Details</a>
        <button type="button" class="link" onClick={() => openInTab(`SELECT *\nFROM ${nameInSql(table)}\nLIMIT 100`)}>Query</button>
        {table.bytes > 0 && <span class="facts">{bytes(table.bytes)}</span>}
        {others.length > 0 && <span class="facts">also in {others.join(', ')}</span>}
      </p>
      <ul>
        {table.columns.map((column) => (
          <li key={column.name}>
            <button type="button" title="Insert into the statement" onClick={() => insertText(quoted(column.name))}>
              <span>{column.name}</span> <span class="type">{column.type}</span>
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}

// schema → its tables; a schema that is the engine's usual one is not named.
const USUAL = new Set(['public', 'default', 'signalbox']);

function EngineTables({ engine, list }) {
  const schemas = Map.groupBy ? Map.groupBy(list, (table) => table.schema) : new Map([...new Set(list.map((table) => table.schema))].map((schema) => [schema, list.filter((table) => table.schema === schema)]));
  const named = schemas.size > 1 || (schemas.size === 1 && !USUAL.has([...schemas.keys()][0]));
  return (
    <section class="engine-tables" aria-label={`Tables of ${engine.name}`}>
      <h2>
        <span class={engine.up ? 'light up' : 'light down'} aria-hidden="true" />{engine.name}
        <span class="facts">{engine.up ? list.length || 'no tables' : 'is down'}</span>
      </h2>
      {[...schemas].map(([schema, entries]) => (
        <div key={schema}>
          {named && <h3 class="schema">{schema}</h3>}
          {entries.map((table) => <TableEntry key={fullName(table)} table={table} open={filter.value && entries.length < 4 && list.length < 4} />)}
        </div>
      ))}
    </section>
  );
}

function Tables() {
  const words = filter.value.trim().toLowerCase();
  const found = words ? tables.value.filter((table) => fullName(table).toLowerCase().includes(words) || table.columns.some((column) => column.name.toLowerCase().includes(words))) : tables.value;
  const names = new Set([...engines.value.map((engine) => engine.name), ...found.map((table) => table.engine)]);
  const groups = [...names].map((name) => ({ engine: engines.value.find((engine) => engine.name === name) ?? { name, up: true }, list: found.filter((table) => table.engine === name) }))
    .filter((group) => !words || group.list.length > 0);
  return (
    <>
      <label class="filter"><Icon name="search" size={15} /><span class="unseen">Filter tables and columns</span>
        <input type="search" placeholder="Filter tables, columns" value={filter.value} onInput={(event) => (filter.value = event.currentTarget.value)} /></label>
      {catalogState.value === 'loading' && <div class="bones" aria-hidden="true"><span /><span /><span /><span /></div>}
      {catalogState.value.title && <p class="warning">{catalogState.value.detail} <button type="button" class="link" onClick={refreshCatalog}>Try again</button></p>}
      {groups.map((group) => <EngineTables key={group.engine.name} engine={group.engine} list={group.list} />)}
      {catalogState.value === 'ready' && tables.value.length === 0 && <p class="empty">No tables yet. <a href={hrefOf('ingest')}>Load a file</a>, or generate one.</p>}
      {words && found.length === 0 && <p class="empty">Nothing is called “{filter.value}”.</p>}
    </>
  );
}

// ---- what ran ------------------------------------------------------------------------------------------------------------------------

function History() {
  const [state, setState] = useState({ entries: [], total: 0, words: '' });
  const [words, setWords] = useState('');
  const load = async (offset = 0) => {
    try {
      const page = await getJson(`/api/v1/history?limit=60&offset=${offset}${words ? `&q=${encodeURIComponent(words)}` : ''}`);
      setState((old) => ({ entries: offset ? [...old.entries, ...page.entries] : page.entries, total: page.total }));
    } catch (error) {
      setState({ entries: [], total: 0, problem: error });
    }
  };
  useEffect(() => {
    // It is written in the background: a statement is there a moment after its answer.
    load();
    const timers = [setTimeout(load, 700), setTimeout(load, 2500)];
    return () => timers.forEach(clearTimeout);
  }, [ranCount.value, words]);
  return (
    <>
      <label class="filter"><Icon name="search" size={15} /><span class="unseen">Search the history</span>
        <input type="search" placeholder="Search what ran" value={words} onInput={(event) => setWords(event.currentTarget.value)} /></label>
      {state.problem && <p class="empty">{state.problem.status === 404 ? 'The server keeps no history.' : state.problem.detail}</p>}
      {!state.problem && state.entries.length === 0 && <p class="empty">{words ? 'Nothing that ran holds this.' : 'What is run is listed here, whoever ran it.'}</p>}
      <ul class="history">
        {state.entries.map((entry) => (
          <li key={entry.id}>
            <button type="button" title={entry.sql} onClick={() => openInTab(entry.sql)}>
              <span class="history-sql">{entry.sql}</span>
              <span class="facts">
                {entry.status >= 400 ? <span class="failed">{entry.sqlstate ?? entry.status}</span> : `${entry.engine} · ${milliseconds(entry.taken_ms)}`}
                {' · '}{ago(entry.started)}{entry.origin !== 'query' && ` · ${entry.origin}`}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {state.entries.length < state.total && <p><button type="button" class="small" onClick={() => load(state.entries.length)}>Older</button></p>}
    </>
  );
}

// ---- saved queries -------------------------------------------------------------------------------------------------------------------

function Saved() {
  const [list, setList] = useState(null);
  const [problem, setProblem] = useState(null);
  const load = () => getJson('/api/v1/saved').then((answer) => setList(answer.saved), setProblem);
  useEffect(() => void load(), []);
  const remove = async (name) => {
    try {
      await sendJson('DELETE', `/api/v1/saved/${encodeURIComponent(name)}`);
      announcement.value = `Forgot ${name}`;
    } catch (error) {
      setProblem(error);
    }
    load();
  };
  if (problem) return <p class="empty">{problem.detail || problem.title}</p>;
  if (!list) return <div class="bones" aria-hidden="true"><span /><span /></div>;
  if (list.length === 0) return <p class="empty">Queries that are saved (<kbd>Ctrl</kbd> <kbd>S</kbd> in the editor) are listed here, on every browser.</p>;
  return (
    <ul class="history saved">
      {list.map((entry) => (
        <li key={entry.name}>
          <button type="button" title={entry.sql} onClick={() => openInTab(entry.sql, { name: entry.name, params: (entry.params ?? []).map(String), engine: entry.engine ?? 'auto' })}>
            <span class="table-name">{entry.name}</span>
            <span class="history-sql">{entry.sql}</span>
            <span class="facts">{ago(entry.updated)}</span>
          </button>
          <button type="button" class="icon-button" aria-label={`Forget ${entry.name}`} onClick={() => remove(entry.name)}>×</button>
        </li>
      ))}
    </ul>
  );
}

const PARTS = [['tables', 'Tables'], ['saved', 'Saved'], ['history', 'History']];

export function Explorer() {
  return (
    <nav class="sidebar" aria-label="Tables, saved queries and history">
      <TabList label="What is listed" id="tab" items={PARTS} chosen={chosen.value} onChoose={(name) => (chosen.value = name)} />
      <div id="tab-panel" class="sidebar-panel" role="tabpanel" aria-labelledby={`tab-${chosen.value}`}>
        {chosen.value === 'tables' && <Tables />}
        {chosen.value === 'saved' && <Saved />}
        {chosen.value === 'history' && <History />}
      </div>
    </nav>
  );
}
