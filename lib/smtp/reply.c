#include "smtp/reply.h"

void smtp_reply_free(struct smtp_reply *reply)
{
    str_free(&reply->text);
    smtp_reply_clear(reply);
}

void smtp_reply_clear(struct smtp_reply *reply)
{
    reply->code = 0;
    reply->status[0] = '\0';
    str_clear(&reply->text);
}

static int find_code(struct slice line)
{
    if (line.length < 3)
        return 0;
    for (size_t i = 0; i < 3; i++)
        if (!byte_is_digit(line.data[i]))
            return 0;
    if (line.length > 3 && line.data[3] != ' ' && line.data[3] != '-')
        return 0;
    return (line.data[0] - '0') * 100 + (line.data[1] - '0') * 10 + (line.data[2] - '0');
}

static void keep_line(struct smtp_reply *reply, struct slice line)
{
    if (reply->text.length + line.length >= SMTP_REPLY_LIMIT)
        return;
    if (reply->text.length)
        str_byte(&reply->text, '\n');
    str_add(&reply->text, line);
}

enum smtp_reply_state smtp_reply_add(struct smtp_reply *reply, struct slice line)
{
    int code = find_code(line);

    keep_line(reply, line);
    if (!code)
        return SMTP_REPLY_GARBAGE;
    /* RFC 5321 4.2.1 wants one code on all lines; where they differ the last one counts. */
    reply->code = code;

    struct slice text = slice_from(line, 4);
    char status[STATUS_SIZE];

    if (status_take(&text, status) && status[0] == line.data[0])
        memcpy(reply->status, status, sizeof(status));
    return line.length > 3 && line.data[3] == '-' ? SMTP_REPLY_MORE : SMTP_REPLY_COMPLETE;
}

bool smtp_reply_next(struct slice *rest, struct slice *line)
{
    if (!rest->length)
        return false;
    *line = slice_from(slice_take_until(rest, "\n"), 4);
    return true;
}
