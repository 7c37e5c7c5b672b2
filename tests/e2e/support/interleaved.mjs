// Reads and writes of several clients, in turns on two processes of a pool, each read compared with what it must be: is an answer
// that was kept ever given after a commit to a table that it was made from?
import { Process } from './fastcgi.mjs'

const random = (seed) => () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

// One client: tables of its own, whose rows it knows exactly, and one that all write to.
class Client {
    constructor(run, number) {
        Object.assign(this, { run, number, next: random(run.seed * 1000 + number), connections: [] })
        this.tables = ['a', 'b'].map((name) => ({ name: `${run.prefix}_${number}_${name}`, rows: new Map(), id: 0 }))
    }

    pick(list) {
        return list[Math.floor(this.next() * list.length)]
    }

    // On one of the processes; a connection that broke is made anew the next time.
    async query(fields, index = Math.floor(this.next() * this.run.sockets.length)) {
        const process = (this.connections[index] ??= new Process(this.run.sockets[index]))
        try {
            return await process.query(fields)
        } catch (error) {
            if (/^POST/.test(error.message)) throw error
            process.close()
            this.connections[index] = undefined
            error.lost = true
            throw error
        }
    }

    // A write whose process was killed may have taken effect: what is there is looked at, past the cache.
    async write(sql, change, table) {
        for (;;) {
            try {
                await this.query({ sql })
                change?.()
                this.run.result.writes++
                return
            } catch (error) {
                if (!error.lost && !/40001|SB004|503/.test(error.message)) throw error
                if (error.lost) {
                    this.run.result.lost++
                    await pause(1000) // another process may be committing it for the one that died
                }
                if (table && (await this.look(table))) return
            }
        }
    }

    // Takes over what the table is; true when it is not what it was thought to be.
    async look(table) {
        const answer = await this.again({ sql: `SELECT id, v FROM ${table.name}`, engine: 'columnar', cache: false, max_rows: 1000000 })
        const rows = new Map(answer.data.map(({ id, v }) => [id, v]))
        const changed = rows.size !== table.rows.size || [...rows].some(([id, v]) => table.rows.get(id) !== v)
        table.rows = rows
        return changed
    }

    // Reads may be asked again.
    async again(fields) {
        for (;;) {
            try {
                return await this.query(fields)
            } catch (error) {
                if (!error.lost) throw error
                this.run.result.lost++
                await pause(20)
            }
        }
    }

    async change() {
        const { run } = this
        const table = this.pick(this.tables)
        const ids = [...table.rows.keys()]
        const kind = this.next()
        if (kind < 0.25) {
            run.begun++
            await this.write(`INSERT INTO columnar.${run.shared} VALUES (${this.number}, 1)`)
            run.done++
        } else if (kind < 0.65 || ids.length === 0) {
            const id = ++table.id
            const v = Math.floor(this.next() * 1000)
            await this.write(`INSERT INTO columnar.${table.name} VALUES (${id}, ${v})`, () => table.rows.set(id, v), table)
        } else if (kind < 0.8) {
            const id = this.pick(ids)
            await this.write(`UPDATE columnar.${table.name} SET v = v + 1 WHERE id = ${id}`, () => table.rows.set(id, table.rows.get(id) + 1), table)
        } else if (kind < 0.97) {
            const id = this.pick(ids)
            await this.write(`DELETE FROM columnar.${table.name} WHERE id = ${id}`, () => table.rows.delete(id), table)
        } else {
            await this.write(`TRUNCATE columnar.${table.name}`, () => table.rows.clear(), table)
        }
    }

    expect(fields, got, good, expected) {
        const { result } = this.run
        result.reads++
        if (got.cached) result.hits++
        if (good) return
        result.wrong.push({ fields, expected, got: got.data, cached: got.cached })
    }

    async read() {
        const [a, b] = this.tables
        const kind = this.next()
        if (kind < 0.2) {
            const { done } = this.run
            const fields = { sql: `SELECT count(*) AS n FROM columnar.${this.run.shared}` }
            const answer = await this.again(fields)
            this.expect(fields, answer, answer.data[0].n >= done && answer.data[0].n <= this.run.begun + this.run.result.lost, [done, this.run.begun])
        } else if (kind < 0.6) {
            const table = this.pick([a, b])
            const least = this.pick([0, 500])
            const fields = { sql: `SELECT count(*) AS n, sum(v) AS total FROM columnar.${table.name} WHERE v >= $1`, params: [least] }
            const values = [...table.rows.values()].filter((v) => v >= least)
            const total = values.length ? values.reduce((sum, v) => sum + v, 0) : null
            const answer = await this.again(fields)
            this.expect(fields, answer, answer.data[0].n === values.length && answer.data[0].total === total, [values.length, total])
        } else {
            const fields = { sql: `SELECT count(*) AS n FROM columnar.${a.name} JOIN columnar.${b.name} USING (id)` }
            const both = [...a.rows.keys()].filter((id) => b.rows.has(id)).length
            const answer = await this.again(fields)
            this.expect(fields, answer, answer.data[0].n === both, both)
        }
    }

    async begin() {
        for (const table of this.tables) await this.write(`CREATE TABLE IF NOT EXISTS columnar.${table.name} (id bigint, v bigint)`)
    }

    async go() {
        while (this.run.left-- > 0 && this.run.result.wrong.length < 10) {
            if (this.next() < this.run.writeShare) await this.change()
            else await this.read()
            this.run.progress?.(this.run)
        }
    }

    async end() {
        for (const table of this.tables) await this.write(`DROP TABLE IF EXISTS columnar.${table.name}`)
        for (const connection of this.connections) connection?.close()
    }
}

// Resolves to {reads, writes, hits, lost, wrong}: `wrong` must be empty.
export async function interleave({ sockets, steps, clients = 8, seed = 1, writeShare = 0.2, progress }) {
    const run = { sockets, seed, writeShare, progress, steps, left: steps, prefix: `mix${process.pid}`, shared: `mix${process.pid}_shared`, begun: 0, done: 0 }
    run.result = { reads: 0, writes: 0, hits: 0, lost: 0, wrong: [] }
    const all = Array.from({ length: clients }, (_, number) => new Client(run, number))
    await all[0].write(`CREATE TABLE columnar.${run.shared} (client bigint, n bigint)`)
    try {
        await Promise.all(all.map((client) => client.begin()))
        await Promise.all(all.map((client) => client.go()))
    } finally {
        await all[0].write(`DROP TABLE IF EXISTS columnar.${run.shared}`)
        await Promise.all(all.map((client) => client.end()))
    }
    return run.result
}
