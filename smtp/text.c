#include "text.h"

#include "log/log.h"

enum { REARM_BYTES = 60 * 1024 };

void text_begin(struct text *text)
{
    text->column = text->unarmed = 0;
    text->deadline = moment_after(text->timeout_seconds);
    if (text->rate > 0)
        stream_set_deadline(text->stream, text->deadline);
    else
        stream_set_patience(text->stream, text->timeout_seconds);
}

/* The time that is left grows as the bytes do, but is never more than there was at first. */
static void rearm(struct text *text)
{
    int64_t latest = moment_after(text->timeout_seconds);

    text->deadline += (int64_t)text->unarmed * 1000 / text->rate;
    if (text->deadline > latest)
        text->deadline = latest;
    stream_set_deadline(text->stream, text->deadline);
    text->unarmed = 0;
}

static void put(struct text *text, struct slice bytes)
{
    text->unarmed += bytes.length;
    if (text->rate > 0 && text->unarmed >= REARM_BYTES)
        rearm(text);
    stream_write(text->stream, bytes);
}

static void break_line(struct text *text)
{
    if (!text->warned)
        log_info("%s: breaking line > %zu bytes with <CR><LF>SPACE", text->queue_id,
                 text->line_length_limit);
    text->warned = true;
    put(text, SLICE_LITERAL("\r\n "));
    text->column = 1;
}

void text_put(struct text *text, struct slice bytes, bool ends)
{
    size_t limit = text->line_length_limit;

    if (text->column == 0 && slice_starts(bytes, "."))
        put(text, SLICE_LITERAL("."));
    while (limit > 0 && text->column + bytes.length > limit) {
        struct slice part = slice_part(bytes, 0, limit - text->column);

        put(text, part);
        bytes = slice_from(bytes, part.length);
        break_line(text);
    }
    put(text, bytes);
    text->column += bytes.length;
    if (ends) {
        put(text, SLICE_LITERAL("\r\n"));
        text->column = 0;
    }
}

void text_end(struct text *text)
{
    if (text->column > 0)
        put(text, SLICE_LITERAL("\r\n"));
    text->column = 0;
}
