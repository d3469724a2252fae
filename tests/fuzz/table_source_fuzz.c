/* Sources of tables of any bytes: entries, cidr, regexp and pcre rules, match lists. */
#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "table/entry.h"
#include "table/match.h"
#include "table/source.h"
#include "table/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drop(enum log_severity severity, const char *text)
{
    (void)severity;
    (void)text;
}

static void ask_inline(const char *type, const char *text)
{
    static const struct table_context context = { .queue_directory = "", .default_type = "hash" };
    AUTO_STR struct str name = STR_EMPTY;
    AUTO_STR struct str value = STR_EMPTY;
    struct error error = ERROR_NONE;

    str_format(&name, "%s:{%s}", type, text);

    struct table *table = table_open(&context, str_slice(&name), TABLE_FOLD, &error);

    if (table && table_get(table, SLICE_LITERAL("192.0.2.1"), &value, &error) == TABLE_ABSENT
        && value.length)
        abort();
    table_close(table);
}

static void ask_list(const char *text)
{
    static const struct table_context context = { .queue_directory = "", .default_type = "hash" };
    struct error error = ERROR_NONE;

    if (strchr(text, '/') || strchr(text, ':'))     /* no files, no tables of the host */
        return;

    struct match_list *list = match_list_open(&context, "fuzz", text, MATCH_HOST, MATCH_PARENT,
                                              &error);

    if (list && match_list_client(list, SLICE_LITERAL("a.example"), SLICE_LITERAL("192.0.2.1"),
                                  &error) == MATCH_TROUBLE && !error.text[0])
        abort();
    match_list_close(list);
}

/*
 * glibc's regcomp doubles its memory with each repetition of a repetition ("a++++...").  Who
 * writes a table is trusted with that; here it would only hide what is ours.
 */
static bool is_too_much_for_regcomp(const char *text)
{
    enum { REPETITIONS = 10, BOUNDS = 1 };
    size_t repetitions = 0, bounds = 0;

    for (const char *at = text; *at; at++) {
        repetitions += strchr("+*?", *at) != NULL;
        bounds += *at == '{' && at > text && !strchr(" $,", at[-1]);
    }
    return repetitions > REPETITIONS || bounds > BOUNDS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = { "inline", "cidr", "regexp", "pcre", "randmap" };
    struct log_settings quiet = { .tag = "fuzz", .program = "fuzz", .sink = drop };
    struct source source = SOURCE_EMPTY;
    AUTO_FREE char *text = memory_text((const char *)data, size);

    log_open(&quiet);
    source_parse(&source, slice_bytes(data, size), "fuzz");
    for (size_t i = 0; i < source.count; i++) {
        struct entry entry;

        (void)entry_parse(&source.items[i], "fuzz", ENTRY_UTF8, &entry);
    }
    source_free(&source);
    for (size_t i = 0; i < COUNT(types); i++)
        if (strcmp(types[i], "regexp") != 0 || !is_too_much_for_regcomp(text))
            ask_inline(types[i], text);
    ask_list(text);
    return 0;
}
