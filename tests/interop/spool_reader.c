/*
 * Reads a message with lib/queue, as qmgr and the agents do: spool_reader QUEUE_DIRECTORY PLACE ID
 * Prints the sender, the recipients that are not done (read in batches of two), and the content.
 */
#include "base/arena.h"
#include "queue/queue.h"

#include <stdio.h>
#include <stdlib.h>

static void fail(const struct error *error) __attribute__((noreturn));
static void fail(const struct error *error)
{
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

static void print_content(int fd, const struct envelope *envelope)
{
    struct content *content = content_new(fd, envelope->content_offset, envelope->content_length);
    enum content_piece piece;
    struct slice bytes;
    struct error error;

    while ((piece = content_next(content, &bytes, &error)) < CONTENT_END)
        printf("%.*s%s", SLICE_ARGS(bytes), piece == CONTENT_LINE ? "\n" : "");
    if (piece == CONTENT_BROKEN)
        fail(&error);
    content_free(content);
}

int main(int argc, char **argv)
{
    struct queue_settings settings = { .directory = argc > 3 ? argv[1] : NULL,
                                       .hash_queue_names = "deferred, defer",
                                       .hash_queue_depth = 1 };
    struct error error = ERROR_NONE;
    struct queue *queue = queue_open(&settings, &error);
    struct arena *arena = arena_new();
    struct message *message;
    struct envelope envelope;
    enum queue_place place;
    bool more = true;

    if (!queue || argc < 4 || !queue_place_find(slice_of(argv[2]), &place)
        || message_open(queue, place, argv[3], &message, &error) != MESSAGE_READY)
        fail(&error);
    for (bool first = true; more; first = false) {
        if (!message_envelope(message, arena, &envelope, 2, &more, &error))
            fail(&error);
        if (first)
            printf("sender %s\n", envelope.sender);
        for (size_t i = 0; i < envelope.recipients.count; i++)
            printf("recipient %s\n", envelope.recipients.items[i].address);
    }
    print_content(message_descriptor(message), &envelope);
    message_close(message);
    queue_close(queue);
    arena_free(arena);
    return 0;
}
