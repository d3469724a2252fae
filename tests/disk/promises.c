#include "world.h"

#include "base/scope.h"
#include "base/test.h"

static bool content_is_whole(const struct disk *disk, struct message *message,
                             const struct envelope *envelope, int which)
{
    AUTO_STR struct str found = STR_EMPTY, wanted = STR_EMPTY;
    struct content *content = content_open(disk, message_descriptor(message),
                                           envelope->content_offset, envelope->content_length);
    enum content_piece piece;
    struct slice bytes;
    struct error error;

    while ((piece = content_next(content, &bytes, &error)) < CONTENT_END) {
        str_add(&found, bytes);
        if (piece == CONTENT_LINE)
            str_byte(&found, '\n');
    }
    content_free(content);
    world_content(&wanted, which);
    return piece == CONTENT_END && slice_equal(str_slice(&found), str_slice(&wanted));
}

/* Recipients may be forgotten only when they were marked, and must be when that was promised. */
static bool recipients_are_right(const struct world *world, const struct envelope *envelope)
{
    size_t skipped = COUNT(world_addresses) - envelope->recipients.count;

    if (skipped > (world->mark_begun ? 1 : 0) || (world->marked && skipped == 0))
        return false;
    for (size_t i = 0; i < envelope->recipients.count; i++)
        if (strcmp(envelope->recipients.items[i].address, world_addresses[i + skipped]) != 0)
            return false;
    return true;
}

/* 1: a whole message; 0: nobody takes it for one. Fails the test for a half one. */
static int count_message(const struct world *world, struct queue *queue, const struct disk *disk,
                         enum queue_place place, const char *id, const char *what)
{
    AUTO_ARENA struct arena *arena = arena_new();
    int which = strcmp(id, world_ids[SMALL]) == 0 ? SMALL : LARGE;
    struct message *message;
    struct envelope envelope;
    struct error error;
    bool more;

    if (message_open(queue, place, id, &message, &error) != MESSAGE_READY)
        return 0;

    bool readable = message_envelope(message, arena, &envelope, 0, &more, &error);

    if (readable && (!content_is_whole(disk, message, &envelope, which)
                     || (which == SMALL && !recipients_are_right(world, &envelope))))
        fail_msg("%s: %s/%s is not what was committed", what, queue_place_name(place), id);
    message_close(message);
    return readable ? 1 : 0;
}

void promises_count(const struct world *world, struct queue *queue,
                    const struct disk *disk, const char *what, int counts[MESSAGES])
{
    for (int place = 0; place < QUEUE_PLACE_COUNT; place++) {
        struct queue_scan *scan = queue_scan_new(queue, (enum queue_place)place);

        for (const char *id; (id = queue_scan_next(scan));)
            counts[strcmp(id, world_ids[SMALL]) == 0 ? SMALL : LARGE] +=
                count_message(world, queue, disk, (enum queue_place)place, id, what);
        queue_scan_free(scan);
    }
}

/* The next life starts on this disk: is everything there that was promised? */
void promises_check(const struct world *world, struct simulated *after, int depth,
                    bool may_be_double, const char *what)
{
    const struct disk *disk = simulated_disk(after);
    struct queue *queue = world_queue(disk, depth);
    struct error error;
    int counts[MESSAGES] = { 0 };

    if (!queue_settle_log(queue, &error) || !queue_recover(queue, &error))
        fail_msg("%s: recovery failed: %s", what, error.text);
    promises_count(world, queue, disk, what, counts);
    for (int i = 0; i < MESSAGES; i++) {
        if (world->answered[i] && counts[i] == 0 && !(i == SMALL && world->may_be_gone))
            fail_msg("%s: a message that was answered 250 is lost", what);
        if (counts[i] > 1 && !may_be_double)
            fail_msg("%s: a message is there twice", what);
    }
    queue_close(queue);
}
