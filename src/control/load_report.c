/* Diagnostics on a terminal or in a file. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "control/load.h"
#include "control/output.h"

void load_report(struct diagnostics *d, const char *name, int fd)
{
    struct diagnostic_style style = { .colours = output_is_coloured(fd) };
    diagnostics_sort(d);
    for (uint32_t i = 0; i < d->count; i++) {
        char text[DIAGNOSTIC_TEXT_MAX];
        struct writer w = writer_over(text, sizeof text);
        diagnostic_write_text(&w, &d->items[i], &style);
        output_write(fd, writer_slice(&w));
    }
    if (d->errors + d->warnings > d->count)
        output_format(fd, "... and %u more\n", d->errors + d->warnings - d->count);
    if (d->errors)
        output_format(fd, "%s: %u error%s, %u warning%s, nothing was changed\n", name, d->errors,
                      d->errors == 1 ? "" : "s", d->warnings, d->warnings == 1 ? "" : "s");
}
