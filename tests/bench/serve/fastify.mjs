// What people write in an afternoon: fastify and pg, a named prepared statement, one process per socket.
//
//   node fastify.mjs SOCKET PGHOST PGPORT USER DATABASE
import { chmodSync } from 'node:fs';
import Fastify from 'fastify';
import pg from 'pg';

const [socket, host, port, user, database] = process.argv.slice(2);
const pool = new pg.Pool({ host, port: Number(port), user, database, max: 16 });
const app = Fastify();
app.post('/users', async (request) => {
  const { rows } = await pool.query({ name: 'user', text: 'SELECT * FROM users WHERE id = $1', values: [request.body.id] });
  return { data: rows };
});
await app.listen({ path: socket });
chmodSync(socket, 0o666);
