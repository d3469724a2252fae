/*
 * One question to the name servers, one reply: UDP with EDNS0 (RFC 6891), TCP when
 * the reply was cut off (RFC 7766).
 *
 * A reply counts only when it comes from the server that was asked, with our id and our
 * question (RFC 5452 9.1).
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "dns/files.h"

/*
 * Ask until a server has given a usable reply (NOERROR or NXDOMAIN) or the deadline
 * passes.  When all refuse, true with the last reply there was; false without any.
 */
bool dns_exchange(const struct dns_files *files, const char *name, int type, int64_t deadline,
                  struct str *reply, struct error *error) MUST_USE;
