/*
 * postmap(1): lookup tables from their sources.
 */
#include "message_keys.h"
#include "table/entry.h"

static bool parse_line(const struct table_job *job, const struct source_line *line,
                       const char *path, struct str *key, struct str *value)
{
    struct entry entry;

    if (!entry_parse(line, path, job->utf8 ? ENTRY_UTF8 : 0, &entry))
        return false;
    str_set(key, entry.key);
    str_set(value, entry.value);
    return true;
}

int main(int argc, char **argv)
{
    static const struct table_command postmap = {
        .name = "postmap",
        .options = "bc:d:fFhimnNopq:rsuUvw",
        .usage = "bfFhimnNoprsuUvw",
        .separator = "\t",
        .parse = parse_line,
        .message_keys = message_keys,
    };

    return table_command_main(&postmap, argc, argv);
}
