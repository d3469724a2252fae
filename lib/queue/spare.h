/*
 * Spare files, for the sources of this room; see queue_settings.recycle in queue.h.
 */
#pragma once

#include "inside.h"

struct spares;

/* NULL: there is no folder for them. */
struct spares *spares_open(const struct disk *disk, int root);
void spares_close(const struct disk *disk, struct spares *spares);

/*
 * A spare that holds nothing but data and has its new name, as a descriptor for writing; data
 * is not flushed.  -1: there is none, or it was of no use, and nothing has happened.
 */
int spare_fill(const struct queue *queue, struct slice data, mode_t mode, enum queue_place place,
               const char *path);
