#include "failure.h"

#include "base/encoding.h"
#include "base/scope.h"

struct failure failure_of(struct arena *arena, const char *dsn, const char *format, ...)
{
    AUTO_STR struct str text = STR_EMPTY;
    va_list args;

    va_start(args, format);
    str_vformat(&text, format, args);
    va_end(args);
    return (struct failure){
        .dsn = dsn, .reason = arena_text(arena, str_slice(&text)),
        .relay = "none", .remote = "", .diagnostic = "",
    };
}

const char *failure_reply_text(struct arena *arena, const struct smtp_reply *reply)
{
    AUTO_STR struct str text = STR_EMPTY;

    printable_text(&text, str_slice(&reply->text));

    char *line = arena_text(arena, str_slice(&text));

    for (size_t i = 0; i < text.length && i < reply->text.length; i++)
        if (reply->text.data[i] == '\n')
            line[i] = ' ';
    return line;
}

const char *failure_reply_status(struct arena *arena, const struct smtp_reply *reply)
{
    int class = reply->code / 100;

    if (reply->status[0])
        return arena_copy(arena, reply->status);
    /* A success where none makes sense: the conversation is out of step, and nobody knows what
     * became of the message. */
    if (class != 2 && class != 4 && class != 5)
        return "5.5.0";
    return arena_format(arena, "%d.0.0", class);
}
