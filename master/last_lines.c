/*
 * What lies in postlogd's socket when it has ended and no other one will: master writes it.
 */
#include "master.h"

#include "base/scope.h"
#include "log/log.h"
#include "log_file.h"

#include <sys/socket.h>

/* From here on who sends is told, so that master's own lines go to the file by themselves. */
static void take_from(int socket, struct log_file *file)
{
    AUTO_FREE char *line = memory_new(1, LOG_DATAGRAM_LIMIT);
    ssize_t length;

    shutdown(socket, SHUT_RD);
    while ((length = recv(socket, line, LOG_DATAGRAM_LIMIT, MSG_DONTWAIT)) > 0)
        log_file_add(file, slice_bytes(line, (size_t)length));
}

void last_lines_take(const struct master *master)
{
    struct error error;
    struct log_file *file = NULL;

    for (size_t i = 0; i < master->services.count; i++) {
        const struct service_entry *service = master->services.items[i];

        if (strcmp(service->line.program, "postlogd") != 0 || service->listeners.count == 0)
            continue;
        if (!file && !(file = log_file_open(master->config, &error)))
            return;     /* postlogd has said why, where it could */
        take_from(service->listeners.items[0], file);
    }
    if (file)
        log_file_close(file);
}
