/*
 * Alias, .forward and :include: lists of any bytes: every target has a kind and a text.
 */
#include "base/scope.h"
#include "local/recipient_names.h"
#include "local/targets.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct target *target)
{
    for (; target; target = target->next)
        if (target->kind > TARGET_INCLUDE || !target->text)
            __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str expanded = STR_EMPTY;
    struct slice list = slice_bytes(data, size);
    struct error error = ERROR_NONE;
    struct recipient_names names = {
        .user = SLICE_LITERAL("user"), .extension = SLICE_LITERAL("ext"),
        .recipient = SLICE_LITERAL("user+ext@example.com"), .home = SLICE_LITERAL("/home/user"),
        .shell = SLICE_LITERAL("/bin/sh"), .delimiter = SLICE_LITERAL("+"),
    };

    check(targets_read(list, arena));
    check(targets_read_file(list, 100, arena));
    (void)!names_put(list, &names, "abc", &expanded, &error);
    return 0;
}
