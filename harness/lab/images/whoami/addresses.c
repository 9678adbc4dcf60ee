/* The host's own addresses, read when they change and not at each request. */
#include "whoami.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The part of the kernel's netlink interface that is needed; musl-dev brings no kernel headers. */
struct netlink_address {
    uint16_t family, pad;
    uint32_t pid, groups;
};
enum { ROUTE = 0, LINKS = 0x1, IPV4_ADDRESSES = 0x10, IPV6_ADDRESSES = 0x100 };

static struct buf lines;
static bool fresh, watching;

int addresses_watch(void)
{
    struct netlink_address self = {.family = AF_NETLINK, .groups = LINKS | IPV4_ADDRESSES | IPV6_ADDRESSES};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, ROUTE);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&self, sizeof self)) {
        close(fd);
        fd = -1;
    }
    watching = fd >= 0;
    return fd;
}

void addresses_changed(int fd)
{
    char ignored[8192];
    fresh = false; /* whatever it was, ENOBUFS included */
    while (recv(fd, ignored, sizeof ignored, 0) > 0)
        ;
}

static void add_address(const struct sockaddr *a)
{
    char text[INET6_ADDRSTRLEN];
    const void *raw = a->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)a)->sin_addr
                                              : (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr;
    if (inet_ntop(a->sa_family, raw, text, sizeof text))
        addf(&lines, "%s\n", text);
}

const struct buf *addresses(void)
{
    struct ifaddrs *all, *i, *j;
    if (fresh && watching)
        return &lines;
    lines.n = 0;
    if (getifaddrs(&all))
        return &lines;
    /* interface by interface, IPv4 before IPv6; links come first in the list, once each */
    for (i = all; i; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_PACKET)
            continue;
        for (int family = 0; family < 2; family++)
            for (j = all; j; j = j->ifa_next)
                if (j->ifa_addr && j->ifa_addr->sa_family == (family ? AF_INET6 : AF_INET) &&
                    !strcmp(j->ifa_name, i->ifa_name))
                    add_address(j->ifa_addr);
    }
    freeifaddrs(all);
    fresh = true;
    return &lines;
}
