// Requests drawn from the OpenAPI document: what it allows, and what it does not. None may be answered with 500, every answer is as
// the document says (request() checks it), and no process of the pool ends. SIGNALBOX_REQUESTS says how many, SIGNALBOX_SEED
// draws others.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, isAlive, pidOf, request } from './support/stack.mjs';

const COUNT = Number(process.env.SIGNALBOX_REQUESTS ?? 400);
const SEED = Number(process.env.SIGNALBOX_SEED ?? 20250601);

// mulberry32
let state = SEED >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
}
const below = (count) => Math.floor(random() * count);
const pick = (list) => list[below(list.length)];
const often = (share) => random() < share;

// Tables are made and dropped under these names alone; users and flights are only read.
const MADE = ['drawn_1', 'drawn_2', 'public.drawn_3', 'columnar.drawn.x'];
const SQL = ['SELECT 1', 'SELECT * FROM users WHERE id = 7', 'SELECT count(*) FROM flights', 'SELECT $1::int + 1', 'SELECT', 'SELECT 1/0', "SELECT '\u0000'",
  'SELECT * FROM nowhere', 'EXPLAIN SELECT 1', 'SELECT 1; SELECT 2', 'VALUES (1, NULL), (2, 3)', '', '((((((', 'SELECT ARRAY[1, NULL]', 'SELECT generate_series(1, 2000)', 'TABLE drawn_1', '/*+ engine(none) */ SELECT 1'];
const WEIRD = ['', ' ', '\u0000', '%', '%00', '../..', '💣', 'a'.repeat(3000), '-1', '0', '1e400', '9223372036854775808', 'NaN', 'null', '[]', '{}', '"', "'; DROP TABLE x; --", 'true', '\ud83d'];

function anything(depth = 0) {
  const kinds = [() => null, () => often(0.5), () => below(100) - 50, () => random() * 1e308, () => pick(WEIRD), () => pick(SQL)];
  if (depth < 3) kinds.push(() => Array.from({ length: below(4) }, () => anything(depth + 1)), () => Object.fromEntries(Array.from({ length: below(4) }, () => [pick(WEIRD), anything(depth + 1)])));
  return pick(kinds)();
}

function resolve(document, schema) {
  return schema?.$ref ? resolve(document, schema.$ref.slice(2).split('/').reduce((at, key) => at[key.replaceAll('~1', '/')], document)) : schema ?? {};
}

// A value of the schema; now and then one that is not.
function valueOf(document, reference, name = '', depth = 0) {
  const schema = resolve(document, reference);
  if (often(0.06)) return anything();
  if (name === 'sql') return pick(SQL);
  if (name === 'name' && depth < 2) return pick(MADE);
  if (name === 'engine' || name === 'force_engine') return pick(['auto', 'postgres', 'columnar', 'mysql', 'none']);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return pick(schema.enum);
  const several = schema.oneOf ?? schema.anyOf;
  if (several) return valueOf(document, pick(several), name, depth + 1);
  switch (pick([schema.type ?? 'null'].flat())) {
    case 'integer': return Math.max(schema.minimum ?? -5, below(50));
    case 'number': return random() * 10 + (schema.minimum ?? 0);
    case 'boolean': return often(0.5);
    case 'array': return depth > 4 ? [] : Array.from({ length: below(4) }, () => valueOf(document, schema.items, '', depth + 1));
    case 'object': {
      const made = {};
      for (const [key, member] of Object.entries(schema.properties ?? {}))
        if (schema.required?.includes(key) ? often(0.95) : often(0.3)) made[key] = valueOf(document, member, key, depth + 1);
      if (often(0.05)) made[pick(WEIRD)] = anything();
      return made;
    }
    case 'string': return often(0.8) ? pick(['a', 'id', '2024-01-01', 'x y', '42']) : pick(WEIRD);
    default: return anything();
  }
}

const asText = (value) => (typeof value === 'string' ? value : JSON.stringify(value) ?? '');
// The lone surrogate has no encoding: it goes as what stands for it.
const encoded = (text) => encodeURIComponent(text.toWellFormed());

function pathOf(document, template, verb, item, operation) {
  const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((each) => resolve(document, each));
  const path = template.replace(/\{([^}]+)\}/g, (_, name) => {
    const existing = verb === 'get' && often(0.6) ? ['users', 'flights', 'public', 'zipcodes'] : MADE;
    return encoded(often(0.85) ? pick(existing) : pick(WEIRD.filter((each) => each)));
  });
  const search = parameters.filter((each) => each.in === 'query' && (each.required ? often(0.95) : often(0.25)))
    .map((each) => `${encoded(each.name)}=${encoded(asText(valueOf(document, each.schema, each.name)))}`);
  if (often(0.05)) search.push(pick(['&&', '=', '%', 'format=%zz', 'format=', 'limit=-1']));
  return path + (search.length ? `?${search.join('&')}` : '');
}

function bodyOf(document, operation) {
  const content = Object.entries(resolve(document, operation.requestBody)?.content ?? {});
  if (!content.length) return {};
  const [type, { schema }] = pick(content);
  const body = type.endsWith('json') ? JSON.stringify(valueOf(document, schema)) : pick(['a,b\n1,2\n', '{"a":1}\n{"a":2}\n', 'PAR1', '', '[{"a":1}]', '\u0000\u0001']);
  const broken = often(0.07) ? body.slice(0, below(body.length + 1)) : body;
  return { body: broken, headers: { 'Content-Type': often(0.95) ? type : pick(['text/plain', 'application/json; charset=latin1', 'x']) } };
}

test(`${COUNT} requests drawn from the document`, async (context) => {
  const document = (await request('GET', '/api/v1/openapi.json')).json();
  const verbs = ['get', 'post', 'put', 'patch', 'delete'];
  // Whatever is drawn, these change nothing that other tests read: streams without an end are not drawn.
  const operations = Object.entries(document.paths).flatMap(([path, item]) => verbs.filter((verb) => item[verb] && !/\/events$/.test(path)).map((verb) => ({ path, verb, item, operation: item[verb] })));
  const pool = ['pool-1', 'pool-2'].map(pidOf);
  const seen = new Map();
  for (let i = 0; i < COUNT; i++) {
    const { path, verb, item, operation } = pick(operations);
    const method = often(0.03) ? pick(['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD']) : verb.toUpperCase();
    const url = method === 'DELETE' ? path.replace(/\{[^}]+\}/g, () => pick(MADE)) : pathOf(document, path, verb, item, operation);
    const { body, headers = {} } = verb === 'get' ? {} : bodyOf(document, operation);
    if (often(0.2)) headers.Accept = pick(['text/csv', '*/*', 'application/vnd.apache.arrow.stream', 'x/y', ';;,', 'application/vnd.apache.parquet;q=0.5']);
    const told = `request ${i} of seed ${SEED}: ${method} ${url.slice(0, 300)} ${JSON.stringify(body ?? '').slice(0, 500)}`;
    let response;
    try {
      response = await request(method, url, { headers, body });
    } catch (error) {
      throw new Error(`${told}: ${error.message}`, { cause: error });
    }
    assert.notEqual(response.status, 500, `${told}: ${response.text}`);
    assert.ok(response.complete, `${told}: the answer was cut`);
    seen.set(response.status, (seen.get(response.status) ?? 0) + 1);
  }
  context.diagnostic([...seen].sort().map(([status, count]) => `${status}: ${count}`).join(', '));
  assert.ok(seen.get(200) > COUNT / 8, 'too few succeed to say anything');
  assert.ok(seen.get(400) > COUNT / 50, 'too few are refused to say anything');
  for (const [i, pid] of pool.entries()) assert.ok(isAlive(pid), `pool-${i + 1} is gone`);
  await eventually('the pool answers', async () => (await request('GET', '/health')).status === 200);
  for (const table of MADE) await request('DELETE', `/api/v1/tables/${table}`);
});
