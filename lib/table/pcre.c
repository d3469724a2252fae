/* pcre: tables (pcre_table(5)): Perl compatible regular expressions. */
#include "table/pattern.h"

#include "base/memory.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static bool pcre_set_option(char letter, unsigned *options)
{
    switch (letter) {
    case 'i': *options ^= PCRE2_CASELESS; return true;
    case 'm': *options ^= PCRE2_MULTILINE; return true;
    case 's': *options ^= PCRE2_DOTALL; return true;
    case 'x': *options ^= PCRE2_EXTENDED; return true;
    case 'A': *options ^= PCRE2_ANCHORED; return true;
    case 'E': *options ^= PCRE2_DOLLAR_ENDONLY; return true;
    case 'U': *options ^= PCRE2_UNGREEDY; return true;
    default: return false;
    }
}

static bool pcre_is_obsolete(char letter)
{
    return letter == 'X';
}

static void *pcre_compile(const char *expression, unsigned options, size_t *groups,
                          struct error *error)
{
    int code;
    PCRE2_SIZE offset;
    uint32_t count = 0;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED, options,
                                         &code, &offset, NULL);

    if (!compiled) {
        PCRE2_UCHAR reason[256];

        pcre2_get_error_message(code, reason, sizeof(reason));
        error_set(error, "error in regex at offset %zu: %s", offset, (const char *)reason);
        return NULL;
    }
    pcre2_pattern_info(compiled, PCRE2_INFO_CAPTURECOUNT, &count);
    pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
    *groups = count;
    return compiled;
}

static void copy_groups(pcre2_match_data *data, size_t wanted, struct pattern_group *groups)
{
    const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(data);

    for (size_t i = 0; i <= wanted; i++)
        groups[i] = offsets[2 * i] == PCRE2_UNSET
            ? (struct pattern_group){ -1, -1 }
            : (struct pattern_group){ (long)offsets[2 * i], (long)offsets[2 * i + 1] };
}

static int pcre_match(const void *compiled, struct slice text, size_t wanted,
                      struct pattern_group *groups, struct error *error)
{
    pcre2_match_data *data = pcre2_match_data_create((uint32_t)wanted + 1, NULL);

    if (!data)
        memory_exhausted();

    int count = pcre2_match(compiled, (PCRE2_SPTR)(text.data ? text.data : ""), text.length, 0, 0,
                            data, NULL);

    if (count >= 0)
        copy_groups(data, wanted, groups);
    pcre2_match_data_free(data);
    if (count >= 0)
        return 1;
    if (count == PCRE2_ERROR_NOMATCH)
        return 0;

    PCRE2_UCHAR reason[256];

    pcre2_get_error_message(count, reason, sizeof(reason));
    error_set(error, "%s", (const char *)reason);
    return -1;
}

static void pcre_free(void *compiled)
{
    pcre2_code_free(compiled);
}

static bool pcre_open(struct table *table, const struct table_context *context, const char *name,
                      struct error *error)
{
    static const struct pattern_engine engine = {
        .name = "pcre",
        .words_for_ignored = "ignoring this rule",
        .range_words = "out of range",
        .start_options = PCRE2_CASELESS | PCRE2_DOTALL,
        .set_option = pcre_set_option,
        .is_obsolete = pcre_is_obsolete,
        .compile = pcre_compile,
        .match = pcre_match,
        .free = pcre_free,
    };

    return pattern_open(table, context, name, &engine, error);
}

const struct table_type table_type_pcre = {
    .name = "pcre", .pattern = true,
    .open = pcre_open, .get = pattern_get, .close = pattern_close,
};
