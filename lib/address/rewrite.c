#include "address/rewrite.h"

#include "address/address.h"
#include "address/external.h"
#include "base/scope.h"
#include "config/config.h"
#include "config/legacy.h"
#include "log/log.h"

/* An address on its way: both parts in internal form. */
struct form {
    struct str local;
    struct str domain;
    bool has_at;
    bool is_name, ends_in_dot;      /* the domain, outside of quotes: no dot, no literal */
};

struct rewrite_settings rewrite_settings_of(const struct config *config)
{
    config = config_of_rewriter(config);
    return (struct rewrite_settings){
        .myorigin = config->myorigin,
        .mydomain = config->mydomain,
        .remote_header_rewrite_domain = config->remote_header_rewrite_domain,
        .recipient_delimiter = config->recipient_delimiter,
        .empty_address_recipient = config->empty_address_recipient,
        .append_at_myorigin = config->append_at_myorigin,
        .append_dot_mydomain = config->append_dot_mydomain,
        .swap_bangpath = config->swap_bangpath,
        .allow_percent_hack = config->allow_percent_hack,
    };
}

/* Mail to a localhost that no address class has would go elsewhere without the completion. */
static bool has_localhost(const struct config *config)
{
    static const char *const classes[] = {
        "mydestination", "virtual_alias_domains", "virtual_mailbox_domains", "relay_domains",
    };

    for (size_t i = 0; i < COUNT(classes); i++) {
        AUTO_STR struct str text = STR_EMPTY;
        struct error error;

        if (!config_lookup(config, classes[i], &text, &error))
            continue;

        struct slice rest = str_slice(&text), word;

        while (config_list_next(&rest, false, &word))
            if (slice_is_nocase(word, "localhost") || slice_find(word, ':') < word.length ||
                slice_find(word, '/') < word.length)
                return true;
    }
    return false;
}

void rewrite_tell_completion(struct rewrite_settings *settings, const struct config *config)
{
    if (config_has_old_default(config, "append_dot_mydomain", "1"))
        settings->completion = has_localhost(config) ? COMPLETION_TOLD
                                                     : COMPLETION_TOLD_LOCALHOST;
}

enum rewrite_context rewrite_context_named(struct slice name)
{
    return slice_is(name, "remote") ? REWRITE_REMOTE : REWRITE_LOCAL;
}

/* "host!user" becomes user@host, "user%host" user@host; text is external. */
static bool take_routing(const struct rewrite_settings *settings, struct slice text,
                         struct slice *local, struct slice *domain)
{
    size_t bang = external_find(text, '!');

    if (settings->swap_bangpath && bang < text.length) {
        *domain = slice_part(text, 0, bang);
        *local = slice_from(text, bang + 1);
        return true;
    }

    size_t percent = external_find_last(text, '%');

    if (settings->allow_percent_hack && percent < text.length) {
        *local = slice_part(text, 0, percent);
        *domain = slice_from(text, percent + 1);
        return true;
    }
    return false;
}

static bool ends_in_single_dot(struct slice domain)
{
    return slice_ends(domain, ".") && !slice_ends(domain, "..") && domain.length > 1;
}

static void take_apart(const struct rewrite_settings *settings, struct slice text,
                       struct form *form)
{
    size_t at = external_find_last(text, '@');
    struct slice local = slice_part(text, 0, at), domain = slice_from(text, at + 1);

    form->has_at = at < text.length || take_routing(settings, text, &local, &domain);
    external_unquote(&form->local, local);
    if (!form->has_at)
        return;
    if (slice_starts(slice_trim_start(domain), "<"))
        str_byte(&form->domain, ' ');       /* as before each < that is not the first */
    external_unquote(&form->domain, domain);
    form->is_name = domain.length && external_find(domain, '.') == domain.length
        && external_find(domain, '[') == domain.length;
    form->ends_in_dot = ends_in_single_dot(slice_trim(domain));
}

static const char *origin_of(const struct rewrite_settings *settings, enum rewrite_context context)
{
    if (context == REWRITE_LOCAL)
        return settings->append_at_myorigin ? settings->myorigin : "";
    return context == REWRITE_REMOTE ? settings->remote_header_rewrite_domain : "";
}

static const char *parent_of(const struct rewrite_settings *settings, enum rewrite_context context)
{
    if (context == REWRITE_LOCAL)
        return settings->append_dot_mydomain ? settings->mydomain : "";
    return context == REWRITE_REMOTE && settings->append_dot_mydomain
        ? settings->remote_header_rewrite_domain : "";
}

static void tell_completion(const struct rewrite_settings *settings, struct slice name,
                            const char *parent)
{
    bool is_localhost = slice_is_nocase(name, "localhost");

    if (settings->completion == COMPLETION_SILENT ||
        (is_localhost && settings->completion == COMPLETION_TOLD))
        return;
    log_info("using backwards-compatible default setting append_dot_mydomain=yes to rewrite "
             "\"%.*s\" to \"%.*s.%s\"%s", SLICE_ARGS(name), SLICE_ARGS(name), parent,
             is_localhost ? "; please add \"localhost\" to mydestination or other address class"
                          : "");
}

/* A name without a dot is completed; one dot at the end says that it is complete. */
static void complete_domain(const struct rewrite_settings *settings,
                            enum rewrite_context context, struct form *form)
{
    const char *parent = parent_of(settings, context);

    if (form->ends_in_dot)
        str_cut(&form->domain, form->domain.length - 1);
    else if (parent[0] && form->is_name) {
        tell_completion(settings, str_slice(&form->domain), parent);
        str_format(&form->domain, ".%s", parent);
    }
}

static void complete(const struct rewrite_settings *settings, enum rewrite_context context,
                     struct form *form)
{
    const char *origin = origin_of(settings, context);

    if (!form->has_at && origin[0]) {
        str_text(&form->domain, origin);
        form->has_at = true;
        form->is_name = strpbrk(origin, ".[") == NULL;
    }
    if (form->has_at)
        complete_domain(settings, context, form);
}

static void append_domain(struct str *output, const struct form *form)
{
    if (!form->has_at)
        return;
    str_byte(output, '@');
    str_add(output, str_slice(&form->domain));
}

static void form_free(struct form *form)
{
    str_free(&form->local);
    str_free(&form->domain);
}

/* False for "", "@", "\"\"": the null address stays the null address. */
static bool rewrite(const struct rewrite_settings *settings, enum rewrite_context context,
                    struct slice external, struct form *form)
{
    struct slice text = address_strip_route(slice_trim_start(external));

    *form = (struct form){ .local = STR_EMPTY, .domain = STR_EMPTY };
    take_apart(settings, text, form);
    if (slice_is(slice_trim(text), "@") || (!form->local.length && !form->has_at))
        return false;
    complete(settings, context, form);
    return true;
}

void rewrite_address(const struct rewrite_settings *settings, enum rewrite_context context,
                     struct slice internal, struct str *output)
{
    AUTO_STR struct str external = STR_EMPTY;
    struct form form;

    address_quote(&external, internal);

    bool good = rewrite(settings, context, str_slice(&external), &form);

    if (!good && address_route_length(internal)) {      /* nothing behind a route is a user */
        complete(settings, context, &form);
        good = true;
    }
    if (good) {
        str_add(output, str_slice(&form.local));
        append_domain(output, &form);
    }
    form_free(&form);
}

/* A quote that was escaped within a domain begins a quoted word when the domain is read again. */
static void read_again(struct str *domain)
{
    AUTO_STR struct str again = STR_EMPTY;

    if (slice_find(str_slice(domain), '"') == domain->length)
        return;
    external_unquote(&again, str_slice(domain));
    str_set(domain, str_slice(&again));
}

void rewrite_external(const struct rewrite_settings *settings, enum rewrite_context context,
                      struct slice external, struct str *output)
{
    struct form form;

    if (rewrite(settings, context, external, &form)) {
        read_again(&form.domain);
        address_quote_local(output, str_slice(&form.local));
        append_domain(output, &form);
    } else if (slice_trim(external).length) {
        str_text(output, "\"\"");
    }
    form_free(&form);
}
