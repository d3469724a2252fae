/*
 * Two lives of qmgr at once: on reload the old one stays until its agents have reported, which
 * may take long, and the new one starts at once.
 *
 * A life takes from incoming and deferred what it can rename into active, so two do not get
 * in each other's way.  But what lies in active and is nobody's (of a life that crashed)
 * can be told from what another life delivers just now only when there is no other life:
 * then it is put back into incoming.
 */
#pragma once

#include "active.h"

struct succession;

/* Privileged: opens the directory that the locks are on. */
struct succession *succession_open(struct qmgr *qmgr, struct error *error) MUST_USE;

/*
 * This life begins.  When it is the only one what lies in active is recovered before true
 * is returned; else in the loop, once the others have ended.
 */
bool succession_begin(struct succession *succession, struct error *error) MUST_USE;

/*
 * Run work(argument) while no other life is there and none can begin; false when there is one.
 * May wait for the disk.
 */
bool succession_alone(struct succession *succession, void (*work)(void *argument),
                      void *argument);
