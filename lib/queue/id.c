/*
 * Queue ids of both shapes (formats.md section 2).  What is an inode in
 * Postfix's ids is random here.
 */
#include "base/moment.h"
#include "base/random.h"
#include "inside.h"

#include <stdio.h>

static const char long_digits[] = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";

enum { LONG_BASE = 52, LONG_TAIL_BASE = 51, LONG_SECONDS_DIGITS = 6, LONG_MICRO_DIGITS = 4 };

/*
 * Random bits without a system call for each id: a generator for each thread
 * (splitmix64), seeded by the kernel.  Ids need to be unique, not secret.
 */
static uint64_t id_random(void)
{
    static _Thread_local uint64_t state;
    uint64_t mixed;

    if (state == 0)
        state = random_number();
    state += 0x9e3779b97f4a7c15u;
    mixed = state;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

/* value in digits of a base, at least width of them. */
static void add_digits(struct str *output, uint64_t value, unsigned base, size_t width)
{
    char digits[16];
    size_t count = 0;

    while (value > 0 || count < width) {
        digits[sizeof(digits) - 1 - count++] = long_digits[value % base];
        value /= base;
    }
    str_bytes(output, digits + sizeof(digits) - count, count);
}

void queue_id_new(struct str *id, bool long_ids)
{
    struct timeval now = wall_now();
    /* 24 bits less the numbers with a leading zero, which no inode has. */
    uint64_t tail = 0x100000 + id_random() % 0xf00000;

    str_clear(id);
    if (!long_ids) {
        str_format(id, "%05X%06X", (unsigned)now.tv_usec, (unsigned)tail);
        return;
    }
    add_digits(id, (uint64_t)now.tv_sec, LONG_BASE, LONG_SECONDS_DIGITS);
    add_digits(id, (uint64_t)now.tv_usec, LONG_BASE, LONG_MICRO_DIGITS);
    str_byte(id, 'z');
    add_digits(id, tail, LONG_TAIL_BASE, 1);
}

bool queue_id_is_valid(struct slice id)
{
    if (id.length == 0 || id.length > QUEUE_ID_LIMIT)
        return false;
    for (size_t i = 0; i < id.length; i++)
        if (!byte_is_alnum(id.data[i]) && id.data[i] != '_')
            return false;
    return true;
}

/* The microseconds of a long id, or -1 when it has not that shape. */
static long long_id_micros(const char *id)
{
    const char *separator = strrchr(id, 'z');
    long value = 0;

    if (!separator || separator - id < LONG_SECONDS_DIGITS + LONG_MICRO_DIGITS)
        return -1;
    for (const char *digit = separator - LONG_MICRO_DIGITS; digit < separator; digit++) {
        const char *place = memchr(long_digits, *digit, LONG_BASE);

        if (!place)
            return -1;
        value = value * LONG_BASE + (place - long_digits);
    }
    return value < 1000000 ? value : -1;
}

void queue_id_spread(const char *id, char spread[6])
{
    long micros = long_id_micros(id);

    if (micros >= 0)
        snprintf(spread, 6, "%05X", (unsigned)micros);
    else
        snprintf(spread, 6, "%.5s", id);
}
