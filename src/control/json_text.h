/* JSON from our own admin interface as text for people: a member on each line, indented by depth,
 * an object in a list on one line. It is shown, not interpreted; what is malformed is shown as it
 * is. */
#pragma once

#include "base/slice.h"

void json_text_write(int fd, slice json);
