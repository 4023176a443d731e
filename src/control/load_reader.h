/* The outside for the configuration language: files, folders, the environment, credentials. */
#pragma once

#include "config/reader.h"

extern const struct reader load_reader;
