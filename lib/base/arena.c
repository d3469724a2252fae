#include "base/arena.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
enum { BLOCK_SIZE = 0 };
#else
enum { BLOCK_SIZE = 4000 };
#endif

struct block {
    struct block *next;
    size_t size;
    size_t used;
    _Alignas(max_align_t) char data[];
};

struct arena {
    struct block *blocks;   /* the newest first */
    size_t taken;
};

struct arena *arena_new(void)
{
    return memory_new(1, sizeof(struct arena));
}

static void free_blocks(struct block *block)
{
    while (block) {
        struct block *next = block->next;

        free(block);
        block = next;
    }
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    free_blocks(arena->blocks);
    free(arena);
}

void arena_reset(struct arena *arena)
{
    struct block *block = arena->blocks;

    if (block && BLOCK_SIZE) {
        free_blocks(block->next);
        block->next = NULL;
        block->used = 0;
    } else {
        free_blocks(block);
        arena->blocks = NULL;
    }
    arena->taken = 0;
}

static struct block *block_new(size_t size)
{
    if (size > SIZE_MAX / 2)
        memory_exhausted();

    struct block *block = memory_resize(NULL, sizeof(*block) + size, 1);

    block->next = NULL;
    block->size = size;
    block->used = 0;
    return block;
}

static struct block *block_with_room(struct arena *arena, size_t size)
{
    struct block *newest = arena->blocks;

    if (newest && newest->size - newest->used >= size)
        return newest;

    struct block *fresh = block_new(size > BLOCK_SIZE ? size : BLOCK_SIZE);

    /* A large piece does not end the use of a block that has room left. */
    if (newest && size > BLOCK_SIZE / 4 && BLOCK_SIZE) {
        fresh->next = newest->next;
        newest->next = fresh;
    } else {
        fresh->next = newest;
        arena->blocks = fresh;
    }
    return fresh;
}

static char *take(struct arena *arena, size_t size)
{
    const size_t unit = _Alignof(max_align_t);

    if (size > SIZE_MAX / 4)
        memory_exhausted();
    size = (size + unit - 1) / unit * unit;

    struct block *block = block_with_room(arena, size);
    char *piece = block->data + block->used;

    block->used += size;
    arena->taken += size;
    return piece;
}

void *arena_take(struct arena *arena, size_t size)
{
    return memset(take(arena, size), 0, size);
}

char *arena_text(struct arena *arena, struct slice slice)
{
    char *copy = take(arena, slice.length + 1);

    if (slice.length)
        memcpy(copy, slice.data, slice.length);
    copy[slice.length] = '\0';
    return copy;
}

char *arena_copy(struct arena *arena, const char *text)
{
    return text ? arena_text(arena, slice_of(text)) : NULL;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);

    int length = vsnprintf(NULL, 0, format, args);

    va_end(args);

    size_t size = length > 0 ? (size_t)length + 1 : 1;
    char *text = arena_take(arena, size);

    vsnprintf(text, size, format, again);
    va_end(again);
    return text;
}

size_t arena_size(const struct arena *arena)
{
    return arena->taken;
}
