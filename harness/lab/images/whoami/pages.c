/* The pages. */
#include "whoami.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int health = 200; /* what GET /health answers; POST sets it */

static int by_name(const void *a, const void *b)
{
    const struct header *one = a, *two = b;
    size_t n = one->name.n < two->name.n ? one->name.n : two->name.n;
    int order = memcmp(one->name.at, two->name.at, n);
    if (!order && one->name.n != two->name.n)
        order = one->name.n < two->name.n ? -1 : 1;
    return order ? order : one->value.at < two->value.at ? -1 : one->value.at > two->value.at;
}

/* Path and query as Go's URL.RequestURI writes them: what may not stand in a path is escaped. */
static void add_uri(struct buf *out, const struct request *r)
{
    struct text t = r->target;
    bool query = false;
    for (size_t i = 0; i < t.n; i++) {
        unsigned char c = (unsigned char)t.at[i];
        query = query || c == '?';
        if (query || isalnum(c) || strchr("-_.~!$&'()*+,;=:@[]/%", c))
            add(out, &t.at[i], 1);
        else
            addf(out, "%%%02X", c);
    }
}

/* The request as Go's Request.Write prints it on its way to a next server. */
static void add_request(struct buf *out, const struct request *r)
{
    if (!r->host.n) {
        adds(out, "http: Request.Write on Request with no Host or URL set\n");
        return;
    }
    add(out, r->method.at, r->method.n);
    adds(out, " ");
    add_uri(out, r);
    adds(out, " HTTP/1.1\r\nHost: ");
    add(out, r->host.at, r->host.n);
    adds(out, "\r\n");
    const struct header *agent = find(r, "User-Agent"), *connection = find(r, "Connection");
    if (!agent || agent->value.n) {
        adds(out, "User-Agent: ");
        add(out, agent ? agent->value.at : "Go-http-client/1.1", agent ? agent->value.n : 18);
        adds(out, "\r\n");
    }
    if (r->close && !(connection && has_token(connection->value, "close")))
        adds(out, "Connection: close\r\n");
    if (r->length > 0 || (!r->length && (same(r->method, "POST") || same(r->method, "PUT") || same(r->method, "PATCH"))))
        addf(out, "Content-Length: %lld\r\n", r->length);
    else if (r->chunked)
        adds(out, "Transfer-Encoding: chunked\r\n");
    for (size_t i = 0; i < r->count; i++) {
        const struct header *h = &r->headers[i];
        if (same(h->name, "User-Agent") || same(h->name, "Content-Length"))
            continue;
        add(out, h->name.at, h->name.n);
        adds(out, ": ");
        add(out, h->value.at, h->value.n);
        adds(out, "\r\n");
    }
    adds(out, "\r\n");
    if (r->chunked && r->body.n)
        addf(out, "%zx\r\n", r->body.n);
    add(out, r->body.at, r->body.n);
    if (r->chunked)
        adds(out, r->body.n ? "\r\n0\r\n\r\n" : "0\r\n\r\n");
}

static void hostname(char name[256])
{
    if (gethostname(name, 255))
        *name = 0;
    name[255] = 0;
}

static bool wants_environment(const struct request *r)
{
    struct buf value = {0};
    query_value(r->query, "env", &value);
    bool wanted = parse_bool(value.at);
    release(&value);
    return wanted;
}

static void page_whoami(struct conn *c, const struct request *r)
{
    struct buf body = {0};
    char name[256];
    hostname(name);
    if (*settings.name) {
        adds(&body, "Name: ");
        adds(&body, settings.name);
        adds(&body, "\n");
    }
    addf(&body, "Hostname: %s\n", name);
    const struct buf *ips = addresses();
    for (size_t i = 0; i < ips->n;) {
        size_t n = (size_t)((char *)memchr(ips->at + i, '\n', ips->n - i) - (ips->at + i)) + 1;
        adds(&body, "IP: ");
        add(&body, ips->at + i, n);
        i += n;
    }
    addf(&body, "RemoteAddr: %s\n", c->remote);
    add_request(&body, r);
    if (r->host.n && wants_environment(r))
        for (char **e = environ; *e; e++) {
            adds(&body, *e);
            adds(&body, "\n");
        }
    reply(c, r, 200, plain, &body);
    release(&body);
}

static void add_member(struct buf *body, const char *key, struct text value)
{
    if (!value.n)
        return;
    addf(body, "%s\"%s\":", body->n > 1 ? "," : "", key);
    add_json(body, value);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_environment(struct buf *body)
{
    size_t n = 0;
    while (environ[n])
        n++;
    char **sorted = calloc(n + 1, sizeof *sorted);
    if (!sorted || !n) {
        free(sorted);
        return;
    }
    memcpy(sorted, environ, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_text);
    adds(body, ",\"environ\":{");
    for (size_t i = 0; i < n; i++) {
        size_t key = strcspn(sorted[i], "=");
        const char *value = sorted[i] + key + (sorted[i][key] == '=');
        adds(body, i ? "," : "");
        add_json(body, (struct text){sorted[i], key});
        adds(body, ":");
        add_json(body, (struct text){value, strlen(value)});
    }
    adds(body, "}");
    free(sorted);
}

static void page_api(struct conn *c, const struct request *r)
{
    struct buf body = {0}, uri = {0};
    char name[256];
    hostname(name);
    add_uri(&uri, r);
    adds(&body, "{");
    add_member(&body, "hostname", (struct text){name, strlen(name)});
    const struct buf *ips = addresses();
    if (ips->n)
        addf(&body, "%s\"ip\":[", body.n > 1 ? "," : "");
    for (size_t i = 0; i < ips->n;) {
        size_t n = (size_t)((char *)memchr(ips->at + i, '\n', ips->n - i) - (ips->at + i));
        adds(&body, i ? "," : "");
        add_json(&body, (struct text){ips->at + i, n});
        i += n + 1;
    }
    adds(&body, ips->n ? "]" : "");
    for (size_t i = 0; i < r->count; i++) {
        const struct header *h = &r->headers[i];
        bool again = i && r->headers[i - 1].name.n == h->name.n &&
                     !memcmp(r->headers[i - 1].name.at, h->name.at, h->name.n);
        if (!again) {
            adds(&body, i ? "]," : body.n > 1 ? ",\"headers\":{" : "\"headers\":{");
            add_json(&body, h->name);
            adds(&body, ":[");
        }
        adds(&body, again ? "," : "");
        add_json(&body, h->value);
    }
    adds(&body, r->count ? "]}" : "");
    add_member(&body, "url", (struct text){uri.at, uri.n});
    add_member(&body, "host", r->host);
    add_member(&body, "method", r->method);
    add_member(&body, "name", (struct text){settings.name, strlen(settings.name)});
    add_member(&body, "remoteAddr", (struct text){c->remote, strlen(c->remote)});
    if (wants_environment(r))
        add_environment(&body);
    adds(&body, "}\n");
    reply(c, r, 200, "Content-Type: application/json\r\n", &body);
    release(&body);
    release(&uri);
}

static void page_bench(struct conn *c, const struct request *r)
{
    struct buf body = {0};
    adds(&body, "1");
    if (r->keep10) /* the one page that keeps an HTTP/1.0 connection, for ab -k */
        c->closing = false;
    bool ends = r->close || c->closing || (!r->http11 && !r->keep10);
    reply(c, r, 200, ends ? "Content-Type: text/plain\r\n" : "Connection: keep-alive\r\nContent-Type: text/plain\r\n", &body);
    release(&body);
}

static void page_data(struct conn *c, const struct request *r)
{
    static const char *const units[] = {"kb", "mb", "gb", "tb"};
    struct buf value = {0};
    char *end;
    query_value(r->query, "size", &value);
    bool number = isdigit((unsigned char)*value.at) || ((*value.at == '-' || *value.at == '+') && isdigit((unsigned char)value.at[1]));
    long long size = number ? strtoll(value.at, &end, 10) : 1;
    if (number && (*end || value.n > 20))
        size = 1;
    if (size < 0)
        size = 0;
    query_value(r->query, "unit", &value);
    for (size_t i = 0; i < 4; i++)
        if (same_fold((struct text){value.at, value.n - 1}, units[i]))
            size = (long long)((unsigned long long)size << (10 * (i + 1)));
    query_value(r->query, "attachment", &value);
    bool attachment = parse_bool(value.at);
    release(&value);
    if (size < 2) /* upstream's reader ends before its first byte */
        size = 0;
    bool whole = attachment || size <= BUFFERED;
    head(c, r, 200, attachment ? "Accept-Ranges: bytes\r\nContent-Disposition: Attachment\r\nContent-Type: text/plain; charset=utf-8\r\n"
                               : size ? plain : "", whole ? size : -1);
    if (same(r->method, "HEAD"))
        return;
    c->left = c->total = (uint64_t)size;
    c->stream_chunked = !whole && r->http11;
}

/* The next block of /data: |BCD...Z-ABC...| */
void make_block(struct conn *c)
{
    static const char letters[] = "-ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char block[BLOCK];
    size_t n = c->left < BLOCK ? (size_t)c->left : BLOCK;
    uint64_t at = c->total - c->left;
    for (size_t i = 0, letter = (size_t)(at % 27); i < n; i++, letter = letter == 26 ? 0 : letter + 1)
        block[i] = letters[letter];
    if (!at)
        block[0] = '|';
    c->left -= n;
    if (!c->left)
        block[n - 1] = '|';
    if (c->stream_chunked)
        addf(&c->out, "%zx\r\n", n);
    add(&c->out, block, n);
    if (c->stream_chunked)
        adds(&c->out, c->left ? "\r\n" : "\r\n0\r\n\r\n");
}

static void page_health(struct conn *c, struct request *r)
{
    struct buf none = {0};
    if (!same(r->method, "POST")) {
        if (health < 100 || health > 999) { /* upstream panics: the connection ends without an answer */
            c->closing = true;
            return;
        }
        if (health < 200 && health != 101)
            addf(&c->out, "HTTP/1.1 %d %s\r\n\r\n", health, reason(health));
        reply(c, r, health < 200 && health != 101 ? 200 : health, "", &none);
        return;
    }
    char message[128], *end, *s;
    add(&r->body, "", 1);
    s = r->body.at + strspn(r->body.at, " \t\r\n");
    if (!*s) {
        complain(c, r, 400, "EOF");
        return;
    }
    long long value = strtoll(s, &end, 10);
    if (!strncmp(s, "null", 4)) {
        value = 0;
    } else if (*s != '-' && !isdigit((unsigned char)*s)) {
        snprintf(message, sizeof message, "invalid character '%c' looking for beginning of value", *s);
        complain(c, r, 400, *s == '"' ? "json: cannot unmarshal string into Go value of type int" : message);
        return;
    } else if (end == s || *end == '.' || *end == 'e' || *end == 'E' || value > 1 << 30 || value < -(1 << 30)) {
        snprintf(message, sizeof message, "json: cannot unmarshal number %.32s into Go value of type int", s);
        message[strcspn(message, "\r\n")] = 0;
        complain(c, r, 400, message);
        return;
    }
    printf("Update health check status code [%lld]\n", value);
    health = (int)value;
    reply(c, r, 200, "", &none);
}

static void log_request(const struct conn *c, const struct request *r)
{
    char stamp[64];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%d/%b/%Y:%H:%M:%S +0000", &utc);
    fprintf(stderr, "%s - - [%s] \"%.*s %s HTTP/1.%c\" - -\n", c->remote, stamp, (int)r->method.n, r->method.at,
            r->path, r->http11 ? '1' : '0');
}

/* Answers a whole request, or sets `wake` where it asks to wait first. */
void answer(struct conn *c, struct request *r, double now)
{
    qsort(r->headers, r->count, sizeof *r->headers, by_name);
    bool other = true;
    if (!strcmp(r->path, "/bench"))
        page_bench(c, r);
    else if (!strcmp(r->path, "/api"))
        page_api(c, r);
    else if (!strcmp(r->path, "/health"))
        page_health(c, r);
    else if (!strcmp(r->path, "/data"))
        page_data(c, r);
    else if (!strcmp(r->path, "/echo"))
        complain(c, r, 501, "this stand-in does not speak WebSocket");
    else
        other = false;
    if (!other) {
        struct buf value = {0};
        double seconds;
        query_value(r->query, "wait", &value);
        bool waits = !c->waited && *value.at && parse_duration(value.at, &seconds) && seconds > 0;
        release(&value);
        if (waits) {
            c->wake = now + seconds;
            return;
        }
        page_whoami(c, r);
    }
    if (settings.verbose)
        log_request(c, r);
}
