#include "wire/forwarded.h"

#include "wire/field.h"

/* "[2001:db8::1]:80" -> "2001:db8::1", "192.0.2.1:80" -> "192.0.2.1". */
static slice without_port(slice node)
{
    if (node.len && node.ptr[0] == '[') {
        size_t end = slice_find_byte(node, ']');
        return end < node.len ? slice_of(node.ptr + 1, end - 1) : slice_of(node.ptr, 0);
    }
    size_t colon = slice_find_byte(node, ':');
    bool one_colon = colon < node.len &&
                     slice_find_byte(slice_after(node, colon + 1), ':') == node.len - colon - 1;
    return one_colon ? slice_first(node, colon) : node;
}

bool forwarded_for_last(slice *rest, slice *ret_element)
{
    while (rest->len) {
        size_t at = rest->len;
        while (at > 0 && rest->ptr[at - 1] != ',')
            at--;
        slice element = slice_trim(slice_after(*rest, at));
        *rest = slice_first(*rest, at ? at - 1 : 0);
        if (element.len) {
            *ret_element = without_port(element);
            return true;
        }
    }
    return false;
}

static slice without_quotes(slice text)
{
    if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
        return slice_of(text.ptr + 1, text.len - 2);
    return text;
}

/* "for=192.0.2.1;proto=https" */
static struct forwarded_element read_element(slice text)
{
    struct forwarded_element element = { 0 };
    slice rest = text;
    while (rest.len) {
        size_t end = slice_find_byte(rest, ';');
        slice pair = slice_trim(slice_first(rest, end));
        rest = slice_after(rest, end + 1);
        size_t equals = slice_find_byte(pair, '=');
        slice name = slice_trim(slice_first(pair, equals));
        slice value = without_quotes(slice_trim(slice_after(pair, equals + 1)));
        if (slice_equal_fold(name, SLICE("for")) && !element.node.len)
            element.node = without_port(value);
        else if (slice_equal_fold(name, SLICE("proto")) && !element.proto.len)
            element.proto = value;
    }
    return element;
}

uint32_t forwarded_elements(slice value, struct forwarded_element *ret, uint32_t elements_max)
{
    slice rest = value, element;
    uint32_t count = 0;
    while (list_next(&rest, &element)) {
        if (count == elements_max) {
            memmove(ret, ret + 1, (elements_max - 1) * sizeof *ret);
            count--;
        }
        ret[count++] = read_element(element);
    }
    return count;
}
