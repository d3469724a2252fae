#include "delivery.h"

#include "address/address.h"
#include "base/scope.h"
#include "log/log.h"

#include <errno.h>

bool delivery_begin(struct client *client, struct arena *arena, struct delivery *delivery)
{
    struct error error = ERROR_NONE;

    delivery->arena = arena;
    if (!delivery_receive(client->lane, arena, &delivery->request, &delivery->file, &error)) {
        if (error.code != EPIPE)
            log_warn("delivery request: %s", error.text);
        return false;
    }

    const struct envelope *envelope = &delivery->request.envelope;

    delivery->content = delivery_content(&delivery->request, delivery->file);
    delivery->statuses = arena_take(arena, (envelope->recipients.count + 1)
                                               * sizeof(*delivery->statuses));
    return true;
}

enum turn delivery_end(struct client *client, struct delivery *delivery)
{
    const struct recipient_list *recipients = &delivery->request.envelope.recipients;
    struct recipient_report *items = arena_take(delivery->arena,
                                                (recipients->count + 1) * sizeof(*items));
    struct delivery_report report = {
        .queue_id = delivery->request.envelope.queue_id,
        .recipients = { items, recipients->count, 0 }, .last = 1, .dsn = "", .text = "",
    };
    struct error error = ERROR_NONE;

    for (size_t i = 0; i < recipients->count; i++)
        items[i] = (struct recipient_report){ recipients->items[i].handle, delivery->statuses[i] };
    content_free(delivery->content);
    if (delivery->file >= 0)
        close(delivery->file);
    if (delivery_report_send(client->lane, &report, &error))
        return TURN_STAY;
    log_warn("%s: report to the queue manager: %s", report.queue_id, error.text);
    return TURN_LEAVE;
}

struct outcome delivery_outcome(const char *relay, const char *dsn, const char *reason)
{
    static const enum outcome_action actions[] = {
        ['2'] = OUTCOME_DELIVERED, ['4'] = OUTCOME_DELAYED, ['5'] = OUTCOME_FAILED,
    };

    return (struct outcome){
        .action = actions[(unsigned char)*dsn], .dsn = dsn, .reason = reason, .relay = relay,
        .diagnostic_type = "", .diagnostic_text = "", .remote_mta = "",
    };
}

struct outcome delivery_outcome_of_program(const char *relay,
                                           const struct program_result *result)
{
    struct outcome outcome = delivery_outcome(relay, result->dsn, result->reason);

    outcome.diagnostic_type = "x-unix";
    outcome.diagnostic_text = *result->output ? result->output + strspn(result->output, " ")
                                              : result->reason;
    return outcome;
}

static void add(struct str *headers, const char *name, const char *address)
{
    str_format(headers, "%s: ", name);
    address_quote(headers, slice_of(address));
    str_byte(headers, '\n');
}

void delivery_headers(struct str *headers, const char *sender, const char *original,
                      const char *delivered)
{
    str_text(headers, "Return-Path: <");
    if (*sender)
        address_quote(headers, slice_of(sender));
    str_text(headers, ">\n");
    if (original)
        add(headers, "X-Original-To", original);
    if (delivered)
        add(headers, "Delivered-To", delivered);
}
