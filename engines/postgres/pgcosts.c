/* Compiled in as they were measured with warm caches on one core, scaled by what the probe found here. */
#include "engines/postgres/pgengine.h"

RowCosts pgcosts_of(PgEngine *engine) {
    double scan = engine_slowness(&engine->base, CONSTANT_SCANNED_ROW_NS) / 1e6;
    double probe = engine_slowness(&engine->base, CONSTANT_PROBED_ROW_NS) / 1e6;
    double send = engine_slowness(&engine->base, CONSTANT_SENT_BYTE_NS) / 1e6;
    return (RowCosts){.latency = pgengine_latency_ms(engine),
                      .planning = 80e3 * scan,
                      .scanned_row = 60 * scan,
                      .condition = 25 * scan,
                      .page = 700 * scan,
                      .descent = 1500 * probe,
                      .index_row = 250 * probe,
                      .random_page = 1000 * probe,
                      .hashed_row = 200 * scan,
                      .probed_row = 150 * scan,
                      .sorted_row = 30 * scan,
                      .grouped_row = 100 * scan,
                      .summed_row = 40 * scan,
                      .sent_row = 250 * send,
                      .sent_byte = 6 * send,
                      .page_bytes = 8192,
                      .parallel_pages = 1024, /* min_parallel_table_scan_size */
                      .workers_start = 5e6 * scan,
                      .workers_share = 1.7};
}
