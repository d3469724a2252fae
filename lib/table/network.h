/*
 * Networks: address/length patterns of cidr tables and of mynetworks.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"

struct network_address {
    int family;                 /* AF_INET or AF_INET6 */
    unsigned char bytes[16];
};

struct network {
    struct network_address address;
    unsigned bits;
};

/* An IPv4 or IPv6 address in text form, without brackets. */
bool network_address_parse(struct slice text, struct network_address *address);

/*
 * "1.2.3.0/24", "1.2.3.4", "2001:db8::/32".  False, in Postfix's words, for bad masks and for
 * bits outside of the mask.
 */
bool network_parse(struct slice text, struct network *network, struct error *error) MUST_USE;

bool network_has(const struct network *network, const struct network_address *address);
