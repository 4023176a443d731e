/* What the certifier tells of its certificates: STORAGE/certificates/status.json, replaced whole,
 * one certificate on each line. `portcullis certs` and the metrics come from it. */
#pragma once

#include "certifier/world.h"

#define REPORT_FILE "status.json"

/* One line for each, between "[" and "]". Overflow is the writer's to tell. */
void report_write(struct writer *w, const struct holdings *all, int64_t now_s);
/* Room that is enough for that many. */
size_t report_room(uint32_t count);

/* Says in the log, once each, that the end of a certificate is 14, 7, 1 days away, or has come. */
void report_warn_of_end(struct holding *h, int64_t now_s);
