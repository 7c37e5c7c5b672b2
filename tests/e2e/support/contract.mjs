// Every answer against the OpenAPI document (ajv, JSON Schema 2020-12): status, media type, body. request() of stack.mjs calls
// it for each response of every test, so that the document is what the program does.
import Ajv from 'ajv/dist/2020.js';

const LARGEST = 4 << 20; // characters; larger answers are looked at by their own tests

// A member that the document does not name is one that it forgot, unless it says that there may be others.
function closed(node) {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== 'object' || node === null) return node;
  const made = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]));
  if (typeof node.properties === 'object' && node.additionalProperties === undefined && [node.type].flat().includes('object')) made.unevaluatedProperties = false;
  return made;
}

export class Contract {
  constructor(document) {
    this.document = document;
    this.ajv = new Ajv({ strict: false, validateFormats: false, allErrors: false, unevaluated: true });
    this.ajv.addSchema(closed(document), 'api');
    this.patterns = Object.keys(document.paths).map((path) => ({ path, pattern: new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+')}$`) }));
    this.aliases = Object.entries(document['x-aliases'] ?? {}).map(([alias, target]) => ({
      pattern: new RegExp(`^${alias.split('?')[0].replace(/\{[^}]+\}/g, '[^/]+')}$`), needsTable: alias.includes('table='), path: target.split('?')[0],
    }));
  }

  // The path template a request belongs to, undefined when the document has none.
  templateOf(url) {
    const [path, search = ''] = url.split('?');
    const exact = this.patterns.find((each) => each.path === path) ?? this.patterns.find((each) => each.pattern.test(path));
    if (exact) return exact.path;
    const hasTable = /(^|&)table=[^&]/.test(search);
    return (this.aliases.find((each) => each.needsTable === hasTable && each.pattern.test(path)) ?? this.aliases.find((each) => !each.needsTable && each.pattern.test(path)))?.path;
  }

  #validator(pointer) {
    return this.ajv.getSchema(`api#${pointer}`) ?? this.ajv.compile({ $ref: `api#${pointer}` });
  }

  #checkBody(pointer, schema, response, where) {
    if (!schema || response.text.length > LARGEST) return;
    const validate = this.#validator(pointer);
    if (!validate(JSON.parse(response.text))) throw new Error(`${where}: ${this.ajv.errorsText(validate.errors)} ${JSON.stringify(validate.errors.map(({ params }) => params))}: ${response.text.slice(0, 1500)}`);
  }

  #checkProblem(response, where) {
    const type = response.headers['content-type']?.split(';')[0];
    if (type !== 'application/problem+json') throw new Error(`${where}: ${type} is not a problem document: ${response.text.slice(0, 500)}`);
    this.#checkBody('/components/schemas/Problem', true, response, where);
  }

  // Throws when the answer is not what the document says.
  check(method, url, response) {
    const path = this.templateOf(url);
    if (!path || method === 'OPTIONS') return;
    const where = `${method} ${path}: status ${response.status}`;
    const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
    const operation = this.document.paths[path][verb];
    if (!operation) {
      if (![400, 404, 405].includes(response.status)) throw new Error(`${where}: the document has no such operation`);
      return method === 'HEAD' ? undefined : this.#checkProblem(response, where);
    }
    const documented = operation.responses[response.status];
    if (!documented) {
      if (!operation.responses.default || response.status < 400) throw new Error(`${where} is not documented: ${response.text.slice(0, 500)}`);
      return method === 'HEAD' ? undefined : this.#checkProblem(response, where);
    }
    const type = response.headers['content-type']?.split(';')[0];
    if (!documented.content) {
      if (response.text !== '') throw new Error(`${where}: a body where the document has none: ${response.text.slice(0, 500)}`);
      return;
    }
    const content = documented.content[type];
    if (!content) throw new Error(`${where}: ${type} is not documented`);
    if (method === 'HEAD' || !/[/+]json$/.test(type)) return;
    const escape = (part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
    this.#checkBody(`/paths/${escape(path)}/${verb}/responses/${response.status}/content/${escape(type)}/schema`, content.schema, response, where);
  }
}
