/*
 * A simulated disk with a queue on it, and the transitions that messages go through there; what
 * was promised is remembered, so that it can be held against the disk of the next life.
 */
#pragma once

#include "queue/inside.h"
#include "queue/intake_log.h"
#include "simulated.h"

enum { SMALL, LARGE, MESSAGES };
enum { ADDRESSES = 3 };     /* of each message */

extern const char *const world_ids[MESSAGES], *const world_addresses[ADDRESSES];

/* What the queue has promised so far. */
struct world {
    struct simulated *simulated;
    struct queue *queue;
    struct arena *arena;
    struct error error;
    bool answered[MESSAGES];    /* 250 */
    bool refused[MESSAGES];     /* 451 */
    bool may_be_gone;           /* removal has begun */
    bool mark_begun, marked;    /* the first recipient */
    struct log_place log_place; /* of the small message */
};

struct transition {
    const char *name;
    enum { EMPTY, PREPARED, LOGGED } prepared;  /* the small message is there, at start */
    enum queue_place start;
    int depth_before, depth;    /* of deferred and hold */
    void (*run)(struct world *world);
};

/* With name NULL at the end. */
extern const struct transition file_transitions[], log_transitions[];

void world_open(struct world *world, const struct transition *transition,
                enum disk_semantics semantics);
void world_close(struct world *world);

/* A queue on the disk with that depth of deferred and hold. */
struct queue *world_queue(const struct disk *disk, int depth);

/* The content of a message. */
void world_content(struct str *text, int which);

/* --- Steps of transitions. -------------------------------------------------------- */

void world_commit(struct world *world, int which, enum queue_place place);
void world_commit_logged(struct world *world);
void world_move(struct world *world, enum queue_place from, enum queue_place to);
void world_activate(struct world *world);
void world_defer(struct world *world);
bool world_mark_first(struct world *world, struct message *message,
                      const struct envelope *envelope);
void world_mark_done(struct world *world);
void world_remove(struct world *world);

/* --- Is everything there that was promised? ------------------------------------------ */

/* Whole messages of each kind; a half one fails the test. */
void promises_count(const struct world *world, struct queue *queue,
                    const struct disk *disk, const char *what, int counts[MESSAGES]);

/* The next life starts on this disk. */
void promises_check(const struct world *world, struct simulated *after, int depth,
                    bool may_be_double, const char *what);
