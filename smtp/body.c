#include "body.h"

#include "log/log.h"

enum { REARM_BYTES = 60 * 1024 };

struct body {
    struct stream *stream;
    const struct body_settings *settings;
    size_t column;              /* bytes of the line so far, without a doubled dot */
    size_t unarmed;             /* bytes since the deadline was set */
    bool warned;
};

/* Each 64 KB has its own time: a slow receiver of a large message is no stalled one. */
static void put(struct body *body, struct slice bytes)
{
    body->unarmed += bytes.length;
    if (body->unarmed >= REARM_BYTES) {
        stream_set_deadline(body->stream, moment_after(body->settings->timeout_seconds));
        body->unarmed = 0;
    }
    stream_write(body->stream, bytes);
}

static void break_line(struct body *body)
{
    if (!body->warned)
        log_info("%s: breaking line > %d bytes with <CR><LF>SPACE", body->settings->queue_id,
                 body->settings->line_length_limit);
    body->warned = true;
    put(body, SLICE_LITERAL("\r\n "));
    body->column = 1;
}

static void put_piece(struct body *body, struct slice bytes, bool ends)
{
    size_t limit = (size_t)body->settings->line_length_limit;

    if (body->column == 0 && slice_starts(bytes, "."))
        put(body, SLICE_LITERAL("."));
    while (limit > 0 && body->column + bytes.length > limit) {
        struct slice part = slice_part(bytes, 0, limit - body->column);

        put(body, part);
        bytes = slice_from(bytes, part.length);
        break_line(body);
    }
    put(body, bytes);
    body->column += bytes.length;
    if (ends) {
        put(body, SLICE_LITERAL("\r\n"));
        body->column = 0;
    }
}

enum body_result body_write(struct stream *stream, struct content *content,
                            const struct body_settings *settings, struct error *error)
{
    struct body body = { .stream = stream, .settings = settings };
    struct slice bytes;

    stream_set_deadline(stream, moment_after(settings->timeout_seconds));
    for (;;) {
        enum content_piece piece = content_next(content, &bytes, error);

        if (piece == CONTENT_BROKEN)
            return BODY_UNREADABLE;
        if (piece == CONTENT_END)
            break;
        put_piece(&body, bytes, piece == CONTENT_LINE);
    }
    if (body.column > 0)
        put(&body, SLICE_LITERAL("\r\n"));
    return stream_errno(stream) == 0 ? BODY_WRITTEN : BODY_REFUSED;
}
