/*
 * Threads that wait in the scheduler's place: for the disk, for tables, for bounce.
 * A piece of work runs in one of them; what follows it runs in the event loop.
 */
#pragma once

#include "service/events.h"

#include <stddef.h>

struct loader;

struct loader *loader_new(struct events *events, size_t threads);

/* Waits for work under way; what has not begun is dropped. */
void loader_free(struct loader *loader);

/* The same once everything that was submitted is done; only what is posted after it is lost. */
void loader_drain(struct loader *loader);

/* Run work(argument) in a thread, then then(argument) in the event loop. */
void loader_submit(struct loader *loader, void (*work)(void *argument),
                   void (*then)(void *argument), void *argument);
