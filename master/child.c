/*
 * The processes: their start, what they say, their end.
 */
#include "master.h"

#include "base/scope.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct words {
    char **items;
    size_t count, capacity;
};

static void add_word(struct words *words, const char *text)
{
    VECTOR_PUSH(words, memory_copy(text));
}

static void add_number(struct words *words, const char *option, long number)
{
    char text[24];

    snprintf(text, sizeof(text), "%ld", number);
    add_word(words, option);
    add_word(words, text);
}

/* What trivial-rewrite would be told: rewriting and resolving happen in the programs. */
static void add_rewrite_settings(struct words *words, const struct service_entry *rewriter)
{
    const struct line *line = &rewriter->line;

    for (size_t i = 0; i < line->word_count && line->words[i][0] == '-'; i++) {
        const char *word = line->words[i];
        AUTO_STR struct str setting = STR_EMPTY;

        if (strncmp(word, "-o", 2) != 0)
            continue;
        if (!word[2] && ++i == line->word_count)
            return;
        str_format(&setting, "%s:%s", line->name, word[2] ? word + 2 : line->words[i]);
        add_word(words, "-r");
        add_word(words, setting.data);
    }
}

static void add_rewriters(struct words *words, const struct master *master)
{
    for (size_t i = 0; i < master->services.count; i++) {
        const struct service_entry *service = master->services.items[i];

        if (!service->dropped && strcmp(service->line.program, "trivial-rewrite") == 0)
            add_rewrite_settings(words, service);
    }
}

/* See service/control.h. */
static void build_command(const struct service_entry *service, int slots, struct words *words)
{
    const struct line *line = &service->line;

    add_word(words, line->program);
    add_word(words, "-n");
    add_word(words, line->name);
    add_word(words, "-t");
    add_word(words, line->type);
    add_number(words, "-s", (long)service->listeners.count);
    add_number(words, "-k", slots);
    if (line->unprivileged)
        add_word(words, "-u");
    if (line->chroot)
        add_word(words, "-c");
    if (line->listen == LISTEN_INET) {
        add_word(words, "-o");
        add_word(words, moment_left(service->stressed_until) > 0 ? "stress=yes" : "stress=");
    }
    for (int i = 0; i < service->master->verbose; i++)
        add_word(words, "-v");
    add_rewriters(words, service->master);
    for (size_t i = 0; i < line->word_count; i++)
        add_word(words, line->words[i]);
    VECTOR_PUSH(words, NULL);
}

static void free_words(struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    VECTOR_FREE(words);
}

/*
 * The descriptors go to their agreed places by way of places beyond them, so that none
 * is overwritten before it was moved.
 */
static void move_descriptors(const struct service_entry *service, int control, int page)
{
    const int first[] = { control, page, service->master->copy };
    size_t count = COUNT(first) + service->listeners.count;
    int end = CONTROL_FD + (int)count;
    int *beyond = memory_new(count, sizeof(*beyond));

    for (size_t i = 0; i < count; i++) {
        int fd = i < COUNT(first) ? first[i] : service->listeners.items[i - COUNT(first)];

        beyond[i] = fcntl(fd, F_DUPFD_CLOEXEC, end);
    }
    for (size_t i = 0; i < count; i++)
        if (dup2(beyond[i], CONTROL_FD + (int)i) < 0)
            _exit(127);
    free(beyond);
}

static void run_program(const struct service_entry *service, char **words, int control, int page)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    move_descriptors(service, control, page);
    execv(service->path, words);
    log_warn("cannot run %s: %m", service->path);
    _exit(127);
}

/* --- What a process says. ------------------------------------------------------------- */

static void obey(struct child *child, struct slice message)
{
    struct service_entry *service = child->service;
    AUTO_FREE char *text = memory_text(message.data + 1, message.length - 1);

    switch (message.data[0]) {
    case CONTROL_READS:
        watcher_add(service, text);
        break;
    case CONTROL_PREPARED:
        service_child_prepared(child);
        break;
    case CONTROL_READY:
        service_child_ready(child);
        break;
    case CONTROL_FULL:
        service_look(service);
        break;
    case CONTROL_CROWDED:
        service_hand_on(service);
        break;
    }
}

static void hear(void *argument, int fd, UNUSED unsigned mask)
{
    struct child *child = argument;
    char bytes[CONTROL_LIMIT];
    ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (got > 0)
        obey(child, slice_bytes(bytes, (size_t)got));
    else if (got == 0)
        events_forget(child->service->master->events, fd);  /* it ends: SIGCHLD comes */
}

/* --- Life. ------------------------------------------------------------------------------ */

static struct child *adopt(struct service_entry *service, pid_t pid, int control,
                           struct service_page *page)
{
    struct child *child = memory_new(1, sizeof(*child));

    *child = (struct child){ .service = service, .pid = pid, .control = control, .page = page,
                             .generation = service->generation, .next = service->children };
    service->children = child;
    service->used = true;
    events_watch(service->master->events, control, EVENT_READ, hear, child);
    return child;
}

struct child *child_start(struct service_entry *service, int slots)
{
    int pair[2], page_fd;
    struct words words = { NULL, 0, 0 };

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        log_warn("%s: socketpair: %m", service->path);
        return NULL;
    }

    struct service_page *page = page_new(&page_fd);

    atomic_store(&page->slots, (unsigned)slots);
    build_command(service, slots, &words);
    log_debug("start %s for service %s with %d slots", service->path, service->line.name, slots);

    pid_t pid = fork();

    if (pid == 0)
        run_program(service, words.items, pair[1], page_fd);

    int code = errno;

    free_words(&words);
    close(page_fd);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        page_free(page);
        log_warn("fork: %s", strerror(code));
        return NULL;
    }
    return adopt(service, pid, pair[0], page);
}

void child_retire(struct child *child)
{
    if (child->retired)
        return;
    child->retired = true;
    control_say(child->control, CONTROL_RETIRE, SLICE_LITERAL(""));
}

static struct child *take_out(struct service_entry *service, pid_t pid)
{
    for (struct child **link = &service->children; *link; link = &(*link)->next)
        if ((*link)->pid == pid) {
            struct child *child = *link;

            *link = child->next;
            return child;
        }
    return NULL;
}

/* What it said last may still lie in the socket. */
static void hear_out(struct child *child)
{
    char bytes[CONTROL_LIMIT];
    ssize_t got;

    while ((got = recv(child->control, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        if (bytes[0] == CONTROL_READS)
            obey(child, slice_bytes(bytes, (size_t)got));
}

static void bury(struct child *child, int status)
{
    hear_out(child);
    events_forget(child->service->master->events, child->control);
    close(child->control);
    service_child_gone(child, status);
    page_free(child->page);
    free(child);
}

void children_reap(struct master *master)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < master->services.count; i++) {
            struct child *child = take_out(master->services.items[i], pid);

            if (!child)
                continue;
            bury(child, status);
            break;
        }
}
