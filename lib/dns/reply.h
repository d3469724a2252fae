/*
 * The records of a DNS reply, taken apart by libresolv's parser.
 */
#pragma once

#include "base/str.h"
#include "dns/dns.h"

/*
 * The records of the type that the name, or what its CNAMEs lead to, has in the reply.
 * *alias is where the CNAMEs end when they end without a record of the type, else NULL.
 * status is DNS_FOUND, DNS_NO_DOMAIN, DNS_NO_DATA, DNS_TROUBLE, DNS_INVALID or DNS_NULL_MX.
 */
void dns_reply_read(const struct str *reply, const char *name, enum dns_type type,
                    struct arena *arena, struct dns_answer *answer, const char **alias);

/* A host name as RFC 1123 has it, with underscores as they are met. */
bool dns_name_is_valid(const char *name);
