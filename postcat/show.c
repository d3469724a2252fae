#include "show.h"

#include "log/log.h"
#include "queue/record.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum segment { IN_ENVELOPE, IN_CONTENT, IN_EXTRACTED };

struct show {
    const char *name;
    unsigned options;
    enum segment segment;
    bool in_body;               /* of the content; else in the header */
    bool open_line;             /* the last text had no newline, and none was written */
    int64_t offset;             /* shown: of the record, or of hidden ones before it */
    struct record_reader reader;
};

static void print_slice(struct slice text)
{
    if (text.length > 0)
        fwrite(text.data, 1, text.length, stdout);
}

/* The columns before a record. */
static void print_columns(const struct show *show, const struct record *record)
{
    if (show->options & SHOW_OFFSETS)
        printf("%9lld ", (long long)show->offset);
    if (show->options & SHOW_TYPES)
        printf("%3d ", (unsigned char)record->type);
}

static void print_section(const struct show *show, const char *title)
{
    printf("*** %s %s ***\n", title, show->name);
}

/* A moment as asctime(3) writes it, in local time; the text as it is when it is none. */
static void print_moment(const char *name, struct slice text)
{
    struct slice rest = slice_trim_start(text);
    int64_t seconds;
    struct tm local;
    char buffer[64];
    time_t moment;

    if (!slice_integer(slice_take_word(&rest), 0, INT64_MAX, &seconds)
        || (moment = (time_t)seconds, !localtime_r(&moment, &local))
        || strftime(buffer, sizeof(buffer), "%a %b %e %H:%M:%S %Y", &local) == 0)
        printf("%s: %.*s\n", name, SLICE_ARGS(text));
    else
        printf("%s: %s\n", name, buffer);
}

static void show_attribute(const struct show *show, struct slice data)
{
    size_t equals = slice_find(data, '=');

    if (equals == data.length)
        log_warn("%s: malformed attribute: missing '=' after attribute name: %.*s", show->name,
                 SLICE_ARGS(data));
    else if (slice_is(slice_part(data, 0, equals), "create_time"))
        print_moment("create_time", slice_from(data, equals + 1));
    else
        printf("named_attribute: %.*s\n", SLICE_ARGS(data));
}

/* A record outside the content, or any with -v. */
static void show_record(const struct show *show, const struct record *record)
{
    bool content = show->segment == IN_CONTENT;

    print_columns(show, record);
    switch (record->type) {
    case RECORD_TIME:
        print_moment("message_arrival_time", record->data);
        return;
    case RECORD_WARN:
        print_moment("warning_message_time", record->data);
        return;
    case RECORD_ATTRIBUTE:
        show_attribute(show, record->data);
        return;
    default:
        printf("%s: ", record_name(record->type, content));
        print_slice(record->data);
        putchar('\n');
    }
}

/* Whether a line can stand in a header: "Name:", or white space. */
static bool is_header_line(struct slice line)
{
    size_t colon = slice_find(line, ':');

    if (line.length > 0 && (line.data[0] == ' ' || line.data[0] == '\t'))
        return true;
    if (colon == line.length)
        return false;

    struct slice name = slice_trim_end(slice_part(line, 0, colon));

    for (size_t i = 0; i < name.length; i++)
        if (name.data[i] <= ' ' || name.data[i] == 0x7f)
            return false;
    return name.length > 0;
}

/* Whether the part of the message where we are is asked for. */
static bool is_shown(const struct show *show)
{
    if (show->segment != IN_CONTENT)
        return show->options & SHOW_ENVELOPE;
    return show->options & (show->in_body ? SHOW_BODY : SHOW_HEADER);
}

static void show_text(struct show *show, const struct record *record)
{
    /* Each record is looked at by itself, as Postfix does, also the rest of a long line. */
    if (!show->in_body && !is_header_line(record->data))
        show->in_body = true;
    if (!is_shown(show))
        return;
    if (show->options & SHOW_NAMES) {
        show_record(show, record);
        return;
    }
    print_columns(show, record);
    print_slice(record->data);
    show->open_line = record->type == RECORD_PART && !(show->options & SHOW_OFFSETS);
    if (!show->open_line)
        putchar('\n');
}

static void enter(struct show *show, enum segment segment, const struct record *record,
                  const char *title)
{
    if (show->segment != (enum segment)(segment - 1))
        log_warn("%s: out-of-order %s segment marker", show->name,
                 segment == IN_CONTENT ? "message content" : "extracted");
    show->segment = segment;
    if (!(show->options & SHOW_ENVELOPE))
        return;
    if (show->open_line)
        putchar('\n');
    show->open_line = false;
    print_columns(show, record);
    print_section(show, title);
}

/* -r shows the file as it lies there; otherwise a pointer leads elsewhere. */
static bool show_pointer(struct show *show, const struct record *record)
{
    int64_t target;

    if ((show->options & SHOW_NAMES) && is_shown(show))
        show_record(show, record);
    if (show->options & SHOW_FILE_ORDER)
        return true;
    if (!slice_integer(slice_trim(record->data), 0, INT64_MAX, &target)
        || target >= show->reader.file_size
        || (target > 0 && ++show->reader.jumps > show->reader.file_size)) {
        log_warn("%s: bad pointer record: %.*s", show->name, SLICE_ARGS(record->data));
        return false;
    }
    if (target > 0)
        show->reader.position = target;
    return true;
}

/* False when there is nothing to be shown behind it. */
static bool show_one(struct show *show, const struct record *record)
{
    switch (record->type) {
    case RECORD_CONTENT:
        enter(show, IN_CONTENT, record, "MESSAGE CONTENTS");
        return true;
    case RECORD_EXTRACTED:
        enter(show, IN_EXTRACTED, record, "HEADER EXTRACTED");
        return true;
    case RECORD_END:
        if (show->options & SHOW_ENVELOPE) {
            print_columns(show, record);
            print_section(show, "MESSAGE FILE END");
        }
        return show->options & SHOW_FILE_ORDER;
    case RECORD_POINTER:
        return show_pointer(show, record);
    case RECORD_PADDING:
        if ((show->options & SHOW_NAMES) && is_shown(show))
            show_record(show, record);
        return true;
    case RECORD_LINE:
        show_text(show, record);
        return true;
    case RECORD_PART:
        if (show->segment == IN_CONTENT) {
            show_text(show, record);
            return true;
        }
    }
    if (show->options & SHOW_ENVELOPE)
        show_record(show, record);
    return true;
}

/* What begins with another record of an envelope is read, and found wrong then. */
static bool is_queue_file(const struct show *show, char first)
{
    if (first && strchr("CTcFILSDRO/WAK>fdMV<ionmrewXEPp$", first))
        return true;
    log_warn("%s: input is not a valid queue file", show->name);
    return false;
}

/* The first two numbers: the length of the content, and where it stands. */
static void check_size(struct slice data)
{
    struct slice rest = data, word;
    int64_t number;

    for (int i = 0; i < 2; i++)
        if (!slice_take_token(&rest, " ", &word) || !slice_integer(word, 1, INT64_MAX, &number)) {
            log_warn("invalid size record: %.*s", SLICE_ARGS(data));
            return;
        }
}

static void show_records(struct show *show, bool whole, enum record_result *result,
                         struct error *error)
{
    struct record record;
    bool first = whole, hidden = false;

    while ((*result = record_next(&show->reader, &record, error)) == RECORD_READ) {
        if (first && record.type != RECORD_SIZE && record.type != RECORD_TIME) {
            log_warn("%s: input is not a valid queue file", show->name);
            return;
        }
        if (first && (show->options & SHOW_ENVELOPE))
            print_section(show, "ENVELOPE RECORDS");
        if (first && record.type == RECORD_SIZE)
            check_size(record.data);
        first = false;
        if (!hidden)
            show->offset = record.offset;
        hidden = !(show->options & SHOW_NAMES)
                 && (record.type == RECORD_POINTER || record.type == RECORD_PADDING);
        if (!show_one(show, &record))
            return;
    }
}

bool show_file(int fd, const char *name, unsigned options, int64_t start)
{
    struct show show = { .name = name, .options = options };
    struct stat found;
    struct error error;
    enum record_result result;
    char first;

    if (fstat(fd, &found) < 0) {
        log_warn("%s: %m", name);
        return false;
    }
    if (start == 0 && pread(fd, &first, 1, 0) == 1 && !is_queue_file(&show, first))
        return true;
    record_reader_start(&show.reader, &disk_real, fd, found.st_size);
    show.reader.raw = true;
    show.reader.position = start;
    show_records(&show, start == 0, &result, &error);
    record_reader_free(&show.reader);
    if (result == RECORD_READ || result == RECORD_ENDED)
        return true;
    log_warn("%s: %s", name, error.text);
    return false;
}
