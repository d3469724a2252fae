#include "base/random.h"

#include <stdlib.h>
#include <sys/random.h>

uint64_t random_number(void)
{
    uint64_t number;

    while (getrandom(&number, sizeof(number), 0) != sizeof(number))
        ;
    return number;
}

uint64_t random_below(uint64_t limit)
{
    uint64_t ceiling = UINT64_MAX - UINT64_MAX % limit;
    uint64_t number;

    do
        number = random_number();
    while (number >= ceiling);
    return number % limit;
}
