#include "proxy/h2_budget.h"

#define FILLS_IN_S 50 /* an empty account is full again after so many seconds */

#define ADDRESS_ACCOUNTS 4  /* capacity of an address, in connections */
#define REPORT_POINTS    64 /* below this an address is not charged yet */
#define WARNINGS         8 /* connections in debt that are told so, before the address is shunned */

/* What a DATA frame costs until its payload has come, and how many bytes pay for a point. */
#define COST_OF_DATA    2u
#define BYTES_PER_POINT 8u
/* What a client may say about each DATA frame it gets: two windows, or a PING. */
#define WORTH_OF_SENT 3u

void h2_budget_open(struct h2_budget *b, uint32_t capacity, int64_t now_ms)
{
    *b = (struct h2_budget){ .left = capacity, .capacity = capacity, .filled_ms = now_ms };
}

void h2_budget_charge(struct h2_budget *b, enum h2_expense what, uint64_t points)
{
    b->left -= (int64_t)points;
    b->spent[what] += (int64_t)points;
    b->unreported += (int64_t)points;
}

void h2_budget_earn(struct h2_budget *b, uint64_t points)
{
    int64_t room = b->capacity - b->left;
    b->left += (int64_t)points < room ? (int64_t)points : room;
    b->unreported -= (int64_t)points;
}

/* What has been earned since filled_ms, which moves to now. */
static int64_t given_by_time(int64_t capacity, int64_t *filled_ms, int64_t now_ms)
{
    int64_t points = (now_ms - *filled_ms) * capacity / (FILLS_IN_S * 1000);
    if (points > 0)
        *filled_ms = now_ms;
    return points;
}

void h2_budget_fill(struct h2_budget *b, int64_t now_ms)
{
    int64_t points = given_by_time(b->capacity, &b->filled_ms, now_ms);
    b->left = points < b->capacity - b->left ? b->left + points : b->capacity;
}

void h2_budget_frame(struct h2_budget *b, const nghttp2_frame_hd *head)
{
    enum { SETTINGS_ENTRY_BYTES = 6 };
    bool is_answer = head->flags & NGHTTP2_FLAG_ACK;
    switch (head->type) {
    case NGHTTP2_DATA:
        if (!(head->flags & NGHTTP2_FLAG_END_STREAM))
            h2_budget_charge(b, H2_DATA, COST_OF_DATA);
        break;
    case NGHTTP2_HEADERS:
        h2_budget_charge(b, H2_RESETS, H2_COST_OF_REQUEST);
        break;
    case NGHTTP2_CONTINUATION:
        h2_budget_charge(b, H2_HEADS, 20);
        break;
    case NGHTTP2_RST_STREAM:
        h2_budget_charge(b, H2_RESETS, H2_COST_OF_RESET);
        break;
    case NGHTTP2_SETTINGS:
        h2_budget_charge(b, H2_CONTROL, is_answer ? 1 : 10 + head->length / SETTINGS_ENTRY_BYTES);
        break;
    case NGHTTP2_PING:
        h2_budget_charge(b, H2_CONTROL, is_answer ? 1 : 4);
        break;
    case NGHTTP2_PRIORITY:
    case NGHTTP2_PRIORITY_UPDATE:
        h2_budget_charge(b, H2_CONTROL, 3);
        break;
    case NGHTTP2_WINDOW_UPDATE:
        h2_budget_charge(b, H2_CONTROL, 1);
        break;
    default:
        h2_budget_charge(b, H2_CONTROL, 2);
    }
}

void h2_budget_data(struct h2_budget *b, size_t bytes)
{
    size_t points = bytes / BYTES_PER_POINT;
    h2_budget_earn(b, points < COST_OF_DATA ? points : COST_OF_DATA);
}

void h2_budget_sent(struct h2_budget *b, uint64_t data_frames)
{
    h2_budget_earn(b, WORTH_OF_SENT * data_frames);
}

enum h2_expense h2_budget_main_expense(const struct h2_budget *b)
{
    enum h2_expense most = 0;
    for (enum h2_expense i = 0; i < H2_EXPENSES; i++)
        if (b->spent[i] > b->spent[most])
            most = i;
    return most;
}

/* --- Addresses -------------------------------------------------------------------------------- */

static struct account_terms terms_of(int64_t capacity)
{
    return (struct account_terms){ .capacity = ADDRESS_ACCOUNTS * capacity,
                                   .fill_ms = FILLS_IN_S * 1000 };
}

/* `points` are given to the account of the address, or taken from it. */
static int64_t settle(const struct h2_budget *b, struct accounts_segment *all, struct ip client,
                      int64_t points, int64_t now_ms)
{
    const struct account_terms terms = terms_of(b->capacity);
    struct ip key = ip_client_key(client);
    return accounts_settle(all, slice_of((const char *)key.bytes, sizeof key.bytes), &terms, points,
                           now_ms);
}

bool h2_budget_report(struct h2_budget *b, struct accounts_segment *all, struct ip client,
                      int64_t now_ms)
{
    int64_t points = b->unreported;
    if (points > -REPORT_POINTS && points < REPORT_POINTS)
        return true;
    b->unreported = 0;
    return settle(b, all, client, -points, now_ms) >= 0;
}

enum h2_standing h2_budget_standing(uint32_t capacity, struct accounts_segment *all,
                                    struct ip client, int64_t now_ms)
{
    const struct account_terms terms = terms_of(capacity);
    struct ip key = ip_client_key(client);
    int64_t left =
        accounts_look(all, slice_of((const char *)key.bytes, sizeof key.bytes), &terms, now_ms);
    if (left >= 0)
        return H2_SOLVENT;
    return left < -(int64_t)capacity ? H2_SHUNNED : H2_IN_DEBT;
}

void h2_budget_fine(const struct h2_budget *b, struct accounts_segment *all, struct ip client,
                    int64_t now_ms)
{
    (void)settle(b, all, client, -(b->capacity / WARNINGS + 1), now_ms);
}
