#include "base/hash.h"

#include "base/memory.h"
#include "base/random.h"

#include <stdlib.h>

struct node {
    struct hash_entry entry;
    uint64_t code;
    struct node *next;
    char key[];
};

struct hash {
    struct node **buckets;
    size_t size;        /* a power of two */
    size_t count;
    uint64_t seed;
};

enum { FIRST_SIZE = 16 };

/* Another one for each table, from a secret of the thread: the kernel is asked once. */
static uint64_t next_seed(void)
{
    static _Thread_local uint64_t seed;

    if (!seed)
        seed = random_number();
    return seed += UINT64_C(0x9e3779b97f4a7c15);
}

struct hash *hash_new(void)
{
    struct hash *hash = memory_new(1, sizeof(*hash));

    hash->size = FIRST_SIZE;
    hash->buckets = memory_new(hash->size, sizeof(*hash->buckets));
    hash->seed = next_seed();
    return hash;
}

void hash_free(struct hash *hash, void (*free_value)(void *))
{
    if (!hash)
        return;
    for (size_t i = 0; i < hash->size; i++) {
        struct node *node = hash->buckets[i];

        while (node) {
            struct node *next = node->next;

            if (free_value)
                free_value(node->entry.value);
            free(node);
            node = next;
        }
    }
    free(hash->buckets);
    free(hash);
}

static uint64_t code_of(const struct hash *hash, struct slice key)
{
    uint64_t code = hash->seed ^ 0xcbf29ce484222325u;

    for (size_t i = 0; i < key.length; i++) {
        code = (code ^ (unsigned char)key.data[i]) * 0x9e3779b97f4a7c15u;
        code ^= code >> 29;
    }
    return code ^ (code >> 32);
}

static struct node **find(const struct hash *hash, struct slice key, uint64_t code)
{
    struct node **link = &hash->buckets[code & (hash->size - 1)];

    for (; *link; link = &(*link)->next)
        if ((*link)->code == code &&
            slice_equal(slice_bytes((*link)->entry.key, (*link)->entry.key_length), key))
            break;
    return link;
}

void *hash_get(const struct hash *hash, struct slice key)
{
    struct node *node = *find(hash, key, code_of(hash, key));

    return node ? node->entry.value : NULL;
}

static void grow(struct hash *hash)
{
    size_t size = hash->size * 2;
    struct node **buckets = memory_new(size, sizeof(*buckets));

    for (size_t i = 0; i < hash->size; i++) {
        struct node *node = hash->buckets[i];

        while (node) {
            struct node *next = node->next;
            struct node **bucket = &buckets[node->code & (size - 1)];

            node->next = *bucket;
            *bucket = node;
            node = next;
        }
    }
    free(hash->buckets);
    hash->buckets = buckets;
    hash->size = size;
}

void *hash_set(struct hash *hash, struct slice key, void *value)
{
    uint64_t code = code_of(hash, key);
    struct node **link = find(hash, key, code);

    if (*link) {
        void *old = (*link)->entry.value;

        (*link)->entry.value = value;
        return old;
    }

    struct node *node = memory_resize(NULL, sizeof(*node) + key.length + 1, 1);

    if (key.length)
        memcpy(node->key, key.data, key.length);
    node->key[key.length] = '\0';
    node->entry = (struct hash_entry){ node->key, key.length, value };
    node->code = code;
    node->next = NULL;
    *link = node;
    if (++hash->count > hash->size)
        grow(hash);
    return NULL;
}

void *hash_remove(struct hash *hash, struct slice key)
{
    struct node **link = find(hash, key, code_of(hash, key));
    struct node *node = *link;

    if (!node)
        return NULL;

    void *value = node->entry.value;

    *link = node->next;
    free(node);
    hash->count--;
    return value;
}

size_t hash_count(const struct hash *hash)
{
    return hash->count;
}

struct hash_entry *hash_next(const struct hash *hash, size_t *position)
{
    /* position counts entries: low half the bucket, high half the place in its chain. */
    size_t bucket = *position & 0xffffffffu;
    size_t depth = *position >> 32;

    for (; bucket < hash->size; bucket++, depth = 0) {
        struct node *node = hash->buckets[bucket];

        for (size_t i = 0; node && i < depth; i++)
            node = node->next;
        if (node) {
            *position = bucket | (depth + 1) << 32;
            return &node->entry;
        }
    }
    *position = bucket;
    return NULL;
}
