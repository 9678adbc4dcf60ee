/* The loop: accept, read, answer, write; sleepers in a heap; nothing blocks. */
#include "whoami.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, READ = 16 * 1024, LINGER_MS = 500 };

struct settings settings = {.name = "", .port = "80"};

static int loop, listener, news;
static bool deaf; /* out of descriptors: the listener waits until one is free */
static struct conn **sleepers;
static size_t asleep, beds;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void sift(size_t i)
{
    struct conn *c = sleepers[i];
    for (; i > 1 && sleepers[i / 2]->wake > c->wake; i /= 2)
        (sleepers[i] = sleepers[i / 2])->place = i;
    for (size_t child; (child = 2 * i) <= asleep; i = child) {
        if (child < asleep && sleepers[child + 1]->wake < sleepers[child]->wake)
            child++;
        if (sleepers[child]->wake >= c->wake)
            break;
        (sleepers[i] = sleepers[child])->place = i;
    }
    (sleepers[i] = c)->place = i;
}

static void sleep_until(struct conn *c, double wake)
{
    if (asleep + 2 > beds) {
        beds = beds ? beds * 2 : 64;
        sleepers = realloc(sleepers, beds * sizeof *sleepers);
        if (!sleepers)
            abort();
    }
    c->wake = wake;
    sleepers[++asleep] = c;
    sift(asleep);
}

static void wake_up(struct conn *c)
{
    size_t i = c->place;
    struct conn *last = sleepers[asleep--];
    c->wake = 0;
    if (last != c) {
        sleepers[i] = last;
        sift(i);
    }
}

static void watch(int fd, void *what, uint32_t events, int how)
{
    struct epoll_event e = {.events = events, .data.ptr = what};
    epoll_ctl(loop, how, fd, &e);
}

static void end(struct conn *c)
{
    if (c->wake)
        wake_up(c);
    close(c->fd);
    release(&c->in);
    release(&c->out);
    free(c);
    if (deaf) {
        watch(listener, &listener, EPOLLIN, EPOLL_CTL_MOD);
        deaf = false;
    }
}

/* Writes what is there; false when the connection is gone. */
static bool flush(struct conn *c)
{
    for (int blocks = 0; c->sent < c->out.n || c->left; blocks++) {
        if (c->sent == c->out.n) {
            c->out.n = c->sent = 0;
            if (blocks > 16) /* others want their turn */
                break;
        }
        if (c->left && c->out.n < BLOCK)
            make_block(c);
        ssize_t n = send(c->fd, c->out.at + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            end(c);
            return false;
        }
        if (n < 0)
            break;
        c->sent += (size_t)n;
    }
    bool pending = c->sent < c->out.n || c->left;
    if (pending != c->writing) {
        watch(c->fd, c, pending ? EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
        c->writing = pending;
    }
    if (pending)
        return true;
    c->sent = 0;
    release(&c->out);
    if (!c->closing)
        return true;
    if (!c->lingering) {
        end(c);
        return false;
    }
    if (!c->wake) { /* unread input would turn our answer into a reset: let the client read it first */
        shutdown(c->fd, SHUT_WR);
        drop(&c->in, c->in.n);
        sleep_until(c, now() + LINGER_MS / 1e3);
    }
    return true;
}

/* Answers every whole request that has arrived; false when the connection is gone. */
static bool serve(struct conn *c)
{
    while (c->in.n && !c->wake && !c->writing && !c->closing) {
        struct request r;
        const char *why;
        int verdict = parse(&c->in, &r, &why);
        if (!verdict) {
            bool asked = r.expects && !c->continued;
            forget(&r);
            if (!asked)
                break;
            c->continued = true;
            adds(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
            return flush(c);
        }
        if (verdict < 0) {
            refuse(c, -verdict, why);
        } else {
            answer(c, &r, now());
            c->waited = c->continued = false;
            if (c->wake) {
                double wake = c->wake;
                c->waited = true;
                sleep_until(c, wake);
                watch(c->fd, c, 0, EPOLL_CTL_MOD);
            } else {
                c->lingering = c->closing && c->in.n > r.size;
                drop(&c->in, r.size);
            }
        }
        forget(&r);
        if (!flush(c))
            return false;
    }
    return true;
}

static void receive(struct conn *c)
{
    char block[READ];
    ssize_t n = recv(c->fd, block, sizeof block, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        end(c);
        return;
    }
    if (c->closing)
        return;
    bool dripping = c->in.n && n < 64 && !memchr(block, '\n', (size_t)n);
    add(&c->in, block, (size_t)n);
    if (dripping && c->in.n < HEAD_LIMIT) { /* a body's end may have come: look; a header's cannot have */
        const char *blank = memmem(c->in.at, c->in.n, "\n\r\n", 3);
        if (!blank && !memmem(c->in.at, c->in.n, "\n\n", 2))
            return;
    }
    serve(c);
}

static void name_peer(struct conn *c, const struct sockaddr_storage *peer)
{
    char text[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;
    const struct sockaddr_in *four = (const struct sockaddr_in *)peer;
    bool mapped = peer->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr);
    if (mapped)
        inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, text, sizeof text);
    else if (peer->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
    else
        inet_ntop(AF_INET, &four->sin_addr, text, sizeof text);
    bool brackets = peer->ss_family == AF_INET6 && !mapped;
    snprintf(c->remote, sizeof c->remote, brackets ? "[%s]:%d" : "%s:%d", text,
             ntohs(peer->ss_family == AF_INET6 ? six->sin6_port : four->sin_port));
}

static void welcome(void)
{
    for (int i = 0; i < 64; i++) {
        struct sockaddr_storage peer;
        socklen_t size = sizeof peer;
        int fd = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                watch(listener, &listener, 0, EPOLL_CTL_MOD);
                deaf = true;
            }
            return;
        }
        struct conn *c = calloc(1, sizeof *c);
        if (!c)
            abort();
        c->fd = fd;
        name_peer(c, &peer);
        watch(fd, c, EPOLLIN, EPOLL_CTL_ADD);
        receive(c); /* most clients have spoken already */
    }
}

static void attend(struct conn *c, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP))
        end(c);
    else if (c->writing)
        (void)(flush(c) && !c->writing && serve(c));
    else
        receive(c);
}

static void rouse(struct conn *c)
{
    wake_up(c);
    if (c->closing) {
        end(c);
        return;
    }
    watch(c->fd, c, EPOLLIN, EPOLL_CTL_MOD);
    serve(c);
}

static void stop(int signal_)
{
    if (getpid() == 1 || signal_ == SIGQUIT) /* as a Go program that nobody handles signals for */
        _exit(2);
    signal(signal_, SIG_DFL);
    raise(signal_);
}

static int open_listener(const char *port)
{
    int one = 1, zero = 0, idle = 15, n = atoi(port);
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)n)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)n)};
    if (n < 0 || n > 65535)
        return -1;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool v6 = fd >= 0;
    if (!v6)
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one); /* accepted sockets inherit all of these */
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (v6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (bind(fd, v6 ? (struct sockaddr *)&six : (struct sockaddr *)&four, v6 ? sizeof six : sizeof four) ||
        listen(fd, 4096)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void say(const char *format, const char *what)
{
    char stamp[32];
    time_t t = time(NULL);
    struct tm utc;
    gmtime_r(&t, &utc);
    strftime(stamp, sizeof stamp, "%Y/%m/%d %H:%M:%S ", &utc);
    fputs(stamp, stderr);
    fprintf(stderr, format, what);
    fputs("\n", stderr);
}

static int usage(const char *complaint, const char *what)
{
    fprintf(stderr, complaint, what);
    fputs("\nUsage of /whoami:\n  -name string\n  -port string\n  -verbose\n", stderr);
    return 2;
}

static int read_flags(int argc, char **argv)
{
    const char *port = getenv("WHOAMI_PORT_NUMBER"), *name = getenv("WHOAMI_NAME");
    settings.port = port && *port ? port : "80";
    settings.name = name ? name : "";
    for (int i = 1; i < argc && argv[i][0] == '-' && strcmp(argv[i], "--") && argv[i][1]; i++) {
        const char *flag = argv[i] + (argv[i][1] == '-' ? 2 : 1);
        struct text key = {flag, strcspn(flag, "=")};
        const char *value = flag[key.n] ? flag + key.n + 1 : NULL;
        if (same(key, "verbose")) {
            settings.verbose = !value || parse_bool(value);
            continue;
        }
        if (same(key, "cert") || same(key, "key") || same(key, "cacert"))
            return usage("this stand-in does not speak TLS: -%s", flag);
        if (!same(key, "port") && !same(key, "name"))
            return usage(same(key, "h") || same(key, "help") ? "%s" : "flag provided but not defined: -%s", flag);
        if (!value && !(value = argv[++i]))
            return usage("flag needs an argument: -%s", flag);
        *(same(key, "port") ? &settings.port : &settings.name) = value;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const int ends[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT};
    struct epoll_event events[EVENTS];
    struct rlimit files;
    int wrong = read_flags(argc, argv);
    if (wrong)
        return wrong;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        signal(ends[i], stop);
    signal(SIGPIPE, SIG_IGN);
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    say("Starting up on port %s", settings.port);
    loop = epoll_create1(EPOLL_CLOEXEC);
    listener = open_listener(settings.port);
    if (loop < 0 || listener < 0) {
        say("listen tcp: %s", strerror(errno));
        return 1;
    }
    watch(listener, &listener, EPOLLIN, EPOLL_CTL_ADD);
    if ((news = addresses_watch()) >= 0)
        watch(news, &news, EPOLLIN, EPOLL_CTL_ADD);
    for (;;) {
        double wait = asleep ? (sleepers[1]->wake - now()) * 1e3 + 1 : -1;
        int timeout = wait < 0 ? (asleep ? 0 : deaf ? 100 : -1) : wait > 60000 ? 60000 : (int)wait;
        int n = epoll_wait(loop, events, EVENTS, timeout);
        if (deaf && n == 0) { /* another process may have freed a descriptor */
            watch(listener, &listener, EPOLLIN, EPOLL_CTL_MOD);
            deaf = false;
        }
        for (int i = 0; i < n; i++) /* first what the host is, then who asks */
            if (events[i].data.ptr == &news)
                addresses_changed(news);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &listener)
                welcome();
            else if (events[i].data.ptr != &news)
                attend(events[i].data.ptr, events[i].events);
        }
        while (asleep && sleepers[1]->wake <= now())
            rouse(sleepers[1]);
    }
}
