// What a file looks like, from its first bytes: format, separator, columns and their types. The server decides for itself
// when it loads; this is what one can look at, and correct, before.

const SAMPLE_ROWS = 1000;

// Fields of separated text, quotes as RFC 4180 has them. The last line may be cut, so it is left out unless `whole`.
export function readSeparated(text, delimiter, whole) {
  const rows = [];
  let row = [], field = '', quoted = false, was = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (quoted) {
      if (char === '"' && text[i + 1] === '"') field += text[i++];
      else if (char === '"') quoted = false;
      else field += char;
    } else if (char === '"' && field === '') {
      quoted = was = true;
    } else if (char === delimiter) {
      row.push(field === '' && !was ? null : field);
      field = '';
      was = false;
    } else if (char === '\n') {
      row.push(field === '' && !was ? null : field.replace(/\r$/, ''));
      rows.push(row);
      row = [];
      field = '';
      was = false;
      if (rows.length > SAMPLE_ROWS) return rows;
    } else field += char;
  }
  if (whole && (field || row.length)) rows.push([...row, field === '' && !was ? null : field]);
  return rows;
}

function separatorOf(text, whole) {
  let best = ',', most = 0;
  for (const delimiter of [',', '\t', ';', '|']) {
    const rows = readSeparated(text.slice(0, 20_000), delimiter, whole).slice(0, 50);
    if (rows.length === 0) continue;
    const width = rows[0].length;
    const even = rows.filter((row) => row.length === width).length / rows.length;
    if (width > 1 && width * even > most) {
      most = width * even;
      best = delimiter;
    }
  }
  return best;
}

const INT = /^[+-]?\d{1,18}$/, NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/, DATE = /^\d{4}-\d\d-\d\d$/, TIME = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?$/,
  ZONED = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?\s?(Z|[+-]\d\d(:?\d\d)?)$/, BOOL = /^(true|false|t|f|yes|no)$/i, UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const TYPES = ['bigint', 'integer', 'double precision', 'numeric(18,4)', 'text', 'boolean', 'date', 'timestamp', 'timestamptz', 'uuid', 'json', 'text[]', 'bigint[]'];

function typeOf(values) {
  const found = values.filter((value) => value !== null && value !== undefined);
  if (found.length === 0) return 'text';
  const all = (test) => found.every(test);
  if (all((value) => typeof value === 'object')) return 'json';
  const texts = found.map(String);
  const matches = (pattern) => texts.every((text) => pattern.test(text));
  if (all((value) => typeof value === 'boolean') || (matches(BOOL) && all((value) => typeof value === 'string'))) return 'boolean';
  if (matches(INT) && !texts.some((text) => /^[+-]?0\d/.test(text))) return 'bigint';
  if (matches(NUMBER) && !texts.some((text) => /^[+-]?0\d/.test(text))) return 'double precision';
  if (matches(DATE)) return 'date';
  if (matches(TIME)) return 'timestamp';
  if (matches(ZONED)) return 'timestamptz';
  if (matches(UUID)) return 'uuid';
  return 'text';
}

const columnsOf = (names, rows) => names.map((name, index) => ({ name, type: typeOf(rows.map((row) => row[index])) }));

function ofObjects(objects, format) {
  const names = [...new Set(objects.flatMap((object) => Object.keys(object ?? {})))];
  const rows = objects.map((object) => names.map((name) => object?.[name] ?? null));
  return { format, columns: columnsOf(names, rows), rows };
}

// The objects at the beginning of a JSON array that may be cut.
function arrayBeginning(text) {
  const objects = [];
  let depth = 0, quoted = false, from = -1;
  for (let i = text.indexOf('[') + 1; i < text.length && objects.length < SAMPLE_ROWS; i++) {
    const char = text[i];
    if (quoted) {
      if (char === '\\') i++;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === '{' || char === '[') {
      if (depth++ === 0) from = i;
    } else if (char === '}' || char === ']') {
      if (depth === 0) break;
      if (--depth === 0) objects.push(JSON.parse(text.slice(from, i + 1)));
    }
  }
  return objects;
}

function detectText(text, whole, given = {}) {
  const start = text.trimStart();
  if (given.format !== 'csv' && start.startsWith('[')) return ofObjects(arrayBeginning(start), 'json');
  if (given.format !== 'csv' && start.startsWith('{')) {
    const lines = start.split('\n').filter((line) => line.trim());
    try {
      return ofObjects((whole ? lines : lines.slice(0, -1)).slice(0, SAMPLE_ROWS).map((line) => JSON.parse(line)), 'ndjson');
    } catch {
      return ofObjects([JSON.parse(start)], 'json'); // one object over several lines
    }
  }
  const delimiter = given.delimiter ?? separatorOf(text, whole);
  const rows = readSeparated(text, delimiter, whole);
  const first = rows[0] ?? [];
  const header = given.header ?? (first.every((name) => name !== null && !NUMBER.test(name)) && new Set(first).size === first.length);
  const names = header ? first.map((name, index) => (name ?? `column_${index + 1}`).trim()) : first.map((_, index) => `column_${index + 1}`);
  const data = header ? rows.slice(1) : rows;
  return { format: 'csv', delimiter, header, columns: columnsOf(names, data), rows: data };
}

// {format, columns, rows, ...}; format 'parquet' has no columns: its schema is at the file's end, and the server reads it.
export function detect(bytes, whole, given) {
  if (bytes.length >= 4 && String.fromCharCode(...bytes.subarray(0, 4)) === 'PAR1') return { format: 'parquet', columns: [], rows: [] };
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return { format: 'gzip', columns: [], rows: [], encoding: 'gzip' };
  if (bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd) return { format: 'zstd', columns: [], rows: [], encoding: 'zstd' };
  return detectText(new TextDecoder().decode(bytes).replace(/^\ufeff/, ''), whole, given);
}

export const nameOfFile = (name) => name.replace(/\.(csv|tsv|json|ndjson|jsonl|parquet|txt|gz|zst)$/gi, '').replace(/\.(csv|tsv|json|ndjson|jsonl|parquet|txt)$/i, '').toLowerCase().replace(/[^a-z0-9_]+/g, '_').replace(/^(\d)/, '_$1').slice(0, 60) || 'data';
