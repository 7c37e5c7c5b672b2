// What the page asks of the server, and nothing else.

async function problemOf(response) {
  const type = response.headers.get('content-type') || '';
  if (type.includes('json')) {
    const body = await response.json().catch(() => null);
    if (body && (body.detail || body.title)) return { ...body, status: response.status };
  }
  return { title: 'The server did not answer as expected', detail: `HTTP status ${response.status}`, status: response.status };
}

async function get(path) {
  const response = await fetch(path);
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

export const fetchTables = async () => (await get('/api/v1/tables')).tables;
export const fetchEngines = async () => (await get('/api/v1/engines')).engines;

const cancelled = { title: 'Cancelled', detail: 'You cancelled the statement.', cancelled: true };
const cutOff = { title: 'The answer was cut off', detail: 'The statement failed after its first rows had been sent.' };

async function post(sql, engine, maxRows, path, accept, signal) {
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: accept },
      body: JSON.stringify({ sql, engine, max_rows: maxRows, big_numbers: 'string' }),
      signal,
    });
    if (response.ok) return response;
    throw await problemOf(response);
  } catch (error) {
    if (error.name === 'AbortError') throw cancelled;
    if (error instanceof Error) throw { title: 'No connection', detail: 'The server could not be reached. Is it running?' };
    throw error;
  }
}

// The same statement's rows as CSV text.
export async function fetchCsv(sql, engine, maxRows) {
  const response = await post(sql, engine, maxRows, '/query?format=csv', 'text/csv');
  return response.text().catch(() => {
    throw cutOff;
  });
}

// A numeric is shown with the digits it came with: 25.0 is not 25, and a double does not hold them all.
const asWritten = (key, value, context) => (typeof value === 'number' && context ? context.source : value);
function keepNumericDigits(result, text) {
  const numeric = (result.columns ?? []).flatMap((column, index) => (column.type === 'numeric' ? [index] : []));
  if (numeric.length === 0) return;
  const { data } = JSON.parse(text, asWritten);
  result.data.forEach((row, index) => numeric.forEach((column) => (row[column] = data[index][column])));
}

// Resolves to the answer; integers and numerics that a double cannot hold come as strings. Throws a problem object.
export async function runQuery(sql, engine, maxRows, signal) {
  const response = await post(sql, engine, maxRows, '/query', 'application/vnd.signalbox.compact+json', signal);
  try {
    const text = await response.text();
    const result = JSON.parse(text);
    keepNumericDigits(result, text);
    return result;
  } catch (error) {
    throw error.name === 'AbortError' ? cancelled : cutOff;
  }
}
