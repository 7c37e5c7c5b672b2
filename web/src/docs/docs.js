// The API's document, openapi.json of this server, as a page. No library, no other host.
const VERBS = ['get', 'post', 'put', 'patch', 'delete'];
const main = document.getElementById('main');
const index = document.getElementById('index');
let api;

// element('td', {class: 'x'}, 'text', child): text is text, never markup.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== undefined && child !== ''));
  return made;
}

const resolve = (node) => {
  for (let depth = 0; node?.$ref && depth < 16; depth++)
    node = node.$ref.slice(2).split('/').reduce((at, key) => at?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], api);
  return node ?? {};
};

const nameOf = (schema) => schema?.$ref?.split('/').pop();

function typeOf(schema) {
  if (!schema) return 'anything';
  if (nameOf(schema)) return nameOf(schema);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const several = schema.oneOf ?? schema.anyOf;
  if (several) return several.map(typeOf).join(' | ');
  const types = [schema.type ?? 'anything'].flat();
  return types.map((type) => (type === 'array' ? `${typeOf(schema.items)}[]` : type)).join(' | ');
}

// What a value of the schema looks like: one line a member, its description behind it.
function sketch(schema, indent = '', seen = []) {
  const name = nameOf(schema);
  if (name && (seen.includes(name) || seen.length > 4)) return name;
  const deeper = name ? [...seen, name] : seen;
  const plain = resolve(schema);
  const several = plain.oneOf ?? plain.anyOf;
  if (several) return several.map((each) => sketch(each, indent, deeper)).join(`\n${indent}| `);
  if ([plain.type].flat().includes('array') && plain.items) return `[${sketch(plain.items, indent, deeper)}]`;
  const members = Object.entries(plain.properties ?? {});
  if (!members.length) return typeOf(plain);
  const lines = members.map(([key, member]) => {
    const optional = plain.required?.includes(key) ? '' : '?';
    const told = resolve(member).description;
    return `${indent}  ${key}${optional}: ${sketch(member, `${indent}  `, deeper)}${told ? `  // ${told}` : ''}`;
  });
  return `{\n${lines.join('\n')}\n${indent}}`;
}

function contentOf(content = {}) {
  return Object.entries(content).map(([type, { schema }]) => {
    const isJson = /json$/.test(type) && schema;
    return element('details', {}, element('summary', {}, `${type}${isJson ? `: ${typeOf(schema)}` : ''}`), isJson ? element('pre', { tabindex: 0 }, sketch(schema)) : element('p', { class: 'quiet' }, schema?.description ?? 'Bytes of this format.'));
  });
}

function table(heads, rows) {
  return element('table', {}, element('thead', {}, element('tr', {}, ...heads.map((head) => element('th', { scope: 'col' }, head)))), element('tbody', {}, ...rows.map((cells) => element('tr', {}, ...cells.map((cell) => element('td', {}, ...[cell].flat()))))));
}

function parametersOf(item, operation) {
  const all = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(resolve);
  if (!all.length) return [];
  return [element('h3', {}, 'Parameters'), table(['name', 'in', 'type', ''], all.map((each) => [each.name + (each.required ? ' *' : ''), each.in, typeOf(each.schema), each.description ?? '']))];
}

function bodyOf({ requestBody }) {
  if (!requestBody) return [];
  const body = resolve(requestBody);
  return [element('h3', {}, 'Body'), body.description ? element('p', {}, body.description) : undefined, ...contentOf(body.content)];
}

function responsesOf({ responses = {} }) {
  return [element('h3', {}, 'Answers'), table(['status', ''], Object.entries(responses).map(([status, response]) => {
    const { description, content } = resolve(response);
    return [status, [description ?? '', ...contentOf(content)]];
  }))];
}

function operationOf(path, verb, item) {
  const operation = item[verb];
  const id = operation.operationId ?? `${verb}-${path}`;
  const mark = () => element('span', { class: `verb ${verb}` }, verb.toUpperCase());
  const aliases = Object.entries(api['x-aliases'] ?? {}).filter(([, target]) => target.split('?')[0] === path).map(([alias]) => alias);
  const entry = element('li', {}, element('a', { href: `#${id}` }, mark(), path));
  const article = element('article', { id }, element('h2', {}, mark(), element('a', { href: `#${id}` }, path)),
    operation.summary ? element('p', {}, operation.summary) : undefined, operation.description ? element('p', { class: 'quiet' }, operation.description) : undefined,
    aliases.length ? element('p', { class: 'quiet' }, `Also: ${aliases.join(', ')}`) : undefined,
    ...parametersOf(item, operation), ...bodyOf(operation), ...responsesOf(operation));
  return { entry, article, words: `${verb} ${path} ${operation.summary ?? ''} ${aliases.join(' ')}`.toLowerCase() };
}

function show() {
  const operations = Object.entries(api.paths).flatMap(([path, item]) => VERBS.filter((verb) => item[verb]).map((verb) => operationOf(path, verb, item)));
  main.replaceChildren(element('h1', {}, `${api.info.title} ${api.info.version}`), element('p', {}, api.info.description ?? ''), ...operations.map(({ article }) => article));
  index.replaceChildren(...operations.map(({ entry }) => entry));
  document.getElementById('filter').addEventListener('input', ({ target }) => {
    for (const { entry, article, words } of operations) entry.hidden = article.hidden = !words.includes(target.value.trim().toLowerCase());
  });
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

try {
  const response = await fetch('../api/v1/openapi.json');
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  api = await response.json();
  show();
} catch (error) {
  main.replaceChildren(element('p', { class: 'failed', role: 'alert' }, `The document cannot be read: ${error.message}`));
}
