/* A file gets another content, whole or not at all: written beside it, then put in its place, so
 * that a full disk leaves the old one. Rights and owner stay, and a symbolic link stays one. */
#pragma once

#include "base/slice.h"

/* 0 · -errno, and nothing has changed */
MUST_CHECK int replace_file(const char *path, slice text);
