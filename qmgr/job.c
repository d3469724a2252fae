#include "pool.h"

#include "base/memory.h"

#include <stdlib.h>

enum {
    ORDER_STEP = 1 << 20,           /* between jobs, so that others fit in between */
    CANDIDATE_MILLISECONDS = 1000,  /* how long a choice among all jobs is good for */
    CANDIDATES = 1000,              /* and among so many at most */
    LEAST_COST = 2,                 /* with less the line could come to a stop */
};

/* --- the line ----------------------------------------------------------------------------- */

static void link_job(struct job *job, struct job *next)
{
    struct transport *transport = job->transport;

    job->next = next;
    job->previous = next ? next->previous : transport->last;
    if (job->previous)
        job->previous->next = job;
    else
        transport->first = job;
    if (next)
        next->previous = job;
    else
        transport->last = job;
    job->in_line = true;
}

static void unlink_job(struct job *job)
{
    struct transport *transport = job->transport;

    if (job->previous)
        job->previous->next = job->next;
    else
        transport->first = job->next;
    if (job->next)
        job->next->previous = job->previous;
    else
        transport->last = job->previous;
    job->in_line = false;
}

/* The order of jobs stays, so heaps and lists of peers stay right. */
static void renumber(struct transport *transport)
{
    transport->last_order = 0;
    for (struct job *job = transport->first; job; job = job->next)
        job->order = transport->last_order += ORDER_STEP;
}

/* Later recipients of a message that came before others stand where that message stands. */
static void enter_line(struct job *job)
{
    struct transport *transport = job->transport;
    struct job *before = transport->last;

    while (before && before->mail->entered > job->mail->entered)
        before = before->previous;
    link_job(job, before ? before->next : transport->first);
    if (!job->next)
        job->order = transport->last_order += ORDER_STEP;
    else
        renumber(transport);
}

struct job *job_of(struct mail *mail, struct transport *transport)
{
    struct job *job = mail->jobs;

    while (job && job->transport != transport)
        job = job->next_of_mail;
    if (job)
        return job;
    job = memory_new(1, sizeof(*job));
    job->mail = mail;
    job->transport = transport;
    job->next_of_mail = mail->jobs;
    mail->jobs = job;
    enter_line(job);
    pool_enter(job);
    return job;
}

/* Slots that it took and did not use are given back. */
static void forget_overtaken(struct job *job)
{
    struct job *overtaken = job->overtaken;
    size_t used = job->selected - job->selected_before;

    if (!overtaken)
        return;
    if (job->slots_taken > used)
        overtaken->slots_used -= job->slots_taken - used;
    overtaken->overtakers--;
    job->overtaken = NULL;
}

static void forget_overtakers(struct job *job)
{
    for (struct job *other = job->transport->first; other && job->overtakers > 0;
         other = other->next)
        if (other->overtaken == job) {
            other->overtaken = NULL;
            job->overtakers--;
        }
}

void job_free(struct job *job)
{
    struct transport *transport = job->transport;

    if (transport->candidate == job)
        transport->candidate = NULL;
    if (transport->candidate_for == job)
        transport->candidate_for = NULL;
    forget_overtaken(job);
    forget_overtakers(job);
    unlink_job(job);
    pool_leave(job);
    free(job);
}

/* --- peers -------------------------------------------------------------------------------- */

static void link_peer(struct peer *peer)
{
    struct destination *destination = peer->destination;
    struct peer *before = destination->last;

    while (before && before->job->order > peer->job->order)
        before = before->previous;
    peer->previous = before;
    peer->next = before ? before->next : destination->first;
    if (before)
        before->next = peer;
    else
        destination->first = peer;
    if (peer->next)
        peer->next->previous = peer;
    else
        destination->last = peer;
}

static void unlink_peer(struct peer *peer)
{
    struct destination *destination = peer->destination;

    if (peer->previous)
        peer->previous->next = peer->next;
    else
        destination->first = peer->next;
    if (peer->next)
        peer->next->previous = peer->previous;
    else
        destination->last = peer->previous;
}

static struct peer *need_peer(struct job *job, struct destination *destination)
{
    struct peer *peer = destination->last;

    while (peer && peer->job != job)
        peer = peer->previous;
    if (peer)
        return peer;
    peer = memory_new(1, sizeof(*peer));
    peer->job = job;
    peer->destination = destination;
    peer->last = &peer->first;
    peer->turn = ++job->transport->turns;
    peer->next_of_job = job->peers;
    if (job->peers)
        job->peers->previous_of_job = peer;
    job->peers = peer;
    link_peer(peer);
    return peer;
}

static void peer_free(struct peer *peer)
{
    unlink_peer(peer);
    if (peer->previous_of_job)
        peer->previous_of_job->next_of_job = peer->next_of_job;
    else
        peer->job->peers = peer->next_of_job;
    if (peer->next_of_job)
        peer->next_of_job->previous_of_job = peer->previous_of_job;
    free(peer);
}

static void count_more(struct job *job, struct destination *destination)
{
    job->waiting++;
    destination->waiting++;
    job->transport->waiting++;
    transport_place(destination);
}

void job_push(struct job *job, struct delivery *delivery)
{
    struct peer *peer = need_peer(job, delivery->destination);

    delivery->job = job;
    delivery->next = NULL;
    *peer->last = delivery;
    peer->last = &delivery->next;
    count_more(job, delivery->destination);
}

void job_push_back(struct job *job, struct delivery *delivery)
{
    struct peer *peer = need_peer(job, delivery->destination);

    delivery->job = job;
    delivery->next = peer->first;
    if (!peer->first)
        peer->last = &delivery->next;
    peer->first = delivery;
    count_more(job, delivery->destination);
}

struct delivery *peer_pop(struct peer *peer)
{
    struct job *job = peer->job;
    struct destination *destination = peer->destination;
    struct delivery *delivery = peer->first;

    peer->first = delivery->next;
    delivery->next = NULL;
    job->waiting--;
    destination->waiting--;
    job->transport->waiting--;
    peer->turn = ++job->transport->turns;
    if (!peer->first)
        peer_free(peer);
    transport_place(destination);
    return delivery;
}

/* --- overtaking ----------------------------------------------------------------------------- */

static int cost_of(const struct transport *transport)
{
    int cost = transport->limits.slots.cost;

    return cost > 0 && cost < LEAST_COST ? LEAST_COST : cost;
}

/* Deliveries that are still to be started: each recipient not read yet may need its own. */
static size_t most_deliveries(const struct job *job)
{
    return job->waiting + job->mail->unread;
}

static size_t fewest_deliveries(const struct job *job)
{
    int limit = job->transport->limits.recipients;

    return job->waiting + (limit > 0 ? job->mail->unread / (size_t)limit : 0);
}

/* Slots that it earns until it has been delivered. */
static int64_t slots_in_all(const struct job *job)
{
    return (int64_t)((job->selected + fewest_deliveries(job)) / (size_t)cost_of(job->transport));
}

static bool may_start(const struct job *job)
{
    for (const struct peer *peer = job->peers; peer; peer = peer->next_of_job)
        if (destination_is_open(peer->destination))
            return true;
    return false;
}

/* The longer it waits and the fewer deliveries it needs, the more it counts. */
static double merit(const struct job *job, int64_t now)
{
    return (double)(now - job->mail->entered + 1) / (double)most_deliveries(job);
}

static bool is_candidate(const struct job *job, const struct job *front, int64_t slots)
{
    return job != front && job->waiting > 0 && (int64_t)most_deliveries(job) <= slots &&
           may_start(job);
}

static struct job *find_candidate(struct transport *transport, const struct job *front,
                                  int64_t slots, int64_t now)
{
    struct job *best = NULL;
    size_t looked_at = 0;

    for (struct job *job = front->next; job && looked_at < CANDIDATES; job = job->next) {
        looked_at++;
        if (is_candidate(job, front, slots) && (!best || merit(job, now) > merit(best, now)))
            best = job;
    }
    transport->candidate_for = front;
    transport->candidate_at = now;
    return transport->candidate = best;
}

/* All are looked at now and then; between that the last choice and who came later. */
static struct job *need_candidate(struct transport *transport, const struct job *front,
                                  int64_t slots, int64_t now)
{
    struct job *candidate = transport->candidate;

    if (candidate && candidate->order > front->order && is_candidate(candidate, front, slots))
        return candidate;
    transport->candidate = NULL;
    if (transport->candidate_for == front && now < transport->candidate_at + CANDIDATE_MILLISECONDS)
        return NULL;
    return find_candidate(transport, front, slots, now);
}

void job_offer(struct job *job, int64_t now)
{
    struct job *candidate = job->transport->candidate;

    if (job->waiting > 0 && (!candidate || merit(job, now) > merit(candidate, now)))
        job->transport->candidate = job;
}

/* A part of the slots is lent, but only to who has paid back what was lent before. */
static bool has_slots(const struct job *front, const struct job *candidate)
{
    const struct slot_rules *rules = &front->transport->limits.slots;
    int64_t cost = cost_of(front->transport);
    int64_t earned = (int64_t)front->selected - (int64_t)front->slots_used * cost;
    int64_t needed = (int64_t)most_deliveries(candidate) * (100 - rules->discount);

    return earned > 0 && (earned / cost + rules->loan) * 100 >= needed;
}

/* Between the job in front and the one before it. */
static void move_before(struct job *job, struct job *front)
{
    struct transport *transport = job->transport;

    unlink_job(job);
    link_job(job, front);

    int64_t low = job->previous ? job->previous->order : front->order - 2 * ORDER_STEP;

    for (struct peer *peer = job->peers; peer; peer = peer->next_of_job)
        transport_close(peer->destination);
    job->order = low + (front->order - low) / 2;
    if (job->order == low)
        renumber(transport);
    for (struct peer *peer = job->peers; peer; peer = peer->next_of_job) {
        unlink_peer(peer);
        link_peer(peer);
    }
    for (struct peer *peer = job->peers; peer; peer = peer->next_of_job)
        transport_place(peer->destination);
}

struct job *job_overtake(struct job *front, int64_t now)
{
    struct transport *transport = front->transport;
    const struct slot_rules *rules = &transport->limits.slots;

    if (rules->cost == 0 || !front->next)
        return front;

    int64_t slots = slots_in_all(front);

    if (slots < rules->minimum)
        return front;

    struct job *candidate = need_candidate(transport, front, slots - (int64_t)front->slots_used,
                                           now);

    if (!candidate || !has_slots(front, candidate))
        return front;
    forget_overtaken(candidate);
    candidate->slots_taken = most_deliveries(candidate);
    candidate->selected_before = candidate->selected;
    candidate->overtaken = front;
    front->overtakers++;
    front->slots_used += candidate->slots_taken;
    transport->candidate = NULL;
    transport->candidate_for = NULL;
    move_before(candidate, front);
    pool_lend(candidate);
    return candidate;
}
