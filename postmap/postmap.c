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

static void add_key(struct source *keys, struct slice key)
{
    VECTOR_PUSH(keys, ((struct source_line){
        { arena_text(keys->arena, key), key.length }, (int)keys->count + 1 }));
}

static void finish_header(struct source *keys, struct str *header)
{
    if (header->length)
        add_key(keys, str_slice(header));
    str_clear(header);
}

/* One logical header is a key, lines joined by newlines; and one body line, the empty ones too. */
static void message_keys(const struct table_job *job, struct source *keys)
{
    struct str header = STR_EMPTY;
    char *line = NULL;
    size_t room = 0;
    bool in_header = true, seen_header = false;

    keys->arena = arena_new();
    for (ssize_t length; (length = getline(&line, &room, stdin)) >= 0;) {
        struct slice text = slice_trim_end(slice_bytes(line, (size_t)length));
        bool continued = in_header && seen_header && text.length && byte_is_space(text.data[0]);

        if (!continued)
            finish_header(keys, &header);
        in_header = in_header && (continued || header_begins(text));
        seen_header = seen_header || in_header;
        if (continued)
            str_byte(&header, '\n');
        if (in_header)
            str_add(&header, text);
        else if (job->body)
            add_key(keys, text);
        if (!job->header)
            str_clear(&header);
    }
    finish_header(keys, &header);
    str_free(&header);
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
