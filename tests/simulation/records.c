#include "records.h"

#include <stdio.h>

#include "base/number.h"
#include "world.h"

/* `timeout total` of the world's configuration, and a second for what is no wait. */
#define DURATION_S_MAX 21

static uint64_t lines[3];

void records_open(void)
{
    memset(lines, 0, sizeof lines);
}

uint64_t records_of_requests(void)
{
    return lines[SINK_REQUESTS];
}

uint64_t records_of_security(void)
{
    return lines[SINK_SECURITY];
}

/* The digits behind `key`; -1: it is not there, or no number. */
static int64_t number_behind(slice line, const char *key)
{
    size_t at = slice_find(line, slice_from(key));
    if (at == line.len)
        return -1;
    slice digits = slice_after(line, at + strlen(key));
    size_t count = 0;
    uint64_t number;
    while (count < digits.len && digits.ptr[count] >= '0' && digits.ptr[count] <= '9')
        count++;
    return number_parse(slice_first(digits, count), INT64_MAX, &number) == 0 ? (int64_t)number : -1;
}

static void note_request(slice line)
{
    struct planned *p = world_find(number_behind(line, "\"uri\":\"/x/"));
    int64_t seconds = number_behind(line, "\"duration_s\":");
    EXPECT(line.len > 2 && line.ptr[0] == '{' && line.ptr[line.len - 2] == '}',
           "a record that is none: %.*s", (int)line.len, line.ptr);
    if (!p)
        return;
    EXPECT(++p->records == 1, "exchange %u has a second record:\n%.*s", p->number, (int)line.len,
           line.ptr);
    EXPECT(p->request == REQUEST_WEBSOCKET || (seconds >= 0 && seconds <= DURATION_S_MAX),
           "exchange %u took longer than its limits:\n%.*s", p->number, (int)line.len, line.ptr);
}

void records_drain(struct log_ring_shared *ring)
{
    slice line;
    uint16_t sink;
    while (log_ring_peek(ring, &line, &sink)) {
        EXPECT(sink == SINK_REQUESTS || sink == SINK_SECURITY, "a record for sink %u", sink);
        lines[sink]++;
        if (sink == SINK_REQUESTS)
            note_request(line);
        if (world.is_loud)
            (void)fwrite(line.ptr, 1, line.len, stderr);
        log_ring_release(ring);
    }
}
