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

/* What stands in the table for the reply, or for all. */
static bool find_footer(const struct server *server, struct slice whole, struct str *footer)
{
    struct error error = ERROR_NONE;

    if (!table_list_is_empty(server->footers))
        switch (table_list_get(server->footers, whole, footer, NULL, &error)) {
        case TABLE_FOUND:
            return footer->length > 0;
        case TABLE_TROUBLE:
            log_warn("smtpd_reject_footer_maps: %s", error.text);
            return false;
        default:
            break;
        }
    str_set(footer, slice_of(server->config->smtpd_reject_footer));
    return footer->length > 0;
}

void footer_add(const struct server *server, const struct facts *facts, struct slice whole,
                struct str *text)
{
    struct footer_names names = { server, facts };
    AUTO_STR struct str footer = STR_EMPTY, expanded = STR_EMPTY;
    struct error error = ERROR_NONE;

    if (!find_footer(server, whole, &footer))
        return;
    if (!expand_text(&(struct expand_names){ name_of, &names }, str_slice(&footer), &expanded,
                     &error)) {
        log_warn("smtpd_reject_footer: %s", error.text);
        return;
    }

    struct slice rest = str_slice(&expanded);

    if (slice_starts(rest, "\\c"))
        rest = slice_from(rest, 2);
    else
        str_byte(text, '\n');
    add_lines(text, rest);
}
