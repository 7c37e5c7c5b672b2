// The rows of an answer. Only those in view are in the document; the whole is one table to a screen reader.
// Arrow keys move a cell cursor, with Shift they select; Enter shows the cell's whole value, Control-C copies.
import { memo } from 'preact/compat';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { announcement } from '../catalog.js';
import { count } from '../format.js';
import { isNumeric, orderBy } from '../rows.js';
import { WholeValue } from './whole_value.jsx';

const ROW_HEIGHT = 28;
const MARGIN = 8; // rows beyond the view, few while one jumps: they would be gone before they are seen
const MARGIN_JUMPING = 2;
const SIDE_MARGIN = 300; // pixels of columns kept in the document beyond the view
const NARROWEST = 60;
const WIDEST = 420;
const SAMPLE = 300;
const MOST_COPIED = 200_000; // cells

const padding = () => (innerWidth < 768 ? 17 : 27); // as page.css has it
const oneLine = (text) => (text.length > 200 ? text.slice(0, 200) : text).replace(/\r?\n/g, ' ↵ ').replace(/[\t\v\f\r]/g, ' ');

// How high an element may be: browsers differ, and beyond it rows share pixels of the scrollbar.
let highest = 0;
function highestElement() {
  if (highest) return highest;
  const probe = document.createElement('div');
  probe.style.cssText = 'position:absolute;visibility:hidden;width:1px;height:33000000px';
  document.body.append(probe);
  highest = Math.max(1_000_000, Math.floor(probe.getBoundingClientRect().height * 0.95));
  probe.remove();
  return highest;
}

// Widths from a sample spread over all rows: the same wherever one scrolls.
function widthsOf(columns, rows) {
  const context = document.createElement('canvas').getContext('2d');
  const family = getComputedStyle(document.body).fontFamily;
  const measure = (font, text) => {
    context.font = `${font} ${family}`;
    return context.measureText(text.length > 80 ? text.slice(0, 80) : text).width;
  };
  const step = Math.max(1, Math.ceil(rows.count / SAMPLE));
  const widths = columns.map((column) => measure('600 13.1px', column.name) + measure('11px', column.type) + 22);
  for (let row = 0; row < rows.count; row += step)
    rows.at(row).forEach((cell, index) => (widths[index] = Math.max(widths[index], measure('13.1px', cell ?? 'NULL'))));
  return widths.map((width) => Math.min(WIDEST, Math.max(NARROWEST, Math.ceil(width) + padding())));
}

const isWithin = (range, row, column) => row >= range.top && row <= range.bottom && column >= range.left && column <= range.right;
const rangeOf = (cursor, anchor) => cursor && {
  top: Math.min(cursor.row, (anchor ?? cursor).row), bottom: Math.max(cursor.row, (anchor ?? cursor).row),
  left: Math.min(cursor.column, (anchor ?? cursor).column), right: Math.max(cursor.column, (anchor ?? cursor).column),
};

// One row. It is drawn anew only when something of it changes.
const Row = memo(({ cells, row, from, to, numeric, range, cursor, before, after }) => (
  <tr aria-rowindex={row + 2}>
    <th class="row-number" scope="row" aria-hidden="true">{row + 1}</th>
    {before > 0 && <td class="filler" aria-hidden="true" colSpan={before} />}
    {cells.slice(from, to).map((cell, index) => {
      const column = from + index;
      const classes = `${cell === null ? 'null' : ''}${numeric[column] ? ' number' : ''}${range && isWithin(range, row, column) ? ' selected' : ''}${cursor === column ? ' cursor' : ''}`;
      return <td key={column} data-column={column} class={classes.trim() || undefined}>{cell === null ? 'NULL' : oneLine(cell)}</td>;
    })}
    {after > 0 && <td class="filler" aria-hidden="true" colSpan={after} />}
    <td class="filler" aria-hidden="true" />
  </tr>
));

function Heading({ column, index, numeric, sort, onSort, onResize, onFit }) {
  const sorted = sort?.column === index ? (sort.descending ? 'descending' : 'ascending') : undefined;
  const drag = (event) => {
    const start = event.clientX;
    const width = event.currentTarget.closest('th').getBoundingClientRect().width;
    const handle = event.currentTarget;
    handle.setPointerCapture(event.pointerId);
    handle.onpointermove = (move) => onResize(index, width + move.clientX - start);
    handle.onpointerup = () => (handle.onpointermove = handle.onpointerup = null);
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <th scope="col" class={numeric ? 'number' : undefined} title={`${column.name} ${column.type}`} aria-sort={sorted}>
      <button type="button" class="heading" tabIndex={-1} onClick={() => onSort(index)}>
        <span class="heading-name">{column.name}</span> <span class="type">{column.type}</span>
        {sorted && <span class="sort-mark" aria-hidden="true">{sort.descending ? '▼' : '▲'}</span>}
      </button>
      <span class="resizer" aria-hidden="true" onPointerDown={drag} onDblClick={() => onFit(index)} onClick={(event) => event.stopPropagation()} />
    </th>
  );
}

// Rows as text that spreadsheets take.
const forSpreadsheet = (cell) => (cell === null ? '' : /[\t\n"]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

export function Grid({ columns, rows, version = 0, label = 'Result rows', sortable = true }) {
  const frame = useRef(null);
  const [view, setView] = useState({ top: 0, left: 0, height: 600, width: 1200 });
  const [cursor, setCursor] = useState(null); // {row, column}
  const [anchor, setAnchor] = useState(null); // the other end of the selection
  const [shown, setShown] = useState(null);
  const [sort, setSort] = useState(null); // {column, descending, order}
  const [sorting, setSorting] = useState(false);
  const measured = useMemo(() => widthsOf(columns, rows), [rows, Math.min(version, 1)]);
  const [widths, setWidths] = useState(measured);
  useEffect(() => setWidths(measured), [measured]);
  const numeric = useMemo(() => columns.map((column) => isNumeric(column.type)), [columns]);
  const latest = useRef(0);

  useEffect(() => {
    const element = frame.current;
    element.scrollTop = element.scrollLeft = 0;
    setCursor(null);
    setAnchor(null);
    setSort(null);
    setSorting(false);
    latest.current++;
    const measure = () => setView((old) => ({ before: old.top, top: element.scrollTop, left: element.scrollLeft, height: element.clientHeight, width: element.clientWidth }));
    measure();
    element.addEventListener('scroll', measure, { passive: true });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => {
      element.removeEventListener('scroll', measure);
      observer.disconnect();
    };
  }, [rows]);

  const total = rows.count;
  const order = sort?.order;
  const at = (row) => rows.at(order ? order[row] : row);

  // Where rows stand: as high as they are, or squeezed when no element may be that high.
  const whole = (total + 1) * ROW_HEIGHT + 8; // the header, and room for a scrollbar
  const height = Math.min(whole, highestElement());
  const squeeze = height < whole ? (whole - view.height) / (height - view.height) : 1;
  const top = view.top * squeeze; // of all rows laid out
  const margin = Math.abs(view.top - (view.before ?? view.top)) > view.height / 2 ? MARGIN_JUMPING : MARGIN;
  const first = Math.max(0, Math.min(total, Math.floor(top / ROW_HEIGHT) - margin));
  const last = Math.min(total, Math.ceil((top + view.height) / ROW_HEIGHT) + margin);
  const offset = first * ROW_HEIGHT - top + view.top;

  // Columns in view.
  const numberWidth = 22 + 8 * String(total).length;
  let from = 0, to = columns.length, before = 0, after = 0;
  if (columns.length > 20) {
    let x = numberWidth;
    for (; from < columns.length && x + widths[from] < view.left - SIDE_MARGIN; from++) x += widths[from];
    for (to = from; to < columns.length && x < view.left + view.width + SIDE_MARGIN; to++) x += widths[to];
    before = from;
    after = columns.length - to;
  }
  const tableWidth = widths.reduce((sum, width) => sum + width, numberWidth);

  const show = (place) => setShown({ column: columns[place.column], value: at(place.row)[place.column] });
  const sortBy = async (column) => {
    if (!sortable || total < 2) return;
    const run = ++latest.current;
    if (sort?.column === column && sort.descending) return setSort(null);
    const descending = sort?.column === column;
    setSorting(true);
    const made = await orderBy(rows, column, columns[column].type, descending, () => run !== latest.current);
    if (!made) return;
    setSorting(false);
    setSort({ column, descending, order: made });
    announcement.value = `Sorted by ${columns[column].name}, ${descending ? 'descending' : 'ascending'}`;
  };
  const resize = (index, width) => setWidths((old) => old.map((value, i) => (i === index ? Math.max(40, Math.min(1200, width)) : value)));
  const fit = (index) => resize(index, Math.max(measured[index], widthsOf([columns[index]], { count: last - first, at: (row) => [at(first + row)[index]] })[0]));

  const moveTo = (row, column, extend) => {
    const place = { row: Math.min(total - 1, Math.max(0, row)), column: Math.min(columns.length - 1, Math.max(0, column)) };
    setAnchor(extend ? (anchor ?? cursor) : null);
    setCursor(place);
    const element = frame.current;
    const page = element.clientHeight - 2 * ROW_HEIGHT; // less the header
    const wanted = place.row * ROW_HEIGHT;
    if (wanted < top) element.scrollTop = wanted / squeeze;
    else if (wanted > top + page) element.scrollTop = (wanted - page) / squeeze;
    const left = widths.slice(0, place.column).reduce((sum, width) => sum + width, 0);
    if (left < element.scrollLeft) element.scrollLeft = left;
    else if (left + widths[place.column] + numberWidth > element.scrollLeft + element.clientWidth)
      element.scrollLeft = left + widths[place.column] + numberWidth - element.clientWidth;
  };

  const copy = async () => {
    const range = rangeOf(cursor, anchor);
    const cells = (range.bottom - range.top + 1) * (range.right - range.left + 1);
    if (cells > MOST_COPIED) return (announcement.value = 'Too much to copy: download it instead');
    const lines = [];
    for (let row = range.top; row <= range.bottom; row++) {
      const values = at(row).slice(range.left, range.right + 1);
      lines.push(cells === 1 ? (values[0] ?? '') : values.map(forSpreadsheet).join('\t'));
    }
    await navigator.clipboard.writeText(lines.join('\n'));
    announcement.value = cells === 1 ? 'Copied the value' : `Copied ${count(cells)} values`;
  };

  const onKey = (event) => {
    if (shown || total === 0 || event.altKey || event.metaKey) return;
    const { row, column } = cursor ?? { row: -1, column: 0 };
    const page = Math.max(1, Math.floor(view.height / ROW_HEIGHT) - 2);
    const far = event.ctrlKey;
    const moves = {
      ArrowDown: [far ? total - 1 : row + 1, column], ArrowUp: [far ? 0 : row - 1, column],
      ArrowRight: [row, far ? columns.length - 1 : column + 1], ArrowLeft: [row, far ? 0 : column - 1],
      PageDown: [row + page, column], PageUp: [row - page, column],
      Home: [far ? 0 : row, 0], End: [far ? total - 1 : row, columns.length - 1],
    };
    if (event.key === 'Enter' && cursor) show(cursor);
    else if (event.key === 'c' && far && cursor) copy();
    else if (event.key === 'a' && far) {
      setAnchor({ row: 0, column: 0 });
      setCursor({ row: total - 1, column: columns.length - 1 });
    } else if (event.key === 's' && !far && cursor) sortBy(cursor.column);
    else if (moves[event.key]) moveTo(...moves[event.key], event.shiftKey);
    else return;
    event.preventDefault();
  };

  // One listener for all cells: rows come and go while one scrolls.
  const placeOf = (event) => {
    const cell = event.target.closest('td[data-column]');
    return cell && { row: Number(cell.parentElement.getAttribute('aria-rowindex')) - 2, column: Number(cell.dataset.column) };
  };
  const onDown = (event) => {
    const place = placeOf(event);
    if (!place || event.button !== 0) return;
    setAnchor(event.shiftKey ? (anchor ?? cursor ?? place) : null);
    setCursor(place);
    if (event.shiftKey || event.pointerType === 'touch') return;
    const extend = (move) => {
      const target = document.elementFromPoint(move.clientX, move.clientY);
      const reached = target && frame.current?.contains(target) && placeOf({ target });
      if (reached && (reached.row !== place.row || reached.column !== place.column)) {
        getSelection().removeAllRanges();
        setAnchor(place);
        setCursor(reached);
      }
    };
    addEventListener('pointermove', extend);
    addEventListener('pointerup', () => removeEventListener('pointermove', extend), { once: true });
  };

  useLayoutEffect(() => frame.current.style.setProperty('--number-width', `${numberWidth}px`), [numberWidth]);
  const range = anchor ? rangeOf(cursor, anchor) : null;
  const shownCell = cursor && cursor.row < total ? at(cursor.row)[cursor.column] : null;
  const current = cursor ? `${columns[cursor.column].name}, row ${cursor.row + 1}: ${shownCell === null ? 'NULL' : shownCell.slice(0, 200)}` : '';
  return (
    <>
      <div class={sorting ? 'grid sorting' : 'grid'} ref={frame} tabIndex={0} role="region" aria-busy={sorting}
        aria-label={`${label}. Arrow keys move between values, Enter shows one whole, S sorts by its column.`}
        onKeyDown={onKey} onPointerDown={onDown} onDblClick={(event) => placeOf(event) && show(placeOf(event))}>
        <div class="grid-canvas" style={{ height: `${height}px`, width: `max(100%, ${tableWidth}px)` }}>
          <table aria-rowcount={total + 1} style={{ top: `${offset}px`, width: `max(100%, ${tableWidth}px)` }}>
            <colgroup><col style={{ width: `${numberWidth}px` }} />{widths.map((width, index) => <col key={index} style={{ width: `${width}px` }} />)}<col /></colgroup>
            <thead>
              <tr aria-rowindex={1}>
                <td class="row-number" aria-hidden="true" />
                {columns.map((column, index) => (
                  <Heading key={index} column={column} index={index} numeric={numeric[index]} sort={sort} onSort={sortBy} onResize={resize} onFit={fit} />
                ))}
                <td class="filler" aria-hidden="true" />
              </tr>
            </thead>
            <tbody>
              {Array.from({ length: last - first }, (_, index) => {
                const row = first + index;
                return <Row key={row} row={row} cells={at(row)} from={from} to={to} before={before} after={after} numeric={numeric}
                  range={range && row >= range.top && row <= range.bottom ? range : null} cursor={cursor?.row === row ? cursor.column : -1} />;
              })}
            </tbody>
          </table>
        </div>
        {total === 0 && <p class="no-rows">No rows: nothing met the statement’s conditions.</p>}
      </div>
      <p class="unseen" aria-live="polite">{current}</p>
      {shown && <WholeValue shown={shown} onClose={() => { setShown(null); frame.current?.focus(); }} />}
    </>
  );
}
