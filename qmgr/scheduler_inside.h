/*
 * What the sources of the scheduler share.
 */
#pragma once

#include "pool.h"

struct scheduler {
    struct scheduler_settings settings;
    struct scheduler_actions actions;
    struct hash *transports;
};

struct transport *scheduler_transport(struct scheduler *scheduler, const char *name);

/* Queue a delivery for the destination that it names. */
void scheduler_enqueue(struct mail *mail, struct delivery *delivery);
void delivery_free(struct delivery *delivery);

/* A job lives while something of it is in memory or may come. */
void scheduler_drop_ended(struct job *job);
