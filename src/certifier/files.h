/* Certificates from files, `tls CERT KEY`, and lists of those that were taken back, `crl FILE`:
 * replaced while the program runs. Files are written in
 * some order by programs that know nothing of us: the key before the certificate or after, in
 * pieces, through links. So what cannot be used is looked at again for a while before anything is
 * said, and the pair in force stays until a better one is whole. */
#pragma once

#include "certifier/folders.h"
#include "certifier/world.h"

#define FILES_SETTLE_MS 2000  /* a pair that does not fit may be half of a change */
#define FILES_RETRY_MS  250   /* meanwhile it is looked at that often */
#define FILES_LOOK_MS   10000 /* where nobody tells of changes */
#define FILES_SELDOM_MS 60000 /* where the kernel does */

/* Begins to watch; it is looked at at once. */
void files_watch(struct folders *f, struct holding *h, int64_t now_ms);
void files_leave(struct folders *f, struct holding *h);

/* Those in folders that have changed are due. */
void files_note_changes(struct folders *f, struct holdings *all, int64_t now_ms);

/* Looks at the files, when that is due. True when another certificate is in force, or the state
 * changed in another way that is told. Plans its next look. */
bool files_look(struct certifier_world *w, struct folders *f, struct holding *h, int64_t now_ms);
