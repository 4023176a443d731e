/* Feeds a fuzz target every file of a corpus folder, and every beginning of each. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fuzz.h"

#define FILE_BYTES_MAX 65536u

static size_t read_file(const char *path, uint8_t *to)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    size_t count = fread(to, 1, FILE_BYTES_MAX, file);
    fclose(file);
    return count;
}

/* A copy of exact size, so that a sanitizer sees a read past the end. */
static void feed(const uint8_t *bytes, size_t count)
{
    uint8_t *copy = malloc(count ? count : 1);
    ASSERT(copy);
    memcpy(copy, bytes, count);
    LLVMFuzzerTestOneInput(copy, count);
    free(copy);
}

int main(int argc, char **argv)
{
    static uint8_t bytes[FILE_BYTES_MAX];
    unsigned files = 0;
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (!folder) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        size_t count = read_file(path, bytes);
        for (size_t part = 0; part <= count; part += part < 512 ? 1 : 97)
            feed(bytes, part);
        feed(bytes, count);
        files++;
    }
    closedir(folder);
    printf("%u files\n", files);
    return files ? 0 : 1;
}
