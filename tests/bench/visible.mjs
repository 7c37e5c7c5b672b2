// ./run bench visible [N]: after a row was posted to one process of the pool, how long until a query on the other one sees it. Both are asked
// on their FastCGI sockets, one request after another, so nothing but them is measured. Arguments: N SOCKET SOCKET.
import net from 'node:net'

const [count, ...sockets] = [Number(process.argv[2]), ...process.argv.slice(3)]
const MAX_WAIT_MS = 60000

// One kept connection to one process; one request at a time (FastCGI 1.0).
class Process {
    constructor(path) {
        this.received = Buffer.alloc(0)
        this.socket = net.connect(path)
        this.socket.on('data', (data) => this.take(data))
        this.socket.on('error', (error) => this.fail?.(error))
        this.socket.on('close', () => this.fail?.(new Error(`${path} closed the connection`)))
    }

    take(data) {
        this.received = Buffer.concat([this.received, data])
        while (this.received.length >= 8) {
            const length = this.received.readUInt16BE(4)
            const end = 8 + length + this.received[6]
            if (this.received.length < end) return
            if (this.received[1] === 6) this.output.push(this.received.subarray(8, 8 + length))
            const done = this.received[1] === 3
            this.received = this.received.subarray(end)
            if (done) this.finish(Buffer.concat(this.output).toString())
        }
    }

    request(method, uri, type, body) {
        const params = Object.entries({ REQUEST_METHOD: method, REQUEST_URI: uri, CONTENT_TYPE: type, CONTENT_LENGTH: String(Buffer.byteLength(body)) })
        const bytes = Buffer.concat(params.map(([name, value]) => Buffer.concat([Buffer.from([name.length, value.length]), Buffer.from(name + value)])))
        this.output = []
        return new Promise((resolve, reject) => {
            this.finish = (text) => {
                const status = Number(/^Status: (\d+)/im.exec(text)?.[1] ?? 200)
                const answer = text.slice(text.indexOf('\r\n\r\n') + 4)
                if (status < 300) resolve(answer)
                else reject(new Error(`${method} ${uri}: ${status} ${answer}`))
            }
            this.fail = reject
            this.socket.write(Buffer.concat([record(1, Buffer.from([0, 1, 1, 0, 0, 0, 0, 0])), record(4, bytes), record(4), record(5, Buffer.from(body)), record(5)]))
        })
    }

    query(sql) {
        return this.request('POST', '/query', 'application/json', JSON.stringify({ sql, engine: 'columnar', cache: false }))
    }
}

function record(type, content = Buffer.alloc(0)) {
    const head = Buffer.from([1, type, 0, 1, 0, 0, 0, 0])
    head.writeUInt16BE(content.length, 4)
    return Buffer.concat([head, content])
}

function line(name, times) {
    times.sort((a, b) => a - b)
    const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))].toFixed(1)
    console.log(`${name.padEnd(44)} median ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`)
}

const [writer, reader] = sockets.map((path) => new Process(path))
const table = `visible_${process.pid}`
await writer.query(`CREATE TABLE columnar.${table} (id bigint, note text)`)
const answered = [], sinceStart = [], sinceAnswer = []
let looks = 0
try {
    for (let id = 1; id <= count; id++) {
        const started = performance.now()
        await writer.request('POST', `/api/v1/tables/${table}/data?engine=columnar`, 'application/x-ndjson', `{"id": ${id}, "note": "row ${id}"}\n`)
        const durable = performance.now()
        for (;;) {
            const answer = await reader.query(`SELECT id FROM ${table} WHERE id = ${id}`)
            looks++
            if (JSON.parse(answer).data.length === 1) break
            if (performance.now() - durable > MAX_WAIT_MS) throw new Error(`row ${id} is not visible`)
        }
        answered.push(durable - started)
        sinceStart.push(performance.now() - started)
        sinceAnswer.push(performance.now() - durable)
    }
} finally {
    await writer.query(`DROP TABLE columnar.${table}`)
}
console.log(`${count} rows posted to one process, each looked for on another: ${looks} queries`)
line('answered (durable) since the post began', answered)
line('seen on the other process since the post began', sinceStart)
line('seen since the answer', sinceAnswer)
process.exit(0)
