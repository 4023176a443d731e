#include "wire/accept.h"

#include "base/number.h"
#include "wire/field.h"

/* Weight of one element in thousandths: "text/html;q=0.8" -> 800. Malformed ones weigh nothing. */
static unsigned weight_of(slice element)
{
    size_t at = slice_find(element, SLICE("q="));
    if (at == element.len)
        return 1000;
    slice q = slice_after(element, at + 2);
    q = slice_first(q, slice_find_byte(q, ';'));
    uint64_t whole, fraction = 0;
    size_t dot = slice_find_byte(q, '.');
    slice digits = slice_first(slice_after(q, dot + 1), 3);
    if (number_parse(slice_first(q, dot), 1, &whole) != 0 ||
        (digits.len && number_parse(digits, 999, &fraction) != 0))
        return 0;
    for (size_t i = digits.len; i < 3; i++)
        fraction *= 10;
    unsigned weight = (unsigned)(whole * 1000 + fraction);
    return weight > 1000 ? 0 : weight;
}

bool accept_prefers_json(slice accept)
{
    unsigned json = 0, html = 0;
    slice rest = accept, element;
    while (list_next(&rest, &element)) {
        slice type = slice_trim(slice_first(element, slice_find_byte(element, ';')));
        unsigned weight = weight_of(element);
        bool is_json = slice_equal_fold(type, SLICE("application/json")) ||
                       (type.len > 17 && slice_ends_with(type, SLICE("+json")));
        bool is_html = slice_equal_fold(type, SLICE("text/html")) ||
                       slice_equal_fold(type, SLICE("application/xhtml+xml"));
        if (is_json && weight > json)
            json = weight;
        if (is_html && weight > html)
            html = weight;
    }
    return json > html;
}
