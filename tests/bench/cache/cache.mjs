// See tests/bench/run-cache. Arguments: URL SOCKET SOCKET, then its options.
import http from 'node:http'

import { interleave } from '../../e2e/support/interleaved.mjs'

const [url, ...sockets] = process.argv.slice(2, 5)
const option = (name, otherwise) => {
    const at = process.argv.indexOf(`--${name}`)
    return at < 0 ? otherwise : Number(process.argv[at + 1])
}
const count = option('requests', 20000), steps = option('steps', 100000), rowCount = option('rows', 400000), seed = option('seed', 1)
const commitSeconds = option('commit-seconds', 1)
const CONNECTIONS = 8
const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS + 1 })

let state = seed
function random() {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

function query(fields) {
    return new Promise((resolve, reject) => {
        const body = JSON.stringify(fields)
        const outgoing = http.request(`${url}/query`, { method: 'POST', agent, headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) } }, (response) => {
            const chunks = []
            response.on('data', (chunk) => chunks.push(chunk))
            response.on('end', () => {
                const text = Buffer.concat(chunks).toString()
                if (response.statusCode === 200) resolve(JSON.parse(text))
                else reject(new Error(`${response.statusCode} ${text.slice(0, 300)}\n${fields.sql}`))
            })
        })
        outgoing.on('error', reject)
        outgoing.end(body)
    })
}

// ---- a dashboard ---------------------------------------------------------------------------------------------

// Panels of four boards, each over a table of its own and one that they share; whoever looks at a board asks for all its panels, some of
// them for one of several periods.
const boards = ['sales', 'visits', 'errors', 'stock']
function panelsOf(board) {
    const t = `columnar.bench_${board}`
    const period = ['2024-01-01', '2024-06-01', '2024-09-01'][Math.floor(random() ** 2 * 3)]
    return [
        { sql: `SELECT count(*) AS n, sum(amount) AS total, avg(amount) AS mean FROM ${t} WHERE day >= $1`, params: [period] },
        { sql: `SELECT date_trunc('month', day)::date AS month, sum(amount) AS total FROM ${t} WHERE day >= $1 GROUP BY 1 ORDER BY 1`, params: [period] },
        { sql: `SELECT kind, count(*) AS n FROM ${t} GROUP BY kind ORDER BY n DESC, kind LIMIT 10` },
        { sql: `SELECT r.name, sum(amount) AS total FROM ${t} b JOIN columnar.bench_regions r ON r.id = b.region WHERE day >= $1 GROUP BY r.name ORDER BY total DESC`, params: [period] },
        { sql: `SELECT day, count(DISTINCT region) AS regions FROM ${t} WHERE day >= $1 GROUP BY day ORDER BY day`, params: [period] },
        { sql: `SELECT id, day, kind, region, amount FROM ${t} ORDER BY amount DESC, id LIMIT 500` },
    ]
}

async function makeTables() {
    for (const board of boards) {
        await query({ sql: `DROP TABLE IF EXISTS columnar.bench_${board}` })
        await query({
            sql: `CREATE TABLE columnar.bench_${board} AS SELECT g AS id, date '2024-01-01' + (g % 366)::int AS day, 'kind ' || (g * 7919 % 40) AS kind, (g * 31 % 50)::int AS region, ((g * 7919 % 100003) / 100.0)::numeric(10,2) AS amount FROM generate_series(1, ${rowCount}) g`,
        })
    }
    await query({ sql: 'DROP TABLE IF EXISTS columnar.bench_regions' })
    await query({ sql: "CREATE TABLE columnar.bench_regions AS SELECT g::int AS id, 'region ' || g AS name FROM generate_series(0, 49) g" })
}

const at = (list, part) => (list.length ? list[Math.min(list.length - 1, Math.floor(list.length * part))] : NaN)
const ms = (value) => `${value.toFixed(value < 10 ? 2 : 1)} ms`
function line(name, times) {
    times.sort((a, b) => a - b)
    console.log(`  ${name.padEnd(34)} ${String(times.length).padStart(7)}   p50 ${ms(at(times, 0.5))}, p95 ${ms(at(times, 0.95))}, p99 ${ms(at(times, 0.99))}`)
}

async function dashboard(cache, requests) {
    const seen = { hit: [], run: [], hitServer: [], runServer: [] }
    let left = requests, id = 0, commits = 0
    const started = performance.now()
    const viewer = async () => {
        while (left > 0)
            for (const panel of panelsOf(boards[Math.floor(random() ** 2 * boards.length)])) {
                if (left-- <= 0) return
                const begun = performance.now()
                const answer = await query({ ...panel, cache })
                seen[answer.cached ? 'hit' : 'run'].push(performance.now() - begun)
                seen[answer.cached ? 'hitServer' : 'runServer'].push(answer.duration * 1000)
            }
    }
    const writer = async () => {
        while (left > 0) {
            await new Promise((resolve) => setTimeout(resolve, commitSeconds * 1000))
            await query({ sql: `INSERT INTO columnar.bench_${boards[commits % boards.length]} VALUES (${++id + 1e9}, '2024-12-31', 'new', 1, 1)` })
            commits++
        }
    }
    await Promise.all([writer(), ...Array.from({ length: CONNECTIONS }, viewer)])
    const seconds = (performance.now() - started) / 1000
    const all = seen.hit.length + seen.run.length
    console.log(`${cache ? 'with the cache' : 'past the cache'}: ${all} requests in ${seconds.toFixed(1)} s (${Math.round(all / seconds)}/s), ${commits} commits; hit ratio ${((seen.hit.length / all) * 100).toFixed(1)} %`)
    if (cache) line('hits, through nginx', seen.hit)
    if (cache) line('hits, in the process', seen.hitServer)
    line('computed, through nginx', seen.run)
    line('computed, in the process', seen.runServer)
}

await makeTables()
await dashboard(true, CONNECTIONS * 24) // decisions, pages and connections are warm, as after a minute of service
await dashboard(false, Math.min(count, Math.max(400, Math.floor(count / 20))))
await dashboard(true, count)
// One request at a time: what a hit takes when nothing else wants the processors.
const alone = []
const [panel] = panelsOf('sales')
for (let i = 0; i < 2000; i++) {
    const begun = performance.now()
    if ((await query(panel)).cached) alone.push(performance.now() - begun)
}
line('hits, one client, through nginx', alone)
for (const board of [...boards, 'regions']) await query({ sql: `DROP TABLE columnar.bench_${board}` })

// ---- fresh, every time ---------------------------------------------------------------------------------------

let told = 0
const progress = ({ left, result }) => {
    if (process.stdout.isTTY || Math.floor((steps - left) / (steps / 10)) <= told) return
    told++
    console.log(`  ${steps - left} of ${steps}: ${result.hits} hits, ${result.writes} writes`)
}
const started = performance.now()
const result = steps ? await interleave({ sockets, steps, seed, progress }) : null
if (result) {
    console.log(`${result.reads} reads and ${result.writes} writes in turns on ${sockets.length} processes in ${((performance.now() - started) / 1000).toFixed(0)} s: ${result.hits} reads were hits, ${result.wrong.length} answers were not what they must be`)
    for (const wrong of result.wrong) console.log(JSON.stringify(wrong))
}
process.exit(result?.wrong.length ? 1 : 0)
