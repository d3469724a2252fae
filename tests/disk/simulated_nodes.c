/*
 * Files, folders, and the changes of them that a crash may undo.
 */
#include "simulated_inside.h"

#include <stdio.h>

int node_add(struct nodes *nodes, mode_t mode)
{
    struct node *node = VECTOR_ADD(nodes);

    node->mode = mode;
    node->data = STR_EMPTY;
    return (int)nodes->count - 1;
}

void nodes_free(struct nodes *nodes)
{
    for (size_t i = 0; i < nodes->count; i++) {
        str_free(&nodes->items[i].data);
        VECTOR_FREE(&nodes->items[i].entries);
    }
    VECTOR_FREE(nodes);
}

void nodes_copy(struct nodes *to, const struct nodes *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct node *node = &from->items[i];
        int number = node_add(to, node->mode);
        struct node *copy = &to->items[number];

        copy->modified = node->modified;
        str_add(&copy->data, str_slice(&node->data));
        for (size_t k = 0; k < node->entries.count; k++)
            VECTOR_PUSH(&copy->entries, node->entries.items[k]);
    }
}

struct entry *node_find_entry(struct node *folder, const char *name)
{
    for (size_t i = 0; i < folder->entries.count; i++)
        if (strcmp(folder->entries.items[i].name, name) == 0)
            return &folder->entries.items[i];
    return NULL;
}

static void drop_entry(struct node *folder, const char *name)
{
    struct entry *entry = node_find_entry(folder, name);

    if (entry)
        *entry = folder->entries.items[--folder->entries.count];
}

static void add_entry(struct node *folder, const char *name, int node)
{
    drop_entry(folder, name);

    struct entry *entry = VECTOR_ADD(&folder->entries);

    snprintf(entry->name, sizeof(entry->name), "%s", name);
    entry->node = node;
}

void node_put_data(struct node *node, off_t offset, struct slice data)
{
    while (node->data.length < (size_t)offset + data.length)
        str_byte(&node->data, '\0');
    memcpy(node->data.data + offset, data.data, data.length);
}

void effect_apply(struct nodes *nodes, const struct effect *effect, bool add, bool drop)
{
    switch (effect->kind) {
    case EFFECT_DATA:
        node_put_data(&nodes->items[effect->node], effect->offset, str_slice(&effect->data));
        break;
    case EFFECT_MODE:
        nodes->items[effect->node].mode = effect->mode;
        break;
    case EFFECT_TIME:
        nodes->items[effect->node].modified = effect->modified;
        break;
    case EFFECT_NAMES:
        if (add && effect->add_folder >= 0)
            add_entry(&nodes->items[effect->add_folder], effect->add_name, effect->node);
        if (drop && effect->drop_folder >= 0)
            drop_entry(&nodes->items[effect->drop_folder], effect->drop_name);
        break;
    }
}


struct effect *effect_add(struct simulated *simulated, enum effect_kind kind, int node)
{
    struct effect *effect = VECTOR_ADD(&simulated->pending);

    effect->kind = kind;
    effect->node = node;
    effect->data = STR_EMPTY;
    effect->add_folder = effect->drop_folder = -1;
    return effect;
}

/* Remove the effects that chosen says; durable ones are applied to what is kept. */
void effects_take(struct simulated *simulated, int node, bool durable,
                  bool (*chosen)(const struct simulated *, const struct effect *, int))
{
    size_t left = 0;

    for (size_t i = 0; i < simulated->pending.count; i++) {
        struct effect *effect = &simulated->pending.items[i];

        if (!chosen(simulated, effect, node)) {
            simulated->pending.items[left++] = *effect;
            continue;
        }
        if (durable)
            effect_apply(&simulated->kept, effect, true, true);
        str_free(&effect->data);
    }
    simulated->pending.count = left;
}

bool effect_is_any(const struct simulated *simulated, const struct effect *effect, int node)
{
    (void)simulated;
    (void)effect;
    (void)node;
    return true;
}
