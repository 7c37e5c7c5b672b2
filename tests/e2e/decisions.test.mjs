// What /api/v1/route says is what /query does: the same engine, rule, class and candidates, or the same error.
// SIGNALBOX_DECISIONS statements (500), drawn with SIGNALBOX_SEED.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { anyStatement, drawFrom } from './support/draw.mjs';
import { dropRouterTables, loadRouterTables, route } from './support/router-tables.mjs';
import { query } from './support/stack.mjs';

const count = Number(process.env.SIGNALBOX_DECISIONS || 500);
const seed = Number(process.env.SIGNALBOX_SEED || 1);

// What of a decision must be the same whoever makes it. Costs move with the latency that each process measures.
const essence = ({ rule, class: kind, candidates, warning }, engine) => ({
  engine, rule, kind, warning,
  candidates: candidates.map(({ engine: name, eligible, chosen, why }) => ({ name, eligible, chosen, why: eligible ? undefined : why })),
});

describe('decisions', () => {
  before(loadRouterTables, { timeout: 120_000 });
  after(dropRouterTables, { timeout: 120_000 });

  test(`/api/v1/route and /query agree in ${count} statements of seed ${seed}`, { timeout: 3_600_000 }, async () => {
    const draw = drawFrom(seed);
    const seen = {};
    for (let i = 0; i < count; i++) {
      const { sql, ...fields } = anyStatement(draw);
      const asked = await route(sql, fields);
      const ran = await query({ sql, ...fields, max_rows: 3 });
      const told = `statement ${i} of seed ${seed}: ${JSON.stringify({ sql, ...fields })}\nroute ${asked.status}: ${asked.text.slice(0, 1500)}\nquery ${ran.status}: ${ran.text.slice(-1500)}`;
      if (asked.status !== 200) {
        assert.equal(ran.json().sqlstate, asked.json().sqlstate, told);
        seen.error = (seen.error ?? 0) + 1;
        continue;
      }
      const decision = asked.json();
      seen[decision.class] = (seen[decision.class] ?? 0) + 1;
      if (ran.status !== 200) {
        assert.ok(!/^SB/.test(ran.json().sqlstate), told); // it was routed, and then its engine refused it
        continue;
      }
      const result = ran.json();
      assert.deepEqual(essence(result.route, result.engine), essence(decision, decision.engine), told);
    }
    const classes = ['aggregate', 'constant', 'ddl', 'error', 'federated', 'indexed_range', 'join', 'point_lookup', 'scan', 'session', 'write'];
    if (count >= 500) assert.deepEqual(Object.keys(seen).sort(), classes, JSON.stringify(seen));
  });
});
