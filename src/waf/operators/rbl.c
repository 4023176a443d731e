/* rbl: a list in the DNS has the value (RFC 5782). Whether it does only the caller of the engine
 * can find out; by itself the operator knows of nothing. */
#include "waf/operators/rbl.h"

#include "waf/operators/address.h"
#include "waf/operators/table.h"

enum { LABEL_MAX = 63, WHERE_MAX = 256 };

/* --- Names ------------------------------------------------------------------------------------ */

static bool is_label_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* Labels of 1 to 63 letters, digits, - and _ with dots between them. */
static bool is_host_name(slice s)
{
    size_t label = 0;
    if (s.len == 0 || s.len > RBL_NAME_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '.' && !is_label_byte(s.ptr[i]))
            return false;
        label = s.ptr[i] == '.' ? 0 : label + 1;
        if (label > LABEL_MAX || (s.ptr[i] == '.' && (i == 0 || s.ptr[i - 1] == '.')))
            return false;
    }
    return label > 0;
}

/* The root's dot says nothing. */
static slice without_root(slice s)
{
    return s.len > 1 && s.ptr[s.len - 1] == '.' ? slice_first(s, s.len - 1) : s;
}

/* domain: with a dot before it. */
static bool is_of(slice list, slice domain)
{
    if (list.len < domain.len)
        return slice_equal_fold(list, slice_after(domain, 1));
    return slice_equal_fold(slice_after(list, list.len - domain.len), domain);
}

static bool is_of_honey_pot(slice list)
{
    return is_of(list, SLICE(".httpbl.org"));
}

static void write_lower(struct writer *w, slice s)
{
    for (size_t i = 0; i < s.len; i++)
        writer_byte(w, s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? (char)(s.ptr[i] | 32) : s.ptr[i]);
}

static void write_reversed(struct writer *w, const struct address *a)
{
    if (address_is_ipv4(a)) {
        for (size_t i = 16; i > 12; i--) {
            writer_decimal(w, a->bytes[i - 1]);
            writer_byte(w, '.');
        }
        return;
    }
    for (size_t i = 16; i > 0; i--) {
        writer_hex(w, a->bytes[i - 1] & 15);
        writer_byte(w, '.');
        writer_hex(w, a->bytes[i - 1] >> 4);
        writer_byte(w, '.');
    }
}

bool rbl_question(slice list, slice value, slice key, char memory[RBL_NAME_MAX],
                  struct list_question *ret)
{
    struct writer w = writer_over(memory, RBL_NAME_MAX);
    struct address a;
    bool is_address = ip_address_parse(value, &a) == 0;
    list = without_root(list);
    value = without_root(value);
    *ret = (struct list_question){ .list_bytes = list.len };
    if (is_of_honey_pot(list)) {
        if (key.len == 0 || !is_address || !address_is_ipv4(&a))
            return false;
        write_lower(&w, key);
        writer_byte(&w, '.');
        ret->key_bytes = w.len;
    }
    if (is_address) {
        write_reversed(&w, &a);
    } else if (is_host_name(value)) {
        write_lower(&w, value);
        writer_byte(&w, '.');
    } else {
        return false;
    }
    write_lower(&w, list);
    ret->name = writer_slice(&w);
    return !w.overflowed;
}

/* --- Answers ---------------------------------------------------------------------------------- */

/* What the last byte of an answer means to some lists, in the words of ModSecurity 2. */
static const struct {
    const char *domain;
    uint8_t from, to;
    const char *word;
} words[] = {
    { ".uribl.com", 2, 2, "BLACK" },
    { ".uribl.com", 4, 4, "GREY" },
    { ".uribl.com", 8, 8, "RED" },
    { ".uribl.com", 14, 14, "BLACK,GREY,RED" },
    { ".uribl.com", 255, 255, "DNS IS BLOCKED" },
    { ".spamhaus.org", 2, 3, "Static UBE sources" },
    { ".spamhaus.org", 4, 7, "Illegal 3rd party exploits" },
    { ".spamhaus.org", 10, 11, "Delivering unauthenticated SMTP email" },
};

/* NULL: there is none. */
static const char *word_of(slice list, uint8_t last)
{
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
        if (last >= words[i].from && last <= words[i].to &&
            is_of(list, slice_from(words[i].domain)))
            return words[i].word;
    return NULL;
}

/* Project Honey Pot: 127, days since it was last seen, a score, and bits: 1 suspicious, 2
 * harvester, 4 spammer of comments; none of them is a search engine. */
static const char *word_of_honey_pot(unsigned type)
{
    static const char *const types[] = { "Search Engine",
                                         "Suspicious IP",
                                         "Harvester IP",
                                         "Suspicious harvester IP",
                                         "Comment spammer IP",
                                         "Suspicious comment spammer IP",
                                         "Harvester and comment spammer IP",
                                         "Suspicious harvester comment spammer IP" };
    return type < ARRAY_LENGTH(types) ? types[type] : "Unknown type";
}

void rbl_describe(struct writer *w, const struct list_question *q, slice where, const uint8_t a[4])
{
    slice list = slice_after(q->name, q->name.len - q->list_bytes);
    const char *word = word_of(list, a[3]);
    slice name = slice_after(q->name, q->key_bytes);
    where = slice_first(where, WHERE_MAX);
    writer_format(w, "RBL lookup of %.*s succeeded at %.*s", SLICE_ARGUMENTS(name),
                  SLICE_ARGUMENTS(where));
    if (is_of_honey_pot(list))
        writer_format(w, ". %s: %u days since last activity, threat score %u",
                      word_of_honey_pot(a[3]), a[1], a[2]);
    else if (word)
        writer_format(w, " (%s).", word);
    else
        writer_byte(w, '.');
}

/* --- The operator ----------------------------------------------------------------------------- */

static int prepare(struct operator_setup *setup, slice argument, UNUSED bool has_macro,
                   UNUSED void **ret_prepared)
{
    if (!is_host_name(without_root(argument)))
        return waf_problem_set(setup->problem,
                               "@rbl wants the name of a list, such as list.example.org, found "
                               "\"%.*s\"",
                               SLICE_ARGUMENTS(slice_first(argument, WHERE_MAX)));
    return 0;
}

static int evaluate(UNUSED const void *prepared, UNUSED slice argument, UNUSED slice value,
                    UNUSED struct operator_match *match, UNUSED struct work *work)
{
    return 0;
}

const struct operator operator_rbl = {
    .name = "rbl",
    .takes_argument = true,
    .prepare = prepare,
    .evaluate = evaluate,
    .asks_list = true,
    .meaning =
        "The value, an address or a host name, is on a list in the DNS (RFC 5782); TX.0 says "
        "what the list answers. What cannot be found out in time matches nothing.",
    .example = "SecRule REMOTE_ADDR \"@rbl list.example.org\" \"id:1,phase:1,deny\"",
};
