/* extract, date_part, date_trunc and date_bin. */
#pragma once

#include "engines/columnar/kernels/kernel.h"

typedef Status (*FieldBinder)(const Vector *const *constant_args, int arg_count, Arena *arena,
                              const void **bind_data, Error *err);

#define DECLARE_FIELD_OF(function, type)                                                                     \
    Status function##_##type(const KernelCall *call, Error *err);                                            \
    Status function##_##type##_bind(const Vector *const *args, int arg_count, Arena *arena,                  \
                                    const void **bind_data, Error *err);
#define DECLARE_FIELD(type) DECLARE_FIELD_OF(extract, type) DECLARE_FIELD_OF(date_part, type)
DECLARE_FIELD(date)
DECLARE_FIELD(timestamp)
DECLARE_FIELD(timestamptz)
DECLARE_FIELD(time)
DECLARE_FIELD(interval)
#undef DECLARE_FIELD
#undef DECLARE_FIELD_OF

/* A finite timestamp truncated to the unit named; `whole_days`: to days or more. */
Status truncate_to_unit(const StringView *unit, int64_t timestamp, int64_t *out, bool *whole_days,
                        Error *err);
Status trunc_bind(const Vector *const *args, int arg_count, Arena *arena, const void **bind_data, Error *err);
Status date_trunc_timestamp(const KernelCall *call, Error *err);
Status date_trunc_interval(const KernelCall *call, Error *err);
Status date_bin(const KernelCall *call, Error *err);
