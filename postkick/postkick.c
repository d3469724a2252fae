#include "base/scope.h"
#include "config/config.h"
#include "log/log.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

static void usage(void)
{
    log_fatal("usage: postkick [-c config_dir] [-v] class service request");
}

/* The service reads the request and closes; waiting for that keeps the bytes from being lost. */
static void kick(const struct config *config, const char *class, const char *service,
                 const char *request)
{
    AUTO_STR struct str path = STR_EMPTY;
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval patience = { config->trigger_timeout, 0 };
    struct timeval wait = { config->application_event_drain_time, 0 };
    char byte;

    str_format(&path, "%s/%s", class, service);
    if (path.length >= sizeof(address.sun_path))
        log_fatal("%s: the name is too long", path.data);
    memcpy(address.sun_path, path.data, path.length);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        if (errno != ECONNREFUSED)
            log_warn("unable to look up %s: %m", path.data);
        log_warn("Cannot contact class %s service %s - perhaps the mail system is down",
                 class, service);
        exit(1);
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
        log_fatal("write to service %s: %m", path.data);
    while (recv(fd, &byte, 1, 0) > 0)
        continue;
}

int main(int argc, char **argv)
{
    struct config_request request = { .program = "postkick" };
    const struct config *config;
    struct error error;
    int option, verbose = 0;

    log_open(&(struct log_settings){ .tag = "postfix/postkick", .program = "postkick",
                                     .syslog = true, .standard_error = true });
    argv[0] = (char *)"postkick";   /* getopt(3) complains in its name */
    while ((option = getopt(argc, argv, "c:v")) != -1)
        if (option == 'c')
            request.directory = optarg;
        else if (option == 'v')
            verbose++;
        else
            usage();
    if (argc != optind + 3)
        usage();
    if (!config_load(&request, &config, &error))
        log_fatal("%s", error.text);
    if (chdir(config->queue_directory) < 0)
        log_fatal("chdir %s: %m", config->queue_directory);
    kick(config, argv[optind], argv[optind + 1], argv[optind + 2]);
    return 0;
}
