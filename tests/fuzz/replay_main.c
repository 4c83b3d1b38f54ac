/* Replays a fuzz target's corpus without libFuzzer: every file (and every file of every folder) named on the command
 * line is fed to LLVMFuzzerTestOneInput once, then again truncated at a few lengths, so that ctest keeps the corpus
 * alive. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t replayed;

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "cannot open '%s': %s\n", path, strerror(errno));
        return 1;
    }
    struct stat status;
    if (fstat(fileno(file), &status) != 0) {
        fclose(file);
        return 1;
    }
    size_t size = (size_t)status.st_size;
    uint8_t *whole = malloc(size + 1);
    if (!whole || fread(whole, 1, size, file) != size) {
        fprintf(stderr, "cannot read '%s'\n", path);
        free(whole);
        fclose(file);
        return 1;
    }
    fclose(file);
    for (size_t eighth = 1; eighth <= 8; eighth++) {
        /* A buffer of exactly the length, so that a sanitizer sees one byte too many. */
        size_t length = size * eighth / 8;
        uint8_t *part = malloc(length ? length : 1);
        if (!part) {
            free(whole);
            return 1;
        }
        memcpy(part, whole, length);
        LLVMFuzzerTestOneInput(part, length);
        free(part);
    }
    free(whole);
    replayed++;
    return 0;
}

static int replay_path(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        fprintf(stderr, "cannot open '%s': %s\n", path, strerror(errno));
        return 1;
    }
    if (!S_ISDIR(status.st_mode))
        return replay_file(path);
    DIR *folder = opendir(path);
    if (!folder)
        return 1;
    int failed = 0;
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        char child[4096];
        snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        failed |= replay_path(child);
    }
    closedir(folder);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= replay_path(argv[i]);
    printf("replayed %zu inputs\n", replayed);
    /* A corpus that vanished must not look like one that passed. */
    return failed || replayed == 0;
}
