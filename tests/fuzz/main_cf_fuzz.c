/*
 * main.cf: whatever the bytes, the parser answers, and every value expands or is refused.
 */
#include "base/scope.h"
#include "config/config.h"
#include "config/main_cf.h"
#include "config/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct main_cf *main_cf;
    struct error error;

    if (!main_cf_parse(slice_bytes(data, size), "etc/main.cf", NULL, NULL, &main_cf, &error))
        return 0;

    struct names *names = names_new(main_cf, "smtpd", "smtp");

    for (size_t i = 0; i < main_cf_count(main_cf); i++) {
        const struct main_cf_entry *entry = main_cf_at(main_cf, i);
        AUTO_STR struct str value = STR_EMPTY;
        struct slice rest, member;
        int seconds;

        if (!names_expand(names, slice_of(entry->value), &value, &error))
            continue;
        rest = str_slice(&value);
        while (config_list_next(&rest, true, &member))
            if (config_parse_seconds(member, 's', &seconds) && seconds < 0)
                __builtin_trap();
    }
    names_free(names);
    main_cf_free(main_cf);
    return 0;
}
