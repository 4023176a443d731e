#include "waf/patterns/literals.h"

#include <errno.h>
#include <stdlib.h>

#include "waf/patterns/rarity.h"

/* Bounds that keep extraction small; past them sets are required instead of being multiplied on. */
enum {
    SET_STRINGS_MAX = 10, /* of one set of bytes */
    PRODUCT_MAX = 256,    /* strings of a concatenation */
    STRING_BYTES_MAX = 48,
    REQUIRED_MAX = 6, /* sets that are remembered for a part of the tree */
    REPEAT_MAX = 8,
};

struct strings {
    slice *list;
    unsigned count;
};

/* Of a part of the tree: all its strings, or what each of them has. */
struct known {
    bool is_exact;
    struct strings exact;
    struct strings required[REQUIRED_MAX];
    unsigned required_count;
};

struct finder {
    struct arena *arena;
    const struct byte_set *absent;
};

static const slice empty_string = { "", 0 };

static int find(struct finder *f, const struct node *node, struct known *ret);

static int new_strings(struct finder *f, unsigned room, struct strings *ret)
{
    ret->count = 0;
    ret->list = arena_take_array(f->arena, room ? room : 1, sizeof(slice));
    return ret->list ? 0 : -ENOMEM;
}

static int only_empty(struct finder *f, struct strings *ret)
{
    TRY(new_strings(f, 1, ret));
    ret->list[ret->count++] = empty_string;
    return 0;
}

static int compare_strings(const void *a, const void *b)
{
    return slice_compare(*(const slice *)a, *(const slice *)b);
}

static void sort_unique(struct strings *s)
{
    unsigned kept = 0;
    if (s->count > 1)
        qsort(s->list, s->count, sizeof(slice), compare_strings);
    for (unsigned i = 0; i < s->count; i++)
        if (kept == 0 || !slice_equal(s->list[kept - 1], s->list[i]))
            s->list[kept++] = s->list[i];
    s->count = kept;
}

/* Whether one of these strings begins `text`. They are sorted and none of them begins another, so
 * it can only be the last one that is not behind `text`. */
static bool begins_with_one(const slice *list, unsigned count, slice text)
{
    unsigned from = 0, to = count;
    while (from < to) {
        unsigned middle = from + (to - from) / 2;
        if (slice_compare(list[middle], text) <= 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from > 0 && slice_starts_with(text, list[from - 1]);
}

/* A string that holds another of the set need not be looked for. First those that begin with
 * another, which are sorted behind it. Of the rest, a string that holds one which has been dropped
 * holds what that one holds. */
static void drop_implied(struct strings *s)
{
    unsigned kept = 0;
    sort_unique(s);
    for (unsigned i = 0; i < s->count; i++)
        if (kept == 0 || !slice_starts_with(s->list[i], s->list[kept - 1]))
            s->list[kept++] = s->list[i];
    s->count = kept;
    kept = 0;
    for (unsigned i = 0; i < s->count; i++) {
        bool is_implied = false;
        for (size_t at = 1; at < s->list[i].len && !is_implied; at++) {
            slice rest = slice_after(s->list[i], at);
            is_implied = begins_with_one(s->list, kept, rest) ||
                         begins_with_one(s->list + i, s->count - i, rest);
        }
        if (!is_implied)
            s->list[kept++] = s->list[i];
    }
    s->count = kept;
}

static double probability_of(const struct strings *s)
{
    double sum = 0;
    for (unsigned i = 0; i < s->count; i++)
        sum += rarity_of_string(s->list[i]);
    return sum > 1 ? 1 : sum;
}

/* Worth a place in the automaton: two bytes, or one that values seldom have. */
static bool all_tell(const struct strings *s)
{
    const double byte_probability_max = 0.16;
    for (unsigned i = 0; i < s->count; i++)
        if (s->list[i].len < LITERAL_BYTES_MIN &&
            (s->list[i].len == 0 || rarity_of_string(s->list[i]) > byte_probability_max))
            return false;
    return true;
}

/* Remembers a set as required; the least telling one goes when there are too many. */
static void require(struct known *k, struct strings strings)
{
    if (strings.count == 0 || strings.count > LITERAL_STRINGS_MAX || !all_tell(&strings))
        return;
    if (k->required_count < REQUIRED_MAX) {
        k->required[k->required_count++] = strings;
        return;
    }
    unsigned worst = 0;
    for (unsigned i = 1; i < REQUIRED_MAX; i++)
        if (probability_of(&k->required[i]) > probability_of(&k->required[worst]))
            worst = i;
    if (probability_of(&strings) < probability_of(&k->required[worst]))
        k->required[worst] = strings;
}

static int multiply(struct finder *f, struct strings a, struct strings b, struct strings *ret)
{
    TRY(new_strings(f, a.count * b.count, ret));
    for (unsigned i = 0; i < a.count; i++)
        for (unsigned j = 0; j < b.count; j++) {
            size_t len = a.list[i].len + b.list[j].len;
            char *text = arena_take(f->arena, len ? len : 1);
            if (!text)
                return -ENOMEM;
            if (a.list[i].len)
                memcpy(text, a.list[i].ptr, a.list[i].len);
            if (b.list[j].len)
                memcpy(text + a.list[i].len, b.list[j].ptr, b.list[j].len);
            ret->list[ret->count++] = slice_of(text, len);
        }
    sort_unique(ret);
    return 0;
}

static size_t longest(const struct strings *s)
{
    size_t most = 0;
    for (unsigned i = 0; i < s->count; i++)
        most = s->list[i].len > most ? s->list[i].len : most;
    return most;
}

static bool may_multiply(const struct strings *a, const struct strings *b)
{
    if (a->count > 1 && b->count > 1 && (size_t)a->count * b->count > PRODUCT_MAX)
        return false;
    return longest(a) + longest(b) <= STRING_BYTES_MAX;
}

/* The strings so far are no longer all there is: they are required, and it begins anew. */
static int close_run(struct finder *f, struct known *all, struct strings *run)
{
    require(all, *run);
    all->is_exact = false;
    return only_empty(f, run);
}

static int find_concat(struct finder *f, const struct node *node, struct known *ret)
{
    struct strings run;
    *ret = (struct known){ .is_exact = true };
    TRY(only_empty(f, &run));
    for (const struct node *child = node->first; child; child = child->next) {
        struct known each;
        TRY(find(f, child, &each));
        if (each.is_exact && each.exact.count == 0) { /* never */
            *ret = each;
            return 0;
        }
        if (!each.is_exact || !may_multiply(&run, &each.exact))
            TRY(close_run(f, ret, &run));
        if (each.is_exact && may_multiply(&run, &each.exact))
            TRY(multiply(f, run, each.exact, &run));
        else if (each.is_exact)
            require(ret, each.exact);
        for (unsigned i = 0; i < each.required_count && !each.is_exact; i++)
            require(ret, each.required[i]);
    }
    if (ret->is_exact)
        ret->exact = run;
    else
        require(ret, run);
    return 0;
}

/* The most telling set of a part, NULL for none. */
static const struct strings *best_of(const struct known *k)
{
    const struct strings *best = NULL;
    if (k->is_exact)
        return all_tell(&k->exact) ? &k->exact : NULL;
    for (unsigned i = 0; i < k->required_count; i++)
        if (!best || probability_of(&k->required[i]) < probability_of(best))
            best = &k->required[i];
    return best;
}

static int append(struct finder *f, struct strings *to, const struct strings *from)
{
    struct strings all;
    TRY(new_strings(f, to->count + from->count, &all));
    memcpy(all.list, to->list, to->count * sizeof(slice));
    memcpy(all.list + to->count, from->list, from->count * sizeof(slice));
    all.count = to->count + from->count;
    *to = all;
    return 0;
}

static int find_alternate(struct finder *f, const struct node *node, struct known *ret)
{
    struct strings exact, best;
    bool is_exact = true, has_best = true;
    TRY(new_strings(f, 0, &exact));
    TRY(new_strings(f, 0, &best));
    for (const struct node *child = node->first; child && (is_exact || has_best);
         child = child->next) {
        struct known each;
        TRY(find(f, child, &each));
        const struct strings *telling = best_of(&each);
        is_exact = is_exact && each.is_exact;
        if (is_exact)
            TRY(append(f, &exact, &each.exact));
        is_exact = is_exact && exact.count <= LITERAL_STRINGS_MAX;
        if (each.is_exact && each.exact.count == 0)
            continue;
        has_best = has_best && telling;
        if (has_best)
            TRY(append(f, &best, telling));
        has_best = has_best && best.count <= LITERAL_STRINGS_MAX;
    }
    *ret = (struct known){ .is_exact = is_exact };
    if (is_exact) {
        sort_unique(&exact);
        ret->exact = exact;
    } else if (has_best) {
        drop_implied(&best);
        require(ret, best);
    }
    return 0;
}

static int find_repeat(struct finder *f, const struct node *node, struct known *ret)
{
    struct known each;
    TRY(find(f, node->first, &each));
    bool is_never = each.is_exact && each.exact.count == 0;
    *ret = (struct known){ .is_exact = false };
    if (node->max == 0 || (node->min == 0 && is_never)) {
        ret->is_exact = true;
        return only_empty(f, &ret->exact);
    }
    if (is_never) {
        *ret = each;
        return 0;
    }
    if (node->min == 0) {
        if (node->max == 1 && each.is_exact && each.exact.count < PRODUCT_MAX) {
            ret->is_exact = true;
            TRY(only_empty(f, &ret->exact));
            TRY(append(f, &ret->exact, &each.exact));
            sort_unique(&ret->exact);
        }
        return 0;
    }
    struct strings product;
    uint32_t times = 0;
    TRY(only_empty(f, &product));
    for (; each.is_exact && times < node->min && times < REPEAT_MAX &&
           may_multiply(&product, &each.exact);
         times++)
        TRY(multiply(f, product, each.exact, &product));
    if (each.is_exact && times == node->max) {
        ret->is_exact = true;
        ret->exact = product;
    } else if (each.is_exact) {
        require(ret, product);
    } else {
        *ret = each;
    }
    return 0;
}

/* Of a set without what is absent, in lower case. */
static struct byte_set fold(const struct byte_set *set, const struct byte_set *absent)
{
    const uint64_t upper = UINT64_C(0x3ffffff) << ('A' - 64);
    struct byte_set folded;
    for (unsigned i = 0; i < 4; i++)
        folded.bits[i] = set->bits[i] & ~absent->bits[i];
    uint64_t capitals = folded.bits[1] & upper;
    folded.bits[1] = (folded.bits[1] & ~upper) | capitals << ('a' - 'A');
    return folded;
}

static int find_set(struct finder *f, const struct node *node, struct known *ret)
{
    struct byte_set set = fold(&node->set, f->absent);
    unsigned count = byte_set_count(&set);
    *ret = (struct known){ .is_exact = count <= SET_STRINGS_MAX };
    if (!ret->is_exact)
        return 0;
    TRY(new_strings(f, count, &ret->exact));
    char *text = arena_take(f->arena, count ? count : 1);
    if (!text)
        return -ENOMEM;
    for (unsigned word = 0; word < 4; word++)
        for (uint64_t bits = set.bits[word]; bits; bits &= bits - 1) {
            *text = (char)(word * 64 + (unsigned)__builtin_ctzll(bits));
            ret->exact.list[ret->exact.count++] = slice_of(text++, 1);
        }
    return 0;
}

static int find(struct finder *f, const struct node *node, struct known *ret)
{
    switch (node->kind) {
    case NODE_EMPTY:
    case NODE_ASSERT:
        *ret = (struct known){ .is_exact = true };
        return only_empty(f, &ret->exact);
    case NODE_SET:
        return find_set(f, node, ret);
    case NODE_CONCAT:
        return find_concat(f, node, ret);
    case NODE_ALTERNATE:
        return find_alternate(f, node, ret);
    case NODE_REPEAT:
        return find_repeat(f, node, ret);
    case NODE_ANYTHING:
        *ret = (struct known){ .is_exact = false };
        return 0;
    }
    return 0;
}

/* Each set costs strings in the automaton: after the first only what is small and tells much. */
static void choose_sets(struct known *known, struct literals *ret)
{
    enum { LATER_STRINGS_MAX = 100 };
    const double later_probability_max = 0.2;
    for (unsigned i = 0; i < known->required_count; i++)
        drop_implied(&known->required[i]);
    while (ret->count < LITERAL_SETS_MAX) {
        struct strings *best = NULL;
        for (unsigned i = 0; i < known->required_count; i++) {
            struct strings *each = &known->required[i];
            if (each->count && (!best || probability_of(each) < probability_of(best)))
                best = each;
        }
        if (!best || (ret->count && (best->count > LATER_STRINGS_MAX ||
                                     probability_of(best) > later_probability_max)))
            return;
        ret->sets[ret->count++] = (struct literal_set){ .strings = best->list,
                                                        .count = best->count,
                                                        .probability = probability_of(best) };
        best->count = 0;
    }
}

int literals_find(const struct node *root, const struct byte_set *absent, struct arena *arena,
                  struct literals *ret_literals)
{
    struct finder finder = { .arena = arena, .absent = absent };
    struct known known;
    TRY(find(&finder, root, &known));
    *ret_literals = (struct literals){ .never = known.is_exact && known.exact.count == 0 };
    if (known.is_exact && !ret_literals->never) {
        struct strings exact = known.exact;
        known.is_exact = false;
        require(&known, exact);
    }
    choose_sets(&known, ret_literals);
    return 0;
}

double literals_probability(const struct literals *literals)
{
    double probability = literals->never ? 0 : 1;
    for (unsigned i = 0; i < literals->count; i++)
        probability *= literals->sets[i].probability;
    return probability;
}

struct evasions {
    struct byte_set *sets;
    unsigned count;
};

static bool is_evasion(const struct byte_set *set)
{
    const double probability_max = 0.5;
    for (unsigned byte = 0; byte < 256; byte++)
        if (byte_set_has(set, (unsigned char)byte) &&
            ((byte >= '0' && byte <= '9') ||
             (ascii_lower((char)byte) >= 'a' && ascii_lower((char)byte) <= 'z')))
            return false;
    return rarity_of_set(set) <= probability_max;
}

/* By rarity; the most frequent goes when there are too many. */
static void insert_evasion(struct evasions *e, const struct byte_set *set)
{
    struct byte_set moved = *set;
    for (unsigned i = 0; i < e->count; i++)
        if (memcmp(&e->sets[i], set, sizeof(*set)) == 0)
            return;
    for (unsigned i = 0; i < e->count; i++)
        if (rarity_of_set(&moved) < rarity_of_set(&e->sets[i])) {
            struct byte_set other = e->sets[i];
            e->sets[i] = moved;
            moved = other;
        }
    if (e->count < LITERAL_EVASIONS_MAX)
        e->sets[e->count++] = moved;
}

static void find_evasions(const struct node *node, bool is_optional, struct evasions *e)
{
    if (node->kind == NODE_SET && is_optional && is_evasion(&node->set))
        insert_evasion(e, &node->set);
    is_optional = is_optional || (node->kind == NODE_REPEAT && node->min == 0);
    for (const struct node *child = node->first; child; child = child->next)
        find_evasions(child, is_optional, e);
}

unsigned literals_evasions(const struct node *root, struct byte_set ret_sets[LITERAL_EVASIONS_MAX])
{
    struct evasions evasions = { .sets = ret_sets };
    find_evasions(root, false, &evasions);
    return evasions.count;
}
