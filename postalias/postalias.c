/*
 * postalias(1): alias databases from alias files; newaliases(1) is this for all of them.
 */
#include "alias_line.h"
#include "base/scope.h"
#include "config/config.h"
#include "table/command.h"

#include <time.h>

static bool parse_line(const struct table_job *job, const struct source_line *line,
                       const char *path, struct str *key, struct str *value)
{
    return alias_line_parse(line, path, job->utf8, key, value);
}

static bool put(struct maker *maker, const char *key, const char *value, struct error *error)
{
    return maker_put(maker, slice_of(key), slice_of(value), true, error) != MAKER_FAILED;
}

/* What sendmail and NIS expect in an alias database. */
static bool add_marks(const struct table_job *job, struct maker *maker, struct error *error)
{
    AUTO_STR struct str now = STR_EMPTY;

    str_format(&now, "%010ld", (long)time(NULL));
    if (job->incremental)
        return true;
    return put(maker, "@", "@", error)
        && put(maker, "YP_LAST_MODIFIED", now.data, error)
        && put(maker, "YP_MASTER_NAME", job->config->myhostname, error);
}

int main(int argc, char **argv)
{
    static const struct table_command postalias = {
        .name = "postalias",
        .options = "c:d:finNopq:rsuvw",
        .usage = "Nfinoprsuvw",
        .separator = ":\t",
        .parse = parse_line,
        .finish = add_marks,
    };

    return table_command_main(&postalias, argc, argv);
}
