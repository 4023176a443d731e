#include "acme/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "wire/date.h"

#define RETRY_AFTER_MAX_S (30ll * 86400)

void acme_reply_clear(struct acme_reply *reply)
{
    free(reply->body);
    *reply = (struct acme_reply){ .retry_after_s = -1 };
}

/* Keeps nothing of what does not fit: half a URL is another URL. */
static void keep(char *to, size_t room, slice value)
{
    if (value.len >= room)
        return;
    memcpy(to, value.ptr, value.len);
    to[value.len] = '\0';
}

/* Milliseconds since 1970; 0: no date. */
static int64_t parse_date(slice value, int64_t wall_ms)
{
    int64_t seconds;
    return http_date_parse(value, wall_ms / 1000, &seconds) == 0 ? seconds * 1000 : 0;
}

static void take_retry_after(struct acme_reply *reply, slice value, int64_t wall_ms)
{
    uint64_t seconds;
    int result = number_parse(value, RETRY_AFTER_MAX_S, &seconds);
    if (result == 0)
        reply->retry_after_s = (int64_t)seconds;
    else if (result == -ERANGE)
        reply->retry_after_s = RETRY_AFTER_MAX_S;
    else if (parse_date(value, wall_ms)) {
        /* Against the server's own clock where it is known: ours may be wrong. */
        int64_t from_ms = reply->date_ms ? reply->date_ms : wall_ms;
        int64_t after = (parse_date(value, wall_ms) - from_ms + 999) / 1000;
        reply->retry_after_s = after < 0                   ? 0
                               : after > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S
                                                           : after;
    }
}

/* RFC 8288: <https://…>;rel="alternate", one or more. */
static void take_links(struct acme_reply *reply, slice value)
{
    while (value.len && reply->alternate_count < ACME_ALTERNATES_MAX) {
        slice rest = slice_after(value, slice_find_byte(value, '<') + 1);
        slice url = slice_first(rest, slice_find_byte(rest, '>'));
        rest = slice_after(rest, url.len + 1);
        slice parameters = slice_first(rest, slice_find_byte(rest, ','));
        value = slice_after(rest, parameters.len + 1);
        bool is_alternate = slice_find(parameters, SLICE("rel=\"alternate\"")) < parameters.len ||
                            slice_find(parameters, SLICE("rel=alternate")) < parameters.len;
        char *to = reply->alternates[reply->alternate_count];
        if (is_alternate && url.len) {
            keep(to, sizeof reply->alternates[0], url);
            reply->alternate_count += to[0] != '\0';
        }
    }
}

void acme_reply_take_field(struct acme_reply *reply, slice line, int64_t wall_ms)
{
    size_t colon = slice_find_byte(line, ':');
    slice name = slice_first(line, colon), value = slice_trim(slice_after(line, colon + 1));
    if (slice_equal_fold(name, SLICE("replay-nonce")))
        keep(reply->nonce, sizeof reply->nonce, value);
    else if (slice_equal_fold(name, SLICE("location")))
        keep(reply->location, sizeof reply->location, value);
    else if (slice_equal_fold(name, SLICE("content-type")))
        keep(reply->content_type, sizeof reply->content_type,
             slice_trim(slice_first(value, slice_find_byte(value, ';'))));
    else if (slice_equal_fold(name, SLICE("retry-after")))
        take_retry_after(reply, value, wall_ms);
    else if (slice_equal_fold(name, SLICE("link")))
        take_links(reply, value);
    else if (slice_equal_fold(name, SLICE("date")))
        reply->date_ms = parse_date(value, wall_ms);
}
