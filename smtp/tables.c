#include "tables.h"

#include "base/scope.h"
#include "base/vector.h"
#include "log/log.h"

struct opening {
    const struct table_context *context;
    const char *prefix;             /* of the parameters' names */
    struct error *error;
};

static bool open_list(const struct opening *opening, const char *name, const char *value,
                      unsigned flags, struct table_list **list)
{
    AUTO_STR struct str title = STR_EMPTY;

    str_format(&title, "%s%s", opening->prefix, name);
    *list = table_list_open(opening->context, title.data, value, flags, opening->error);
    return *list;
}

static bool open_checks(const struct opening *opening, const struct config *config,
                        struct checks *checks)
{
    checks->prefix = opening->prefix;
    return open_list(opening, "header_checks", config->smtp_header_checks, TABLE_KEEP_CASE,
                     &checks->header)
           && open_list(opening, "mime_header_checks", config->smtp_mime_header_checks,
                        TABLE_KEEP_CASE, &checks->mime_header)
           && open_list(opening, "nested_header_checks", config->smtp_nested_header_checks,
                        TABLE_KEEP_CASE, &checks->nested_header)
           && open_list(opening, "body_checks", config->smtp_body_checks, TABLE_KEEP_CASE,
                        &checks->body);
}

static bool are_used(const struct checks *checks)
{
    return !table_list_is_empty(checks->header) || !table_list_is_empty(checks->mime_header)
           || !table_list_is_empty(checks->nested_header) || !table_list_is_empty(checks->body);
}

bool tables_open(struct tables *tables, const struct config *config, bool lmtp,
                 const struct table_context *context, struct error *error)
{
    unsigned fold = TABLE_FOLD | (config->smtputf8_enable ? TABLE_UTF8 : 0);
    struct opening opening = { context, lmtp ? "lmtp_" : "smtp_", error };

    tables->rewrite = rewrite_settings_of(config);
    if (!open_checks(&opening, config, &tables->checks)
        || !open_list(&opening, "generic_maps", config->smtp_generic_maps, fold,
                      &tables->generic)
        || !open_list(&opening, "reply_filter", config->smtp_reply_filter, TABLE_KEEP_CASE,
                      &tables->reply_filter)
        || !open_list(&opening, lmtp ? "discard_lhlo_keyword_address_maps"
                                     : "discard_ehlo_keyword_address_maps",
                      config->smtp_discard_ehlo_keyword_address_maps, TABLE_KEEP_CASE,
                      &tables->discarded_keywords)
        || !open_list(&opening, "dns_reply_filter", config->smtp_dns_reply_filter, TABLE_FOLD,
                      &tables->dns_filter)
        || !open_list(&opening, "pix_workaround_maps", config->smtp_pix_workaround_maps,
                      TABLE_KEEP_CASE, &tables->pix_workarounds))
        return false;
    tables->cached_destinations = match_list_open(
        context, lmtp ? "lmtp_connection_cache_destinations" : "smtp_connection_cache_destinations",
        config->smtp_connection_cache_destinations, MATCH_STRING, 0, error);
    tables->debug_peer = debug_peer_open(context, config, error);
    if (!tables->cached_destinations || !tables->debug_peer)
        return false;
    tables->has_checks = are_used(&tables->checks);
    tables->lookup = lookup_open(config, context, error);
    if (!tables->lookup)
        return false;
    tables->propagate_generic = lookup_propagates(tables->lookup, "generic");
    return true;
}

bool tables_generic(const struct tables *tables, const char *address, struct arena *arena,
                    const char **result)
{
    struct address_list found = { NULL, 0, 0 };
    struct error error;

    *result = address;
    if (table_list_is_empty(tables->generic) || !*address)
        return true;
    switch (lookup_map(tables->lookup, tables->generic, slice_of(address),
                       tables->propagate_generic, arena, &found, &error)) {
    case TABLE_ABSENT:
        return true;
    case TABLE_TROUBLE:
        return false;
    case TABLE_FOUND:
        break;
    }

    AUTO_STR struct str standard = STR_EMPTY;

    if (found.count > 0) {
        rewrite_address(&tables->rewrite, REWRITE_LOCAL, found.items[0], &standard);
        *result = arena_text(arena, str_slice(&standard));
    }
    VECTOR_FREE(&found);
    return true;
}

enum dns_choice tables_keep_record(void *argument, const char *record)
{
    const struct tables *tables = argument;
    AUTO_STR struct str value = STR_EMPTY;
    struct error error;

    switch (table_list_get(tables->dns_filter, slice_of(record), &value, NULL, &error)) {
    case TABLE_ABSENT:
        return DNS_KEEP;
    case TABLE_TROUBLE:
        return DNS_NO_CHOICE;
    case TABLE_FOUND:
        break;
    }
    if (slice_is_nocase(str_slice(&value), "ignore")) {
        log_info("ignoring DNS RR: %s", record);
        return DNS_DROP;
    }
    log_warn("%sdns_reply_filter: unknown DNS filter action: \"%s\"", tables->checks.prefix,
             value.data);
    return DNS_NO_CHOICE;
}

const char *tables_find(struct table_list *list, const char *key, struct arena *arena)
{
    AUTO_STR struct str value = STR_EMPTY;
    struct error error;

    if (table_list_is_empty(list)
        || table_list_get(list, slice_of(key), &value, NULL, &error) != TABLE_FOUND)
        return NULL;
    return arena_text(arena, str_slice(&value));
}
