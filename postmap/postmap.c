/*
 * postmap(1): lookup tables from their sources.
 */
#include "base/vector.h"
#include "message/header.h"
#include "table/command.h"
#include "table/entry.h"

#include <stdio.h>
#include <stdlib.h>

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

static void add_key(struct source *keys, struct str *key)
{
    if (key->length)
        VECTOR_PUSH(keys, ((struct source_line){
            { arena_text(keys->arena, str_slice(key)), key->length }, (int)keys->count + 1 }));
    str_clear(key);
}

/* One logical header, or one body line, is a key. */
static void message_keys(const struct table_job *job, struct source *keys)
{
    struct str key = STR_EMPTY;
    char *line = NULL;
    size_t room = 0;
    bool in_header = true;

    keys->arena = arena_new();
    for (ssize_t length; (length = getline(&line, &room, stdin)) >= 0;) {
        struct slice text = slice_trim_end(slice_bytes(line, (size_t)length));
        bool continued = in_header && key.length && text.length && byte_is_space(text.data[0]);

        if (!continued) {
            add_key(keys, &key);
            in_header = in_header && header_begins(text);
        }
        if (!(in_header ? job->header : job->body))
            continue;
        if (continued)
            str_byte(&key, '\n');
        str_add(&key, text);
    }
    add_key(keys, &key);
    str_free(&key);
    free(line);
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
