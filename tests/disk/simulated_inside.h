/*
 * What the sources of the simulated disk share.
 */
#pragma once

#include "simulated.h"

#include "base/str.h"
#include "base/vector.h"

#include <stdlib.h>
#include <sys/stat.h>

enum { NAME_SIZE = 112, FIRST_FD = 1000, PAGE = 4096 };

struct entry {
    char name[NAME_SIZE];
    int node;
};

struct entries {
    struct entry *items;
    size_t count, capacity;
};

/* A file or a folder. */
struct node {
    mode_t mode;
    time_t modified;
    struct str data;
    struct entries entries;
};

struct nodes {
    struct node *items;
    size_t count, capacity;
};

enum effect_kind { EFFECT_DATA, EFFECT_MODE, EFFECT_TIME, EFFECT_NAMES };

/* One change that may be lost. */
struct effect {
    enum effect_kind kind;
    int node;               /* file; for names, what the name leads to */
    off_t offset;
    struct str data;
    mode_t mode;
    time_t modified;
    int add_folder, drop_folder;    /* names: -1 when there is no such half */
    char add_name[NAME_SIZE], drop_name[NAME_SIZE];
};

struct effects {
    struct effect *items;
    size_t count, capacity;
};

struct opened {
    int node;               /* -1: closed */
    off_t position;
};

struct openeds {
    struct opened *items;
    size_t count, capacity;
};

struct simulated {
    struct disk disk;
    enum disk_semantics semantics;
    struct nodes now;       /* as programs see it */
    struct nodes kept;      /* what is durable */
    struct effects pending;
    struct openeds opened;
    int calls, crash_at, fail_at, fail_code;
    bool failed;
    char failed_call[200];
};

int node_add(struct nodes *nodes, mode_t mode);
void nodes_free(struct nodes *nodes);
void nodes_copy(struct nodes *to, const struct nodes *from);
struct entry *node_find_entry(struct node *folder, const char *name);
void node_put_data(struct node *node, off_t offset, struct slice data);

/* A new effect at the end of the pending ones. */
struct effect *effect_add(struct simulated *simulated, enum effect_kind kind, int node);

/* Do it; add and drop say which halves of a change of names are meant. */
void effect_apply(struct nodes *nodes, const struct effect *effect, bool add, bool drop);

/* Remove the pending effects that chosen names; durable ones are applied to what is kept. */
void effects_take(struct simulated *simulated, int node, bool durable,
                  bool (*chosen)(const struct simulated *, const struct effect *, int));
bool effect_is_any(const struct simulated *simulated, const struct effect *effect, int node);

/* The calls of the queue. */
extern const struct disk simulated_calls_of_disk;
