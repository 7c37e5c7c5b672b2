import net from 'node:net'

// One kept connection to one process of the pool, on its own socket, past nginx; one request at a time (FastCGI 1.0).
export class Process {
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
            if (this.socket.destroyed) reject(new Error('the connection is closed'))
            this.socket.write(Buffer.concat([record(1, Buffer.from([0, 1, 1, 0, 0, 0, 0, 0])), record(4, bytes), record(4), record(5, Buffer.from(body)), record(5)]))
        })
    }

    // The members of a body for POST /query; resolves to the answer's.
    async query(fields) {
        return JSON.parse(await this.request('POST', '/query', 'application/json', JSON.stringify(fields)))
    }

    close() {
        this.fail = undefined
        this.socket.destroy()
    }
}

function record(type, content = Buffer.alloc(0)) {
    const head = Buffer.from([1, type, 0, 1, 0, 0, 0, 0])
    head.writeUInt16BE(content.length, 4)
    return Buffer.concat([head, content])
}
