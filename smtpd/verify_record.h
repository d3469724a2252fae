/*
 * What the cache says of an address: "status:probed:updated:text", as Postfix's verify writes it.
 */
#pragma once

#include "config/config.h"
#include "deliver/verify.h"

struct verify_record {
    enum verify_status status;
    int64_t probed;         /* when the probe was sent that is still out; 0: none is */
    int64_t updated;        /* when status and text were found out; 0: they were not */
    struct slice text;      /* borrowed */
};

/* False: nothing that verify would write. */
bool verify_record_parse(struct slice value, struct verify_record *record) MUST_USE;
void verify_record_write(struct str *value, const struct verify_record *record);

/* Of an address that nothing is known of. */
struct verify_record verify_record_unknown(void);

/* Too old to count (address_verify_positive_expire_time, address_verify_negative_expire_time). */
bool verify_record_is_expired(const struct verify_record *record, const struct config *config,
                              int64_t now);

/* Time for a probe: what is known is not fresh, and none is out, or has been lost. */
bool verify_record_wants_probe(const struct verify_record *record, const struct config *config,
                               int64_t now);
