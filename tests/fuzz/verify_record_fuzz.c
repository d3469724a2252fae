/*
 * A value of the cache of address verification, whoever has written it: it is refused, or says
 * the same when it is written and read once more.
 */
#include "base/scope.h"
#include "smtpd/verify_record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct verify_record *record)
{
    AUTO_STR struct str written = STR_EMPTY;
    struct verify_record again;

    verify_record_write(&written, record);
    if (!verify_record_parse(str_slice(&written), &again) || again.status != record->status
        || again.probed != record->probed || again.updated != record->updated
        || !slice_equal(again.text, record->text))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct config config = {
        .address_verify_positive_expire_time = 2678400,
        .address_verify_positive_refresh_time = 604800,
        .address_verify_negative_expire_time = 259200,
        .address_verify_negative_refresh_time = 10800,
    };
    struct verify_record record;

    if (!verify_record_parse(slice_bytes(data, size), &record))
        return 0;
    check_again(&record);
    for (int64_t now = 0; now <= INT64_MAX / 2; now += INT64_MAX / 4) {
        (void)verify_record_is_expired(&record, &config, now);
        (void)verify_record_wants_probe(&record, &config, now);
    }
    return 0;
}
