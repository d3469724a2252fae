#include "table/recent.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/moment.h"

#include <pthread.h>
#include <stdlib.h>

/* A second's worth on a busy host; then all are forgotten at once. */
enum { MOST_ANSWERS = 1000 };

struct answer {
    int64_t until;
    bool found;
    char *value;
    size_t length;
};

struct recent {
    pthread_mutex_t mutex;
    struct hash *answers;
};

struct recent *recent_new(void)
{
    struct recent *recent = memory_new(1, sizeof(*recent));

    recent->answers = hash_new();
    pthread_mutex_init(&recent->mutex, NULL);
    return recent;
}

static void free_answer(void *value)
{
    struct answer *answer = value;

    if (!answer)
        return;
    free(answer->value);
    free(answer);
}

void recent_free(struct recent *recent)
{
    if (!recent)
        return;
    hash_free(recent->answers, free_answer);
    pthread_mutex_destroy(&recent->mutex);
    free(recent);
}

bool recent_get(struct recent *recent, struct slice key, bool *found, struct str *value)
{
    pthread_mutex_lock(&recent->mutex);

    const struct answer *answer = hash_get(recent->answers, key);
    bool known = answer && answer->until > moment_now();

    if (known) {
        *found = answer->found;
        str_bytes(value, answer->value, answer->length);
    }
    pthread_mutex_unlock(&recent->mutex);
    return known;
}

void recent_set(struct recent *recent, struct slice key, bool found, struct slice value)
{
    struct answer *answer = memory_new(1, sizeof(*answer));

    answer->until = moment_now() + RECENT_MILLISECONDS;
    answer->found = found;
    answer->value = memory_text(value.data, value.length);
    answer->length = value.length;
    pthread_mutex_lock(&recent->mutex);
    if (hash_count(recent->answers) >= MOST_ANSWERS) {
        hash_free(recent->answers, free_answer);
        recent->answers = hash_new();
    }
    free_answer(hash_set(recent->answers, key, answer));
    pthread_mutex_unlock(&recent->mutex);
}
