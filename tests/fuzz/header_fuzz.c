/*
 * Headers as they come from anybody: taken apart, rewritten, searched for addresses.
 */
#include "address/header.h"
#include "base/scope.h"
#include "message/header.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool add_domain(UNUSED void *argument, struct slice external, struct str *output)
{
    str_add(output, external);
    str_text(output, "@example.com");
    return true;
}

static void count(void *argument, UNUSED struct slice internal)
{
    ++*(size_t *)argument;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_bytes(data, size);
    AUTO_STR struct str output = STR_EMPTY;
    struct header header;
    size_t found = 0;

    if (header_begins(slice_part(input, 0, slice_find(input, '\n')))
        != header_parse(input, &header))
        __builtin_trap();
    if (!header_begins(input))
        return 0;
    if (header.name.length + header.value.length > size)
        __builtin_trap();
    (void)header_rewrite_addresses(header.value, 10240, add_domain, NULL, &output);
    header_find_addresses(header.value, count, &found);
    if (found > size)
        __builtin_trap();
    header_phrase(&output, header.value);
    return 0;
}
