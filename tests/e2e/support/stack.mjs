// The running stack that run-e2e prepared, as the tests see it: HTTP through nginx, the databases beside it, ./run.
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Contract } from './contract.mjs';

export const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
export const varDirectory = process.env.SIGNALBOX_E2E_VAR;
export const port = Number(process.env.SIGNALBOX_E2E_PORT);
if (!varDirectory || !port) throw new Error('SIGNALBOX_E2E_VAR and SIGNALBOX_E2E_PORT are not set; call tests/e2e/run-e2e');
export const base = `http://127.0.0.1:${port}`;

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

// Resolves to {status, headers, text, bytes, complete, json()}; `complete` is false when the connection broke midway.
// Rejects when no response came at all, or one that the OpenAPI document does not describe.
export async function request(method, path, options = {}) {
  const response = await exchange(method, path, options);
  if (response.complete && !response.headers['content-encoding']) (await contract()).check(method, path, response);
  return response;
}

let contractOnce;
const contract = () => (contractOnce ??= exchange('GET', '/api/v1/openapi.json').then((response) => {
  if (response.status === 200) return new Contract(response.json());
  contractOnce = undefined; // nobody serves just now: the next one asks again
  return { check() {} };
}));

function exchange(method, path, { headers = {}, body, signal } = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(`${base}${path}`, { method, headers, agent, signal }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      const finish = (complete) => {
        const bytes = Buffer.concat(chunks);
        const text = bytes.toString();
        resolve({ status: response.statusCode, headers: response.headers, text, bytes, complete, json: () => JSON.parse(text) });
      };
      response.on('end', () => finish(response.complete));
      response.on('error', () => finish(false));
    });
    outgoing.on('error', reject);
    if (body !== undefined) outgoing.write(body);
    outgoing.end();
  });
}

// POST /query. `fields` is the SQL or the members of the body; `options.path` and `options.headers` as needed.
export function query(fields, { headers = {}, path = '/query', signal } = {}) {
  const body = JSON.stringify(typeof fields === 'string' ? { sql: fields } : fields);
  return request('POST', path, { headers: { 'Content-Type': 'application/json', ...headers }, body, signal });
}

// The answer of a statement that must succeed.
export async function answer(fields, options) {
  const response = await query(fields, options);
  if (response.status !== 200 || !response.complete)
    throw new Error(`status ${response.status}, complete ${response.complete}: ${response.text.slice(0, 2000)}\nfor ${JSON.stringify(fields).slice(0, 500)}`);
  return response.json();
}
export const rows = async (fields, options) => (await answer(fields, options)).data;

const run = (command, args) => execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });

// Straight to PostgreSQL, past Signalbox: rows as arrays of text.
export const psql = (sql, ...more) =>
  run('psql', ['-X', '-q', '-A', '-t', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-h', join(varDirectory, 'run/postgres'), '-p', '54329', '-U', 'signalbox', '-d', 'signalbox', ...more, '-c', sql])
    .split('\n').filter((line) => line !== '').map((line) => line.split('\t'));

// Straight to MariaDB, past Signalbox.
export const mariadb = (sql) =>
  run('mariadb', ['--no-defaults', `--socket=${join(varDirectory, 'run/mysql/mysqld.sock')}`, '-u', 'signalbox', '-N', '-B', 'signalbox', '-e', sql])
    .split('\n').filter((line) => line !== '').map((line) => line.split('\t'));

export const pidOf = (name) => Number(readFileSync(join(varDirectory, 'run', `${name}.pid`), 'utf8'));
export const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    // A zombie is dead already; its parent has only not looked yet.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

// Runs ./run with this stack's VAR and PORT. Resolves to {code, output}.
export function signalboxRun(args = [], environment = {}) {
  return new Promise((resolve) => {
    execFile(join(root, 'run'), args, { env: { ...process.env, VAR: varDirectory, PORT: String(port), ...environment }, timeout: 120_000 }, (error, stdout, stderr) =>
      resolve({ code: error ? (error.code ?? 1) : 0, output: stdout + stderr }));
  });
}

// Awaits a condition: resolves to the first truthy value, throws after the deadline saying what was awaited.
export async function eventually(what, condition, deadlineMs = 60_000) {
  const end = Date.now() + deadlineMs;
  let last;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms${last ? ` (${last.message})` : ''}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
