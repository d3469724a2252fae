/*
 * Random numbers from the kernel (getrandom(2)): fit for seeds and names.
 */
#pragma once

#include <stdint.h>

uint64_t random_number(void);

/* Between 0 and limit - 1; limit is at least 1. */
uint64_t random_below(uint64_t limit);
