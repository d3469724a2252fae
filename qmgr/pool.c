#include "pool.h"

static void link_unread(struct job *job)
{
    struct transport *transport = job->transport;
    struct job *before = transport->last_unread;

    while (before && before->mail->entered > job->mail->entered)
        before = before->previous_unread;
    job->is_unread = true;
    job->previous_unread = before;
    job->next_unread = before ? before->next_unread : transport->first_unread;
    if (before)
        before->next_unread = job;
    else
        transport->first_unread = job;
    if (job->next_unread)
        job->next_unread->previous_unread = job;
    else
        transport->last_unread = job;
}

static void unlink_unread(struct job *job)
{
    struct transport *transport = job->transport;

    if (!job->is_unread)
        return;
    job->is_unread = false;
    if (job->previous_unread)
        job->previous_unread->next_unread = job->next_unread;
    else
        transport->first_unread = job->next_unread;
    if (job->next_unread)
        job->next_unread->previous_unread = job->previous_unread;
    else
        transport->last_unread = job->previous_unread;
}

/* Places that the job does not need for what it has in memory go back to the pools. */
static void return_surplus(struct job *job)
{
    size_t held = job->room + job->extra_room;
    size_t surplus = held > job->recipients ? held - job->recipients : 0;
    size_t extra = surplus < job->extra_room ? surplus : job->extra_room;

    job->extra_room -= extra;
    job->transport->extra_pool += extra;
    job->room -= surplus - extra;
    job->transport->pool += surplus - extra;
}

static void take_pool(struct job *job)
{
    job->room += job->transport->pool;
    job->transport->pool = 0;
}

/* Whoever comes first and is not completely read has what is free. */
static void pass_on(struct transport *transport)
{
    if (transport->first_unread)
        take_pool(transport->first_unread);
}

void pool_enter(struct job *job)
{
    struct transport *transport = job->transport;

    if (job->mail->unread > 0 && !job->is_unread) {
        struct job *holder = transport->first_unread;

        link_unread(job);
        if (holder && transport->first_unread == job)
            return_surplus(holder);
        pass_on(transport);
        return;
    }
    take_pool(job);
    return_surplus(job);
    pass_on(transport);
}

void pool_count(struct job *job, size_t came, size_t left)
{
    job->recipients = job->recipients + came - left;
    job->mail->recipients = job->mail->recipients + came - left;
    if (job->is_unread)
        return;
    if (came > 0) {
        take_pool(job);
        return_surplus(job);
    } else if (left > 0) {
        return_surplus(job);
    }
    pass_on(job->transport);
}

void pool_leave(struct job *job)
{
    unlink_unread(job);
    return_surplus(job);
    pass_on(job->transport);
}

void pool_lend(struct job *job)
{
    struct transport *transport = job->transport;

    if (!job->is_unread)
        return;

    size_t half = transport->pool / 2, extra = (transport->extra_pool + 1) / 2;

    transport->pool -= half;
    job->room += half;
    transport->extra_pool -= extra;
    job->extra_room += extra;
}

size_t pool_room(const struct mail *mail, size_t minimum)
{
    size_t room = minimum;

    for (const struct job *job = mail->jobs; job; job = job->next_of_mail)
        room += job->room + job->extra_room;
    return room > mail->recipients ? room - mail->recipients : 0;
}
