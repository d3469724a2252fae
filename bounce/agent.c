#include "agent.h"

#include "base/scope.h"
#include "log/log.h"
#include "service/needs.h"

#include <errno.h>

bool agent_prepare(struct service_context *context, UNUSED struct error *error)
{
    context->state = service_reporter(context);
    return true;
}

/* "5.1.1": a class, a subject and a detail. */
static bool is_status(struct slice word)
{
    size_t dots = 0;

    if (word.length < 5 || word.data[1] != '.' || !strchr("245", word.data[0]))
        return false;
    for (size_t i = 0; i < word.length; i++) {
        if (word.data[i] == '.')
            dots++;
        else if (!byte_is_digit(word.data[i]))
            return false;
    }
    return dots == 2 && byte_is_digit(word.data[word.length - 1]);
}

const char *agent_split_status(struct arena *arena, const char *text, const char *fallback,
                               const char **dsn)
{
    struct slice rest = slice_of(text);
    struct slice word = slice_take_word(&rest);

    *dsn = fallback;
    if (!is_status(word))
        return text;
    if (word.data[0] == fallback[0])
        *dsn = arena_text(arena, word);
    return arena_text(arena, slice_trim_start(rest));
}

enum turn agent_turn(struct client *client,
                     void (*decide)(const struct service_context *context,
                                    const struct delivery_request *request,
                                    struct arena *arena, struct outcome *outcome))
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct delivery_request request;
    AUTO_CLOSE int file = -1;
    struct error error = ERROR_NONE;
    struct outcome outcome = { .dsn = "", .reason = "", .relay = "none", .diagnostic_type = "",
                               .diagnostic_text = "", .remote_mta = "" };

    if (!delivery_receive(client->lane, arena, &request, &file, &error)) {
        if (error.code != EPIPE)
            log_warn("%s", error.text);
        return TURN_LEAVE;
    }

    struct recipient_list *list = &request.envelope.recipients;
    struct delivery_report report = { .queue_id = request.envelope.queue_id, .last = 1,
                                      .dsn = "", .text = "" };

    decide(client->context, &request, arena, &outcome);
    report.recipients.items = arena_take(arena, (list->count + 1) *
                                                    sizeof(*report.recipients.items));
    for (size_t i = 0; i < list->count; i++) {
        enum delivery_status status = reporter_report(client->context->state, &request,
                                                      &list->items[i], &outcome);

        report.recipients.items[report.recipients.count++] =
            (struct recipient_report){ list->items[i].handle, status };
    }
    return delivery_report_send(client->lane, &report, &error) ? TURN_STAY : TURN_LEAVE;
}
