#include "config/code.h"

#include "base/panic.h"

const struct code_description code_descriptions[] = {
#define CODE_ROW(letter, number, title_, explanation_, example_, mended_)                          \
    { .code = letter##0##number,                                                                   \
      .name = #letter "0" #number,                                                                 \
      .title = title_,                                                                             \
      .explanation = explanation_,                                                                 \
      .example = example_,                                                                         \
      .mended = mended_ },
    DIAGNOSTIC_CODES(CODE_ROW)
#undef CODE_ROW
};
const size_t code_description_count = ARRAY_LENGTH(code_descriptions);

const struct code_description *code_describe(enum diagnostic_code code)
{
    for (size_t i = 0; i < code_description_count; i++)
        if (code_descriptions[i].code == code)
            return &code_descriptions[i];
    UNREACHABLE();
}

const struct code_description *code_find(slice name)
{
    for (size_t i = 0; i < code_description_count; i++)
        if (slice_equal_fold(slice_from(code_descriptions[i].name), name))
            return &code_descriptions[i];
    return NULL;
}
