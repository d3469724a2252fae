/*
 * Runs a fuzz target over files: the corpora in check, a finding by hand.
 */
#include "base/scope.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool replay(const char *path)
{
    AUTO_STR struct str input = STR_EMPTY;
    AUTO_CLOSE int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = file < 0 ? -1 : 1;

    while (count > 0) {
        count = read(file, str_reserve(&input, 65536), 65536);
        if (count > 0)
            str_added(&input, (size_t)count);
    }
    if (count < 0) {
        perror(path);
        return false;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)input.data, input.length);
    return true;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!replay(argv[i]))
            return 1;
    printf("%s: %d inputs replayed\n", argv[0], argc - 1);
    return argc > 1 ? 0 : 1;
}
