/*
 * Replies of name servers, any bytes: what is read of them is a valid answer or a reason.
 */
#include "base/scope.h"
#include "dns/reply.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct dns_answer *answer, enum dns_type type)
{
    if (answer->status == DNS_FOUND && answer->count == 0)
        __builtin_trap();
    for (size_t i = 0; i < answer->count; i++) {
        const struct dns_record *record = &answer->records[i];

        if (record->type != type)
            __builtin_trap();
        if (record->host && strlen(record->host) > 1024)
            __builtin_trap();
        if (record->data.length > 65535)
            __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum dns_type types[] = { DNS_A, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA, DNS_SRV,
                                           DNS_TLSA };
    AUTO_STR struct str reply = STR_EMPTY;

    str_bytes(&reply, (const char *)data, size);
    for (size_t i = 0; i < COUNT(types); i++) {
        AUTO_ARENA struct arena *arena = arena_new();
        struct dns_answer answer = { .status = DNS_TROUBLE };
        const char *alias = NULL;

        dns_reply_read(&reply, "example.test", types[i], arena, &answer, &alias);
        check(&answer, types[i]);
    }
    return 0;
}
