/* What a client of HTTP/2 may cost beyond what it asks for. Frames that carry nothing, streams that
 * are given up, and heads that are too large are paid for in points, from an account of the
 * connection and one of the client's address over all workers (shared/accounts.h); what is useful
 * fills them again: a request that was answered, data that came or went, and time. Whoever has
 * spent it all is told to calm down, and the connection ends.
 *
 * The work that frames make is so bounded by the points there are plus a constant times what is
 * useful (h2_budget_test.c). Pure but for the table of addresses. */
#pragma once

#include <nghttp2/nghttp2.h>

#include "net/address.h"
#include "shared/accounts.h"

enum h2_expense {
    H2_RESETS,  /* streams that the client resets, or makes us reset or refuse */
    H2_CONTROL, /* SETTINGS, PING, PRIORITY, WINDOW_UPDATE and unknown frames */
    H2_DATA,    /* DATA with little or nothing in it */
    H2_HEADS,   /* CONTINUATION, heads over the limits */
    H2_EXPENSES
};

#define H2_COST_OF_RESET    10u /* of a stream, besides its frames */
#define H2_COST_OF_REQUEST  5u
#define H2_WORTH_OF_REQUEST 15u /* when it is answered: what it cost and some more */

struct h2_budget {
    int64_t left, capacity;
    int64_t filled_ms;
    int64_t spent[H2_EXPENSES];
    int64_t unreported; /* not yet charged to the address */
};

void h2_budget_open(struct h2_budget *b, uint32_t capacity, int64_t now_ms);
void h2_budget_charge(struct h2_budget *b, enum h2_expense what, uint64_t points);
void h2_budget_earn(struct h2_budget *b, uint64_t points);
/* What time gives: a fiftieth of the capacity each second. */
void h2_budget_fill(struct h2_budget *b, int64_t now_ms);

/* A frame begins; `bytes` of a DATA frame's payload have come (padding is none); a DATA frame has
 * gone. */
void h2_budget_frame(struct h2_budget *b, const nghttp2_frame_hd *head);
void h2_budget_data(struct h2_budget *b, size_t bytes);
void h2_budget_sent(struct h2_budget *b, uint64_t data_frames);

static inline bool h2_budget_is_spent(const struct h2_budget *b)
{
    return b->left < 0;
}

/* For what most was spent. */
enum h2_expense h2_budget_main_expense(const struct h2_budget *b);

/* Charges what was not reported yet to the address (IPv6: its /64), which has four times the
 * capacity; small sums wait. False: the address has spent it all. */
bool h2_budget_report(struct h2_budget *b, struct accounts_segment *all, struct ip client,
                      int64_t now_ms);

/* How an address stands. */
enum h2_standing {
    H2_SOLVENT,
    H2_IN_DEBT, /* its connections are told to calm down */
    H2_SHUNNED  /* it was told often enough: nothing of it is read, and nobody answers */
};
/* capacity: of a connection. */
enum h2_standing h2_budget_standing(uint32_t capacity, struct accounts_segment *all,
                                    struct ip client, int64_t now_ms);
/* A connection of an address in debt was told to calm down: so often, and it is shunned. */
void h2_budget_fine(const struct h2_budget *b, struct accounts_segment *all, struct ip client,
                    int64_t now_ms);
