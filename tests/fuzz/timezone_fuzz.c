/* TZif files and POSIX rules: whatever is read answers for any moment. */
#include "engines/base/timezone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(TimeZone *zone) {
    TimeZoneMeaning meaning = {.zone = zone};
    static const int64_t MOMENTS[] = {0, -210866803200, 1616896800, 9223371331200, 16725225600};
    if (!zone) return;
    for (size_t i = 0; i < sizeof MOMENTS / sizeof MOMENTS[0]; i++) {
        meaning.abbreviation = NULL;
        timezone_offset_at(&meaning, MOMENTS[i]);
        timezone_offset_local(&meaning, MOMENTS[i]);
        meaning.abbreviation = "lmt";
        timezone_offset_at(&meaning, MOMENTS[i]);
    }
    timezone_destroy(zone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bool unsupported;
    ask(timezone_read(data, size));
    ask(timezone_of_rule((const char *)data, size, &unsupported));
    return 0;
}
