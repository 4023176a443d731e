#include "control/geo_file.h"

#include <errno.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "waf/operators/address.h"
#include "waf/problem.h"

struct geo_file {
    struct geo_database database;
    MMDB_s file;
};

/* Where the file has what a member is. */
static const char *const *path_of(enum geo_member member)
{
    static const char *const paths[GEO_MEMBER_COUNT][4] = {
        [GEO_COUNTRY_CODE] = { "country", "iso_code" },
        [GEO_COUNTRY_NAME] = { "country", "names", "en" },
        [GEO_COUNTRY_CONTINENT] = { "continent", "code" },
        [GEO_REGION] = { "subdivisions", "0", "iso_code" },
        [GEO_CITY] = { "city", "names", "en" },
        [GEO_POSTAL_CODE] = { "postal", "code" },
        [GEO_LATITUDE] = { "location", "latitude" },
        [GEO_LONGITUDE] = { "location", "longitude" },
        [GEO_DMA_CODE] = { "location", "metro_code" },
    };
    return paths[member];
}

static int take_number(double number, struct arena *arena, slice *ret)
{
    enum { NUMBER_BYTES = 32 };
    char *text = arena_take(arena, NUMBER_BYTES);
    if (!text)
        return -ENOMEM;
    int length = snprintf(text, NUMBER_BYTES, "%.10g", number);
    *ret = slice_of(text, (size_t)length);
    return 0;
}

static int take_member(MMDB_entry_s *entry, enum geo_member member, struct arena *arena, slice *ret)
{
    MMDB_entry_data_s found;
    if (MMDB_aget_value(entry, &found, path_of(member)) != MMDB_SUCCESS || !found.has_data)
        return 0;
    switch (found.type) {
    case MMDB_DATA_TYPE_UTF8_STRING:
        *ret = slice_of(found.utf8_string, found.data_size);
        return 0;
    case MMDB_DATA_TYPE_DOUBLE:
        return take_number(found.double_value, arena, ret);
    case MMDB_DATA_TYPE_FLOAT:
        return take_number((double)found.float_value, arena, ret);
    case MMDB_DATA_TYPE_UINT16:
        return take_number(found.uint16, arena, ret);
    case MMDB_DATA_TYPE_UINT32:
        return take_number(found.uint32, arena, ret);
    default:
        return 0;
    }
}

/* By our own reading of addresses: the library's takes 1 and 0x7f.1 for some. */
static bool look_up(const MMDB_s *file, slice text, MMDB_entry_s *ret)
{
    struct address address;
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    const struct sockaddr *socket_address = (const struct sockaddr *)&v6;
    int error = MMDB_SUCCESS;
    if (ip_address_parse(text, &address) != 0)
        return false;
    if (address_is_ipv4(&address)) {
        memcpy(&v4.sin_addr, address.bytes + 12, sizeof v4.sin_addr);
        socket_address = (const struct sockaddr *)&v4;
    } else {
        memcpy(&v6.sin6_addr, address.bytes, sizeof v6.sin6_addr);
    }
    MMDB_lookup_result_s result = MMDB_lookup_sockaddr(file, socket_address, &error);
    *ret = result.entry;
    return error == MMDB_SUCCESS && result.found_entry;
}

static int find(struct geo_database *database, slice address, struct arena *arena,
                struct geo_place *ret)
{
    const struct geo_file *g = CONTAINER_OF(database, struct geo_file, database);
    MMDB_entry_s entry;
    if (!look_up(&g->file, address, &entry))
        return 0;
    if (!ret)
        return 1;
    *ret = (struct geo_place){ 0 };
    for (unsigned i = 0; i < GEO_MEMBER_COUNT; i++)
        TRY(take_member(&entry, (enum geo_member)i, arena, &ret->members[i]));
    return 1;
}

static void close_file(struct geo_database *database)
{
    struct geo_file *g = CONTAINER_OF(database, struct geo_file, database);
    MMDB_close(&g->file);
    free(g);
}

int geo_file_open(const char *path, struct geo_database **ret, uint64_t *ret_made,
                  const char **ret_why)
{
    int fd = file_open(path); /* the library would wait for who writes a pipe */
    if (fd < 0) {
        *ret_why = file_problem(fd);
        return -EINVAL;
    }
    close(fd);
    struct geo_file *g = calloc(1, sizeof *g);
    if (!g)
        return -ENOMEM;
    g->database = (struct geo_database){ .find = find, .close = close_file };
    errno = 0;
    int error = MMDB_open(path, MMDB_MODE_MMAP, &g->file);
    if (error == MMDB_SUCCESS) {
        *ret_made = g->file.metadata.build_epoch;
        *ret = &g->database;
        return 0;
    }
    bool has_reason = (error == MMDB_FILE_OPEN_ERROR || error == MMDB_IO_ERROR) && errno != 0;
    *ret_why = has_reason ? strerror(errno) : MMDB_strerror(error);
    free(g);
    return error == MMDB_OUT_OF_MEMORY_ERROR ? -ENOMEM : -EINVAL;
}
