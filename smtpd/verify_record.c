#include "verify_record.h"

/* A probe that has said nothing for so long will not do so any more. */
enum { PROBE_SECONDS = 1000 };

/* A number with ':' behind it. */
static bool take_number(struct slice *rest, int64_t *number)
{
    size_t colon = slice_find(*rest, ':');

    if (colon == rest->length ||
        !slice_integer(slice_part(*rest, 0, colon), 0, INT64_MAX, number))
        return false;
    *rest = slice_from(*rest, colon + 1);
    return true;
}

bool verify_record_parse(struct slice value, struct verify_record *record)
{
    int64_t status;

    if (!take_number(&value, &status) || status > VERIFY_UNKNOWN ||
        !take_number(&value, &record->probed) || !take_number(&value, &record->updated) ||
        value.length == 0)
        return false;
    record->status = (enum verify_status)status;
    record->text = value;
    return true;
}

void verify_record_write(struct str *value, const struct verify_record *record)
{
    str_format(value, "%d:%lld:%lld:", (int)record->status, (long long)record->probed,
               (long long)record->updated);
    str_add(value, record->text);
}

struct verify_record verify_record_unknown(void)
{
    return (struct verify_record){
        .status = VERIFY_UNKNOWN, .text = SLICE_LITERAL("Address verification in progress"),
    };
}

bool verify_record_is_expired(const struct verify_record *record, const struct config *config,
                              int64_t now)
{
    if (record->status == VERIFY_UNKNOWN)
        return now - record->probed > PROBE_SECONDS;
    if (record->status == VERIFY_DELIVERABLE)
        return now - record->updated > config->address_verify_positive_expire_time;
    return now - record->updated > config->address_verify_negative_expire_time;
}

bool verify_record_wants_probe(const struct verify_record *record, const struct config *config,
                               int64_t now)
{
    if (now - record->probed <= PROBE_SECONDS)
        return false;
    if (record->status == VERIFY_UNKNOWN)
        return true;
    if (record->status == VERIFY_DELIVERABLE)
        return now - record->updated > config->address_verify_positive_refresh_time;
    return now - record->updated > config->address_verify_negative_refresh_time;
}
