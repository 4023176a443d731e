#include "waf/patterns/sample.h"

#include <ctype.h>

uint64_t sample_random(struct sample *sample, uint64_t below)
{
    sample->random ^= sample->random << 13;
    sample->random ^= sample->random >> 7;
    sample->random ^= sample->random << 17;
    return below ? sample->random % below : 0;
}

static void append_byte(struct sample *sample, unsigned char byte)
{
    if (sample->len < SAMPLE_BYTES_MAX)
        sample->bytes[sample->len++] = (char)byte;
}

static void append_of_set(struct sample *sample, const struct byte_set *set)
{
    unsigned count = byte_set_count(set), ascii = 0;
    if (count == 0)
        return;
    for (unsigned byte = ' '; byte < 127; byte++)
        ascii += byte_set_has(set, (unsigned char)byte);
    bool printable = ascii && sample_random(sample, 8);
    uint64_t chosen = sample_random(sample, printable ? ascii : count);
    for (unsigned byte = printable ? ' ' : 0; byte < 256; byte++)
        if (byte_set_has(set, (unsigned char)byte) && chosen-- == 0) {
            append_byte(sample, (unsigned char)byte);
            return;
        }
}

static const struct node *choose(struct sample *sample, const struct node *node)
{
    uint64_t count = 0;
    for (const struct node *child = node->first; child; child = child->next)
        count++;
    uint64_t chosen = sample_random(sample, count);
    const struct node *child = node->first;
    for (; chosen && child->next; chosen--)
        child = child->next;
    return child;
}

void sample_append(struct sample *sample, const struct node *node)
{
    uint64_t times;
    switch (node->kind) {
    case NODE_EMPTY:
    case NODE_ASSERT:
        break;
    case NODE_SET:
        append_of_set(sample, &node->set);
        break;
    case NODE_CONCAT:
        for (const struct node *child = node->first; child; child = child->next)
            sample_append(sample, child);
        break;
    case NODE_ALTERNATE:
        sample_append(sample, choose(sample, node));
        break;
    case NODE_REPEAT:
        times = node->max - node->min; /* more than three seldom */
        times = node->min + sample_random(sample, times < 3                   ? times + 1
                                                  : sample_random(sample, 10) ? 3
                                                  : times < 40                ? times + 1
                                                                              : 40);
        for (; times && sample->len < SAMPLE_BYTES_MAX; times--)
            sample_append(sample, node->first);
        break;
    case NODE_ANYTHING:
        for (times = sample_random(sample, 6); times; times--)
            append_byte(sample, (unsigned char)sample_random(sample, 256));
        break;
    }
}

static void take_out(struct sample *sample, size_t at, size_t count)
{
    count = count < sample->len - at ? count : sample->len - at;
    memmove(sample->bytes + at, sample->bytes + at + count, sample->len - at - count);
    sample->len -= count;
}

static void put_in(struct sample *sample, size_t at, size_t count, bool doubled)
{
    if (sample->len + count > SAMPLE_BYTES_MAX || at + count > sample->len)
        return;
    memmove(sample->bytes + at + count, sample->bytes + at, sample->len - at);
    sample->len += count;
    for (size_t i = 0; !doubled && i < count; i++)
        sample->bytes[at + i] = (char)sample_random(sample, sample_random(sample, 2) ? 256 : 128);
}

void sample_mutate(struct sample *sample)
{
    size_t at = sample_random(sample, sample->len);
    size_t count = 1 + sample_random(sample, 4);
    if (sample->len == 0)
        return;
    switch (sample_random(sample, 6)) {
    case 0:
        sample->bytes[at] = (char)sample_random(sample, 256);
        break;
    case 1:
        take_out(sample, at, count);
        break;
    case 2:
        put_in(sample, at, count, true);
        break;
    case 3:
        put_in(sample, at, count, false);
        break;
    case 4: {
        unsigned char c = (unsigned char)sample->bytes[at];
        sample->bytes[at] = (char)(islower(c) ? toupper(c) : tolower(c));
        break;
    }
    default:
        put_in(sample, 0, count, false);
        break;
    }
}
