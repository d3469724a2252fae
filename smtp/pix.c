#include "pix.h"

#include "base/scope.h"
#include "log/log.h"

static const struct { const char *name; unsigned workaround; } names[] = {
    { "disable_esmtp", PIX_DISABLE_ESMTP },
    { "delay_dotcrlf", PIX_DELAY_DOTCRLF },
};

static unsigned find_workaround(struct slice word)
{
    for (size_t i = 0; i < COUNT(names); i++)
        if (slice_is_nocase(word, names[i].name))
            return names[i].workaround;
    return 0;
}

static unsigned read_workarounds(const char *list)
{
    struct slice rest = slice_of(list), word;
    unsigned found = 0;

    while (slice_take_token(&rest, ", \t\r\n", &word)) {
        unsigned workaround = find_workaround(word);

        if (!workaround)
            log_warn("unknown PIX workaround: %.*s", SLICE_ARGS(word));
        found |= workaround;
    }
    return found;
}

/* "220 **0***2**": the code and what the firewall leaves of the text. */
static bool is_masked(const struct smtp_reply *reply)
{
    for (size_t i = 0; i < reply->text.length; i++)
        if (!strchr("20 *", reply->text.data[i]))
            return false;
    return true;
}

static bool waited_long(const struct agent *agent, const struct delivery_request *request)
{
    return wall_now().tv_sec - request->envelope.arrival.tv_sec
           > agent->config->smtp_pix_workaround_threshold_time;
}

void pix_look(const struct agent *agent, struct session *session,
              const struct delivery_request *request, struct arena *arena)
{
    AUTO_STR struct str list = STR_EMPTY;

    if (!is_masked(&session->reply))
        return;

    const char *own = tables_find(agent->tables.pix_workarounds, session->address, arena);
    unsigned found = read_workarounds(own ? own : agent->config->smtp_pix_workarounds);

    if (!waited_long(agent, request))
        found &= ~(unsigned)PIX_DELAY_DOTCRLF;
    session->workarounds = found;
    for (size_t i = 0; i < COUNT(names); i++)
        if (found & names[i].workaround)
            str_format(&list, " %s", names[i].name);
    if (found)
        log_info("%s: enabling PIX workarounds:%s for %s", request->envelope.queue_id, list.data,
                 session->relay);
}
