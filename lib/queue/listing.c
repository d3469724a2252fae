#include "queue/listing.h"

#include "address/address.h"
#include "base/encoding.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/scope.h"
#include "message.h"

#include <fcntl.h>
#include <stdio.h>

enum { LISTING_BATCH = 500, LISTING_FLUSH = 32 * 1024, LOG_SIZE_LIMIT = 64 << 20 };

struct listing {
    struct queue *queue;
    const struct listing_settings *settings;
    bool (*send)(void *argument, struct slice bytes);
    void *argument;
    struct str output;
    struct hash *logged;        /* recipients that the log of this message names */
    bool stopped;
};

static void add(struct listing *listing, const char *name, struct slice value)
{
    str_bytes(&listing->output, name, strlen(name) + 1);
    str_add(&listing->output, value);
    str_byte(&listing->output, '\0');
}

/* Text that others wrote, and that may end on a terminal. */
static void add_printable(struct listing *listing, const char *name, struct slice text)
{
    AUTO_STR struct str printable = STR_EMPTY;

    printable_text(&printable, text);
    add(listing, name, str_slice(&printable));
}

static void add_number(struct listing *listing, const char *name, int64_t number)
{
    char text[32];

    snprintf(text, sizeof(text), "%lld", (long long)number);
    add(listing, name, slice_of(text));
}

/* The form in which people write it. */
static void write_external(const struct listing *listing, struct str *external,
                           struct slice address)
{
    if (address.length == 0)
        str_text(external, listing->settings->empty_address);
    else
        address_quote(external, address);
}

static void end_group(struct listing *listing)
{
    str_byte(&listing->output, '\0');
}

/* Give away what has come together; between groups, or when it has become much. */
static void give(struct listing *listing, size_t enough)
{
    if (listing->stopped || listing->output.length < enough || listing->output.length == 0)
        return;
    listing->stopped = !listing->send(listing->argument, str_slice(&listing->output));
    str_clear(&listing->output);
}

/* --- Recipients: first those that the defer log knows, with their reasons. ----------- */

/* Those of the log are not said again; the others as often as the file has them. */
static void add_recipient(struct listing *listing, struct slice address)
{
    AUTO_STR struct str external = STR_EMPTY;

    write_external(listing, &external, address);
    if (!hash_get(listing->logged, str_slice(&external)))
        add_printable(listing, "recipient", str_slice(&external));
    give(listing, LISTING_FLUSH);
}

static void add_entry(struct listing *listing, struct slice external, struct slice reason)
{
    size_t limit = listing->settings->duplicate_limit;

    if (limit == 0 || hash_count(listing->logged) < limit)
        (void)hash_set(listing->logged, external, listing);
    add_printable(listing, "recipient", external);
    add_printable(listing, "reason", slice_trim_end(reason));
    give(listing, LISTING_FLUSH);
}

/* An entry of the log, which holds the external form. */
struct logged {
    struct slice recipient, reason;
    bool begun;
};

static struct logged nothing_logged(void)
{
    return (struct logged){ SLICE_LITERAL("(recipient address unavailable)"),
                            SLICE_LITERAL("(description unavailable)"), false };
}

/* "<address>: reason", as old releases wrote it and new ones still do, above the rest. */
static void take_old_form(struct logged *logged, struct slice line)
{
    const char *end = memmem(line.data, line.length, ">: ", 3);

    if (!slice_starts(line, "<") || !end)
        return;
    logged->recipient = slice_part(line, 1, (size_t)(end - line.data) - 1);
    logged->reason = slice_from(line, (size_t)(end - line.data) + 3);
}

static void take_line(struct logged *logged, struct slice line)
{
    size_t equals = slice_find(line, '=');
    struct slice name = slice_part(line, 0, equals), value = slice_from(line, equals + 1);

    logged->begun = true;
    if (equals == line.length)
        take_old_form(logged, line);
    else if (slice_is(name, "recipient"))
        logged->recipient = value.length > 0 ? value : slice_of("(MAILER-DAEMON)");
    else if (slice_is(name, "reason"))
        logged->reason = value.length > 0 ? value : nothing_logged().reason;
    else
        take_old_form(logged, line);
}

/* Entries end in an empty line; one that does not is still being written. */
static void add_logged(struct listing *listing, struct slice log)
{
    struct logged logged = nothing_logged();

    while (log.length > 0) {
        struct slice line = slice_take_until(&log, "\n");

        if (line.length > 0) {
            take_line(&logged, line);
            continue;
        }
        if (logged.begun)
            add_entry(listing, logged.recipient, logged.reason);
        logged = nothing_logged();
    }
}

static void add_log(struct listing *listing, const char *id)
{
    const struct queue *queue = listing->queue;
    const struct disk *disk = queue->disk;
    AUTO_STR struct str path = STR_EMPTY, log = STR_EMPTY;
    struct disk_status status;

    queue_log_path(queue, "defer", id, &path);

    int fd = disk->open(disk, queue->root, path.data, O_RDONLY | O_NOFOLLOW, 0);

    if (fd < 0)
        return;
    if (disk->status(disk, fd, &status) == 0 && status.size > 0 && status.size <= LOG_SIZE_LIMIT) {
        char *room = str_reserve(&log, (size_t)status.size);
        ssize_t length = disk_pread_all(disk, fd, room, (size_t)status.size, 0);

        str_added(&log, length > 0 ? (size_t)length : 0);
    }
    disk->close(disk, fd);
    add_logged(listing, str_slice(&log));
}

/* --- Messages. ----------------------------------------------------------------------- */

static void add_message(struct listing *listing, enum queue_place place,
                        const struct message *message, const struct envelope *envelope)
{
    AUTO_STR struct str sender = STR_EMPTY;
    struct message_times times;
    struct error error;

    if (!message_times(message, &times, &error))
        return;
    add(listing, "queue_name", slice_of(queue_place_name(place)));
    add(listing, "queue_id", slice_of(envelope->queue_id));
    add_number(listing, "time", envelope->arrival.tv_sec);
    add_number(listing, "size", place == QUEUE_MAILDROP ? times.file_size
                                                        : envelope->content_length);
    add_number(listing, "forced_expire", times.expire);
    write_external(listing, &sender, slice_of(envelope->sender));
    add_printable(listing, "sender", str_slice(&sender));
    add_log(listing, envelope->queue_id);
}

static void add_recipients(struct listing *listing, const struct envelope *envelope)
{
    for (size_t i = 0; i < envelope->recipients.count; i++)
        add_recipient(listing, slice_of(envelope->recipients.items[i].address));
}

/* Recipients come in batches, so that a long list needs little memory. */
static void list_opened(struct listing *listing, enum queue_place place, struct message *message)
{
    struct envelope envelope;
    struct error error;
    bool more;
    struct arena *arena = arena_new();

    /* Of a damaged one what stands before the damage is shown. */
    if (message_envelope(message, arena, &envelope, LISTING_BATCH, &more, &error) ||
        message->has_sender) {
        listing->logged = hash_new();
        add_message(listing, place, message, &envelope);
        add_recipients(listing, &envelope);
        while (more && !listing->stopped) {
            arena_reset(arena);
            if (!message_envelope(message, arena, &envelope, LISTING_BATCH, &more, &error))
                break;
            add_recipients(listing, &envelope);
        }
        end_group(listing);
        hash_free(listing->logged, NULL);
    }
    arena_free(arena);
    give(listing, LISTING_FLUSH);
}

static void list_message(struct listing *listing, enum queue_place place, const char *id)
{
    struct message *message;
    struct error error;

    if (message_open(listing->queue, place, id, &message, &error) != MESSAGE_READY)
        return;
    list_opened(listing, place, message);
    message_close(message);
}

/* The queue manager has it in hand, or will in a moment. */
static void list_logged(void *argument, struct message *message)
{
    struct listing *listing = argument;

    if (!listing->stopped)
        list_opened(listing, QUEUE_ACTIVE, message);
}

bool listing_write(struct queue *queue, const struct listing_settings *settings,
                   bool (*send)(void *argument, struct slice bytes), void *argument)
{
    static const enum queue_place places[] = {
        QUEUE_MAILDROP, QUEUE_ACTIVE, QUEUE_INCOMING, QUEUE_DEFERRED, QUEUE_HOLD,
    };
    struct listing listing = { .queue = queue, .settings = settings, .send = send,
                               .argument = argument, .output = STR_EMPTY };

    add(&listing, "protocol", SLICE_LITERAL("mail_queue_list_protocol"));
    end_group(&listing);
    give(&listing, 1);
    for (size_t i = 0; i < COUNT(places) && !listing.stopped; i++) {
        struct queue_scan *scan = queue_scan_new(queue, places[i]);

        for (const char *id; !listing.stopped && (id = queue_scan_next(scan));)
            list_message(&listing, places[i], id);
        queue_scan_free(scan);
        if (places[i] == QUEUE_ACTIVE)
            queue_walk_log(queue, list_logged, &listing);
    }
    end_group(&listing);
    give(&listing, 1);
    str_free(&listing.output);
    return !listing.stopped;
}
