/* 10^0 .. 10^38, all that a decimal of the columnar engine can be scaled by. The first 19 fit into 64 bits.
 */
#pragma once

extern const __int128 power_of_ten[39];
