#include "deliver/mailbox_text.h"

#include "base/moment.h"
#include "base/scope.h"
#include "queue/queue.h"

#include <errno.h>
#include <time.h>

enum { WRITE_SIZE = 64 * 1024 };

struct text {
    int fd;
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

/* "From sender  Sun Nov 22 06:42:49 2026" */
static void add_from_line(struct str *output, const char *sender)
{
    time_t now = wall_now().tv_sec;
    char date[64];
    struct tm local;

    localtime_r(&now, &local);
    strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &local);
    str_format(output, "From %s  %s\n", *sender ? sender : "MAILER-DAEMON", date);
}

static bool is_from(struct slice line)
{
    return slice_starts(line, "From ");
}

static bool add_content(struct text *text, struct content *content, bool mbox,
                        struct error *error)
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
        if (mbox && at_start && is_from(bytes))
            str_byte(&text->output, '>');
        str_add(&text->output, bytes);
        at_start = piece == CONTENT_LINE;
        if (at_start)
            str_byte(&text->output, '\n');
        if (text->output.length >= WRITE_SIZE && !write_out(text, error))
            return false;
    }
    if (!at_start)
        str_byte(&text->output, '\n');
    if (mbox)
        str_byte(&text->output, '\n');
    return write_out(text, error);
}

static bool write_text(struct text *text, const struct mailbox_message *message, bool from_line,
                       bool mbox, struct error *error)
{
    if (from_line)
        add_from_line(&text->output, message->sender);
    str_add(&text->output, message->headers);

    bool written = add_content(text, message->content, mbox, error);

    str_free(&text->output);
    return written;
}

bool mailbox_text_write(int fd, const struct mailbox_message *message, bool mbox, int64_t size,
                        int64_t limit, struct error *error)
{
    struct text text = { fd, STR_EMPTY, size, limit };

    return write_text(&text, message, mbox, mbox, error);
}

bool mailbox_text_write_command(int fd, const struct mailbox_message *message,
                                struct error *error)
{
    struct text text = { fd, STR_EMPTY, 0, 0 };

    return write_text(&text, message, true, false, error);
}
