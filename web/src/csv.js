// The result as CSV, written by the server.
import { fetchCsv } from './api.js';

const MOST_ROWS = 1_000_000;

// Rows, counted as CSV does: a line end within quotes is part of a value.
function countRows(text) {
  let rows = -1; // the header
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 34) quoted = !quoted;
    else if (unit === 10 && !quoted) rows++;
  }
  return Math.max(rows, 0);
}

export async function copyCsv(result) {
  const text = await fetchCsv(result.sql, result.asked, result.row_count || 1);
  await navigator.clipboard.writeText(text);
  return countRows(text);
}

export async function saveCsv(result) {
  const text = await fetchCsv(result.sql, result.asked, MOST_ROWS);
  const address = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const anchor = document.createElement('a');
  anchor.href = address;
  anchor.download = 'result.csv';
  anchor.click();
  URL.revokeObjectURL(address);
  return countRows(text);
}
