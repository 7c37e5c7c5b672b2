// ./run bench visible [N]: after a row was posted to one process of the pool, how long until a query on the other one sees it. Both are asked
// on their FastCGI sockets, one request after another, so nothing but them is measured. Arguments: N SOCKET SOCKET.
import { Process } from '../e2e/support/fastcgi.mjs'

const [count, ...sockets] = [Number(process.argv[2]), ...process.argv.slice(3)]
const MAX_WAIT_MS = 60000

function line(name, times) {
    times.sort((a, b) => a - b)
    const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))].toFixed(1)
    console.log(`${name.padEnd(44)} median ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`)
}

const [writer, reader] = sockets.map((path) => new Process(path))
const ask = (process, sql) => process.query({ sql, engine: 'columnar', cache: false })
const table = `visible_${process.pid}`
await ask(writer, `CREATE TABLE columnar.${table} (id bigint, note text)`)
const answered = [], sinceStart = [], sinceAnswer = []
let looks = 0
try {
    for (let id = 1; id <= count; id++) {
        const started = performance.now()
        await writer.request('POST', `/api/v1/tables/${table}/data?engine=columnar`, 'application/x-ndjson', `{"id": ${id}, "note": "row ${id}"}\n`)
        const durable = performance.now()
        for (;;) {
            const answer = await ask(reader, `SELECT id FROM ${table} WHERE id = ${id}`)
            looks++
            if (answer.data.length === 1) break
            if (performance.now() - durable > MAX_WAIT_MS) throw new Error(`row ${id} is not visible`)
        }
        answered.push(durable - started)
        sinceStart.push(performance.now() - started)
        sinceAnswer.push(performance.now() - durable)
    }
} finally {
    await ask(writer, `DROP TABLE columnar.${table}`)
}
console.log(`${count} rows posted to one process, each looked for on another: ${looks} queries`)
line('answered (durable) since the post began', answered)
line('seen on the other process since the post began', sinceStart)
line('seen since the answer', sinceAnswer)
process.exit(0)
