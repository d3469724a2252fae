/*
 * Making queue files of what lies in the intake log and is nobody's: notes that were lost,
 * an active queue that is full, and everything after a crash or on stop.
 */
#include "log_reader.h"

#include "base/arena.h"
#include "base/scope.h"
#include "draft.h"
#include "message.h"

#include <errno.h>
#include <fcntl.h>

/* --- The folder. ------------------------------------------------------------------------- */

struct numbers {
    int64_t *items;
    size_t count, capacity;
};

/* A segment that a writer did not live to give its name; a lock says that it is at it. */
static void remove_unfinished(const struct queue *queue, const char *name)
{
    const struct disk *disk = queue->disk;
    int fd = disk->open(disk, queue->intake, name, O_RDWR | O_NOFOLLOW, 0);
    struct disk_status status;

    if (fd < 0)
        return;
    if (disk->status(disk, fd, &status) == 0 && status.size > 0 && disk->lock(disk, fd) == 0)
        (void)disk->unlink(disk, queue->intake, name);
    disk->close(disk, fd);
}

static struct numbers list_segments(const struct queue *queue)
{
    const struct disk *disk = queue->disk;
    struct numbers numbers = { NULL, 0, 0 };
    void *list = queue->intake < 0 ? NULL : disk->list_open(disk, queue->intake, ".");
    int64_t number;

    if (!list)
        return numbers;
    for (const char *name; (name = disk->list_next(disk, list));)
        if (segment_find_number(name, &number))
            VECTOR_PUSH(&numbers, number);
        else if (name[0] == '.' && segment_find_number(name + 1, &number))
            remove_unfinished(queue, name);
    disk->list_close(disk, list);
    return numbers;
}

/* --- One entry. -------------------------------------------------------------------------- */

/* Whether the file is the whole message: one that is not was never made durable. */
static bool is_whole(struct queue *queue, enum queue_place place, const char *id)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct envelope envelope;
    struct message *message;
    struct error error;
    bool more;

    if (message_open(queue, place, id, &message, &error) != MESSAGE_READY)
        return false;

    bool whole = message_envelope(message, arena, &envelope, 1, &more, &error);

    message_close(message);
    return whole;
}

/*
 * A crash may come between the file and the stroke.  The file is newer then; half a file is
 * removed, for the entry is the message.
 */
static bool is_file_already(struct queue *queue, const char *id)
{
    for (int place = 0; place < QUEUE_PLACE_COUNT; place++) {
        char path[QUEUE_PATH_LIMIT];
        struct disk_status status;
        struct error error;

        if (place == QUEUE_MAILDROP || queue->folders[place] < 0
            || !queue_find(queue, (enum queue_place)place, id, path, &status))
            continue;
        if (is_whole(queue, (enum queue_place)place, id))
            return true;
        (void)!queue_remove(queue, (enum queue_place)place, id, &error);
    }
    return false;
}

static bool settle_entry(struct log_reader *reader, const struct log_segment *segment,
                         const struct log_entry *entry, struct slice records,
                         struct error *error)
{
    struct queue *queue = reader->queue;

    if (!is_file_already(queue, entry->id)
        && !draft_commit_records(queue, QUEUE_INCOMING, entry->id, records, error))
        return false;
    return log_strike(queue->disk, segment->fd, entry->place.offset) == 0
           || error_system(error, "%s: strike out of the intake log", entry->id);
}

/* --- One segment. ------------------------------------------------------------------------ */

struct round {
    struct log_reader *reader;
    struct log_segment *segment;
    int64_t before;             /* entries that are older are settled */
    size_t settled, open;
};

static bool try_claim(struct round *round, const struct log_entry *entry)
{
    pthread_mutex_lock(&round->reader->lock);

    bool claimed = log_reader_claim(round->reader, &entry->place);

    pthread_mutex_unlock(&round->reader->lock);
    return claimed;
}

/* After it was settled the claim stays; it goes with the segment. */
static void give_up(struct round *round, const struct log_entry *entry)
{
    pthread_mutex_lock(&round->reader->lock);
    log_reader_unclaim(round->reader, &entry->place);
    pthread_mutex_unlock(&round->reader->lock);
}

/* The window was read before the claim: who had the entry may have struck it out since. */
static bool is_struck_by_now(const struct round *round, const struct log_entry *entry)
{
    const struct disk *disk = round->reader->queue->disk;
    char state = ENTRY_LIVE;

    (void)!disk->pread(disk, round->segment->fd, &state, 1,
                       entry->place.offset + SEGMENT_STATE);
    return state == ENTRY_STRUCK;
}

static bool settle_entries(struct round *round, struct error *error)
{
    const struct disk *disk = round->reader->queue->disk;
    struct segment_walk walk;
    struct log_entry entry;
    struct slice records;
    struct error walked;
    bool good = true;

    segment_walk_start(&walk, disk, round->segment->fd, round->segment->number);
    while (segment_next(&walk, &entry, &records, &walked)) {
        if (entry.state == ENTRY_STRUCK)
            continue;
        if (entry.written_at > round->before || !try_claim(round, &entry)) {
            round->open++;
        } else if (is_struck_by_now(round, &entry)) {
            give_up(round, &entry);
        } else if (settle_entry(round->reader, round->segment, &entry, records, error)) {
            round->settled++;
        } else {
            give_up(round, &entry);
            round->open++;
            good = false;
        }
    }
    segment_walk_end(&walk);
    if (walked.code) {
        *error = walked;
        good = false;
    }
    return good;
}

/* The strokes before anything is marked in the files, or they are removed. */
static bool flush_strokes(const struct round *round, struct error *error)
{
    const struct disk *disk = round->reader->queue->disk;

    return round->settled == 0 || disk->flush_data(disk, round->segment->fd) == 0
           || error_system(error, "flush the intake log");
}

static void forget_claims(struct log_reader *reader, int64_t number)
{
    struct hash *kept = hash_new();
    struct hash_entry *entry;

    for (size_t position = 0; (entry = hash_next(reader->claims, &position));) {
        int64_t segment;

        memcpy(&segment, entry->key, sizeof(segment));
        if (segment != number)
            (void)hash_set(kept, slice_bytes(entry->key, entry->key_length), entry->value);
    }
    hash_free(reader->claims, NULL);
    reader->claims = kept;
}

/* Nobody writes it, nobody reads it, and nothing is left in it. */
static void remove_segment(struct log_reader *reader, struct log_segment *segment)
{
    const struct queue *queue = reader->queue;
    char name[SEGMENT_NAME_LIMIT];

    segment_name(name, segment->number);
    (void)queue->disk->unlink(queue->disk, queue->intake, name);
    forget_claims(reader, segment->number);
    log_reader_drop_segment(reader, segment);
}

static struct log_segment *begin_segment(struct log_reader *reader, int64_t number)
{
    pthread_mutex_lock(&reader->lock);

    struct log_segment *segment = log_reader_segment(reader, number);

    if (segment && segment->busy)
        segment = NULL;
    if (segment)
        segment->busy = true;
    pthread_mutex_unlock(&reader->lock);
    return segment;
}

static bool settle_segment(struct log_reader *reader, int64_t number, int min_age_seconds,
                           struct log_state *state, struct error *error)
{
    struct log_segment *segment = begin_segment(reader, number);

    if (!segment)
        return true;

    const struct disk *disk = reader->queue->disk;
    bool abandoned = disk->lock(disk, segment->fd) == 0;
    struct round round = {
        .reader = reader,
        .segment = segment,
        .before = abandoned ? INT64_MAX : time(NULL) - min_age_seconds,
    };
    bool good = settle_entries(&round, error);

    good = flush_strokes(&round, error) && good;
    state->settled += round.settled;
    state->open += round.open;
    pthread_mutex_lock(&reader->lock);
    segment->busy = false;
    if (good && abandoned && round.open == 0 && segment->claims == 0)
        remove_segment(reader, segment);
    else
        state->segments++;
    pthread_mutex_unlock(&reader->lock);
    return good;
}

bool log_reader_settle(struct log_reader *reader, int min_age_seconds, struct log_state *state,
                       struct error *error)
{
    struct numbers numbers = list_segments(reader->queue);
    bool good = true;

    *state = (struct log_state){ 0, 0, 0 };
    for (size_t i = 0; i < numbers.count; i++)
        good = settle_segment(reader, numbers.items[i], min_age_seconds, state, error) && good;
    VECTOR_FREE(&numbers);
    return good;
}

bool queue_settle_log(struct queue *queue, struct error *error)
{
    struct log_reader *reader = log_reader_new(queue);
    struct log_state state;
    bool good = log_reader_settle(reader, -1, &state, error);

    log_reader_free(reader);
    return good;
}

void queue_walk_log(struct queue *queue, void (*show)(void *argument, struct message *message),
                    void *argument)
{
    struct numbers numbers = list_segments(queue);

    for (size_t i = 0; i < numbers.count; i++) {
        char name[SEGMENT_NAME_LIMIT];
        struct segment_walk walk;
        struct log_entry entry;
        struct slice records;
        struct error error;

        segment_name(name, numbers.items[i]);

        int fd = queue->disk->open(queue->disk, queue->intake, name, O_RDONLY | O_NOFOLLOW, 0);

        if (fd < 0)
            continue;
        segment_walk_start(&walk, queue->disk, fd, numbers.items[i]);
        while (segment_next(&walk, &entry, &records, &error)) {
            if (entry.state == ENTRY_STRUCK)
                continue;

            struct message *message = log_message_new(queue, fd, &entry.place, entry.id);

            show(argument, message);
            message_close(message);
        }
        segment_walk_end(&walk);
        queue->disk->close(queue->disk, fd);
    }
    VECTOR_FREE(&numbers);
}
