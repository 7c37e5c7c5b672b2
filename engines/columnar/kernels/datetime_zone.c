/* AT TIME ZONE and what else names a time zone. A zone that is constant is looked up once, else when it
 * changes from row to row. */
#include <ctype.h>
#include <math.h>

#include "engines/base/timezone.h"
#include "engines/columnar/kernels/datetime_fields.h"
#include "engines/columnar/kernels/datetime_math.h"

static Status zone_error(TimeZoneResult result, const StringView *name, Error *err) {
    int length = (int)(name->length > 500 ? 500 : name->length);
    if (result == TIMEZONE_UNSUPPORTED)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "time zone \"%.*s\" is not available in the columnar engine", length,
                         stringview_data(name));
    return error_set(err, "22023", "time zone \"%.*s\" not recognized", length, stringview_data(name));
}

/* An unknown name is an error of the row that meets it: eval reports it. */
static Status zone_bind(const Vector *const *args, int zone_arg, Arena *arena, const void **bind_data,
                        Error *err) {
    if (!args[zone_arg] || vector_is_null(args[zone_arg], 0)) return STATUS_OK;
    const StringView *name = args[zone_arg]->values;
    TimeZoneMeaning *meaning = arena_alloc(arena, sizeof *meaning);
    TimeZoneResult result = timezone_find(stringview_data(name), name->length, meaning);
    if (result == TIMEZONE_UNSUPPORTED) return zone_error(result, name, err);
    *bind_data = result == TIMEZONE_FOUND ? meaning : NULL;
    return STATUS_OK;
}
static Status zone_bind_first(const Vector *const *args, int arg_count, Arena *arena, const void **bind_data,
                              Error *err) {
    return zone_bind(args, 0, arena, bind_data, err);
}
static Status zone_bind_third(const Vector *const *args, int arg_count, Arena *arena, const void **bind_data,
                              Error *err) {
    return zone_bind(args, 2, arena, bind_data, err);
}

/* The zone of a row; remembers the one before. */
typedef struct ZoneReader {
    TimeZoneMeaning meaning;
    StringView name;
    bool known;
} ZoneReader;

static void reader_init(ZoneReader *reader, const KernelCall *call) {
    *reader = (ZoneReader){0};
    if (call->bind_data)
        *reader = (ZoneReader){.meaning = *(const TimeZoneMeaning *)call->bind_data, .known = true};
}

static Status reader_move(ZoneReader *reader, const KernelCall *call, int arg, int row, Error *err) {
    if (call->bind_data) return STATUS_OK;
    const StringView *name = kernel_text(call, arg, row);
    if (reader->known && stringview_equals(&reader->name, name)) return STATUS_OK;
    TimeZoneResult result = timezone_find(stringview_data(name), name->length, &reader->meaning);
    if (result != TIMEZONE_FOUND) return zone_error(result, name, err);
    reader->name = *name;
    reader->known = true;
    return STATUS_OK;
}

static int64_t whole_seconds(int64_t micros) {
    return micros / MICROS_PER_SECOND - (micros % MICROS_PER_SECOND < 0);
}

/* `micros` as its clock shows it in the zone, or back. False: out of range. */
static bool to_local(const TimeZoneMeaning *zone, int64_t utc, int64_t *out) {
    Int128 wide = (Int128)utc + (Int128)timezone_offset_at(zone, whole_seconds(utc)) * MICROS_PER_SECOND;
    *out = (int64_t)wide;
    return timestamp_in_range(wide);
}
static bool to_utc(const TimeZoneMeaning *zone, int64_t local, int64_t *out) {
    Int128 wide =
        (Int128)local - (Int128)timezone_offset_local(zone, whole_seconds(local)) * MICROS_PER_SECOND;
    *out = (int64_t)wide;
    return timestamp_in_range(wide);
}

KERNEL_INLINE Status shift_to_zone(const KernelCall *call, bool back, Error *err) {
    int64_t *out = call->out->values;
    ZoneReader reader;
    reader_init(&reader, call);
    KERNEL_ROWS(call, row) {
        int64_t value = KERNEL_ARG(call, 1, int64_t, row);
        out[row] = value;
        if (!timestamp_is_finite(value)) continue;
        TRY(reader_move(&reader, call, 0, row, err));
        if (!(back ? to_utc : to_local)(&reader.meaning, value, &out[row]))
            return error_set(err, "22008", "timestamp out of range");
    }
    return STATUS_OK;
}
static Status zone_of_moment(const KernelCall *call, Error *err) {
    return shift_to_zone(call, false, err);
}
static Status moment_of_zone(const KernelCall *call, Error *err) {
    return shift_to_zone(call, true, err);
}

KERNEL_INLINE Status shift_by_interval(const KernelCall *call, int sign, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        Interval span = KERNEL_ARG(call, 0, Interval, row);
        int64_t value = KERNEL_ARG(call, 1, int64_t, row);
        out[row] = value;
        if (!timestamp_is_finite(value)) continue;
        if (span.months || span.days) {
            char text[DATETIME_TEXT_BYTES];
            return error_set(err, "22023", "interval time zone \"%.*s\" must not include months or days",
                             (int)interval_format(span, text), text);
        }
        Int128 wide =
            (Int128)value + sign * (Int128)(span.microseconds / MICROS_PER_SECOND) * MICROS_PER_SECOND;
        if (!timestamp_in_range(wide)) return error_set(err, "22008", "timestamp out of range");
        out[row] = (int64_t)wide;
    }
    return STATUS_OK;
}
static Status interval_zone_of_moment(const KernelCall *call, Error *err) {
    return shift_by_interval(call, 1, err);
}
static Status moment_of_interval_zone(const KernelCall *call, Error *err) {
    return shift_by_interval(call, -1, err);
}

/* date_trunc in a zone: truncated on its clock. Hours and less keep the offset they had. */
static Status date_trunc_zone(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    ZoneReader reader;
    reader_init(&reader, call);
    KERNEL_ROWS(call, row) {
        int64_t value = KERNEL_ARG(call, 1, int64_t, row), local, truncated;
        bool whole_days;
        out[row] = value;
        if (!timestamp_is_finite(value)) continue;
        TRY(reader_move(&reader, call, 2, row, err));
        if (!to_local(&reader.meaning, value, &local))
            return error_set(err, "22008", "timestamp out of range");
        TRY(truncate_to_unit(kernel_text(call, 0, row), local, &truncated, &whole_days, err));
        bool fits = true;
        if (whole_days)
            fits = to_utc(&reader.meaning, truncated, &out[row]);
        else
            out[row] = truncated - (local - value);
        if (!fits) return error_set(err, "22008", "timestamp out of range");
    }
    return STATUS_OK;
}

/* ---- make_timestamptz
 * -------------------------------------------------------------------------------------------- */

static Status make_moment(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) TRY(make_timestamp_row(call, row, &out[row], err));
    return STATUS_OK;
}

/* "+5:30" counts eastwards here, as in a timestamp's text, where the name of a zone would count westwards. */
static bool read_numeric_zone(const StringView *name, int32_t *offset, bool *out_of_range) {
    const char *at = stringview_data(name), *end = at + name->length;
    if (at == end || (*at != '+' && *at != '-')) return false;
    int sign = *at++ == '-' ? -1 : 1, parts[3] = {0}, count = 0, digits = 0;
    for (; at < end; at++) {
        if (*at == ':' && digits > 0 && count < 2) {
            count++;
            digits = 0;
        } else if (isdigit((unsigned char)*at) && ++digits <= 6) {
            parts[count] = parts[count] * 10 + (*at - '0');
        } else {
            return false;
        }
    }
    if (digits == 0) return false;
    if (count == 0 && digits > 4) {
        parts[2] = parts[0] % 100;
        parts[0] /= 100;
    }
    if (count == 0 && digits > 2) {
        parts[1] = parts[0] % 100;
        parts[0] /= 100;
    }
    *out_of_range = parts[0] > 15 || parts[1] > 59 || parts[2] > 59;
    *offset = sign * (parts[0] * 3600 + parts[1] * 60 + parts[2]);
    return true;
}

static Status read_made_zone(const StringView *name, TimeZoneMeaning *out, Error *err) {
    bool out_of_range = false;
    int length = (int)(name->length > 500 ? 500 : name->length);
    if (name->length && isdigit((unsigned char)stringview_data(name)[0])) {
        (void)error_set(err, "22023", "invalid input syntax for type numeric time zone: \"%.*s\"", length,
                        stringview_data(name));
        return error_add_hint(err, "Numeric time zones must have \"-\" or \"+\" as first character.");
    }
    *out = (TimeZoneMeaning){0};
    if (read_numeric_zone(name, &out->offset, &out_of_range)) {
        if (out_of_range)
            return error_set(err, "22023", "numeric time zone \"%.*s\" out of range", length,
                             stringview_data(name));
        return STATUS_OK;
    }
    TimeZoneResult result = timezone_find(stringview_data(name), name->length, out);
    return result == TIMEZONE_FOUND ? STATUS_OK : zone_error(result, name, err);
}

static Status make_moment_in_zone(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    TimeZoneMeaning meaning = {0};
    StringView last = {0};
    bool known = false;
    KERNEL_ROWS(call, row) {
        int64_t local;
        TRY(make_timestamp_row(call, row, &local, err));
        const StringView *name = kernel_text(call, 6, row);
        if (!known || !stringview_equals(&last, name)) TRY(read_made_zone(name, &meaning, err));
        last = *name;
        known = true;
        if (!to_utc(&meaning, local, &out[row])) return error_set(err, "22008", "timestamp out of range");
    }
    return STATUS_OK;
}

#define TS   K_TIMESTAMP
#define TZ   K_TIMESTAMPTZ
#define INTS K_INT4, K_INT4, K_INT4, K_INT4, K_INT4, K_FLOAT8

static const ScalarFunction rows[] = {
    KERNEL_FN_BIND("timezone", zone_of_moment, zone_bind_first, TS, K_TEXT, TZ),
    KERNEL_FN_BIND("timezone", moment_of_zone, zone_bind_first, TZ, K_TEXT, TS),
    KERNEL_FN_RAISES("timezone", interval_zone_of_moment, TS, K_INTERVAL, TZ),
    KERNEL_FN_RAISES("timezone", moment_of_interval_zone, TZ, K_INTERVAL, TS),
    KERNEL_FN_BIND("date_trunc", date_trunc_zone, zone_bind_third, TZ, K_TEXT, TZ, K_TEXT),
    KERNEL_FN_RAISES("make_timestamptz", make_moment, TZ, INTS),
    KERNEL_FN_RAISES("make_timestamptz", make_moment_in_zone, TZ, INTS, K_TEXT),
};

FunctionTable zone_functions(void) {
    return KERNEL_TABLE(rows);
}
