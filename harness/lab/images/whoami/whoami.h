/* whoami: answers who it is; one thread, one epoll set, no allocation kept by an idle connection.
 *
 * The contract is that of traefik/whoami (app.go), whose HTTP side is Go's net/http: what a client
 * can see of either is kept here, the code is our own. Built with tcc or gcc against musl, static.
 */
#ifndef WHOAMI_H
#define WHOAMI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HEAD_LIMIT = 64 * 1024,  /* bytes of request line and headers; beyond: 431 */
    BODY_LIMIT = 256 * 1024, /* bytes of request body, as they travel; beyond: 413 */
    HEADERS = 128,           /* header lines; beyond: 431 */
    BUFFERED = 2048,         /* Go sends longer bodies chunked */
    BLOCK = 32 * 1024        /* bytes of /data that are made at a time */
};

struct text { /* a piece of somebody else's bytes */
    const char *at;
    size_t n;
};

struct buf { /* growing bytes of one's own */
    char *at;
    size_t n, cap;
};

struct header {
    struct text name, value; /* name as Go writes it: Canonical-Case */
};

struct request {
    struct text method, target; /* target: path and query as sent, without scheme and authority */
    char *path;                 /* decoded */
    struct text query;
    struct text host;
    bool has_host, http11, close, keep10, chunked, expects, absolute;
    long long length; /* of the body; -1: chunked */
    struct header headers[HEADERS];
    size_t count;
    size_t size;     /* bytes of the whole request in the buffer */
    struct buf body; /* decoded */
};

struct conn {
    int fd;
    struct buf in, out;
    size_t sent;
    uint64_t left, total; /* bytes of /data still to make, and in all */
    bool stream_chunked, closing, lingering, waited, continued, writing;
    double wake;  /* seconds of the monotonic clock; 0: not waiting */
    size_t place; /* in the heap of sleepers */
    char remote[64];
};

struct settings {
    const char *name, *port;
    bool verbose;
};

extern struct settings settings;

/* text.c */
void add(struct buf *b, const void *bytes, size_t n);
void adds(struct buf *b, const char *s);
void addf(struct buf *b, const char *format, ...);
void add_json(struct buf *b, struct text t);
void drop(struct buf *b, size_t n);
void release(struct buf *b);
bool same(struct text t, const char *s);
bool same_fold(struct text t, const char *s);
bool has_token(struct text list, const char *token);
bool query_value(struct text query, const char *key, struct buf *value);
bool parse_bool(const char *s);
bool parse_duration(const char *s, double *seconds);
int unhex(int c);

/* addresses.c */
int addresses_watch(void);          /* an fd that becomes readable when an address changes, or -1 */
void addresses_changed(int fd);     /* reads what it has to say */
const struct buf *addresses(void);  /* every address of this host, one a line */

/* request.c: 1 whole, 0 more is needed, otherwise minus the status that refuses it */
int parse(const struct buf *in, struct request *r, const char **why);
void forget(struct request *r);
const struct header *find(const struct request *r, const char *name);

/* reply.c */
extern const char plain[]; /* the header line of plain text */
const char *reason(int status);
void head(struct conn *c, const struct request *r, int status, const char *headers, long long length);
void reply(struct conn *c, const struct request *r, int status, const char *headers, const struct buf *body);
void complain(struct conn *c, const struct request *r, int status, const char *message);
void refuse(struct conn *c, int status, const char *why);

/* pages.c */
void answer(struct conn *c, struct request *r, double now);
void make_block(struct conn *c);

#endif
