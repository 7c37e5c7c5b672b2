// All tables; or one, with what is known of it.
import { useEffect, useState } from 'preact/hooks';
import { getJson, tablePath } from '../api.js';
import { catalogState, findTable, fullName, nameInSql, tables } from '../catalog.js';
import { ago, bytes, count, plural, short } from '../format.js';
import { Waiting } from '../lazy.jsx';
import { go, hrefOf, place } from '../place.js';
import { Problem } from '../query/result.jsx';
import { openSql } from '../query/tabs.js';
import { TabList } from '../tablist.jsx';
import { Columns } from './columns.jsx';
import { Preview, Source } from './preview.jsx';
import { Files, Partitions, Snapshots } from './versions.jsx';

const openInTab = (sql) => go(hrefOf('query', [openSql(sql).id]));
const isColumnar = (table) => table.snapshots !== undefined;

function Overview() {
  const list = tables.value;
  return (
    <div class="page" tabIndex={-1}>
      <div class="head"><h2>Tables</h2><span class="facts">{plural(list.length, 'table')}, {short(list.reduce((sum, table) => sum + Math.max(0, table.row_count ?? 0), 0))} rows, {bytes(list.reduce((sum, table) => sum + Math.max(0, table.bytes ?? 0), 0))}</span>
        <span class="end"><a href={hrefOf('ingest')}>Load a file</a></span></div>
      {catalogState.value === 'loading' && <Waiting />}
      {catalogState.value === 'ready' && list.length === 0 && <p class="empty">There are no tables yet. <a href={hrefOf('ingest')}>Load a file</a> or generate one.</p>}
      {list.length > 0 && (
        <div class="card data-frame" tabIndex={0} role="region" aria-label="List of the tables">
          <table class="data">
            <thead><tr><th scope="col">Table</th><th scope="col">Engine</th><th scope="col" class="number">Rows</th><th scope="col" class="number">Size</th><th scope="col" class="number">Columns</th><th scope="col">Also in</th><th scope="col">Freshness</th></tr></thead>
            <tbody>
              {list.map((table) => (
                <tr key={fullName(table)}>
                  <td class="name"><a href={hrefOf('tables', [fullName(table)])}>{table.name}</a> {table.kind !== 'table' && <span class="facts">{table.kind}</span>}</td>
                  <td>{table.engine} <span class="facts">{table.schema}</span></td>
                  <td class="number">{table.row_count >= 0 ? count(table.row_count) : '–'}</td>
                  <td class="number">{table.bytes > 0 ? bytes(table.bytes) : '–'}</td>
                  <td class="number">{count(table.columns.length)}</td>
                  <td>{table.placements.slice(1).map((placement) => placement.engine).join(', ') || <span class="quiet">–</span>}</td>
                  <td>{table.placements[0]?.freshness ?? '–'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}

const sectionsOf = (table) => [['columns', 'Columns'], ['preview', 'Preview'], ...(isColumnar(table) ? [['snapshots', `Snapshots`], ['files', 'Files'], ['partitions', 'Partitions']] : []), ['ddl', 'DDL']];

function Facts({ table }) {
  const snapshot = table.snapshots?.at(-1);
  const tiles = [
    ['Rows', table.row_count >= 0 ? count(table.row_count) : '–'],
    ['Size', table.bytes > 0 ? bytes(table.bytes) : '–'],
    ['Columns', count(table.columns.length)],
    ...(isColumnar(table) ? [['Files', count(table.file_count)], ['Snapshots', count(table.snapshots.length)]] : []),
  ];
  return (
    <div class="stack">
      <dl class="tiles few">{tiles.map(([name, value]) => <div key={name} class="card tile"><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      <p class="table-facts">
        {table.placements.map((placement) => <span key={placement.engine} class="state good">{placement.engine}: {placement.freshness ?? placement.kind}</span>)}
        {table.partitioning && <span>partitioned by <code>{table.partitioning}</code></span>}
        {table.sort_order && <span>sorted by <code>{table.sort_order}</code></span>}
        {snapshot && <span>last written {ago(snapshot.timestamp)}</span>}
      </p>
    </div>
  );
}

function Section({ name, table, wanted }) {
  switch (name) {
    case 'preview': return <Preview table={table} asOf={place.value.query.get('as_of')} />;
    case 'snapshots': return <Snapshots table={table} wanted={wanted} />;
    case 'files': return <Files table={table} />;
    case 'partitions': return <Partitions table={table} />;
    case 'ddl': return <Source table={table} />;
    default: return <Columns table={table} wanted={wanted} />;
  }
}

function One({ name, section }) {
  const [state, setState] = useState({});
  const listed = findTable(name);
  const wanted = listed ? fullName(listed) : name;
  useEffect(() => {
    const abort = new AbortController();
    setState({});
    getJson(tablePath(wanted), abort.signal).then((table) => setState({ table }), (problem) => problem.cancelled || setState({ problem }));
    return () => abort.abort();
  }, [wanted, listed?.row_count]);
  const { table, problem } = state;
  if (problem) return <div class="page"><Problem error={problem} /></div>;
  if (!table) return <div class="page"><Waiting text={`Looking at ${name}`} /></div>;
  const sections = sectionsOf(table);
  const chosen = sections.some(([one]) => one === section) ? section : 'columns';
  return (
    <div class="page">
      <div class="head">
        <h2>{table.name}</h2><span class="facts">{table.kind} · {table.engine} · {table.schema}</span>
        <span class="end">
          <button type="button" class="small" onClick={() => openInTab(`SELECT *\nFROM ${nameInSql(table)}\nLIMIT 100`)}>Query it</button>
          <a class="small as-button" href={hrefOf('live', [wanted])}>Follow it</a>
        </span>
      </div>
      <Facts table={table} />
      <TabList label="Of this table" id="section" items={sections} chosen={chosen} onChoose={(one) => go(hrefOf('tables', [name, one]))} />
      <div role="tabpanel" id="section-panel" aria-labelledby={`section-${chosen}`}><Section key={wanted + chosen} name={chosen} table={table} wanted={wanted} /></div>
    </div>
  );
}

export function TablesPage() {
  const [name, section] = place.value.parts;
  return name ? <One key={name} name={name} section={section} /> : <Overview />;
}
