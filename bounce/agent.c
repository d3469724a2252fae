#include "agent.h"

#include "base/scope.h"
#include "deliver/assignment.h"
#include "service/needs.h"

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
    struct assignment assignment;
    struct outcome outcome = { .dsn = "", .reason = "", .relay = "none", .diagnostic_type = "",
                               .diagnostic_text = "", .remote_mta = "" };

    if (!assignment_receive(&assignment, client->lane, arena))
        return TURN_LEAVE;

    const struct recipient_list *list = &assignment.request.envelope.recipients;

    decide(client->context, &assignment.request, arena, &outcome);
    for (size_t i = 0; i < list->count; i++)
        assignment_tell(&assignment, client->context->state, &list->items[i], &outcome);
    return assignment_end(&assignment, client->lane) ? TURN_STAY : TURN_LEAVE;
}
