#include "sink.h"

#include "base/random.h"
#include "base/scope.h"
#include "log/log.h"
#include "message/date.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_SIZE = 1024 };

static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            log_fatal("make directory %s: %m", path);
        *slash = '/';
    }
}

static void write_header(const struct sink *sink, const struct sink_envelope *envelope,
                         unsigned id, struct str *text)
{
    struct slice recipients = slice_of(envelope->recipients);

    str_text(text, sink->dump_start ? sink->dump_start : "");
    str_format(text, "X-Client-Addr: %s\nX-Client-Proto: %s\n", envelope->address,
               envelope->protocol);
    if (*envelope->helo)
        str_format(text, "X-Helo-Args: %s\n", envelope->helo);
    str_format(text, "X-Mail-Args: %s\n", envelope->sender);
    while (recipients.length > 0) {
        struct slice line = slice_take_until(&recipients, "\n");

        str_format(text, "X-Rcpt-Args: %.*s\n", SLICE_ARGS(line));
    }
    str_format(text, "Received: from %s ([%s])\n\tby %s (smtp-sink) with %s id %x;\n\t",
               *envelope->helo ? envelope->helo : envelope->address, envelope->address,
               sink->hostname, envelope->protocol, id);
    message_date(text, time(NULL));
    str_byte(text, '\n');
}

static void write_file(char *path, int flags, struct slice text)
{
    make_folders(path);

    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);

    if (fd < 0)
        log_fatal("open %s: %m", path);
    /* One write: messages of other threads stay behind it. */
    if (write(fd, text.data, text.length) != (ssize_t)text.length)
        log_fatal("write %s: %m", path);
}

/* The user's template is a format of strftime(3), whose parts take no arguments. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static bool expand_template(const char *template, char name[NAME_SIZE])
{
    time_t now = time(NULL);
    struct tm local;

    return template && strftime(name, NAME_SIZE, template, localtime_r(&now, &local)) > 0;
}
#pragma GCC diagnostic pop

void sink_dump(const struct sink *sink, const struct sink_envelope *envelope,
               struct slice message)
{
    const char *templates[] = { sink->dump_single, sink->dump_many };
    AUTO_STR struct str text = STR_EMPTY;
    unsigned id = (unsigned)random_below(UINT32_MAX);

    if (!sink->dump_single && !sink->dump_many)
        return;
    write_header(sink, envelope, id, &text);
    str_add(&text, message);
    str_byte(&text, '\n');
    for (size_t i = 0; i < COUNT(templates); i++) {
        AUTO_STR struct str path = STR_EMPTY;
        char name[NAME_SIZE];

        if (!expand_template(templates[i], name))
            continue;
        str_text(&path, name);
        if (i == 0)
            str_format(&path, "%x", id);
        write_file(path.data, i == 0 ? O_EXCL : O_APPEND, str_slice(&text));
    }
}
