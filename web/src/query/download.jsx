// The result in every format that the server gives; it is asked again for it.
import { useEffect, useRef, useState } from 'preact/hooks';
import { fetchFormat } from '../api.js';
import { announcement } from '../catalog.js';
import { bytes, count } from '../format.js';
import { mayAskAgain } from './run.js';

const MOST_ROWS = 5_000_000;
const FORMATS = [
  ['csv', 'CSV', 'csv'], ['json', 'JSON, objects', 'json'], ['compact', 'JSON, arrays', 'json'], ['ndjson', 'NDJSON, a row per line', 'ndjson'],
  ['arrow', 'Arrow IPC stream', 'arrows'], ['parquet', 'Parquet', 'parquet'],
];

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  const anchor = document.createElement('a');
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

const cellText = (cell) => (cell === null ? '' : cell);
const csvField = (cell) => (cell === null ? '' : cell === '' || /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
const asCsv = (answer, rows) => [answer.columns.map((column) => csvField(column.name)).join(','), ...rows.map((row) => row.map(csvField).join(','))].join('\r\n') + '\r\n';
const markdownField = (cell) => (cell === null ? '*NULL*' : cellText(cell).replaceAll('|', '\\|').replace(/\r?\n/g, '<br>'));
const asMarkdown = (answer, rows) => [answer.columns.map((column) => markdownField(column.name)), answer.columns.map(() => '---'), ...rows.map((row) => row.map(markdownField))]
  .map((row) => `| ${row.join(' | ')} |`).join('\n') + '\n';

export function Download({ answer }) {
  const [state, setState] = useState('');
  const details = useRef(null);
  useEffect(() => {
    const close = (event) => {
      if (details.current && !details.current.contains(event.target)) details.current.open = false;
    };
    addEventListener('pointerdown', close);
    return () => removeEventListener('pointerdown', close);
  }, []);
  const act = async (action) => {
    details.current.open = false;
    setState('…');
    try {
      const done = await action();
      announcement.value = done;
      setState(done);
      setTimeout(() => setState((now) => (now === done ? '' : now)), 6000);
    } catch (error) {
      setState(error.detail || error.message || 'That did not work');
    }
  };
  const download = (format, extension) => act(async () => {
    const { blob } = await fetchFormat({ ...answer, maxRows: Math.max(answer.maxRows, MOST_ROWS) }, format);
    save(blob, `result.${extension}`);
    return `Downloaded ${bytes(blob.size)}`;
  });
  const copy = (write) => act(async () => {
    const rows = Array.from({ length: Math.min(answer.rows.count, 100_000) }, (_, row) => answer.rows.at(row));
    await navigator.clipboard.writeText(write(answer, rows));
    return `Copied ${count(rows.length)} rows`;
  });
  return (
    <span class="download">
      <span class="facts" role="status">{state}</span>
      <details class="menu" ref={details} onKeyDown={(event) => event.key === 'Escape' && ((details.current.open = false), details.current.querySelector('summary').focus())}>
        <summary class="small">Export</summary>
        <div class="menu-items">
          {mayAskAgain(answer) && <p class="facts">All rows, as a file</p>}
          {mayAskAgain(answer) && FORMATS.map(([format, label, extension]) => <button key={format} type="button" onClick={() => download(format, extension)}>{label}</button>)}
          <p class="facts">The rows shown, copied</p>
          <button type="button" onClick={() => copy(asCsv)}>Copy as CSV</button>
          <button type="button" onClick={() => copy(asMarkdown)}>Copy as Markdown</button>
        </div>
      </details>
    </span>
  );
}
