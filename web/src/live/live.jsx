// A table's newest rows, as they come.
import { useEffect, useRef, useState } from 'preact/hooks';
import { getRows, runQuery, tablePath } from '../api.js';
import { catalogState, findTable, fullName, tables } from '../catalog.js';
import { quoted } from '../names.js';
import { count } from '../format.js';
import { Icon } from '../icons.jsx';
import { Waiting } from '../lazy.jsx';
import { go, hrefOf, place } from '../place.js';
import { Sparkline } from '../system/plot.jsx';

const EVERY = [1, 2, 5, 15];
const ROWS = 50;
const KEPT = 120;

function Rows({ answer, fresh }) {
  return (
    <div class="card data-frame" tabIndex={0} role="region" aria-label="Newest rows">
      <table class="data">
        <thead><tr>{answer.columns.map((column) => <th key={column.name} scope="col">{column.name} <span class="type">{column.type}</span></th>)}</tr></thead>
        <tbody>
          {answer.data.map((row) => {
            const key = JSON.stringify(row);
            return <tr key={key} class={fresh.has(key) ? 'fresh' : undefined}>{row.map((value, index) => <td key={index} class={`clip${value === null ? ' quiet' : ''}`}>{value ?? 'NULL'}</td>)}</tr>;
          })}
        </tbody>
      </table>
    </div>
  );
}

// By what rows are new: a time if it has one, else its key, else a number.
const isTime = (column) => /^(date|timestamp)/.test(column.type);
function newestBy(table) {
  const key = table.keys.find((one) => one.primary)?.columns[0];
  return (table.columns.find(isTime) ?? table.columns.find((column) => column.name === key) ?? table.columns.find((column) => /^int/.test(column.type)) ?? table.columns[0]).name;
}

function newest(table, by, signal) {
  const column = table.columns.find((one) => one.name === by);
  if (isTime(column)) return getRows(tablePath(fullName(table), `/rows?order=recent&column=${encodeURIComponent(by)}&limit=${ROWS}`), signal);
  const name = [table.engine, table.schema, table.name].map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
  return runQuery({ sql: `SELECT * FROM ${name} ORDER BY ${quoted(by)} DESC NULLS LAST LIMIT ${ROWS}`, maxRows: ROWS }, signal);
}

function Follow({ table }) {
  const name = fullName(table);
  const [by, setBy] = useState(newestBy(table));
  const [state, setState] = useState({});
  const [every, setEvery] = useState(2);
  const [paused, setPaused] = useState(false);
  const [history, setHistory] = useState([]);
  const seen = useRef(null);
  useEffect(() => {
    if (paused) return;
    const abort = new AbortController();
    let timer;
    const look = async () => {
      if (!document.hidden) {
        try {
          const found = await newest(table, by, abort.signal);
          const answer = { columns: found.columns, data: Array.from({ length: found.rows.count }, (_, row) => found.rows.at(row)) };
          const keys = answer.data.map((row) => JSON.stringify(row));
          const fresh = new Set(seen.current ? keys.filter((key) => !seen.current.has(key)) : []);
          seen.current = new Set(keys);
          setState({ answer, fresh, at: new Date() });
          setHistory((old) => [...old, { at: Date.now(), value: fresh.size }].slice(-KEPT));
        } catch (problem) {
          if (problem.cancelled) return;
          setState({ problem });
          if (problem.status === 400 || problem.status === 404 || problem.status === 422) return;
        }
      }
      timer = setTimeout(look, every * 1000);
    };
    look();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [name, by, every, paused]);
  const { answer, problem, fresh, at } = state;
  return (
    <div class="stack">
      <p class="row-of">
        <button type="button" class="small" aria-pressed={paused} onClick={() => setPaused(!paused)}><Icon name={paused ? 'play' : 'pause'} size={14} /> {paused ? 'Go on' : 'Pause'}</button>
        <label class="row-of">every <select value={every} onChange={(event) => setEvery(Number(event.currentTarget.value))}>{EVERY.map((seconds) => <option key={seconds} value={seconds}>{seconds} s</option>)}</select></label>
        <label class="row-of">newest by <select value={by} onChange={(event) => { seen.current = null; setBy(event.currentTarget.value); }}>{table.columns.map((column) => <option key={column.name} value={column.name}>{column.name}</option>)}</select></label>
        {at && <span class="facts">looked at {at.toLocaleTimeString()}{fresh?.size ? ` · ${count(fresh.size)}${fresh.size === ROWS ? ' or more' : ''} new` : ''}</span>}
        <a href={hrefOf('tables', [name])}>About the table</a>
      </p>
      {history.length > 1 && <Sparkline points={history} label="New rows at each look" />}
      {problem && <p class="note bad">{problem.detail || problem.title}</p>}
      {!answer && !problem && <Waiting text="Looking for rows" />}
      {answer && answer.data.length === 0 && <p class="empty">It has no rows yet. They are shown here when they come.</p>}
      {answer && answer.data.length > 0 && <Rows answer={answer} fresh={fresh} />}
    </div>
  );
}

export function LivePage() {
  const [wanted] = place.value.parts;
  const table = wanted && findTable(wanted);
  const name = table && fullName(table);
  return (
    <div class="page">
      <div class="head"><h2>{table ? `Live: ${table.name}` : 'Live'}</h2>
        <span class="end"><label class="row-of">Table <select value={name ?? ''} onChange={(event) => go(hrefOf('live', event.currentTarget.value ? [event.currentTarget.value] : []))}>
          <option value="">choose…</option>{tables.value.map((one) => <option key={fullName(one)} value={fullName(one)}>{one.name} ({one.engine})</option>)}</select></label></span>
      </div>
      {table && <Follow key={name} table={table} />}
      {wanted && !table && catalogState.value === 'loading' && <Waiting />}
      {wanted && !table && catalogState.value !== 'loading' && <p class="note bad">There is no table called {wanted}.</p>}
      {!wanted && <p class="lead">Choose a table to follow its newest rows, by a time or a key of it.</p>}
    </div>
  );
}
