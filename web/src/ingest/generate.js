// Rows to try things with, made in the browser: the same for the same seed.

function random(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
const FIRST = 'Ada Alan Barbara Claude Donald Edsger Frances Grace Hedy Ivan Joan Katherine Linus Margaret Niklaus Radia Sophie Tim'.split(' ');
const LAST = 'Allen Backus Cerf Dijkstra Engelbart Floyd Gray Hopper Iverson Kay Lamport Liskov McCarthy Naur Perlman Ritchie Stroustrup Wirth'.split(' ');
const CITIES = 'Berlin Lagos Lima London Madrid Mumbai Nairobi Oslo Paris Quito Rome Seoul Sydney Tokyo Toronto Vienna'.split(' ');

const pick = (next, list) => list[Math.floor(next() * list.length)];
const time = (next, days = 365) => new Date(Date.UTC(2024, 0, 1) + Math.floor(next() * days * 86400) * 1000).toISOString();

export const KINDS = {
  users: ['people with mail, city and birthday', (id, next) => {
    const first = pick(next, FIRST), last = pick(next, LAST);
    return { id, name: `${first} ${last}`, email: `${first}.${last}.${id}@example.org`.toLowerCase(), city: pick(next, CITIES), born: time(next, -20000).slice(0, 10), active: next() < 0.8 };
  }],
  transactions: ['amounts, with currency and status', (id, next) => ({ id, user_id: 1 + Math.floor(next() * 100000), amount: Math.round(Math.exp(next() * 7) * 100) / 100, currency: pick(next, ['EUR', 'USD', 'GBP', 'JPY']), status: next() < 0.93 ? 'paid' : pick(next, ['open', 'refunded', 'failed']), created_at: time(next) })],
  events: ['what users did, with JSON', (id, next) => ({ id, ts: time(next), user_id: 1 + Math.floor(next() * 100000), kind: pick(next, ['view', 'view', 'view', 'click', 'search', 'buy']), properties: { page: `/p/${Math.floor(next() * 500)}`, ms: Math.floor(next() * 900) } })],
  products: ['a catalogue with prices and stock', (id, next) => ({ id, name: `${pick(next, ['Small', 'Large', 'Red', 'Blue', 'Quiet', 'Swift'])} ${pick(next, ['Lamp', 'Chair', 'Kettle', 'Radio', 'Clock', 'Desk'])}`, price: Math.round(next() * 50000) / 100, stock: Math.floor(next() * 400), tags: [pick(next, ['new', 'sale', 'eco']), pick(next, ['home', 'office'])] })],
  sensors: ['a reading per second of many devices', (id, next) => ({ id, ts: new Date(Date.UTC(2024, 0, 1) + id * 1000).toISOString(), device: `d${Math.floor(next() * 200)}`, temperature: Math.round((20 + 6 * Math.sin(id / 4000) + next() * 2) * 100) / 100, humidity: Math.round(next() * 1000) / 10 })],
};

// NDJSON of `count` rows as a Blob, made a piece at a time so that the page stays alive. `onProgress(share)`.
export async function generate(kind, rows, seed, onProgress) {
  const next = random(seed);
  const [, make] = KINDS[kind];
  const parts = [];
  for (let from = 0; from < rows; from += 20_000) {
    const lines = [];
    for (let id = from + 1; id <= Math.min(rows, from + 20_000); id++) lines.push(JSON.stringify(make(id, next)));
    parts.push(`${lines.join('\n')}\n`);
    onProgress(Math.min(1, (from + 20_000) / rows));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return new Blob(parts, { type: 'application/x-ndjson' });
}
