/*
 * A server for fuzz targets whose code connects by itself: to whoever comes it says what it is
 * told to, ends its side, and listens until the other one ends too.
 */
#pragma once

#include "base/slice.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct peer {
    int listener;
    pthread_mutex_t lock;
    struct slice words;     /* borrowed until the next peer_say */
};

static inline void peer_say(struct peer *peer, struct slice words)
{
    pthread_mutex_lock(&peer->lock);
    peer->words = words;
    pthread_mutex_unlock(&peer->lock);
}

static inline void peer_talk(struct peer *peer, int client)
{
    char drain[4096];
    const char *at;
    size_t left;

    pthread_mutex_lock(&peer->lock);
    at = peer->words.data;
    left = peer->words.length;
    while (left > 0) {
        ssize_t sent = send(client, at, left, MSG_NOSIGNAL);

        if (sent <= 0)
            break;
        at += sent;
        left -= (size_t)sent;
    }
    pthread_mutex_unlock(&peer->lock);
    shutdown(client, SHUT_WR);
    while (read(client, drain, sizeof(drain)) > 0)
        continue;
}

static inline void *peer_serve(void *argument)
{
    struct peer *peer = argument;

    for (;;) {
        int client = accept(peer->listener, NULL, NULL);

        if (client < 0)
            abort();
        peer_talk(peer, client);
        close(client);
    }
    return NULL;
}

static inline void peer_start(struct peer *peer, const struct sockaddr *address, socklen_t length)
{
    pthread_t thread;

    pthread_mutex_init(&peer->lock, NULL);
    peer->words = slice_of("");
    peer->listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(peer->listener, address, length) < 0 || listen(peer->listener, 16) < 0
        || pthread_create(&thread, NULL, peer_serve, peer) != 0) {
        perror("peer");
        abort();
    }
    pthread_detach(thread);
}

/* An abstract name would not pass for a path: the socket's file is in a folder of its own. */
static inline void peer_start_unix(struct peer *peer, char *path, size_t size)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char folder[] = "/tmp/fuzz-peer-XXXXXX";

    if (!mkdtemp(folder))
        abort();
    snprintf(path, size, "%s/peer", folder);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/peer", folder);
    peer_start(peer, (const struct sockaddr *)&address, sizeof(address));
}

/* On 127.0.0.1: the port. */
static inline int peer_start_inet(struct peer *peer)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t length = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer_start(peer, (const struct sockaddr *)&address, sizeof(address));
    if (getsockname(peer->listener, (struct sockaddr *)&address, &length) < 0)
        abort();
    return ntohs(address.sin_port);
}
