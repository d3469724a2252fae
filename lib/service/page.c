#include "service/control.h"

#include "base/memory.h"
#include "log/log.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static struct service_page *map_page(int fd)
{
    void *page = mmap(NULL, sizeof(struct service_page), PROT_READ | PROT_WRITE,
                      MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

    if (page == MAP_FAILED)
        memory_exhausted();
    return page;
}

struct service_page *page_new(int *fd)
{
    *fd = memfd_create("service", MFD_CLOEXEC);
    if (*fd < 0 || ftruncate(*fd, sizeof(struct service_page)) < 0)
        memory_exhausted();
    return map_page(*fd);
}

struct service_page *page_open(int fd)
{
    return map_page(fd);
}

void page_free(struct service_page *page)
{
    if (page)
        munmap(page, sizeof(*page));
}

/*
 * Master never waits for a process.  A process waits for master only with what must arrive: of
 * "full" there are others under way when there is no more room.
 */
static int send_flags(enum control_message message)
{
    bool must_arrive = message == CONTROL_READS || message == CONTROL_PREPARED ||
                       message == CONTROL_READY;

    return MSG_NOSIGNAL | (must_arrive ? 0 : MSG_DONTWAIT);
}

void control_say(int fd, enum control_message message, struct slice text)
{
    char bytes[CONTROL_LIMIT];

    if (fd < 0)
        return;
    if (text.length >= sizeof(bytes))
        log_panic("a control message of %zu bytes", text.length);
    bytes[0] = (char)message;
    if (text.length > 0)
        memcpy(bytes + 1, text.data, text.length);

    ssize_t ignored = send(fd, bytes, text.length + 1, send_flags(message));

    (void)ignored;
}
