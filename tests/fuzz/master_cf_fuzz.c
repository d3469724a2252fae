/*
 * master.cf: whatever the bytes, both readers answer, and what they accept is complete.
 */
#include "config/config.h"
#include "config/master_cf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as(struct slice text, enum master_cf_reader reader)
{
    struct master_cf *master_cf;
    struct error error;
    const char *setting;

    if (!master_cf_parse(text, "master.cf", reader, NULL, NULL, &master_cf, &error))
        return;
    for (size_t i = 0; i < master_cf_count(master_cf); i++) {
        const struct master_service *service = master_cf_at(master_cf, i);

        if (!service->name || !service->command || service->wakeup_seconds < 0 ||
            service->process_limit < -1 || service->line < 1)
            __builtin_trap();
        for (size_t j = 0; master_service_setting(service, &j, &setting);) {
            struct config_override override;

            if (!config_parse_override(slice_of(setting), &override, &error))
                continue;
            free((char *)(uintptr_t)override.name);
            free((char *)(uintptr_t)override.value);
        }
    }
    master_cf_free(master_cf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_as(slice_bytes(data, size), MASTER_CF_SERVE);
    read_as(slice_bytes(data, size), MASTER_CF_SHOW);
    return 0;
}
