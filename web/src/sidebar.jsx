// The tables one can ask, and the statements one has asked.
import { signal } from '@preact/signals';
import { insertText, setEditorText } from './editor.jsx';
import { bytes, count, milliseconds } from './format.js';
import { entries, forgetAll } from './history.js';
import { tables } from './state.js';

const tab = signal('tables');
const TABS = [['tables', 'Tables'], ['history', 'History']];

const quoted = (name) => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);
const sizeOf = (table) => (table.row_count == null || table.row_count < 0 ? table.kind : `${count(table.row_count)} rows`);

function TableEntry({ table }) {
  return (
    <details class="table-entry">
      <summary>
        <span class="table-name">{table.name}</span>
        <span class="facts">{table.engine} · {sizeOf(table)}</span>
      </summary>
      <ul>
        {table.columns.map((column) => (
          <li key={column.name}>
            <button type="button" title="Insert into the statement" onClick={() => insertText(quoted(column.name))}>
              <span>{column.name}</span> <span class="type">{column.type}</span>
            </button>
          </li>
        ))}
      </ul>
      <p class="facts">
        <button type="button" class="link" onClick={() => setEditorText(`SELECT *\nFROM ${quoted(table.name)}\nLIMIT 100`)}>Look at 100 rows</button>
        {table.bytes > 0 && ` · ${bytes(table.bytes)}`}
      </p>
    </details>
  );
}

function Tables() {
  if (tables.value.length === 0) return <p class="quiet">No tables yet. Load one with <code>signalbox load</code>.</p>;
  return tables.value.map((table) => <TableEntry key={`${table.engine}.${table.schema}.${table.name}`} table={table} />);
}

function History() {
  if (entries.value.length === 0) return <p class="quiet">What you run is listed here, in this browser only.</p>;
  return (
    <>
      <ul class="history">
        {entries.value.map((entry) => (
          <li key={entry.sql}>
            <button type="button" title={entry.sql} onClick={() => setEditorText(entry.sql)}>
              <span class="history-sql">{entry.sql}</span>
              <span class="facts">
                {entry.error ? <span class="failed">{entry.error}</span> : `${entry.engine} · ${milliseconds(entry.ms)}`}
                {' · '}{new Date(entry.at).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'short' })}
              </span>
            </button>
          </li>
        ))}
      </ul>
      <p class="facts"><button type="button" class="link" onClick={forgetAll}>Forget all</button></p>
    </>
  );
}

// Arrow keys move between the tabs, as everywhere.
function onTabKey(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const at = TABS.findIndex(([name]) => name === tab.value);
  const [next] = TABS[(at + step + TABS.length) % TABS.length];
  tab.value = next;
  document.getElementById(`tab-${next}`).focus();
  event.preventDefault();
}

export function Sidebar() {
  return (
    <nav class="sidebar" aria-label="Tables and history">
      <div class="tabs" role="tablist" onKeyDown={onTabKey}>
        {TABS.map(([name, label]) => (
          <button key={name} id={`tab-${name}`} type="button" role="tab" aria-selected={tab.value === name} aria-controls="sidebar-panel"
            tabIndex={tab.value === name ? 0 : -1} onClick={() => (tab.value = name)}>{label}</button>
        ))}
      </div>
      <div id="sidebar-panel" role="tabpanel" aria-labelledby={`tab-${tab.value}`}>
        {tab.value === 'tables' ? <Tables /> : <History />}
      </div>
    </nav>
  );
}
