/* Facts about this process. */
#pragma once

#include <stdint.h>

int64_t process_resident_bytes(void);
