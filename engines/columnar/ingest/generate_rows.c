#include "engines/columnar/ingest/generate_rows.h"

#include <stdio.h>
#include <string.h>

#include "engines/base/calendar.h"
#include "engines/base/utf8.h"
#include "engines/columnar/ingest/generate_random.h"
#include "engines/columnar/ingest/generate_words.h"
#include "engines/columnar/ingest/value_parse.h"

#define DAY_US INT64_C(86400000000)

enum { TEXT_BYTES = 160, SENSOR_INTERVAL_S = 60, MAX_DEVICES = 1000 };

/* Share of a day's activity by hour, UTC. */
static const int HOUR_WEIGHTS[24] = {14, 10, 8,  7,  7,  9,  14, 22, 32, 40, 45, 48,
                                     50, 49, 48, 50, 53, 57, 60, 58, 52, 42, 31, 21};
static const int WEEKDAY_WEIGHTS[7] = {100, 104, 106, 104, 110, 78, 70}; /* from Monday */

static int64_t first_day(void) {
    return calendar_days_of(2024, 1, 1); /* a Monday */
}

static void init_calendar(RowGenerator *generator) {
    double total = 0, hours = 0;
    for (int day = 0; day < GENERATE_DAYS; day++) {
        double growth = 1.0 + (double)day / GENERATE_DAYS; /* twice as busy at the end */
        total += WEEKDAY_WEIGHTS[day % 7] * growth;
        generator->day_ends[day] = total;
    }
    for (int hour = 0; hour < 24; hour++) {
        hours += HOUR_WEIGHTS[hour];
        generator->hour_ends[hour] = hours;
    }
    for (int day = 0; day < GENERATE_DAYS; day++)
        generator->day_ends[day] /= total;
    for (int hour = 0; hour < 24; hour++)
        generator->hour_ends[hour] /= hours;
}

void row_generator_init(RowGenerator *generator, const GenerateOptions *options) {
    memset(generator, 0, sizeof *generator);
    generator->options = options;
    generator->columns = generate_columns(options->kind, &generator->column_count);
    arena_init(&generator->arena);
    arena_init(&generator->batch_arena);
    generator->batch.column_count = generator->column_count;
    generator->batch.columns = ARENA_NEW_ARRAY(&generator->arena, Vector, generator->column_count);
    generator->validity = ARENA_NEW_ARRAY(&generator->arena, uint64_t *, generator->column_count);
    for (int i = 0; i < generator->column_count; i++) {
        vector_init_flat(&generator->batch.columns[i], generator->columns[i].type, BATCH_ROWS,
                         &generator->arena);
        memset(generator->batch.columns[i].values, 0,
               physical_width(generator->batch.columns[i].physical) * BATCH_ROWS);
        generator->validity[i] = arena_zalloc(&generator->arena, bitmap_bytes(BATCH_ROWS));
    }
    init_calendar(generator);
    uint32_t weight = 0;
    for (int i = 0; i < WORDS_PLACE_COUNT; i++)
        generator->place_ends[i] = weight += (uint32_t)WORDS_PLACES[i].weight;
}

void row_generator_deinit(RowGenerator *generator) {
    arena_deinit(&generator->arena);
    arena_deinit(&generator->batch_arena);
}

/* Microseconds of the row that stands at `row` of `count`, in the order of time. */
static int64_t time_of(RowGenerator *generator, int64_t row, RowRandom *random) {
    double share = ((double)row + random_unit(random)) / (double)generator->options->count;
    while (generator->day > 0 && share < generator->day_ends[generator->day - 1])
        generator->day--;
    while (generator->day < GENERATE_DAYS - 1 && share >= generator->day_ends[generator->day])
        generator->day++;
    double begin = generator->day ? generator->day_ends[generator->day - 1] : 0;
    double within = (share - begin) / (generator->day_ends[generator->day] - begin);
    int hour = 0;
    while (hour < 23 && within >= generator->hour_ends[hour])
        hour++;
    double hour_begin = hour ? generator->hour_ends[hour - 1] : 0;
    double part = (within - hour_begin) / (generator->hour_ends[hour] - hour_begin);
    int64_t within_us = (int64_t)(((double)hour + part) * 3600e6);
    return (first_day() + generator->day) * DAY_US + (within_us < DAY_US ? within_us : DAY_US - 1);
}

static void set_null(RowGenerator *generator, int column, int row) {
    bitmap_clear(generator->validity[column], (size_t)row);
    Vector *vector = &generator->batch.columns[column];
    size_t width = physical_width(vector->physical);
    memset((char *)vector->values + width * (size_t)row, 0, width);
}
static void set_i64(RowGenerator *generator, int column, int row, int64_t value) {
    ((int64_t *)generator->batch.columns[column].values)[row] = value;
}
static void set_i32(RowGenerator *generator, int column, int row, int32_t value) {
    ((int32_t *)generator->batch.columns[column].values)[row] = value;
}
static void set_f64(RowGenerator *generator, int column, int row, double value) {
    ((double *)generator->batch.columns[column].values)[row] = value;
}
static void set_bytes(RowGenerator *generator, int column, int row, const char *text, size_t length) {
    const char *kept = length > 12 ? arena_memdup(&generator->batch_arena, text, length) : text;
    ((StringView *)generator->batch.columns[column].values)[row] = stringview_make(kept, (uint32_t)length);
}
/* For words that outlive the batch. */
static void set_word(RowGenerator *generator, int column, int row, const char *word) {
    ((StringView *)generator->batch.columns[column].values)[row] =
        stringview_make(word, (uint32_t)strlen(word));
}

static const PlaceWord *place_of_user(const RowGenerator *generator, int64_t user) {
    RowRandom random = row_random(generator->options->seed, 100, user);
    uint32_t pick = (uint32_t)random_below(&random, generator->place_ends[WORDS_PLACE_COUNT - 1]);
    int low = 0, high = WORDS_PLACE_COUNT - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (pick < generator->place_ends[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return &WORDS_PLACES[low];
}

static size_t append_word(char *out, size_t at, const char *word) {
    size_t length = strlen(word);
    memcpy(out + at, word, length);
    return at + length;
}

static size_t append_number(char *out, size_t at, int64_t value) {
    char digits[20];
    int count = 0;
    do
        digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    while (count > 0)
        out[at++] = digits[--count];
    return at;
}

/* The name in the lower-case ASCII letters of an e-mail address. */
static size_t append_plain(char *out, size_t at, const char *name) {
    static const char LATIN[] = "aaaaaaaceeeeiiiidnooooo ouuuuypsaaaaaaaceeeeiiiidnooooo ouuuuypy";
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
        if (*c >= 0xC0) {
            unsigned point = (unsigned)(*c & 0x1F) << 6 | (c[1] & 0x3F);
            c++;
            if (point >= 0xC0 && point <= 0xFF)
                out[at++] = LATIN[point - 0xC0];
            else if (point == 0xF3 || point == 0x15B)
                out[at++] = 'o';
        } else if ((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z') {
            out[at++] = (char)(*c | 0x20);
        }
    }
    return at;
}

static void fill_user(RowGenerator *generator, int64_t index, int row) {
    static const char *const PLANS[] = {"free", "free",  "free",  "free", "free",
                                        "free", "basic", "basic", "pro",  "enterprise"};
    static const char *const DOMAINS[] = {"@example.com", "@example.org", "@example.net"};
    int64_t id = index + 1;
    RowRandom random = row_random(generator->options->seed, GENERATE_USERS, index);
    const PlaceWord *place = place_of_user(generator, id);
    const char *first = WORDS_FIRST_NAMES[random_below(&random, (uint64_t)WORDS_FIRST_NAME_COUNT)];
    const char *last = WORDS_LAST_NAMES[random_below(&random, (uint64_t)WORDS_LAST_NAME_COUNT)];
    char text[TEXT_BYTES];
    size_t length = append_word(text, 0, first);
    text[length++] = ' ';
    length = append_word(text, length, last);
    set_i64(generator, 0, row, id);
    set_bytes(generator, 1, row, text, length);
    length = append_plain(text, 0, first);
    text[length++] = '.';
    length = append_plain(text, length, last);
    length = append_number(text, length, id);
    length = append_word(text, length, DOMAINS[random_below(&random, 3)]);
    set_bytes(generator, 2, row, text, length);
    set_word(generator, 3, row, place->country);
    set_word(generator, 4, row, place->city);
    set_word(generator, 5, row, PLANS[random_below(&random, 10)]);
    set_i64(generator, 6, row, time_of(generator, index, &random));
    /* 18 to 80 years old, most of them around 35. */
    double age = 35.0 + 13.0 * random_normal(&random);
    age = age < 18 ? 18 + random_unit(&random) * 10 : age > 80 ? 80 : age;
    set_i32(generator, 7, row, (int32_t)(first_day() - (int64_t)(age * 365.25)));
    ((uint8_t *)generator->batch.columns[8].values)[row] = random_below(&random, 100) < 88;
}

/* Some users do much, most do little; who is who is scattered over the ids. */
static int64_t pick_user(const RowGenerator *generator, RowRandom *random) {
    int64_t users = generator->options->users;
    uint64_t rank = (uint64_t)random_zipf(random, users);
    return (int64_t)(hash64_u64(rank + generator->options->seed) % (uint64_t)users) + 1;
}

static void fill_transaction(RowGenerator *generator, int64_t index, int row) {
    RowRandom random = row_random(generator->options->seed, GENERATE_TRANSACTIONS, index);
    int64_t user = pick_user(generator, &random);
    const MerchantWord *merchant = &WORDS_MERCHANTS[random_zipf(&random, WORDS_MERCHANT_COUNT)];
    double cents = merchant->amount_cents * exp(0.6 * random_normal(&random));
    uint64_t outcome = random_below(&random, 1000);
    set_i64(generator, 0, row, index + 1);
    set_i64(generator, 1, row, user);
    set_i64(generator, 2, row, (int64_t)cents + 1);
    set_word(generator, 3, row, place_of_user(generator, user)->currency);
    set_word(generator, 4, row,
             outcome < 930   ? "completed"
             : outcome < 960 ? "pending"
             : outcome < 985 ? "failed"
                             : "refunded");
    set_word(generator, 5, row, merchant->name);
    set_word(generator, 6, row, merchant->category);
    set_i64(generator, 7, row, time_of(generator, index, &random));
}

typedef enum EventType {
    EVENT_PAGE_VIEW,
    EVENT_CLICK,
    EVENT_SEARCH,
    EVENT_ADD_TO_CART,
    EVENT_LOGIN,
    EVENT_PURCHASE,
    EVENT_SIGNUP
} EventType;

static EventType pick_event_type(RowRandom *random) {
    static const int ENDS[] = {600, 800, 890, 940, 975, 990};
    int pick = (int)random_below(random, 1000), type = 0;
    while (type < EVENT_SIGNUP && pick >= ENDS[type])
        type++;
    return (EventType)type;
}

static const char *pick_product(RowRandom *random) {
    const ProductWord *product = &WORDS_PRODUCTS[random_below(random, (uint64_t)WORDS_PRODUCT_COUNT)];
    int count = 0;
    while (product->things[count])
        count++;
    return product->things[random_below(random, (uint64_t)count)];
}

static void set_payload(RowGenerator *generator, int column, int row, EventType type, RowRandom *random) {
    char text[TEXT_BYTES];
    int length = 0;
    uint64_t a = random_u64(random);
    switch (type) {
    case EVENT_CLICK:
        length = snprintf(text, sizeof text, "{\"x\":%d,\"y\":%d}", (int)(a % 1920), (int)(a >> 32) & 1023);
        break;
    case EVENT_SEARCH:
        length = snprintf(text, sizeof text, "{\"query\":\"%s\",\"results\":%d}", pick_product(random),
                          (int)(a % 240));
        break;
    case EVENT_ADD_TO_CART:
        length = snprintf(text, sizeof text, "{\"product_id\":%d,\"quantity\":%d}", (int)(a % 10000) + 1,
                          (int)(a >> 40) % 4 + 1);
        break;
    case EVENT_PURCHASE:
        length = snprintf(text, sizeof text, "{\"order_id\":%d,\"amount\":%d.%02d}", (int)(a % 10000000),
                          (int)(a >> 40) % 400 + 5, (int)(a >> 56) % 100);
        break;
    default: set_null(generator, column, row); return;
    }
    set_bytes(generator, column, row, text, (size_t)length);
}

static void set_session(RowGenerator *generator, int column, int row, int64_t user, int64_t day) {
    uint64_t parts[2];
    parts[0] = hash64_combine(hash64_combine(generator->options->seed, (uint64_t)user), (uint64_t)day);
    parts[1] = hash64_u64(parts[0]);
    unsigned char *bytes = (unsigned char *)parts;
    bytes[6] = (unsigned char)((bytes[6] & 0x0F) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80);
    set_bytes(generator, column, row, (const char *)parts, sizeof parts);
}

static void fill_event(RowGenerator *generator, int64_t index, int row) {
    static const char *const TYPES[] = {"page_view", "click",    "search", "add_to_cart",
                                        "login",     "purchase", "signup"};
    RowRandom random = row_random(generator->options->seed, GENERATE_EVENTS, index);
    int64_t user = pick_user(generator, &random);
    EventType type = pick_event_type(&random);
    int64_t time = time_of(generator, index, &random);
    uint64_t device = random_below(&random, 100), pick = random_u64(&random);
    set_i64(generator, 0, row, index + 1);
    /* One page view or click in five is by somebody who has not logged in. */
    if (type <= EVENT_SEARCH && pick % 5 == 0)
        set_null(generator, 1, row);
    else
        set_i64(generator, 1, row, user);
    set_word(generator, 2, row, TYPES[type]);
    set_i64(generator, 3, row, time);
    set_session(generator, 4, row, user, time / DAY_US);
    set_word(generator, 5, row, WORDS_PAGES[random_zipf(&random, WORDS_PAGE_COUNT)]);
    if (pick >> 8 & 1)
        set_null(generator, 6, row);
    else
        set_word(generator, 6, row, WORDS_REFERRERS[random_zipf(&random, WORDS_REFERRER_COUNT)]);
    set_word(generator, 7, row, device < 55 ? "mobile" : device < 93 ? "desktop" : "tablet");
    set_word(generator, 8, row, place_of_user(generator, user)->country);
    if (type == EVENT_PAGE_VIEW)
        set_i32(generator, 9, row, (int32_t)(8000.0 * exp(0.9 * random_normal(&random))));
    else
        set_null(generator, 9, row);
    set_payload(generator, 10, row, type, &random);
}

static void fill_product(RowGenerator *generator, int64_t index, int row) {
    RowRandom random = row_random(generator->options->seed, GENERATE_PRODUCTS, index);
    const ProductWord *product = &WORDS_PRODUCTS[random_below(&random, (uint64_t)WORDS_PRODUCT_COUNT)];
    int things = 0;
    while (product->things[things])
        things++;
    char text[TEXT_BYTES];
    int length = snprintf(text, sizeof text, "%.3s-%06lld", product->category, (long long)index + 1);
    for (int i = 0; i < 3; i++)
        text[i] = (char)(text[i] & ~0x20);
    set_i64(generator, 0, row, index + 1);
    set_bytes(generator, 1, row, text, (size_t)length);
    length = snprintf(text, sizeof text, "%s %s %d",
                      WORDS_ADJECTIVES[random_below(&random, (uint64_t)WORDS_ADJECTIVE_COUNT)],
                      product->things[random_below(&random, (uint64_t)things)],
                      (int)random_below(&random, 900) + 100);
    set_bytes(generator, 2, row, text, (size_t)length);
    set_word(generator, 3, row, product->category);
    double euros = product->price_cents / 100.0 * exp(0.5 * random_normal(&random));
    set_i64(generator, 4, row, (int64_t)euros * 100 + 99); /* prices end in .99 */
    set_i32(generator, 5, row, (int32_t)(random_below(&random, 10) == 0 ? 0 : random_below(&random, 500)));
    if (random_below(&random, 8) == 0) {
        set_null(generator, 6, row);
    } else {
        double rating = 4.2 + 0.5 * random_normal(&random);
        set_i64(generator, 6, row, (int64_t)((rating < 1 ? 1 : rating > 5 ? 5 : rating) * 10));
    }
    set_i32(generator, 7, row, (int32_t)(time_of(generator, index, &random) / DAY_US));
}

static double hundredths(double value) {
    return floor(value * 100.0 + 0.5) / 100.0;
}

static void fill_sensor(RowGenerator *generator, int64_t index, int row) {
    static const double TAU = 6.283185307179586;
    int64_t devices = generator->options->count / 1000;
    devices = devices < 1 ? 1 : devices > MAX_DEVICES ? MAX_DEVICES : devices;
    int64_t device = index % devices, tick = index / devices;
    RowRandom random = row_random(generator->options->seed, GENERATE_SENSORS, index);
    RowRandom of_device = row_random(generator->options->seed, 101, device);
    int64_t time = first_day() * DAY_US + tick * SENSOR_INTERVAL_S * 1000000 +
                   (int64_t)random_below(&of_device, 60000000);
    double day = (double)(time - first_day() * DAY_US) / (double)DAY_US;
    double offset = 6.0 * random_normal(&of_device);
    double season = -cos(TAU * day / 365.25), daily = -cos(TAU * (day - floor(day) - 0.08));
    double temperature = 11.0 + offset + 9.0 * season + 4.0 * daily + 0.4 * random_normal(&random);
    double humidity = 62.0 - 9.0 * daily - 6.0 * season + 2.0 * random_normal(&random);
    double battery = 100.0 - fmod(day * (0.4 + 0.3 * random_unit(&of_device)), 95.0);
    set_i32(generator, 0, row, (int32_t)device + 1);
    set_i64(generator, 1, row, time);
    set_f64(generator, 2, row, hundredths(temperature));
    set_f64(generator, 3, row, hundredths(humidity < 5 ? 5 : humidity > 100 ? 100 : humidity));
    set_f64(generator, 4, row, floor(battery * 10) / 10);
    set_word(generator, 5, row,
             random_below(&random, 500) == 0 ? "fault"
             : battery < 15                  ? "low_battery"
                                             : "ok");
}

const Batch *row_generator_next(RowGenerator *generator) {
    static void (*const FILL[GENERATE_KIND_COUNT])(RowGenerator *, int64_t, int) = {
        [GENERATE_USERS] = fill_user,     [GENERATE_TRANSACTIONS] = fill_transaction,
        [GENERATE_EVENTS] = fill_event,   [GENERATE_PRODUCTS] = fill_product,
        [GENERATE_SENSORS] = fill_sensor,
    };
    int64_t left = generator->options->count - generator->next_row;
    if (left <= 0) return NULL;
    int rows = left < BATCH_ROWS ? (int)left : BATCH_ROWS;
    arena_reset(&generator->batch_arena);
    for (int i = 0; i < generator->column_count; i++)
        bitmap_fill(generator->validity[i], (size_t)rows);
    for (int row = 0; row < rows; row++)
        FILL[generator->options->kind](generator, generator->next_row + row, row);
    for (int i = 0; i < generator->column_count; i++) {
        bool has_nulls = bitmap_count(generator->validity[i], (size_t)rows) < (size_t)rows;
        generator->batch.columns[i].validity = has_nulls ? generator->validity[i] : NULL;
    }
    generator->batch.row_count = generator->batch.selected = rows;
    generator->next_row += rows;
    return &generator->batch;
}
