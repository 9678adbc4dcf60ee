/* How Go's net/http frames what a handler wrote. */
#include "whoami.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } known[] = {{100, "Continue"}, {101, "Switching Protocols"}, {102, "Processing"}, {103, "Early Hints"},
                 {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"},
                 {206, "Partial Content"}, {301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"},
                 {304, "Not Modified"}, {307, "Temporary Redirect"}, {308, "Permanent Redirect"},
                 {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
                 {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"}, {410, "Gone"},
                 {413, "Request Entity Too Large"}, {418, "I'm a teapot"}, {429, "Too Many Requests"},
                 {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
                 {501, "Not Implemented"}, {502, "Bad Gateway"}, {503, "Service Unavailable"},
                 {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"}};
    static char other[32];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status)
            return known[i].text;
    snprintf(other, sizeof other, "status code %d", status);
    return other;
}

static void add_date(struct buf *out)
{
    static time_t last;
    static char date[64];
    time_t now = time(NULL);
    if (now != last) {
        struct tm utc;
        gmtime_r(&now, &utc);
        strftime(date, sizeof date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
        last = now;
    }
    adds(out, date);
}

/* Status line and headers; `length` -1: unknown, so chunked or until the end of the connection. */
void head(struct conn *c, const struct request *r, int status, const char *headers, long long length)
{
    struct buf *out = &c->out;
    bool bodyless = status == 204 || status == 304 || status < 200;
    addf(out, "HTTP/1.%c %d %s\r\n", r->http11 ? '1' : '0', status, reason(status));
    adds(out, headers);
    add_date(out);
    if (r->close)
        c->closing = true;
    if (c->closing && r->http11)
        adds(out, "Connection: close\r\n");
    if (length >= 0 && !bodyless)
        addf(out, "Content-Length: %lld\r\n", length);
    else if (!bodyless && r->http11 && !same(r->method, "HEAD"))
        adds(out, "Transfer-Encoding: chunked\r\n");
    else if (!bodyless && !r->http11)
        c->closing = true;
    adds(out, "\r\n");
}

void reply(struct conn *c, const struct request *r, int status, const char *headers,
           const struct buf *body)
{
    bool whole = body->n <= BUFFERED;
    head(c, r, status, headers, whole ? (long long)body->n : -1);
    if (same(r->method, "HEAD") || status == 204 || status == 304)
        return;
    if (!whole && r->http11)
        addf(&c->out, "%zx\r\n", body->n);
    add(&c->out, body->at, body->n);
    if (!whole && r->http11)
        adds(&c->out, "\r\n0\r\n\r\n");
}

const char plain[] = "Content-Type: text/plain; charset=utf-8\r\n";

void complain(struct conn *c, const struct request *r, int status, const char *message)
{
    struct buf body = {0};
    addf(&body, "%s\n", message);
    reply(c, r, status, "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n", &body);
    release(&body);
}

/* A request that cannot be read: Go's short answer, then the connection ends. */
void refuse(struct conn *c, int status, const char *why)
{
    char text[160];
    snprintf(text, sizeof text, "%d %s%s%s", status, reason(status), why ? ": " : "", why ? why : "");
    addf(&c->out, "HTTP/1.1 %s\r\n%sConnection: close\r\n\r\n%s", text, plain, text);
    c->closing = c->lingering = true;
}
