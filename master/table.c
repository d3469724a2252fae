#include "master.h"

#include "base/scope.h"
#include "config/legacy.h"
#include "config/master_cf.h"
#include "log/log.h"

static enum listen_type listen_type_of(enum master_type type)
{
    switch (type) {
    case MASTER_INET:
        return LISTEN_INET;
    case MASTER_UNIX:
        return LISTEN_UNIX;
    case MASTER_DATAGRAM:
        return LISTEN_DGRAM;
    case MASTER_FIFO:
        return LISTEN_FIFO;
    case MASTER_PASS:
        return LISTEN_PASS;
    }
    return LISTEN_UNIX;
}

/* Before level 1, "-" in the chroot column meant yes. */
static bool chroot_by_default(const struct config *config)
{
    return config_level_is_below(config, "1");
}

static void copy_words(struct line *line, const struct master_service *service)
{
    line->word_count = service->argument_count;
    line->words = memory_new(line->word_count + 1, sizeof(*line->words));
    for (size_t i = 0; i < line->word_count; i++)
        line->words[i] = memory_copy(service->arguments[i]);
}

static void copy_line(const struct config *config, const struct master_service *service,
                      const char *path, struct line *line)
{
    *line = (struct line){
        .name = memory_copy(service->name),
        .type = memory_copy(master_type_name(service->type)),
        .listen = listen_type_of(service->type),
        .is_private = service->private != MASTER_NO,
        .unprivileged = service->unprivileged != MASTER_NO,
        .chroot = service->chroot == MASTER_YES ||
                  (service->chroot == MASTER_DEFAULT && chroot_by_default(config)),
        .wakeup_seconds = service->wakeup_seconds,
        .wakeup_if_used = service->wakeup_conditional,
        .process_limit = service->process_limit < 0 ? config->default_process_limit
                                                    : service->process_limit,
        .program = memory_copy(service->command),
    };
    copy_words(line, service);
    if (service->chroot == MASTER_DEFAULT && line->chroot)
        log_info("%s: line %d: using backwards-compatible default setting chroot=y", path,
                 service->line);
}

void line_free(struct line *line)
{
    free(line->name);
    free(line->type);
    free(line->program);
    for (size_t i = 0; i < line->word_count; i++)
        free(line->words[i]);
    free(line->words);
}

/* master_service_disable: "name/type", "name.type" or "type". */
static bool is_disabled(const struct config *config, const struct master_service *service)
{
    const char *type = master_type_name(service->type);
    struct slice rest = slice_of(config->master_service_disable), entry;

    while (config_list_next(&rest, false, &entry)) {
        bool negated = entry.length > 0 && entry.data[0] == '!';
        AUTO_STR struct str name = STR_EMPTY, old_name = STR_EMPTY;

        str_format(&name, "%s/%s", service->name, type);
        str_format(&old_name, "%s.%s", service->name, type);
        entry = slice_from(entry, negated);
        if (slice_is(entry, type) || slice_is(entry, name.data) || slice_is(entry, old_name.data))
            return !negated;
    }
    return false;
}

static void warn(UNUSED void *argument, const char *text)
{
    log_warn("%s", text);
}

bool lines_read(const struct config *config, const char *directory, struct line_list *lines,
                struct error *error)
{
    AUTO_STR struct str path = STR_EMPTY;
    struct master_cf *master_cf;

    str_format(&path, "%s/master.cf", directory);
    if (!master_cf_read(path.data, MASTER_CF_SERVE, warn, NULL, &master_cf, error))
        return false;
    for (size_t i = 0; i < master_cf_count(master_cf); i++) {
        const struct master_service *service = master_cf_at(master_cf, i);

        if (!is_disabled(config, service))
            copy_line(config, service, path.data, VECTOR_ADD(lines));
    }
    master_cf_free(master_cf);
    return true;
}
