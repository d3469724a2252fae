#include "deliver/mailbox_text.h"

#include "address/address.h"
#include "base/moment.h"
#include "base/scope.h"
#include "queue/queue.h"

#include <errno.h>
#include <time.h>

enum { WRITE_SIZE = 64 * 1024 };

struct text {
    int fd;
    const struct mailbox_format *format;
    struct str output;
    int64_t size, limit;
};

static bool write_out(struct text *text, struct error *error)
{
    size_t written = 0;

    text->size += (int64_t)text->output.length;
    if (text->limit > 0 && text->size > text->limit)
        return error_code(error, EFBIG, "error writing message: %s", strerror(EFBIG));
    while (written < text->output.length) {
        ssize_t count = write(text->fd, text->output.data + written,
                              text->output.length - written);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return error_system(error, "error writing message");
        written += (size_t)count;
    }
    str_clear(&text->output);
    return true;
}

static void end_line(struct text *text)
{
    str_add(&text->output, text->format->line_end);
}

/* "From sender  Sun Nov 22 06:42:49 2026" */
static void add_from_line(struct text *text, const char *sender)
{
    time_t now = wall_now().tv_sec;
    char date[64];
    struct tm local;

    localtime_r(&now, &local);
    strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &local);
    str_text(&text->output, "From ");
    address_quote(&text->output, slice_of(*sender ? sender : "MAILER-DAEMON"));
    str_format(&text->output, "  %s", date);
    end_line(text);
}

static void add_headers(struct text *text, struct slice headers)
{
    while (headers.length > 0) {
        size_t length = slice_find(headers, '\n');

        str_add(&text->output, slice_part(headers, 0, length));
        end_line(text);
        headers = slice_from(headers, length + 1);
    }
}

/* A line that begins so would be taken for something else. */
static void add_quote(struct text *text, struct slice line)
{
    if (text->format->quote_from && slice_starts(line, "From "))
        str_byte(&text->output, '>');
    if (text->format->quote_dot && slice_starts(line, "."))
        str_byte(&text->output, '.');
}

static bool add_content(struct text *text, struct content *content, struct error *error)
{
    content_rewind(content);

    bool at_start = true;
    struct slice bytes;

    for (;;) {
        enum content_piece piece = content_next(content, &bytes, error);

        if (piece == CONTENT_BROKEN)
            return error_prefix(error, "queue file read error");
        if (piece == CONTENT_END)
            break;
        if (at_start)
            add_quote(text, bytes);
        str_add(&text->output, bytes);
        at_start = piece == CONTENT_LINE;
        if (at_start)
            end_line(text);
        if (text->output.length >= WRITE_SIZE && !write_out(text, error))
            return false;
    }
    if (!at_start)
        end_line(text);
    if (text->format->blank_line)
        end_line(text);
    return write_out(text, error);
}

static bool write_text(struct text *text, const struct mailbox_message *message,
                       struct error *error)
{
    if (text->format->from_line)
        add_from_line(text, message->sender);
    add_headers(text, message->headers);

    bool written = add_content(text, message->content, error);

    str_free(&text->output);
    return written;
}

bool mailbox_text_write(int fd, const struct mailbox_message *message, bool mbox, int64_t size,
                        int64_t limit, struct error *error)
{
    struct mailbox_format format = {
        .from_line = mbox, .quote_from = mbox, .blank_line = mbox,
        .line_end = SLICE_LITERAL("\n"),
    };
    struct text text = { fd, &format, STR_EMPTY, size, limit };

    return write_text(&text, message, error);
}

bool mailbox_text_write_format(int fd, const struct mailbox_message *message,
                               const struct mailbox_format *format, struct error *error)
{
    struct text text = { fd, format, STR_EMPTY, 0, 0 };

    return write_text(&text, message, error);
}

bool mailbox_text_write_command(int fd, const struct mailbox_message *message,
                                struct error *error)
{
    struct mailbox_format format = { .from_line = true, .line_end = SLICE_LITERAL("\n") };

    return mailbox_text_write_format(fd, message, &format, error);
}
