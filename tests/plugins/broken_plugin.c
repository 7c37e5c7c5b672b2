/* What a plugin must not be; which of it, the build says by BROKEN. */
#include "engines/columnar/plugin.h"

#define BROKEN_VERSION 1
#define BROKEN_TYPE    2
#define BROKEN_NAME    3
#define BROKEN_NOTHING 4

static int never(SignalboxCall *call) {
    (void)call;
    return 1;
}

static const SignalboxScalar SCALARS[] = {
    {BROKEN == BROKEN_NAME ? "lower" : "broken",
     1,
     {BROKEN == BROKEN_TYPE ? 77 : SIGNALBOX_INT4},
     SIGNALBOX_INT4,
     1,
     never},
};
static const SignalboxPlugin PLUGIN = {BROKEN == BROKEN_VERSION ? 999 : SIGNALBOX_PLUGIN_ABI,
                                       sizeof(SignalboxPlugin),
                                       "broken",
                                       SCALARS,
                                       1,
                                       NULL,
                                       0};

const SignalboxPlugin *signalbox_plugin(void);
const SignalboxPlugin *signalbox_plugin(void) {
    return BROKEN == BROKEN_NOTHING ? NULL : &PLUGIN;
}
