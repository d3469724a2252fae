/* Any address resolves, in time that its length bounds, whatever main.cf lets mean routing. */
#include "address/lookup.h"
#include "address/resolve.h"
#include "address/settings_test.h"
#include "base/scope.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The mail system's own name is what an address without a domain gets: it is ours again. */
static struct config settings(uint8_t choice)
{
    struct config config = test_config();

    config.mydestination = "origin.test, localhost, local.test";
    config.allow_percent_hack = !(choice & 1);
    config.swap_bangpath = !(choice & 2);
    config.append_at_myorigin = !(choice & 4);
    config.resolve_dequoted_address = !(choice & 8);
    config.resolve_null_domain = choice & 16;
    config.append_dot_mydomain = choice & 32;
    return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config = settings(size ? data[0] : 0);
    struct slice address = slice_bytes(data + (size > 0), size - (size > 0));
    struct resolution resolution = RESOLUTION_EMPTY;
    struct error error;
    struct lookup *lookup = lookup_open(&config, &test_context, &error);
    struct resolver *resolver = resolver_open(&config, &test_context, lookup, RESOLVE_MAIL, &error);

    if (!resolver_resolve(resolver, SLICE_LITERAL(""), address, &resolution, &error))
        abort();
    resolution_free(&resolution);
    resolver_close(resolver);
    lookup_close(lookup);
    return 0;
}
