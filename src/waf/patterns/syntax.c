#include "waf/patterns/syntax.h"

#include <errno.h>

#include "waf/patterns/reader.h"

enum { GROUPS_DEPTH_MAX = 200 };

static int parse_alternatives(struct reader *r, struct node **ret_node);

static int new_node(struct reader *r, enum node_kind kind, struct node **ret_node)
{
    *ret_node = node_new(r->arena, kind);
    return *ret_node ? 0 : -ENOMEM;
}

static int new_set(struct reader *r, struct byte_set set, struct node **ret_node)
{
    TRY(new_node(r, NODE_SET, ret_node));
    (*ret_node)->set = set;
    return 0;
}

static int new_byte(struct reader *r, unsigned char byte, struct node **ret_node)
{
    struct byte_set set = { 0 };
    byte_set_add(&set, byte);
    if (r->flags.caseless)
        reader_fold(&set);
    return new_set(r, set, ret_node);
}

static int new_assertion(struct reader *r, enum assertion assertion, struct node **ret_node)
{
    TRY(new_node(r, NODE_ASSERT, ret_node));
    (*ret_node)->assertion = assertion;
    return 0;
}

/* Stands for what only PCRE2 can decide. */
static int new_inexact(struct reader *r, enum node_kind kind, struct node **ret_node)
{
    r->is_inexact = true;
    return new_node(r, kind, ret_node);
}

/* Behind "(?": letters of options up to ")" or ":"; the latter sets ret_is_group. */
static int read_options(struct reader *r, bool *ret_is_group)
{
    bool on = true;
    for (;; r->at++) {
        switch (reader_peek(r, 0)) {
        case 'i':
            r->flags.caseless = on;
            break;
        case 'm':
            r->flags.multiline = on;
            break;
        case 's':
            r->flags.dotall = on;
            break;
        case 'x':
            r->flags.extended = on;
            if (reader_peek(r, 1) == 'x')
                return READER_GIVES_UP;
            break;
        case 'n':
        case 'J':
        case 'U': /* greed does not change whether something matches */
            break;
        case '-':
            if (!on)
                return READER_GIVES_UP;
            on = false;
            break;
        case ')':
        case ':':
            *ret_is_group = reader_peek(r, 0) == ':';
            r->at++;
            return 0;
        default:
            return READER_GIVES_UP;
        }
    }
}

static int skip_name(struct reader *r, char end)
{
    while (!reader_ended(r) && r->text.ptr[r->at] != end)
        r->at++;
    if (reader_ended(r))
        return READER_GIVES_UP;
    r->at++;
    return 0;
}

/* A group's inside and its ")". Options set within end with it. */
static int parse_group_inside(struct reader *r, struct node **ret_node)
{
    struct reader_flags outside = r->flags;
    if (++r->depth > GROUPS_DEPTH_MAX)
        return READER_GIVES_UP;
    TRY(parse_alternatives(r, ret_node));
    r->depth--;
    r->flags = outside;
    if (reader_peek(r, 0) != ')' || reader_ended(r))
        return READER_GIVES_UP;
    r->at++;
    return 0;
}

/* Lookaround is taken for granted. */
static int parse_lookaround(struct reader *r, struct node **ret_node)
{
    struct node *inside;
    TRY(parse_group_inside(r, &inside));
    return new_inexact(r, NODE_EMPTY, ret_node);
}

/* Behind "(?". Options for the rest of the group around give NODE_EMPTY. */
static int parse_special_group(struct reader *r, struct node **ret_node)
{
    struct reader_flags outside = r->flags;
    bool is_group;
    if (reader_accept(r, SLICE("#"))) {
        TRY(skip_name(r, ')'));
        return new_node(r, NODE_EMPTY, ret_node);
    }
    if (reader_accept(r, SLICE(":")) || reader_accept(r, SLICE("|")))
        return parse_group_inside(r, ret_node);
    if (reader_accept(r, SLICE("=")) || reader_accept(r, SLICE("!")) ||
        reader_accept(r, SLICE("<=")) || reader_accept(r, SLICE("<!")))
        return parse_lookaround(r, ret_node);
    if (reader_accept(r, SLICE(">"))) {
        r->is_inexact = true;
        return parse_group_inside(r, ret_node);
    }
    if (reader_accept(r, SLICE("P<")) || reader_accept(r, SLICE("<"))) {
        TRY(skip_name(r, '>'));
        return parse_group_inside(r, ret_node);
    }
    if (reader_accept(r, SLICE("'"))) {
        TRY(skip_name(r, '\''));
        return parse_group_inside(r, ret_node);
    }
    TRY(read_options(r, &is_group));
    if (!is_group)
        return new_node(r, NODE_EMPTY, ret_node);
    int result = parse_group_inside(r, ret_node);
    r->flags = outside;
    return result;
}

static int parse_dot(struct reader *r, struct node **ret_node)
{
    struct byte_set set = { 0 };
    if (!r->flags.dotall)
        byte_set_add(&set, '\n');
    byte_set_invert(&set);
    return new_set(r, set, ret_node);
}

/* Behind a backslash, outside a class. */
static int parse_escape(struct reader *r, struct node **ret_node)
{
    unsigned char letter = reader_peek(r, 0), byte;
    struct byte_set set;
    if (reader_escape_set(r, &set))
        return new_set(r, set, ret_node);
    switch (letter) {
    case 'b':
        r->at++;
        return new_assertion(r, AT_WORD_EDGE, ret_node);
    case 'B':
        r->at++;
        return new_assertion(r, NOT_AT_WORD_EDGE, ret_node);
    case 'A':
        r->at++;
        return new_assertion(r, AT_TEXT_BEGIN, ret_node);
    case 'z':
        r->at++;
        return new_assertion(r, AT_TEXT_END, ret_node);
    case 'Z': /* at the end or before a line feed there: not to be said by one byte ahead */
    case 'G':
        r->at++;
        return new_inexact(r, NODE_EMPTY, ret_node);
    case 'K':
        r->at++;
        return new_node(r, NODE_EMPTY, ret_node);
    case 'R':
        r->at++;
        return new_inexact(r, NODE_ANYTHING, ret_node);
    case '1' ... '9': /* a back reference, or octal */
        while (reader_peek(r, 0) >= '0' && reader_peek(r, 0) <= '9')
            r->at++;
        return new_inexact(r, NODE_ANYTHING, ret_node);
    default:
        TRY(reader_escape_byte(r, &byte));
        return new_byte(r, byte, ret_node);
    }
}

static int parse_atom(struct reader *r, struct node **ret_node)
{
    unsigned char c = reader_peek(r, 0);
    struct byte_set set;
    r->at++;
    switch (c) {
    case '(':
        if (reader_peek(r, 0) == '*')
            return READER_GIVES_UP; /* verbs */
        return reader_accept(r, SLICE("?")) ? parse_special_group(r, ret_node)
                                            : parse_group_inside(r, ret_node);
    case '[':
        if (slice_starts_with(slice_after(r->text, r->at), SLICE("[:<:]]")) ||
            slice_starts_with(slice_after(r->text, r->at), SLICE("[:>:]]")))
            return READER_GIVES_UP;
        TRY(reader_class(r, &set));
        return new_set(r, set, ret_node);
    case '.':
        return parse_dot(r, ret_node);
    case '^':
        return new_assertion(r, r->flags.multiline ? AT_LINE_BEGIN : AT_TEXT_BEGIN, ret_node);
    case '$':
        return new_assertion(r, r->flags.multiline ? AT_LINE_END : AT_TEXT_END, ret_node);
    case '\\':
        return parse_escape(r, ret_node);
    case '*':
    case '+':
    case '?':
        return READER_GIVES_UP;
    default:
        return new_byte(r, c, ret_node);
    }
}

static size_t read_count(const struct reader *r, size_t ahead, uint32_t *ret_count)
{
    uint32_t count = 0;
    size_t begin = ahead;
    for (; reader_peek(r, ahead) >= '0' && reader_peek(r, ahead) <= '9' && ahead < begin + 6;
         ahead++)
        count = count * 10 + (uint32_t)(reader_peek(r, ahead) - '0');
    *ret_count = count;
    return ahead - begin;
}

/* At "{": the counts of a quantifier. What newer versions of PCRE2 read as one and older ones do
 * not is given up. 0 · READER_GIVES_UP; *ret_is_one false: a brace like any byte */
static int read_braces(struct reader *r, uint32_t *min, uint32_t *max, bool *ret_is_one)
{
    size_t ahead = 1, digits = read_count(r, ahead, min);
    *ret_is_one = false;
    if (digits == 0) {
        while (reader_peek(r, ahead) == ' ' || reader_peek(r, ahead) == '\t')
            ahead++;
        unsigned char c = reader_peek(r, ahead);
        return c == ',' || (ahead > 1 && c >= '0' && c <= '9') ? READER_GIVES_UP : 0;
    }
    ahead += digits;
    *max = *min;
    if (reader_peek(r, ahead) == ',') {
        digits = read_count(r, ++ahead, max);
        if (digits == 0)
            *max = NODE_UNBOUNDED;
        ahead += digits;
    }
    if (reader_peek(r, ahead) == ' ' || reader_peek(r, ahead) == '\t')
        return READER_GIVES_UP;
    if (reader_peek(r, ahead) != '}')
        return 0;
    if (*max < *min)
        return READER_GIVES_UP;
    r->at += ahead + 1;
    *ret_is_one = true;
    return 0;
}

/* Whether a quantifier stands here; moves behind it and its ? or +. */
static int read_quantifier(struct reader *r, struct node *repeat, bool *ret_is_one)
{
    *ret_is_one = true;
    switch (reader_ended(r) ? 0 : reader_peek(r, 0)) {
    case '*':
        repeat->min = 0, repeat->max = NODE_UNBOUNDED;
        r->at++;
        break;
    case '+':
        repeat->min = 1, repeat->max = NODE_UNBOUNDED;
        r->at++;
        break;
    case '?':
        repeat->min = 0, repeat->max = 1;
        r->at++;
        break;
    case '{':
        TRY(read_braces(r, &repeat->min, &repeat->max, ret_is_one));
        if (!*ret_is_one)
            return 0;
        break;
    default:
        *ret_is_one = false;
        return 0;
    }
    if (!reader_accept(r, SLICE("?")) && reader_accept(r, SLICE("+")))
        repeat->is_possessive = r->has_possessive = true;
    return 0;
}

/* The atom with the quantifiers behind it. */
static int parse_quantifiers(struct reader *r, struct node *atom, struct node **ret_node)
{
    for (unsigned count = 0;; count++) {
        struct node probe = { 0 }, *repeat;
        bool is_one;
        TRY(read_quantifier(r, &probe, &is_one));
        if (!is_one)
            break;
        if (count == 3 || atom->kind == NODE_ASSERT || atom->kind == NODE_EMPTY)
            return READER_GIVES_UP;
        TRY(new_node(r, NODE_REPEAT, &repeat));
        repeat->min = probe.min, repeat->max = probe.max;
        repeat->is_possessive = probe.is_possessive;
        node_append(repeat, atom);
        atom = repeat;
    }
    *ret_node = atom;
    return 0;
}

/* (?x): white space and comments between items. */
static void skip_extended(struct reader *r)
{
    while (r->flags.extended && !reader_ended(r)) {
        unsigned char c = reader_peek(r, 0);
        if (c == '#')
            r->at += slice_find_byte(slice_after(r->text, r->at), '\n');
        else if (!c || !strchr("\t\n\v\f\r ", c))
            return;
        else
            r->at++;
    }
}

/* Inside \Q…\E one byte; quantifiers may follow the last. */
static int parse_quoted(struct reader *r, struct node **ret_node)
{
    unsigned char c = reader_peek(r, 0);
    r->at++;
    return new_byte(r, c, ret_node);
}

static int parse_item(struct reader *r, struct node *concat)
{
    struct node *item;
    if (r->is_quoted && !slice_starts_with(slice_after(r->text, r->at), SLICE("\\E"))) {
        TRY(parse_quoted(r, &item));
        if (!slice_starts_with(slice_after(r->text, r->at), SLICE("\\E"))) {
            node_append(concat, item);
            return 0;
        }
        r->is_quoted = false;
        r->at += 2;
    } else if (reader_accept(r, SLICE("\\E"))) {
        r->is_quoted = false;
        return 0;
    } else if (reader_accept(r, SLICE("\\Q"))) {
        r->is_quoted = true;
        return 0;
    } else {
        TRY(parse_atom(r, &item));
    }
    skip_extended(r);
    TRY(parse_quantifiers(r, item, &item));
    if (item->kind != NODE_EMPTY)
        node_append(concat, item);
    return 0;
}

static int parse_concat(struct reader *r, struct node **ret_node)
{
    struct node *concat;
    TRY(new_node(r, NODE_CONCAT, &concat));
    for (;;) {
        skip_extended(r);
        if (reader_ended(r) ||
            (!r->is_quoted && (reader_peek(r, 0) == '|' || reader_peek(r, 0) == ')')))
            break;
        TRY(parse_item(r, concat));
    }
    *ret_node = concat;
    if (!concat->first)
        concat->kind = NODE_EMPTY;
    else if (concat->first == concat->last)
        *ret_node = concat->first;
    (*ret_node)->previous = (*ret_node)->next = NULL;
    return 0;
}

/* Alternatives of one byte each become one set. */
static void unite_sets(struct node *alternate)
{
    struct node *into = NULL, *next;
    for (struct node *child = alternate->first; child; child = next) {
        next = child->next;
        if (child->kind != NODE_SET)
            continue;
        if (into) {
            byte_set_unite(&into->set, &child->set);
            node_remove(alternate, child);
        } else {
            into = child;
        }
    }
}

static int parse_alternatives(struct reader *r, struct node **ret_node)
{
    struct node *alternate, *each;
    TRY(parse_concat(r, ret_node));
    if (reader_ended(r) || reader_peek(r, 0) != '|')
        return 0;
    TRY(new_node(r, NODE_ALTERNATE, &alternate));
    node_append(alternate, *ret_node);
    while (!reader_ended(r) && reader_peek(r, 0) == '|') {
        r->at++;
        TRY(parse_concat(r, &each));
        node_append(alternate, each);
    }
    unite_sets(alternate);
    *ret_node = alternate;
    if (alternate->first == alternate->last)
        *ret_node = alternate->first;
    (*ret_node)->previous = (*ret_node)->next = NULL;
    return 0;
}

int syntax_parse(slice text, bool is_caseless, struct arena *arena, struct syntax *ret_syntax)
{
    struct reader r = { .text = text,
                        .arena = arena,
                        .flags = { .caseless = is_caseless, .dotall = true } };
    struct node *root;
    int result = parse_alternatives(&r, &root);
    if (result == 0 && !reader_ended(&r))
        result = READER_GIVES_UP; /* a ) too many */
    if (result < 0)
        return result;
    if (result > 0) {
        root = node_new(arena, NODE_ANYTHING);
        if (!root)
            return -ENOMEM;
        r.is_inexact = true;
    }
    *ret_syntax = (struct syntax){ .root = root,
                                   .is_exact = !r.is_inexact,
                                   .has_possessive = r.has_possessive };
    return 0;
}
