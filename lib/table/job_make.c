#include "table/job.h"

#include "base/encoding.h"
#include "base/scope.h"
#include "config/config.h"
#include "log/log.h"
#include "table/type.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

struct slice job_split_name(const struct table_job *job, const char *name, const char **path)
{
    struct slice text = slice_of(name);
    size_t colon = slice_find(text, ':');

    if (colon == text.length) {
        *path = name;
        return slice_of(job->default_type);
    }
    *path = name + colon + 1;
    return slice_part(text, 0, colon);
}

unsigned job_table_flags(const struct table_job *job)
{
    return (job->keep_case ? 0 : TABLE_FOLD) | (job->utf8 ? TABLE_UTF8 : TABLE_ASCII);
}

static void refuse_type(struct slice type)
{
    for (const char *const *known = table_types(); *known; known++)
        if (slice_is(type, *known))
            log_fatal("unsupported dictionary type: %.*s does not support bulk-mode creation.",
                      SLICE_ARGS(type));
    log_fatal("unsupported dictionary type: %.*s. Is the postfix-%.*s package installed?",
              SLICE_ARGS(type), SLICE_ARGS(type));
}

/* -F: the value names files, whose content is stored in base64. */
static bool read_files(struct str *value, struct error *error)
{
    AUTO_STR struct str content = STR_EMPTY;
    struct slice rest = str_slice(value), name;
    bool first = true;

    while (slice_take_token(&rest, ", \t\r\n", &name)) {
        AUTO_STR struct str path = STR_EMPTY;

        str_add(&path, name);

        AUTO_CLOSE int file = open(path.data, O_RDONLY | O_CLOEXEC);

        if (file < 0)
            return error_system(error, "open %s", path.data);
        if (!first)
            str_byte(&content, '\n');
        first = false;
        for (ssize_t count; (count = read(file, str_reserve(&content, 65536), 65536)) != 0;) {
            if (count < 0)
                return error_system(error, "read %s", path.data);
            str_added(&content, (size_t)count);
        }
    }
    str_clear(value);
    base64_encode(value, str_slice(&content));
    return true;
}

static bool prepare_value(const struct table_job *job, const struct source_line *line,
                          const char *path, struct str *value)
{
    struct error error = ERROR_NONE;

    if (!job->file_contents || read_files(value, &error))
        return true;
    log_warn("%s, line %d: %s: skipping this entry", path, line->number, error.text);
    return false;
}

/* The texts of an entry: their memory serves all entries. */
struct texts {
    struct str key, value, stored;
};

static void add_line(const struct table_job *job, struct maker *maker,
                     const struct source_line *line, const char *path, struct texts *texts)
{
    struct error error = ERROR_NONE;

    str_clear(&texts->key);
    str_clear(&texts->value);
    str_clear(&texts->stored);
    if (!job->command->parse(job, line, path, &texts->key, &texts->value)
        || !prepare_value(job, line, path, &texts->value))
        return;
    table_fold(job_table_flags(job), str_slice(&texts->key), &texts->stored);
    switch (maker_put(maker, str_slice(&texts->stored), str_slice(&texts->value), job->replace,
                      &error)) {
    case MAKER_FAILED:
        log_fatal("%s", error.text);
    case MAKER_DUPLICATE:
        if (!job->ignore_duplicates)
            log_warn("%s: duplicate entry: \"%s\"", maker_shown_name(maker),
                     texts->stored.data);
        break;
    default:
        break;
    }
}

static void become_owner(const struct table_job *job, const struct stat *source)
{
    if (job->keep_root || geteuid() != 0 || source->st_uid == 0)
        return;
    if (setgroups(1, &source->st_gid) < 0 || setegid(source->st_gid) < 0
        || seteuid(source->st_uid) < 0)
        log_fatal("cannot become owner %ld of the source: %m", (long)source->st_uid);
}

static void become_root(void)
{
    if (getuid() == 0 && geteuid() != 0 && (seteuid(0) < 0 || setegid(0) < 0))
        log_fatal("cannot become root again: %m");
}

/* A signal in the middle would leave half a table behind. */
static void hold_signals(sigset_t *before)
{
    sigset_t held;

    sigemptyset(&held);
    sigaddset(&held, SIGHUP);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGQUIT);
    sigaddset(&held, SIGTERM);
    sigprocmask(SIG_BLOCK, &held, before);
}

static void fill(const struct table_job *job, struct slice type, const char *path,
                 const struct source *source, const char *source_name, mode_t mode)
{
    struct error error = ERROR_NONE;
    const struct maker_settings settings = {
        .buffer_bytes = (size_t)job->config->berkeley_db_create_buffer_size,
        .map_bytes = (size_t)job->config->lmdb_map_size,
    };
    unsigned flags = MAKER_CREATE | (job->incremental ? 0 : MAKER_EMPTY)
        | (job->without_nul ? MAKER_WITHOUT_NUL : 0) | (job->with_nul ? MAKER_WITH_NUL : 0);
    struct maker *maker = maker_open(type, path, flags, mode, &settings, &error);

    if (!maker)
        log_fatal("%s", error.text);
    struct texts texts = { STR_EMPTY, STR_EMPTY, STR_EMPTY };

    for (size_t i = 0; i < source->count; i++)
        add_line(job, maker, &source->items[i], source_name, &texts);
    str_free(&texts.key);
    str_free(&texts.value);
    str_free(&texts.stored);
    if (job->command->finish && !job->command->finish(job, maker, &error))
        log_fatal("%s", error.text);
    if (!maker_close(maker, &error))
        log_fatal("%s", error.text);
}

void job_make(const struct table_job *job, const char *name)
{
    const char *path;
    struct slice type = job_split_name(job, name, &path);
    const char *source_name = job->incremental ? "stdin" : path;
    struct source source = SOURCE_EMPTY;
    struct stat seen;
    struct error error = ERROR_NONE;
    sigset_t before;

    if (job->incremental ? !source_read_descriptor(&source, 0, "stdin", &seen, &error)
                         : !source_read(&source, path, &seen, &error))
        log_fatal("%s", error.text);
    if (!maker_knows(type))
        refuse_type(type);
    if (!job->incremental)
        become_owner(job, &seen);

    /* Group and other may do with the table what they may with its source. */
    mode_t mode = job->incremental || job->default_mode ? 0644 : 0644 & seen.st_mode;
    mode_t mask = umask(job->incremental ? 022 : 0);

    hold_signals(&before);
    fill(job, type, path, &source, source_name, mode);
    sigprocmask(SIG_SETMASK, &before, NULL);
    umask(mask);
    become_root();
    source_free(&source);
}
