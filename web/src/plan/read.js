// EXPLAIN's JSON, of PostgreSQL and of the columnar engine, as one kind of tree.

const OWN = new Set(['Node Type', 'Plans', 'Actual Rows', 'Actual Total Time', 'Actual Startup Time', 'Actual Loops', 'Plan Rows', 'Plan Width', 'Startup Cost', 'Total Cost',
  'Parallel Aware', 'Async Capable', 'Parent Relationship', 'rows_in', 'rows_out', 'time_ms', 'Relation Name', 'Alias', 'Schema', 'Index Name', 'Join Type', 'memory_bytes']);

const wordsOf = (value) => (Array.isArray(value) ? value.map(wordsOf).join(', ') : typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value));

function nodeOf(plan) {
  const loops = plan['Actual Loops'] ?? 1;
  const children = (plan.Plans ?? []).map(nodeOf);
  const total = plan['Actual Total Time'] == null ? null : plan['Actual Total Time'] * loops;
  // PostgreSQL's times hold those of the children; the columnar engine's are the operator's own.
  const own = plan.time_ms ?? (total === null ? null : Math.max(0, total - children.reduce((sum, child) => sum + (child.total ?? 0), 0)));
  return {
    name: [plan['Join Type'] && plan['Join Type'] !== 'Inner' ? plan['Join Type'] : '', plan['Node Type']].filter(Boolean).join(' '),
    on: [plan['Relation Name'], plan['Alias'] && plan['Alias'] !== plan['Relation Name'] ? plan['Alias'] : '', plan['Index Name'] ? `by ${plan['Index Name']}` : ''].filter(Boolean).join(' '),
    rows: plan['Actual Rows'] == null ? null : plan['Actual Rows'] * loops,
    estimated: plan['Plan Rows'] ?? null,
    memory: plan.memory_bytes ?? null,
    loops, total, own,
    details: Object.entries(plan).filter(([key, value]) => !OWN.has(key) && value !== false && value !== 0 && wordsOf(value) !== '').map(([key, value]) => [key.replaceAll('_', ' '), wordsOf(value)]),
    children,
  };
}

// null when the text is no such plan.
export function readPlan(text) {
  let parsed;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  const top = Array.isArray(parsed) ? parsed[0] : parsed;
  const plan = top?.Plan;
  if (!plan) return null;
  return { root: nodeOf(plan), planning: top['Planning Time'] ?? null, execution: top['Execution Time'] ?? null, memory: top['Peak Memory'] ?? null, workers: top.Workers ?? null };
}

// What an EXPLAIN that was typed says, by its indentation.
export function readText(lines) {
  const root = { children: [] };
  const open = [{ depth: -1, node: root }];
  const summary = [];
  for (const line of lines) {
    const found = /^(\s*)(->\s+)?(.*)$/.exec(line);
    const depth = found[1].length + (found[2]?.length ?? 0);
    const [, , arrow, text] = found;
    if (!text.trim()) continue;
    const isNode = arrow || root.children.length === 0;
    if (!isNode && depth === 0) {
      summary.push(text);
      continue;
    }
    while (open.length > 1 && open.at(-1).depth >= depth) open.pop();
    const parent = open.at(-1).node;
    if (!isNode) {
      const [key, ...rest] = text.trim().split(': ');
      (parent.details ?? summary).push(rest.length ? [key, rest.join(': ')] : ['', key]);
      continue;
    }
    const node = nodeOfText(text);
    parent.children.push(node);
    open.push({ depth, node });
  }
  return root.children.length === 1 ? { root: root.children[0], summary } : null;
}

function nodeOfText(text) {
  const name = text.replace(/\s*\((cost|actual|rows)[\s=].*$/, '').trim();
  const number = (pattern) => (pattern.exec(text) ? Number(pattern.exec(text)[1]) : null);
  const loops = number(/loops=(\d+)/) ?? 1;
  const total = number(/actual time=[\d.]+\.\.([\d.]+)/);
  const rows = number(/actual [^)]*rows=(\d+)/) ?? number(/ out=(\d+)/);
  return { name, on: '', rows: rows === null ? null : rows * loops, estimated: number(/\(cost=[^)]*rows=(\d+)/) ?? number(/\(rows[ =]~?(\d+)/), loops, total: total === null ? null : total * loops, own: number(/, time=([\d.]+) ms/), memory: number(/memory=(\d+)/), details: [], children: [] };
}
