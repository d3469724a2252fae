#include "footer.h"

#include "base/scope.h"
#include "config/expand.h"
#include "log/log.h"

#include <time.h>

struct footer_names {
    const struct server *server;
    const struct facts *facts;
};

static void add_local_time(struct str *value)
{
    char text[32];
    struct tm local;
    time_t now = wall_now().tv_sec;

    localtime_r(&now, &local);
    strftime(text, sizeof(text), "%b %d %H:%M:%S", &local);
    str_text(value, text);
}

static enum expand_answer name_of(void *argument, struct slice name, struct str *value)
{
    const struct footer_names *names = argument;
    const struct facts *facts = names->facts;
    const struct { const char *name, *value; } rows[] = {
        { "client_address", facts->address },
        { "client_name", facts->name },
        { "client_port", facts->port },
        { "helo_name", facts->helo },
        { "sender", facts->sender && !*facts->sender ? "<>" : facts->sender },
        { "recipient", facts->recipient },
        { "server_name", names->server->config->myhostname },
    };

    if (slice_is(name, "client"))
        str_text(value, facts->client);
    else if (slice_is(name, "localtime"))
        add_local_time(value);
    else {
        for (size_t i = 0; i < COUNT(rows); i++)
            if (slice_is(name, rows[i].name)) {
                str_text(value, rows[i].value ? rows[i].value : "");
                return EXPAND_FINAL;
            }
        log_warn("unknown macro name \"%.*s\" in expansion request", SLICE_ARGS(name));
        return EXPAND_UNKNOWN;
    }
    return EXPAND_FINAL;
}

/* "\n" in the parameter stands for a line end. */
static void add_lines(struct str *text, struct slice footer)
{
    for (size_t i = 0; i < footer.length; i++)
        if (footer.data[i] == '\\' && i + 1 < footer.length && footer.data[i + 1] == 'n') {
            str_byte(text, '\n');
            i++;
        } else
            str_byte(text, footer.data[i]);
}

void footer_add(const struct server *server, const struct facts *facts, struct str *text)
{
    struct slice footer = slice_of(server->config->smtpd_reject_footer);
    struct footer_names names = { server, facts };
    AUTO_STR struct str expanded = STR_EMPTY;
    struct error error = ERROR_NONE;

    if (!footer.length)
        return;
    if (!expand_text(&(struct expand_names){ name_of, &names }, footer, &expanded, &error)) {
        log_warn("smtpd_reject_footer: %s", error.text);
        return;
    }
    footer = str_slice(&expanded);
    if (slice_starts(footer, "\\c"))
        footer = slice_from(footer, 2);
    else
        str_byte(text, '\n');
    add_lines(text, footer);
}
