#include "config/config.h"

#include "config/parameter.h"

enum { NAME_LIMIT = 80 };

/* Edit distance, counting at most limit + 1; a swap of neighbours counts one. */
static int distance(struct slice a, struct slice b, int limit)
{
    int rows[3][NAME_LIMIT + 1];

    for (size_t j = 0; j <= b.length; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= a.length; i++) {
        int *row = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
        int least = row[0] = (int)i;

        for (size_t j = 1; j <= b.length; j++) {
            int best = before[j - 1] + (a.data[i - 1] != b.data[j - 1]);

            best = before[j] + 1 < best ? before[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
                best = earlier[j - 2] + 1 < best ? earlier[j - 2] + 1 : best;
            row[j] = best;
            least = best < least ? best : least;
        }
        if (least > limit)
            return limit + 1;
    }
    return rows[a.length % 3][b.length];
}

const char *config_nearest(const char *name)
{
    struct slice wanted = slice_of(name);
    const char *nearest = NULL;
    int best = wanted.length < 6 ? 1 : wanted.length < 12 ? 2 : 3;

    if (wanted.length == 0 || wanted.length > NAME_LIMIT)
        return NULL;
    for (size_t i = 0; i < parameter_count(); i++) {
        struct slice other = slice_of(parameter_name(parameter_at(i)));

        if (other.length > NAME_LIMIT)
            continue;

        int found = distance(wanted, other, best);

        if (found < best || (found == best && !nearest)) {
            best = found;
            nearest = other.data;
        }
    }
    return nearest;
}
