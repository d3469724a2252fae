#include "biff.h"

#include "base/scope.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { COMSAT_PORT = 512 };

void biff_tell(const char *user, int64_t offset)
{
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(COMSAT_PORT) };
    AUTO_STR struct str text = STR_EMPTY;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    str_format(&text, "%s@%lld", user, (long long)offset);
    /* With its NUL. */
    if (fd >= 0)
        (void)!sendto(fd, text.data, text.length + 1, MSG_NOSIGNAL | MSG_DONTWAIT,
                      (const struct sockaddr *)&address, sizeof(address));
}
