#include "message_keys.h"

#include "base/scope.h"
#include "base/vector.h"
#include "message/header.h"
#include "message/mime.h"

#include <stdio.h>

struct reading {
    const struct table_job *job;
    struct source *keys;
    struct str header;      /* the logical header so far, lines joined by newlines */
    struct mime mime;
};

static void add_key(struct source *keys, struct slice key)
{
    VECTOR_PUSH(keys, ((struct source_line){
        { arena_text(keys->arena, key), key.length }, (int)keys->count + 1 }));
}

static void finish_header(struct reading *reading)
{
    struct slice text = str_slice(&reading->header);
    struct header header;

    if (!text.length)
        return;
    if (reading->job->header)
        add_key(reading->keys, text);
    if (reading->job->mime && header_parse(text, &header)
        && slice_is_nocase(header.name, "content-type"))
        mime_content_type(&reading->mime, header.value);
    str_clear(&reading->header);
}

/* The line that ends headers, and a boundary, count as lines of the body. */
static void take_body_line(struct reading *reading, struct slice line)
{
    if (reading->job->mime && reading->mime.place == MIME_BODY)
        mime_body_line(&reading->mime, line);
    if (reading->job->body)
        add_key(reading->keys, line);
}

static void take_header_line(struct reading *reading, struct slice line)
{
    bool continues = reading->header.length && line.length && byte_is_space(line.data[0]);

    if (continues) {
        str_byte(&reading->header, '\n');
        str_add(&reading->header, line);
        return;
    }
    finish_header(reading);
    if (header_begins(line)) {
        str_add(&reading->header, line);
        return;
    }
    mime_headers_end(&reading->mime);
    /* Headers end with an empty line, also where the message has none (as in Postfix). */
    if (reading->job->body)
        add_key(reading->keys, SLICE_LITERAL(""));
    if (line.length)
        take_body_line(reading, line);
}

void message_keys(const struct table_job *job, struct source *keys)
{
    struct reading reading = { .job = job, .keys = keys, .header = STR_EMPTY };
    AUTO_FREE char *line = NULL;
    size_t room = 0;

    mime_begin(&reading.mime, job->config);
    keys->arena = arena_new();
    for (ssize_t length; (length = getline(&line, &room, stdin)) >= 0;) {
        struct slice text = slice_trim_end(slice_bytes(line, (size_t)length));

        if (reading.mime.place == MIME_BODY)
            take_body_line(&reading, text);
        else
            take_header_line(&reading, text);
    }
    finish_header(&reading);
    mime_end(&reading.mime);
    str_free(&reading.header);
}
