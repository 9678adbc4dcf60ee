/* HTTP/1 requests, read as strictly as Go's net/http reads them. */
#include "whoami.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_token(unsigned char c)
{
    return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool tokens(struct text t)
{
    for (size_t i = 0; i < t.n; i++)
        if (!is_token((unsigned char)t.at[i]))
            return false;
    return t.n > 0;
}

static struct text trim(struct text t)
{
    while (t.n && (t.at[0] == ' ' || t.at[0] == '\t'))
        t.at++, t.n--;
    while (t.n && (t.at[t.n - 1] == ' ' || t.at[t.n - 1] == '\t'))
        t.n--;
    return t;
}

/* The next line without its end; false where it has none yet. */
static bool line(const struct buf *in, size_t *at, struct text *out)
{
    const char *end = *at < in->n ? memchr(in->at + *at, '\n', in->n - *at) : NULL;
    if (!end)
        return false;
    out->at = in->at + *at;
    out->n = (size_t)(end - out->at);
    *at += out->n + 1;
    if (out->n && out->at[out->n - 1] == '\r')
        out->n--;
    return true;
}

const struct header *find(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++)
        if (same(r->headers[i].name, name))
            return &r->headers[i];
    return NULL;
}

static bool any_token(const struct request *r, const char *name, const char *token)
{
    for (size_t i = 0; i < r->count; i++)
        if (same(r->headers[i].name, name) && has_token(r->headers[i].value, token))
            return true;
    return false;
}

static void leave_out(struct request *r, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++)
        if (!same(r->headers[i].name, name))
            r->headers[kept++] = r->headers[i];
    r->count = kept;
}

static int request_line(struct text l, struct request *r, const char **why)
{
    const char *one = memchr(l.at, ' ', l.n);
    const char *two = one ? memchr(one + 1, ' ', l.n - (size_t)(one + 1 - l.at)) : NULL;
    if (!two)
        return -400;
    struct text version = {two + 1, l.n - (size_t)(two + 1 - l.at)};
    r->method = (struct text){l.at, (size_t)(one - l.at)};
    r->target = (struct text){one + 1, (size_t)(two - one - 1)};
    if (!tokens(r->method) || version.n != 8 || memcmp(version.at, "HTTP/", 5) ||
        !isdigit((unsigned char)version.at[5]) || version.at[6] != '.' || !isdigit((unsigned char)version.at[7]))
        return -400;
    if (version.at[5] != '1') {
        *why = "unsupported protocol version";
        return -505;
    }
    r->http11 = version.at[7] != '0';
    return 1;
}

/* Splits the target, and decodes its path. */
static int target(struct request *r)
{
    struct text t = r->target;
    for (size_t i = 0; i < t.n; i++)
        if ((unsigned char)t.at[i] < 0x21 || t.at[i] == 0x7f)
            return -400;
    for (int tls = 0; tls < 2; tls++) { /* absolute form: the authority overrides the Host header */
        const char *scheme = tls ? "https://" : "http://";
        size_t n = strlen(scheme);
        if (t.n > n && !strncasecmp(t.at, scheme, n)) {
            size_t end = n;
            while (end < t.n && t.at[end] != '/' && t.at[end] != '?')
                end++;
            r->host = (struct text){t.at + n, end - n};
            r->has_host = r->absolute = true;
            t.at += end;
            t.n -= end;
            if (!t.n || t.at[0] != '/')
                t = t.n ? t : (struct text){"/", 1};
            break;
        }
    }
    if (!t.n || t.at[0] != '/')
        return -400;
    r->target = t;
    const char *mark = memchr(t.at, '?', t.n);
    size_t n = mark ? (size_t)(mark - t.at) : t.n;
    r->query = mark ? (struct text){mark + 1, t.n - n - 1} : (struct text){"", 0};
    char *to = r->path = malloc(n + 1);
    if (!to)
        abort();
    for (size_t i = 0; i < n; i++) {
        if (t.at[i] != '%') {
            *to++ = t.at[i];
            continue;
        }
        if (i + 2 >= n || unhex(t.at[i + 1]) < 0 || unhex(t.at[i + 2]) < 0)
            return -400;
        *to++ = (char)(unhex(t.at[i + 1]) * 16 + unhex(t.at[i + 2]));
        i += 2;
    }
    *to = 0;
    return 1;
}

/* Writes the name as Go does, in place: the buffer is ours and the result idempotent. */
static void canonical(struct text name)
{
    bool upper = true;
    for (size_t i = 0; i < name.n; i++) {
        char *c = (char *)name.at + i;
        *c = (char)(upper ? toupper((unsigned char)*c) : tolower((unsigned char)*c));
        upper = *c == '-';
    }
}

static int header_line(struct text l, struct request *r, const char **why)
{
    const char *colon = memchr(l.at, ':', l.n);
    if (!colon)
        return -400;
    struct header h = {{l.at, (size_t)(colon - l.at)}, {colon + 1, l.n - (size_t)(colon + 1 - l.at)}};
    if (!tokens(h.name))
        return -400;
    h.value = trim(h.value);
    for (size_t i = 0; i < h.value.n; i++)
        if (((unsigned char)h.value.at[i] < 0x20 && h.value.at[i] != '\t') || h.value.at[i] == 0x7f) {
            *why = "invalid header value";
            return -400;
        }
    canonical(h.name);
    if (same(h.name, "Host")) {
        if (r->has_host && !r->absolute) {
            *why = "too many Host headers";
            return -400;
        }
        if (!r->absolute)
            r->host = h.value;
        r->has_host = true;
        for (size_t i = 0; i < h.value.n; i++)
            if (strchr(" \t\"<>\\^`{|}/?#", h.value.at[i])) {
                *why = "malformed Host header";
                return -400;
            }
        return 1;
    }
    if (r->count == HEADERS)
        return -431;
    r->headers[r->count++] = h;
    return 1;
}

/* Decides how long the body is. */
static int framing(struct request *r, const char **why)
{
    const struct header *te = find(r, "Transfer-Encoding");
    r->length = 0;
    if (te && r->http11) {
        if (!same_fold(te->value, "chunked")) {
            *why = "unsupported transfer encoding";
            return -501;
        }
        r->chunked = true;
        r->length = -1;
        leave_out(r, "Content-Length");
    }
    leave_out(r, "Transfer-Encoding");
    leave_out(r, "Trailer");
    const struct header *first = find(r, "Content-Length");
    for (size_t i = 0; first && i < r->count; i++) {
        struct header *h = &r->headers[i];
        if (!same(h->name, "Content-Length"))
            continue;
        if (!h->value.n || h->value.n > 18 || h->value.n != first->value.n ||
            memcmp(h->value.at, first->value.at, h->value.n))
            return -400;
        long long n = 0;
        for (size_t k = 0; k < h->value.n; k++) {
            if (!isdigit((unsigned char)h->value.at[k]))
                return -400;
            n = n * 10 + (h->value.at[k] - '0');
        }
        r->length = n;
    }
    return r->length > BODY_LIMIT ? -413 : 1;
}

static int chunks(const struct buf *in, size_t at, struct request *r)
{
    for (;;) {
        struct text l;
        size_t size = 0, digits = 0, begin = at;
        if (at - r->size > BODY_LIMIT)
            return -413;
        if (!line(in, &at, &l))
            return in->n - begin > 256 ? -400 : 0;
        for (; digits < l.n && unhex(l.at[digits]) >= 0; digits++) {
            size = size * 16 + (size_t)unhex(l.at[digits]);
            if (size > BODY_LIMIT)
                return -413;
        }
        l = trim((struct text){l.at + digits, l.n - digits}); /* extensions follow a semicolon */
        if (!digits || (l.n && l.at[0] != ';'))
            return -400;
        if (!size)
            break;
        if (in->n - at < size + 2)
            return in->n - at > size && in->at[at + size] != '\r' ? -400 : 0;
        if (memcmp(in->at + at + size, "\r\n", 2))
            return -400;
        add(&r->body, in->at + at, size);
        at += size + 2;
    }
    for (struct text l;;) { /* trailers are read and left out */
        if (at - r->size > BODY_LIMIT)
            return -413;
        if (!line(in, &at, &l))
            return 0;
        if (!l.n)
            break;
    }
    r->size = at;
    return 1;
}

int parse(const struct buf *in, struct request *r, const char **why)
{
    size_t at = 0;
    struct text l;
    int verdict;
    memset(r, 0, sizeof *r);
    *why = NULL;
    if (!line(in, &at, &l))
        return in->n > HEAD_LIMIT ? -431 : 0;
    if ((verdict = request_line(l, r, why)) < 0 || (verdict = target(r)) < 0)
        return verdict;
    for (;;) {
        if (at > HEAD_LIMIT)
            return -431;
        if (!line(in, &at, &l))
            return in->n > HEAD_LIMIT ? -431 : 0;
        if (!l.n)
            break;
        if ((verdict = header_line(l, r, why)) < 0)
            return verdict;
    }
    if (r->http11 && !r->has_host) {
        *why = "missing required Host header";
        return -400;
    }
    if ((verdict = framing(r, why)) < 0)
        return verdict;
    bool keep = any_token(r, "Connection", "keep-alive");
    r->close = any_token(r, "Connection", "close") || (!r->http11 && !keep);
    r->keep10 = !r->http11 && keep && !r->close;
    r->expects = r->http11 && any_token(r, "Expect", "100-continue");
    r->size = at;
    if (r->chunked)
        return chunks(in, at, r);
    if (in->n - at < (size_t)r->length)
        return 0;
    add(&r->body, in->at + at, (size_t)r->length);
    r->size = at + (size_t)r->length;
    return 1;
}

void forget(struct request *r)
{
    free(r->path);
    r->path = NULL;
    release(&r->body);
}
