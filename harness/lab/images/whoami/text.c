/* Bytes, and the small grammars of query strings, durations and JSON strings. */
#include "whoami.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void room(struct buf *b, size_t n)
{
    if (b->cap - b->n >= n)
        return;
    size_t cap = b->cap ? b->cap : 1024;
    while (cap - b->n < n)
        cap *= 2;
    char *at = realloc(b->at, cap);
    if (!at) /* nothing sensible can be answered without memory: let the restart policy act */
        abort();
    b->at = at;
    b->cap = cap;
}

void add(struct buf *b, const void *bytes, size_t n)
{
    if (!n)
        return;
    room(b, n);
    memcpy(b->at + b->n, bytes, n);
    b->n += n;
}

void adds(struct buf *b, const char *s)
{
    add(b, s, strlen(s));
}

void addf(struct buf *b, const char *format, ...) /* short things only: 512 bytes */
{
    char line[512];
    va_list values;
    va_start(values, format);
    int n = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    if (n > 0)
        add(b, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

void drop(struct buf *b, size_t n)
{
    if (n >= b->n) {
        release(b);
        return;
    }
    memmove(b->at, b->at + n, b->n - n);
    b->n -= n;
}

void release(struct buf *b)
{
    free(b->at);
    b->at = NULL;
    b->n = b->cap = 0;
}

bool same(struct text t, const char *s)
{
    return strlen(s) == t.n && !memcmp(t.at, s, t.n);
}

bool same_fold(struct text t, const char *s)
{
    return strlen(s) == t.n && !strncasecmp(t.at, s, t.n);
}

bool has_token(struct text list, const char *token)
{
    size_t i = 0;
    while (i <= list.n) {
        size_t from = i;
        while (i < list.n && list.at[i] != ',')
            i++;
        size_t to = i++;
        while (from < to && (list.at[from] == ' ' || list.at[from] == '\t'))
            from++;
        while (to > from && (list.at[to - 1] == ' ' || list.at[to - 1] == '\t'))
            to--;
        struct text one = {list.at + from, to - from};
        if (same_fold(one, token))
            return true;
    }
    return false;
}

int unhex(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes one part of a query; false where Go's url.ParseQuery would leave the pair out. */
static bool unescape(struct text t, struct buf *out)
{
    for (size_t i = 0; i < t.n; i++) {
        char c = t.at[i];
        if (c == ';')
            return false;
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            if (i + 2 >= t.n || unhex(t.at[i + 1]) < 0 || unhex(t.at[i + 2]) < 0)
                return false;
            c = (char)(unhex(t.at[i + 1]) * 16 + unhex(t.at[i + 2]));
            i += 2;
        }
        add(out, &c, 1);
    }
    return true;
}

/* The first value of `key`, as a C string in `value` (empty where there is none). */
bool query_value(struct text query, const char *key, struct buf *value)
{
    size_t i = 0;
    value->n = 0;
    while (i < query.n) {
        size_t from = i, equals = 0;
        while (i < query.n && query.at[i] != '&') {
            if (query.at[i] == '=' && !equals)
                equals = i + 1;
            i++;
        }
        struct text name = {query.at + from, (equals ? equals - 1 : i) - from};
        struct text rest = {query.at + (equals ? equals : i), equals ? i - equals : 0};
        i++;
        struct buf decoded = {0};
        value->n = 0;
        bool good = unescape(name, &decoded) && unescape(rest, value);
        struct text got = {decoded.at, decoded.n};
        bool found = good && same(got, key);
        release(&decoded);
        if (found) {
            add(value, "", 1);
            return true;
        }
    }
    value->n = 0;
    add(value, "", 1);
    return false;
}

bool parse_bool(const char *s)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!strcmp(s, yes[i]))
            return true;
    return false;
}

/* Go's time.ParseDuration: [+-](NUMBER UNIT)+, or 0. */
bool parse_duration(const char *s, double *seconds)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"\xc2\xb5s", 1e-6}, {"\xce\xbcs", 1e-6},
                 {"ms", 1e-3}, {"s", 1},     {"m", 60},           {"h", 3600}};
    double sum = 0, sign = 1;
    if (*s == '+' || *s == '-')
        sign = *s++ == '-' ? -1 : 1;
    if (!strcmp(s, "0")) {
        *seconds = 0;
        return true;
    }
    if (!*s)
        return false;
    while (*s) {
        double value = 0, scale = 1;
        bool digits = false;
        for (; *s >= '0' && *s <= '9'; s++, digits = true)
            value = value * 10 + (*s - '0');
        if (*s == '.')
            for (s++; *s >= '0' && *s <= '9'; s++, digits = true)
                value += (*s - '0') * (scale /= 10);
        if (!digits)
            return false;
        size_t n = strcspn(s, ".0123456789"), i = 0;
        struct text unit = {s, n};
        while (i < sizeof units / sizeof *units && !same(unit, units[i].unit))
            i++;
        if (i == sizeof units / sizeof *units)
            return false;
        sum += value * units[i].seconds;
        s += n;
    }
    *seconds = sign * sum;
    return sum < 9.2e9; /* Go's durations end at 292 years */
}

/* Length of the UTF-8 sequence at `s`, 0 where it is none. */
static size_t utf8(const unsigned char *s, size_t n)
{
    size_t len = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 0;
    if (!len || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) || (*s == 0xf0 && s[1] < 0x90) ||
        (*s == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

/* A JSON string as Go's encoder writes it: &, < and > escaped, bytes that are no UTF-8 replaced. */
void add_json(struct buf *b, struct text t)
{
    adds(b, "\"");
    for (size_t i = 0; i < t.n;) {
        unsigned char c = (unsigned char)t.at[i];
        size_t len = utf8((const unsigned char *)t.at + i, t.n - i);
        if (c == '"' || c == '\\')
            addf(b, "\\%c", c);
        else if (c == '\n' || c == '\r' || c == '\t' || c == '\b' || c == '\f')
            addf(b, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : c == '\b' ? 'b' : 'f');
        else if (c < 0x20 || c == '<' || c == '>' || c == '&')
            addf(b, "\\u%04x", c);
        else if (!len)
            adds(b, "\\ufffd");
        else if (len == 3 && !memcmp(t.at + i, "\xe2\x80\xa8", 2) && ((unsigned char)t.at[i + 2] & 0xfe) == 0xa8)
            addf(b, "\\u202%d", t.at[i + 2] & 0xf);
        else
            add(b, t.at + i, len);
        i += len ? len : 1;
    }
    adds(b, "\"");
}
