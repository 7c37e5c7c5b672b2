// Answers against the OpenAPI document: the part of JSON Schema that it uses.
import assert from 'node:assert/strict';
import { request } from './stack.mjs';

const isA = {
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number',
  integer: (value) => typeof value === 'number' && Number.isInteger(value),
  null: (value) => value === null,
};

function problemsOf(document, schema, value, path) {
  if (schema.$ref) return problemsOf(document, schema.$ref.slice(2).split('/').reduce((at, key) => at[key.replace('~1', '/')], document), value, path);
  const problems = [];
  const types = schema.type === undefined ? [] : [schema.type].flat();
  if (types.length && !types.some((type) => isA[type](value))) return [`${path}: ${JSON.stringify(value)} is not ${types.join(' or ')}`];
  if (schema.enum && !schema.enum.includes(value)) problems.push(`${path}: ${value} is not one of ${schema.enum}`);
  if (schema.minimum !== undefined && value < schema.minimum) problems.push(`${path}: ${value} < ${schema.minimum}`);
  if (schema.items && Array.isArray(value)) value.forEach((item, i) => problems.push(...problemsOf(document, schema.items, item, `${path}[${i}]`)));
  if (isA.object(value)) {
    for (const name of schema.required ?? []) if (!(name in value)) problems.push(`${path}: "${name}" is missing`);
    for (const [name, member] of Object.entries(value)) {
      const known = schema.properties?.[name];
      if (known) problems.push(...problemsOf(document, known, member, `${path}.${name}`));
      else if (schema.properties && schema.additionalProperties !== true && typeof schema.additionalProperties !== 'object') problems.push(`${path}: "${name}" is not documented`);
    }
  }
  return problems;
}

let documentOnce;
// Fails unless the document describes this path, method and status, and the body is as it says.
export async function assertDocumented(method, path, response) {
  documentOnce ??= (await request('GET', '/api/v1/openapi.json')).json();
  const operation = documentOnce.paths[path]?.[method.toLowerCase()];
  assert.ok(operation, `${method} ${path} is not documented`);
  const documented = operation.responses[String(response.status)];
  assert.ok(documented, `${method} ${path}: status ${response.status} is not documented: ${response.text}`);
  const type = response.headers['content-type']?.split(';')[0];
  if (!documented.content) return assert.equal(response.text, '');
  assert.ok(documented.content[type], `${method} ${path}: ${type} is not documented for ${response.status}`);
  if (!type.endsWith('json')) return;
  assert.deepEqual(problemsOf(documentOnce, documented.content[type].schema, response.json(), '$'), [], `${method} ${path}`);
}
