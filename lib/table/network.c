#include "table/network.h"

#include <arpa/inet.h>

bool network_address_parse(struct slice text, struct network_address *address)
{
    char buffer[INET6_ADDRSTRLEN];

    if (!text.length || text.length >= sizeof(buffer) || memchr(text.data, '\0', text.length))
        return false;
    memcpy(buffer, text.data, text.length);
    buffer[text.length] = '\0';
    memset(address, 0, sizeof(*address));
    address->family = strchr(buffer, ':') ? AF_INET6 : AF_INET;
    return inet_pton(address->family, buffer, address->bytes) == 1;
}

/* Clear the bits behind the first count; true when one of them was set. */
static bool clear_host_bits(unsigned char *bytes, unsigned count, unsigned total)
{
    bool had_any = false;

    for (unsigned bit = count; bit < total; bit++) {
        unsigned char mask = (unsigned char)(0x80 >> bit % 8);

        had_any |= (bytes[bit / 8] & mask) != 0;
        bytes[bit / 8] &= (unsigned char)~mask;
    }
    return had_any;
}

static bool refuse_host_bits(const struct network *network, struct slice text, struct error *error)
{
    char better[INET6_ADDRSTRLEN];

    inet_ntop(network->address.family, network->address.bytes, better, sizeof(better));
    return error_set(error, "non-null host address bits in \"%.*s\", "
                     "perhaps you should use \"%s/%u\" instead",
                     SLICE_ARGS(text), better, network->bits);
}

bool network_parse(struct slice text, struct network *network, struct error *error)
{
    size_t slash = slice_find(text, '/');
    struct slice address = slice_part(text, 0, slash);
    unsigned most = slice_find(address, ':') < address.length ? 128 : 32;
    uint64_t bits = most;

    if (slash == text.length) {
        network->bits = most;
        return network_address_parse(address, &network->address)
            || error_set(error, "bad address pattern: \"%.*s\"", SLICE_ARGS(text));
    }
    if (!slice_number(slice_from(text, slash + 1), UINT32_MAX, &bits))
        return error_set(error, "bad mask value in \"%.*s\"", SLICE_ARGS(text));
    if (bits > most)
        return error_set(error, "bad mask length in \"%.*s\"", SLICE_ARGS(text));
    if (!network_address_parse(address, &network->address))
        return error_set(error, "bad network value in \"%.*s\"", SLICE_ARGS(text));
    network->bits = (unsigned)bits;
    if (clear_host_bits(network->address.bytes, network->bits, most))
        return refuse_host_bits(network, text, error);
    return true;
}

bool network_has(const struct network *network, const struct network_address *address)
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;

    if (network->address.family != address->family
        || memcmp(network->address.bytes, address->bytes, whole) != 0)
        return false;
    return !rest || ((network->address.bytes[whole] ^ address->bytes[whole]) >> (8 - rest)) == 0;
}
