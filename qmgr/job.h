/*
 * The work of one message for one transport, and who overtakes whom
 * (SCHEDULER_README: preemptive scheduling).
 *
 * The jobs of a transport stand in a line, in the order in which their messages came.  Each time
 * a job has had `cost' deliveries started it has earned a slot: a delivery of another job
 * that may go first.  A job that needs no more slots than the one in front of it has earned
 * (or will have earned, for a part of them) is put before it.  So mail to a few gets past a list
 * to thousands, which itself is slowed down by no more than a quarter.
 */
#pragma once

#include "scheduler.h"

struct mail {
    void *message;
    int64_t entered;            /* milliseconds */
    struct job *jobs;           /* one for each transport */
    size_t recipients;          /* in memory */
    size_t unread;              /* at most so many more are in the file */
    bool reading;               /* refill was asked for */
    int64_t refilled_at;
};

/* The deliveries of a job for one destination that wait; there is none without them. */
struct peer {
    struct job *job;
    struct destination *destination;
    struct delivery *first, **last;
    uint64_t turn;              /* within the job: destinations take turns */
    struct peer *next, *previous;                       /* of the destination, by order */
    struct peer *next_of_job, *previous_of_job;
};

struct job {
    struct mail *mail;
    struct transport *transport;
    struct peer *peers;
    int64_t order;              /* place in the line: a smaller one goes first */
    struct job *next, *previous;                        /* the line */
    bool in_line;
    size_t waiting;             /* deliveries not started */
    size_t selected;            /* started so far */
    size_t slots_used;          /* by others that overtook */
    struct job *overtaken;      /* whose slots this one took, while that one lives */
    size_t overtakers;          /* those of whom this one is the overtaken */
    size_t slots_taken;
    size_t selected_before;     /* of selected: when it overtook */
    struct job *next_of_mail;

    /* pool.h */
    size_t recipients;          /* in memory */
    size_t room, extra_room;    /* recipients that it may have in memory, of the two pools */
    struct job *next_unread, *previous_unread;
    bool is_unread;
};

/* The job of mail for the transport; it is made when there is none, and stands last in the line. */
struct job *job_of(struct mail *mail, struct transport *transport);
void job_free(struct job *job);

/* Add a delivery to what waits, behind or before the others of its job and destination. */
void job_push(struct job *job, struct delivery *delivery);
void job_push_back(struct job *job, struct delivery *delivery);
/* Take the first delivery of a peer, which is gone when that was the last one. */
struct delivery *peer_pop(struct peer *peer);

/* Deliveries were added: it may be the one that overtakes best. */
void job_offer(struct job *job, int64_t now);

/*
 * The job in front may be overtaken: the one that now goes first, which is front itself when
 * nobody may.
 */
struct job *job_overtake(struct job *front, int64_t now);
