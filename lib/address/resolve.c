#include "address/resolve.h"

#include "address/find.h"
#include "address/peel.h"
#include "address/resolve_here.h"
#include "address/resolve_remote.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "base/scope.h"
#include "config/config.h"

struct resolver {
    const struct config *config;
    struct lookup *lookup;
    struct lookup *own_lookup;  /* by the rewriter's settings, when they are not the caller's */
    /* The choice, made when it is opened: one of the two. */
    struct resolver_here *here;
    struct resolver_remote *remote;

    const struct table_context *context;
    struct table_context watched;   /* the same, told to the resolver */
    bool connects;                  /* some table asks a server */
};

void resolution_free(struct resolution *resolution)
{
    str_free(&resolution->transport);
    str_free(&resolution->nexthop);
    str_free(&resolution->recipient);
}

/* The settings, and mydestination, which the process has itself wherever it resolves. */
static bool open_settings(struct resolver *resolver, const struct config *config,
                          const struct table_context *context, struct lookup *lookup,
                          struct error *error)
{
    resolver->config = config_of_rewriter(config);
    if (resolver->config != config)
        resolver->own_lookup = lookup = lookup_open(resolver->config, context, error);
    resolver->lookup = lookup;
    return lookup != NULL;
}

static struct resolver *open_tables(struct resolver *resolver,
                                    const struct table_context *context,
                                    enum resolve_purpose purpose, struct error *error)
{
    resolver->here = resolver_here_open(context, resolver->lookup, purpose, error);
    if (resolver->here)
        return resolver;
    resolver_close(resolver);
    return NULL;
}

struct resolver *resolver_open_here(const struct config *config,
                                    const struct table_context *context, struct lookup *lookup,
                                    enum resolve_purpose purpose, struct error *error)
{
    struct resolver *resolver = memory_new(1, sizeof(*resolver));

    if (open_settings(resolver, config, context, lookup, error))
        return open_tables(resolver, context, purpose, error);
    resolver_close(resolver);
    return NULL;
}

/* Told while the tables are opened: of which kind they are. */
static void file_was_read(void *argument, const char *path)
{
    const struct resolver *resolver = argument;

    if (resolver->context->file_read)
        resolver->context->file_read(resolver->context->argument, path);
}

static void table_connects(void *argument, UNUSED enum table_connects how)
{
    struct resolver *resolver = argument;

    resolver->connects = true;
}

/* Ask trivial-rewrite instead of the tables. */
static void leave_tables(struct resolver *resolver, const struct config *config,
                         const struct table_context *context, enum resolve_purpose purpose)
{
    AUTO_STR struct str path = STR_EMPTY;
    const char *service = config->rewrite_service_name;

    resolver_here_close(resolver->here);
    resolver->here = NULL;
    table_service_path(context, service, &path);
    resolver->remote = resolver_remote_new(path.data, service, purpose, config->ipc_timeout);
    if (context->connects)
        context->connects(context->argument, TABLE_CONNECTS_UNIX);
}

struct resolver *resolver_open(const struct config *config, const struct table_context *context,
                               struct lookup *lookup, enum resolve_purpose purpose,
                               struct error *error)
{
    struct resolver *resolver = memory_new(1, sizeof(*resolver));

    resolver->context = context;
    resolver->watched = *context;
    resolver->watched.file_read = file_was_read;
    resolver->watched.connects = table_connects;
    resolver->watched.argument = resolver;
    if (!open_settings(resolver, config, context, lookup, error)) {
        resolver_close(resolver);
        return NULL;
    }
    resolver = open_tables(resolver, &resolver->watched, purpose, error);
    if (resolver && resolver->connects)
        leave_tables(resolver, config, context, purpose);
    return resolver;
}

void resolver_close(struct resolver *resolver)
{
    if (!resolver)
        return;
    resolver_here_close(resolver->here);
    resolver_remote_free(resolver->remote);
    if (resolver->own_lookup)
        lookup_close(resolver->own_lookup);
    free(resolver);
}

bool resolver_resolve(struct resolver *resolver, struct slice sender, struct slice internal,
                      struct resolution *resolution, struct error *error)
{
    if (resolver->remote)
        return resolver_remote_resolve(resolver->remote, sender, internal, resolution, error);
    return resolver_here_resolve(resolver->here, sender, internal, resolution, error);
}

bool resolver_domain_class(struct resolver *resolver, struct slice domain,
                           enum address_class *class, struct error *error)
{
    if (resolver->remote)
        return resolver_remote_class(resolver->remote, domain, class, error);
    return resolver_here_class(resolver->here, domain, class, error);
}

bool resolver_accepts_syntax(struct resolver *resolver, struct slice internal, bool utf8)
{
    struct peel peel = PEEL_EMPTY;
    struct error error;
    bool good = true;

    if (peel_address(resolver->lookup, internal, &peel, &error) && peel.has_at)
        good = peel_check_domain(resolver->config, &peel.domain)
            && (utf8 || text_is_ascii(str_slice(&peel.domain)));
    if (!resolver->config->allow_min_user && slice_starts(str_slice(&peel.local), "-"))
        good = false;
    peel_free(&peel);
    return good;
}
