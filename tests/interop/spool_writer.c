/*
 * Writes messages into a spool with lib/queue: spool_writer QUEUE_DIRECTORY [long]
 * One to each of incoming, hold, deferred and maildrop; prints "place id" for each.
 */
#include "base/arena.h"
#include "base/moment.h"
#include "queue/queue.h"

#include <stdio.h>
#include <stdlib.h>

enum { LARGE_LINES = 3000 };

static void fail(const struct error *error) __attribute__((noreturn));
static void fail(const struct error *error)
{
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

static void fill(struct envelope *envelope, struct arena *arena, enum queue_place place)
{
    envelope_clear(envelope);
    envelope->arrival = wall_now();
    envelope->sender = arena_format(arena, "%s@near.example", queue_place_name(place));
    envelope->full_name = "Full Name";
    envelope->envelope_id = "id with blanks";
    envelope->encoding = "8bit";
    envelope_set_attribute(envelope, arena, "rewrite_context", "local");
    envelope_set_attribute(envelope, arena, "log_client_name", "client.example");

    struct recipient *first = envelope_add_recipient(envelope, arena);

    first->address = "one@far.example";
    first->notify = NOTIFY_FAILURE;
    first->dsn_original = "rfc822;one@far.example";
    envelope_add_recipient(envelope, arena)->address = "two words@far.example";
}

/* hold is longer than what is kept in memory; deferred has lines of every length. */
static void add_content(struct draft *draft, enum queue_place place)
{
    draft_content(draft, slice_of("From: a@near.example\nSubject: written by us\n\n"));
    for (int i = 0; place == QUEUE_HOLD && i < LARGE_LINES; i++)
        draft_content(draft, slice_of("a line of some length that is repeated very often\n"));
    for (int length = 2040; place == QUEUE_DEFERRED && length < 2060; length++) {
        struct str line = STR_EMPTY;

        str_format(&line, "%0*d\n", length, 7);
        draft_content(draft, str_slice(&line));
        str_free(&line);
    }
    draft_content(draft, slice_of("last line"));
}

static void write_message(struct queue *queue, struct arena *arena, enum queue_place place)
{
    enum queue_place first = place == QUEUE_DEFERRED ? QUEUE_INCOMING : place;
    struct error error;
    struct envelope envelope;
    struct draft *draft = draft_new_in(queue, first, NULL, &error);

    if (!draft)
        fail(&error);

    const char *id = arena_copy(arena, draft_id(draft));

    fill(&envelope, arena, place);
    if (place == QUEUE_MAILDROP)
        envelope.attributes.count = 1;      /* postdrop would not pass the others on */
    draft_envelope(draft, &envelope);
    add_content(draft, place);
    if (!draft_commit(draft, first, &envelope, &error)
        || (first != place && !queue_move(queue, id, first, place, &error)))
        fail(&error);
    printf("%s %s\n", queue_place_name(place), id);
}

int main(int argc, char **argv)
{
    struct queue_settings settings = {
        .directory = argc > 1 ? argv[1] : NULL, .hash_queue_names = "deferred, defer",
        .hash_queue_depth = 1, .long_ids = argc > 2, .line_length_limit = 2048,
    };
    struct error error;
    struct queue *queue = queue_open(&settings, &error);
    struct arena *arena = arena_new();

    if (!queue)
        fail(&error);
    write_message(queue, arena, QUEUE_INCOMING);
    write_message(queue, arena, QUEUE_HOLD);
    write_message(queue, arena, QUEUE_DEFERRED);
    write_message(queue, arena, QUEUE_MAILDROP);
    arena_free(arena);
    queue_close(queue);
    return 0;
}
