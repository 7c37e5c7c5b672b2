// The rows of an answer, as the bytes in which they came (compact JSON): a million of them take little more memory than the response, and no
// digit of a number is lost, because a cell is read from its text when it is looked at. A cell is a string, or null for NULL.

const SEGMENT_BITS = 23; // rows lie within segments of 8 MiB
const SEGMENT = 1 << SEGMENT_BITS;
const QUOTE = 34, BACKSLASH = 92, OPEN = 91, CLOSE = 93, BRACE = 123, BRACE_END = 125;
const decoder = new TextDecoder();
const HEAD_END = '"data":['; // cannot stand within a JSON string: its quotes would be escaped

function endOfString(text, at) {
  for (let end = text.indexOf('"', at + 1); ; end = text.indexOf('"', end + 1)) {
    if (end < 0) return text.length - 1;
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
  }
}

// The place after the value that begins at `at`.
function endOfValue(text, at) {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return endOfString(text, at) + 1;
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === OPEN || code === BRACE) depth++;
    else if (code === CLOSE || code === BRACE_END) {
      if (depth === 0) return i;
      if (--depth === 0) return i + 1;
    } else if (code === 44 && depth === 0) return i;
  }
  return text.length;
}

function valueOf(text, from, to) {
  if (text.charCodeAt(from) === QUOTE) {
    const inner = text.slice(from + 1, to - 1);
    return inner.includes('\\') ? JSON.parse(text.slice(from, to)) : inner;
  }
  const raw = text.slice(from, to);
  return raw === 'null' ? null : raw;
}

export function cellsOf(text) {
  const cells = [];
  for (let at = 1; at < text.length && text.charCodeAt(at) !== CLOSE; ) {
    const end = endOfValue(text, at);
    cells.push(valueOf(text, at, end));
    at = text.charCodeAt(end) === 44 ? end + 1 : end;
  }
  return cells;
}

function cellOf(text, column) {
  let at = 1;
  for (let i = 0; ; i++) {
    const end = endOfValue(text, at);
    if (i === column) return valueOf(text, at, end);
    at = end + 1;
  }
}

function grown(array) {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}

export class RowStore {
  columns = null;
  count = 0;
  bytes = 0;
  #segments = [];
  #used = SEGMENT; // of the last segment
  #base = 0;
  #starts = new Uint32Array(1024); // segment number and place in it, in one figure
  #ends = new Uint32Array(1024);
  #pending = []; // pieces of the head, of a row that has not ended, or of the tail
  #stage = 'head';
  #depth = 0;
  #quoted = false;
  #escaped = false;
  #recent = new Map();

  add(bytes) {
    this.bytes += bytes.length;
    if (this.#stage === 'head') bytes = this.#readHead(bytes);
    if (bytes && this.#stage === 'rows') bytes = this.#readRows(bytes);
    if (bytes?.length) this.#pending.push(bytes);
  }

  #taken() {
    const pieces = this.#pending;
    this.#pending = [];
    if (pieces.length === 1) return pieces[0];
    const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  #readHead(bytes) {
    this.#pending.push(bytes);
    const head = this.#taken();
    const text = new TextDecoder('latin1').decode(head); // one unit per byte
    const end = text.indexOf(HEAD_END);
    if (end < 0) {
      this.#pending.push(head);
      return null;
    }
    this.columns = JSON.parse(`${decoder.decode(head.subarray(0, end)).replace(/,\s*$/, '')}}`).columns;
    this.#stage = 'rows';
    return head.subarray(end + HEAD_END.length);
  }

  #keep(row) {
    if (this.#used + row.length > SEGMENT) {
      // A row longer than a segment takes the numbers of several.
      const numbers = Math.max(1, Math.ceil(row.length / SEGMENT));
      const segment = new Uint8Array(numbers * SEGMENT);
      for (let i = 0; i < numbers; i++) this.#segments.push({ segment, offset: i * SEGMENT });
      this.#used = 0;
      this.#base = (this.#segments.length - numbers) * SEGMENT;
    }
    if (this.count === this.#starts.length) {
      this.#starts = grown(this.#starts);
      this.#ends = grown(this.#ends);
    }
    this.#segments.at(-1).segment.set(row, this.#used);
    this.#starts[this.count] = this.#base + this.#used;
    this.#used += row.length;
    this.#ends[this.count++] = this.#base + this.#used;
    if (this.#used > SEGMENT) this.#used = SEGMENT;
  }

  // Returns what follows the rows.
  #readRows(bytes) {
    let depth = this.#depth, quoted = this.#quoted, escaped = this.#escaped, from = 0;
    for (let i = 0; i < bytes.length; i++) {
      const code = bytes[i];
      if (quoted) {
        if (escaped) escaped = false;
        else if (code === BACKSLASH) escaped = true;
        else if (code === QUOTE) quoted = false;
      } else if (code === QUOTE) {
        quoted = true;
      } else if (code === OPEN || code === BRACE) {
        if (depth++ === 0) from = i;
      } else if (code === CLOSE || code === BRACE_END) {
        if (depth === 0) {
          this.#stage = 'tail';
          return bytes.subarray(i + 1);
        }
        if (--depth === 0) {
          if (this.#pending.length) {
            this.#pending.push(bytes.subarray(0, i + 1));
            this.#keep(this.#taken());
          } else {
            this.#keep(bytes.subarray(from, i + 1));
          }
        }
      }
    }
    this.#depth = depth;
    this.#quoted = quoted;
    this.#escaped = escaped;
    if (depth > 0) this.#pending.push(bytes.slice(this.#pending.length ? 0 : from));
    return null;
  }

  // The answer's other members, with this store as `rows`. An answer without rows (a write) is read whole.
  finish() {
    const rest = decoder.decode(this.#taken());
    if (this.#stage === 'head') return { ...JSON.parse(rest), rows: this };
    if (this.#stage !== 'tail') throw new Error('the answer has no end');
    return { columns: this.columns, ...JSON.parse(`{${rest.replace(/^\s*,/, '')}`), rows: this };
  }

  #text(row) {
    const start = this.#starts[row];
    const { segment, offset } = this.#segments[start >>> SEGMENT_BITS];
    const from = offset + (start & (SEGMENT - 1));
    return decoder.decode(segment.subarray(from, from + this.#ends[row] - start));
  }

  at(row) {
    let cells = this.#recent.get(row);
    if (!cells) {
      if (this.#recent.size > 400) this.#recent.clear();
      this.#recent.set(row, (cells = cellsOf(this.#text(row))));
    }
    return cells;
  }

  cell(row, column) {
    return cellOf(this.#text(row), column);
  }
}

// ---- order ---------------------------------------------------------------------------------------------------------------------------

export const NUMERIC = new Set(['int2', 'int4', 'int8', 'numeric', 'float4', 'float8', 'oid']);
export const isNumeric = (type) => NUMERIC.has(type) || /^(numeric|decimal)\b/.test(type);

// Decimals that are the same as doubles: by their digits. Only plain notation gets here in practice (int8, numeric).
function compareDigits(a, b) {
  if (a === b || /[eE]/.test(a + b)) return 0;
  const negative = a.startsWith('-');
  if (negative !== b.startsWith('-')) return negative ? -1 : 1;
  const [wholeA, fractionA = ''] = a.replace('-', '').split('.');
  const [wholeB, fractionB = ''] = b.replace('-', '').split('.');
  const order = wholeA.length - wholeB.length || (wholeA < wholeB ? -1 : wholeA > wholeB ? 1 : 0)
    || (fractionA.replace(/0+$/, '') < fractionB.replace(/0+$/, '') ? -1 : fractionA.replace(/0+$/, '') > fractionB.replace(/0+$/, '') ? 1 : 0);
  return negative ? -order : order;
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 0));

// The rows' numbers in the order of a column; NULLs last as in PostgreSQL, first when descending. Lets the page breathe while it reads.
export async function orderBy(store, column, type, descending, isStale) {
  const numeric = isNumeric(type);
  const texts = new Array(store.count);
  const keys = numeric ? new Float64Array(store.count) : null;
  for (let row = 0; row < store.count; row++) {
    const text = (texts[row] = store.cell(row, column));
    if (keys) keys[row] = text === null ? NaN : text === 'NaN' ? Infinity : Number(text);
    if (row % 20000 === 19999) {
      await pause();
      if (isStale()) return null;
    }
  }
  const sign = descending ? -1 : 1;
  const order = Uint32Array.from({ length: store.count }, (_, row) => row);
  order.sort((a, b) => {
    const left = texts[a], right = texts[b];
    if (left === null || right === null) return left === right ? a - b : (left === null ? 1 : -1) * sign;
    if (keys) return sign * (keys[a] - keys[b] || compareDigits(left, right)) || a - b;
    return (left < right ? -sign : left > right ? sign : 0) || a - b;
  });
  return isStale() ? null : order;
}
