#include "waf/rules/builtin.h"

int waf_builtin_read(struct seclang *load)
{
    for (unsigned i = 0; i < waf_builtin_count; i++)
        TRY(seclang_text(load, waf_builtin[i].name, waf_builtin[i].text));
    return 0;
}
