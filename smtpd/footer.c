#include "footer.h"

#include "base/scope.h"
#include "config/expand.h"
#include "expansion.h"
#include "log/log.h"

struct footer_names {
    const struct server *server;
    const struct facts *facts;
};

static enum expand_answer name_of(void *argument, struct slice name, struct str *value)
{
    const struct footer_names *names = argument;

    if (expansion_fact(names->server, names->facts, name, value))
        return EXPAND_FINAL;
    log_warn("unknown macro name \"%.*s\" in expansion request", SLICE_ARGS(name));
    return EXPAND_UNKNOWN;
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
