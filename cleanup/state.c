#include "state.h"

#include "base/memory.h"
#include "message/header.h"

#include <stdlib.h>

enum { TRACE_IDLE_LANES = 4, TRACE_IDLE_SECONDS = 100 };

static bool read_uses(const char *parameter, const char *value, unsigned *uses,
                      struct error *error)
{
    static const struct { const char *name; unsigned use; } names[] = {
        { "envelope_sender", USE_ENVELOPE_SENDER },
        { "envelope_recipient", USE_ENVELOPE_RECIPIENT },
        { "header_sender", USE_HEADER_SENDER },
        { "header_recipient", USE_HEADER_RECIPIENT },
    };
    struct slice rest = slice_of(value), word;

    *uses = 0;
    while (config_list_next(&rest, false, &word)) {
        size_t i = 0;

        while (i < COUNT(names) && !slice_is_nocase(word, names[i].name))
            i++;
        if (i == COUNT(names))
            return error_set(error, "%s: unknown flag: %.*s", parameter, SLICE_ARGS(word));
        *uses |= names[i].use;
    }
    return true;
}

static bool open_list(struct cleanup *cleanup, const char *parameter, const char *value,
                      unsigned flags, struct table_list **list, struct error *error)
{
    *list = table_list_open(&cleanup->tables, parameter, value, flags, error);
    return *list != NULL;
}

static bool open_address_maps(struct cleanup *cleanup, struct error *error)
{
    const struct config *config = cleanup->config;
    unsigned flags = TABLE_FOLD | (config->smtputf8_enable ? TABLE_UTF8 : 0);

    return read_uses("canonical_classes", config->canonical_classes, &cleanup->canonical.uses,
                     error)
           && read_uses("sender_canonical_classes", config->sender_canonical_classes,
                        &cleanup->sender_canonical.uses, error)
           && read_uses("recipient_canonical_classes", config->recipient_canonical_classes,
                        &cleanup->recipient_canonical.uses, error)
           && open_list(cleanup, "canonical_maps", config->canonical_maps, flags,
                        &cleanup->canonical.tables, error)
           && open_list(cleanup, "sender_canonical_maps", config->sender_canonical_maps, flags,
                        &cleanup->sender_canonical.tables, error)
           && open_list(cleanup, "recipient_canonical_maps", config->recipient_canonical_maps,
                        flags, &cleanup->recipient_canonical.tables, error)
           && read_uses("masquerade_classes", config->masquerade_classes,
                        &cleanup->masquerade_uses, error)
           && open_list(cleanup, "virtual_alias_maps", config->virtual_alias_maps, flags,
                        &cleanup->virtual_alias, error)
           && open_list(cleanup, "sender_bcc_maps", config->sender_bcc_maps, flags,
                        &cleanup->sender_bcc, error)
           && open_list(cleanup, "recipient_bcc_maps", config->recipient_bcc_maps, flags,
                        &cleanup->recipient_bcc, error);
}

static bool open_checks(struct cleanup *cleanup, struct error *error)
{
    const struct config *config = cleanup->config;

    cleanup->checks.prefix = "";
    return open_list(cleanup, "header_checks", config->header_checks, TABLE_KEEP_CASE,
                     &cleanup->checks.header, error)
           && open_list(cleanup, "mime_header_checks", config->mime_header_checks,
                        TABLE_KEEP_CASE, &cleanup->checks.mime_header, error)
           && open_list(cleanup, "nested_header_checks", config->nested_header_checks,
                        TABLE_KEEP_CASE, &cleanup->checks.nested_header, error)
           && open_list(cleanup, "body_checks", config->body_checks, TABLE_KEEP_CASE,
                        &cleanup->checks.body, error);
}

/* In one second; a host with less to do has all its mail in files that everybody can see. */
enum { BUSY_COMMITS = 8 };

static bool open_queue(struct cleanup *cleanup, struct error *error)
{
    struct queue_settings settings = {
        .directory = NULL,
        .hash_queue_names = cleanup->config->hash_queue_names,
        .hash_queue_depth = cleanup->config->hash_queue_depth,
        .long_ids = cleanup->config->enable_long_queue_ids,
        .line_length_limit = cleanup->config->line_length_limit,
    };

    cleanup->queue = queue_open(&settings, error);
    if (cleanup->queue && cleanup->config->queue_intake_log)
        cleanup->log = log_writer_new(cleanup->queue, &(struct log_writer_settings){
            .busy_commits = BUSY_COMMITS });
    return cleanup->queue != NULL;
}

static void read_dropped(struct cleanup *cleanup)
{
    struct slice rest = slice_of(cleanup->config->message_drop_headers), word;

    while (config_list_next(&rest, false, &word)) {
        enum header_id id = header_find(word);

        if (id != HEADER_OTHER) {
            cleanup->dropped_headers |= UINT64_C(1) << id;
            continue;
        }
        cleanup->dropped_names = memory_resize(cleanup->dropped_names,
                                               cleanup->dropped_name_count + 1,
                                               sizeof(*cleanup->dropped_names));
        cleanup->dropped_names[cleanup->dropped_name_count++] = word;
    }
}

bool cleanup_drops(const struct cleanup *cleanup, unsigned header_id, struct slice name)
{
    if (header_id != HEADER_OTHER)
        return cleanup->dropped_headers & UINT64_C(1) << header_id;
    for (size_t i = 0; i < cleanup->dropped_name_count; i++)
        if (slice_equal_nocase(cleanup->dropped_names[i], name))
            return true;
    return false;
}

static bool open_lookup(struct cleanup *cleanup, struct error *error)
{
    cleanup->lookup = lookup_open(cleanup->config, &cleanup->tables, error);
    if (!cleanup->lookup)
        return false;
    cleanup->propagate_canonical = lookup_propagates(cleanup->lookup, "canonical");
    cleanup->propagate_virtual = lookup_propagates(cleanup->lookup, "virtual");
    return true;
}

struct cleanup *cleanup_open(const struct config *config, const char *qmgr_socket,
                             const char *trace_socket,
                             const struct table_context *tables, struct error *error)
{
    struct cleanup *cleanup = memory_new(1, sizeof(*cleanup));

    cleanup->config = config;
    cleanup->rewrite = rewrite_settings_of(config);
    rewrite_tell_completion(&cleanup->rewrite, config);
    cleanup->tables = *tables;
    cleanup->notice = notice_new(qmgr_socket);
    cleanup->trace = lane_pool_new(trace_socket, TRACE_IDLE_LANES, TRACE_IDLE_SECONDS);
    read_dropped(cleanup);
    characters_read(&cleanup->stripped, config->message_strip_characters);
    characters_read(&cleanup->refused, config->message_reject_characters);
    cleanup->masquerade = masquerade_open(config, &cleanup->tables, error);
    if (cleanup->masquerade && open_lookup(cleanup, error) && open_address_maps(cleanup, error)
        && open_checks(cleanup, error) && open_queue(cleanup, error))
        return cleanup;
    cleanup_close(cleanup);
    return NULL;
}

static void close_list(struct table_list *list)
{
    if (list)
        table_list_close(list);
}

void cleanup_close(struct cleanup *cleanup)
{
    close_list(cleanup->canonical.tables);
    close_list(cleanup->sender_canonical.tables);
    close_list(cleanup->recipient_canonical.tables);
    masquerade_close(cleanup->masquerade);
    close_list(cleanup->virtual_alias);
    close_list(cleanup->sender_bcc);
    close_list(cleanup->recipient_bcc);
    checks_close(&cleanup->checks);
    if (cleanup->lookup)
        lookup_close(cleanup->lookup);
    log_writer_free(cleanup->log);
    if (cleanup->queue)
        queue_close(cleanup->queue);
    notice_free(cleanup->notice);
    lane_pool_free(cleanup->trace);
    free(cleanup->dropped_names);
    free(cleanup);
}
