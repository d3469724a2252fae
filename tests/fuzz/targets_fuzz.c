/*
 * Alias, .forward and :include: lists of any bytes: every target has a kind and a text, each step
 * takes something off the list, and reading it again as one gives the same.
 */
#include "base/scope.h"
#include "local/forward_file.h"
#include "local/targets.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_list(struct slice list, struct arena *arena,
                      bool (*next)(struct slice *, struct arena *, struct target *))
{
    struct target target = { TARGET_ADDRESS, "" };
    size_t before = list.length + 1;

    while (next(&list, arena, &target)) {
        if (!*target.text || target.kind > TARGET_INCLUDE || list.length >= before)
            __builtin_trap();
        before = list.length;
    }
    if (slice_trim(list).length > 0)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str expanded = STR_EMPTY;
    struct slice list = slice_bytes(data, size);
    struct forward_names names = {
        .user = SLICE_LITERAL("user"), .extension = SLICE_LITERAL("ext"),
        .recipient = SLICE_LITERAL("user+ext@example.com"), .home = SLICE_LITERAL("/home/user"),
        .shell = SLICE_LITERAL("/bin/sh"), .recipient_delimiter = SLICE_LITERAL("+"),
    };

    read_list(list, arena, target_next);
    read_list(list, arena, target_next_in_file);
    forward_expand(list, &names, &expanded);
    return 0;
}
