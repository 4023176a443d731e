/* Runs a fuzz target over the files of the folders that are given: the corpus is part of the unit
 * tests, with every compiler. Prints each name first, so that the last one is the culprit. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t room = 1u << 20;
    uint8_t *bytes = malloc(room);
    if (!file || !bytes) {
        perror(path);
        free(bytes);
        if (file)
            fclose(file);
        return 1;
    }
    size_t count = fread(bytes, 1, room, file);
    fclose(file);
    uint8_t *exact = realloc(bytes, count ? count : 1); /* so that reading beyond is noticed */
    puts(path);
    LLVMFuzzerTestOneInput(exact ? exact : bytes, count);
    free(exact ? exact : bytes);
    return 0;
}

int main(int argc, char **argv)
{
    int files = 0, failures = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!folder) {
            perror(argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(folder));) {
            char path[4096];
            if (entry->d_name[0] == '.' ||
                snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name) >= (int)sizeof path)
                continue;
            failures += replay(path);
            files++;
        }
        closedir(folder);
    }
    printf("%d files\n", files);
    return failures || files == 0;
}
