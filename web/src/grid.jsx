// The rows of an answer. Only those in view are in the document; the whole is one table to a screen reader.
// Arrow keys move a cell cursor, Enter shows the cell's whole value.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';

const ROW_HEIGHT = 28;
const MARGIN = 12;
const padding = () => (innerWidth < 768 ? 17 : 27); // as page.css has it
const NARROWEST = 56;
const WIDEST = 420;
const SAMPLE = 400;
const NUMERIC = new Set(['int2', 'int4', 'int8', 'numeric', 'float4', 'float8', 'oid', 'money']);

const textOf = (value) => (value === null || value === undefined ? 'NULL' : typeof value === 'object' ? JSON.stringify(value) : String(value));

const oneLine = (text) => (text.length > 200 ? text.slice(0, 200) : text).replace(/\r?\n/g, ' ↵ ').replace(/[\t\v\f\r]/g, ' ');

// Widths from a sample spread over all rows: the same wherever one scrolls.
function widthsOf(answer) {
  const context = document.createElement('canvas').getContext('2d');
  const family = getComputedStyle(document.body).fontFamily;
  const measure = (font, text) => {
    context.font = `${font} ${family}`;
    return context.measureText(text.length > 80 ? text.slice(0, 80) : text).width;
  };
  const step = Math.max(1, Math.ceil(answer.data.length / SAMPLE));
  return answer.columns.map((column, index) => {
    let width = measure('600 13.1px', column.name) + measure('10.5px', column.type) + 6;
    for (let row = 0; row < answer.data.length; row += step) width = Math.max(width, measure('13.1px', textOf(answer.data[row][index])));
    return Math.min(WIDEST, Math.max(NARROWEST, Math.ceil(width) + padding()));
  });
}

function WholeValue({ shown, onClose }) {
  const dialog = useRef(null);
  useLayoutEffect(() => dialog.current.showModal(), []);
  const text = typeof shown.value === 'object' && shown.value !== null ? JSON.stringify(shown.value, null, 2) : textOf(shown.value);
  return (
    <dialog ref={dialog} class="whole-value" aria-labelledby="whole-value-title" onClose={onClose} onClick={(event) => event.target === dialog.current && dialog.current.close()}>
      <form method="dialog">
        <h2 id="whole-value-title">{shown.column.name} <span class="type">{shown.column.type}</span></h2>
        <pre tabIndex={0}>{text}</pre>
        <p><button type="button" class="small" onClick={() => navigator.clipboard.writeText(text)}>Copy</button> <button class="small">Close</button></p>
      </form>
    </dialog>
  );
}

export function Grid({ answer }) {
  const frame = useRef(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const [cursor, setCursor] = useState(null); // {row, column}, while the grid has the focus
  const [shown, setShown] = useState(null);
  const widths = useMemo(() => widthsOf(answer), [answer]);
  const rows = answer.data;

  useEffect(() => {
    const element = frame.current;
    element.scrollTop = element.scrollLeft = 0;
    setCursor(null);
    const measure = () => setView({ top: element.scrollTop, height: element.clientHeight });
    measure();
    element.addEventListener('scroll', measure, { passive: true });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => {
      element.removeEventListener('scroll', measure);
      observer.disconnect();
    };
  }, [answer]);

  const show = (at) => setShown({ column: answer.columns[at.column], value: rows[at.row][at.column] });
  const moveTo = (row, column) => {
    const at = { row: Math.min(rows.length - 1, Math.max(0, row)), column: Math.min(widths.length - 1, Math.max(0, column)) };
    setCursor(at);
    const element = frame.current;
    const top = at.row * ROW_HEIGHT;
    const page = element.clientHeight - 2 * ROW_HEIGHT; // less the header
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top > element.scrollTop + page) element.scrollTop = top - page;
    element.querySelector(`th:nth-child(${at.column + 1})`).scrollIntoView({ block: 'nearest', inline: 'nearest' });
  };
  const onKey = (event) => {
    if (shown || rows.length === 0 || event.altKey || event.metaKey) return;
    const at = cursor ?? { row: -1, column: 0 };
    const page = Math.max(1, Math.floor(view.height / ROW_HEIGHT) - 2);
    const moves = {
      ArrowDown: [at.row + 1, at.column], ArrowUp: [at.row - 1, at.column], ArrowRight: [at.row, at.column + 1], ArrowLeft: [at.row, at.column - 1],
      PageDown: [at.row + page, at.column], PageUp: [at.row - page, at.column],
      Home: [event.ctrlKey ? 0 : at.row, 0], End: [event.ctrlKey ? rows.length - 1 : at.row, widths.length - 1],
    };
    if (event.key === 'Enter' && cursor) show(cursor);
    else if (event.key === 'c' && event.ctrlKey && cursor && getSelection().isCollapsed) navigator.clipboard.writeText(textOf(rows[cursor.row][cursor.column]));
    else if (moves[event.key]) moveTo(...moves[event.key]);
    else return;
    event.preventDefault();
  };

  const first = Math.max(0, Math.floor(view.top / ROW_HEIGHT) - MARGIN);
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW_HEIGHT) + MARGIN);
  const numeric = answer.columns.map((column) => NUMERIC.has(column.type));
  const total = widths.reduce((sum, width) => sum + width, 0);
  const cell = (value, row, column) => {
    const isNull = value === null || value === undefined;
    const classes = [isNull ? 'null' : '', numeric[column] ? 'number' : '', cursor?.row === row && cursor.column === column ? 'cursor' : ''].join(' ').trim();
    const text = textOf(value);
    const select = () => setCursor({ row, column });
    return <td key={column} class={classes || undefined} onClick={select} onDblClick={() => show({ row, column })} title={text.length > 50 ? text.slice(0, 1000) : undefined}>{oneLine(text)}</td>;
  };
  const current = cursor && rows[cursor.row] ? `${answer.columns[cursor.column].name}, row ${cursor.row + 1}: ${textOf(rows[cursor.row][cursor.column]).slice(0, 200)}` : '';
  return (
    <>
      <div class="grid" ref={frame} tabIndex={0} role="region" aria-label="Result rows. Arrow keys move between values, Enter shows one whole." onKeyDown={onKey}>
        <table aria-rowcount={rows.length + 1} style={{ width: `max(100%, ${total}px)` }}>
          <colgroup>{widths.map((width, index) => <col key={index} style={{ width: `${width}px` }} />)}<col /></colgroup>
          <thead>
            <tr aria-rowindex={1}>
              {answer.columns.map((column, index) => (
                <th key={index} scope="col" class={numeric[index] ? 'number' : undefined} title={`${column.name} ${column.type}`}>
                  {column.name} <span class="type">{column.type}</span>
                </th>
              ))}
              <td class="filler" aria-hidden="true" />
            </tr>
          </thead>
          <tbody>
            {first > 0 && <tr aria-hidden="true" style={{ height: first * ROW_HEIGHT }} />}
            {rows.slice(first, last).map((row, offset) => (
              <tr key={first + offset} aria-rowindex={first + offset + 2}>{row.map((value, index) => cell(value, first + offset, index))}<td class="filler" aria-hidden="true" /></tr>
            ))}
            {last < rows.length && <tr aria-hidden="true" style={{ height: (rows.length - last) * ROW_HEIGHT }} />}
          </tbody>
        </table>
        {rows.length === 0 && <p class="no-rows">No rows: nothing met the statement’s conditions.</p>}
      </div>
      <p class="unseen" aria-live="polite">{current}</p>
      {shown && <WholeValue shown={shown} onClose={() => { setShown(null); frame.current.focus(); }} />}
    </>
  );
}
