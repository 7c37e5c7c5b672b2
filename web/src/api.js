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

// Resolves to the answer; integers and numerics that a double cannot hold come as strings. Throws a problem object.
export async function runQuery(sql, engine, maxRows, signal) {
  let response;
  try {
    response = await fetch('/query', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/vnd.signalbox.compact+json' },
      body: JSON.stringify({ sql, engine, max_rows: maxRows, big_numbers: 'string' }),
      signal,
    });
  } catch (error) {
    if (error.name === 'AbortError') throw { title: 'Cancelled', detail: 'You cancelled the statement.', cancelled: true };
    throw { title: 'No connection', detail: 'The server could not be reached. Is it running?' };
  }
  if (!response.ok) throw await problemOf(response);
  try {
    return await response.json();
  } catch (error) {
    if (error.name === 'AbortError') throw { title: 'Cancelled', detail: 'You cancelled the statement.', cancelled: true };
    throw { title: 'The answer was cut off', detail: 'The statement failed after its first rows had been sent.' };
  }
}
