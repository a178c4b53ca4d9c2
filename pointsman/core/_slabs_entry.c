/* Entries of a locked shard: buckets, the heap of expiry, who makes room for whom, and order after a death.
 *
 * The heap has four children at each place. Its keys may be earlier than the orders of the entries: touching one leaves
 * the heap alone, and who meets it at the top puts it where it belongs. A pinned one that is met there leaves the heap;
 * it comes back when nobody pins it any more. */
#include "_slabs.h"

uint64_t
slab_pins(const Slab *slab, Entry *entry)
{
    const Gauge *gauges = gauges_of(slab, entry);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < slab->at.slots; i++)
        sum += gauges[i].pins;
    return sum;
}

int64_t
slab_current(const Slab *slab, Entry *entry)
{
    const Gauge *gauges = gauges_of(slab, entry);
    int64_t sum = 0;
    for (uint32_t i = 0; i < slab->at.slots; i++)
        sum += gauges[i].current;
    return sum;
}

int
slab_is_over(const Slab *slab, Entry *entry, uint64_t now)
{
    return entry->order < order_after(now) && slab_pins(slab, entry) == 0;
}

/* The heap. */

static inline void
settle(View *view, uint32_t place, uint64_t key, uint32_t local)
{
    PUT(view->keys[place], key);
    PUT(view->who[place], local);
    PUT(entry_at(view, local)->place, place + 1);
}

static void
rise(View *view, uint32_t place, uint64_t key, uint32_t local)
{
    while (place > 0) {
        uint32_t parent = (place - 1) / 4;
        if (view->keys[parent] <= key)
            break;
        settle(view, place, view->keys[parent], view->who[parent]);
        place = parent;
    }
    settle(view, place, key, local);
}

static void
sink(View *view, uint32_t place, uint64_t key, uint32_t local)
{
    uint32_t count = view->head->heaped;
    for (;;) {
        uint32_t first = 4 * place + 1, least = first;
        if (first >= count)
            break;
        for (uint32_t child = first + 1; child < first + 4 && child < count; child++)
            if (view->keys[child] < view->keys[least])
                least = child;
        if (view->keys[least] >= key)
            break;
        settle(view, place, view->keys[least], view->who[least]);
        place = least;
    }
    settle(view, place, key, local);
}

static void
heap_add(View *view, uint32_t local)
{
    uint32_t count = view->head->heaped;
    PUT(view->head->heaped, count + 1);
    rise(view, count, entry_at(view, local)->order, local);
}

static void
heap_remove(View *view, uint32_t local)
{
    Entry *entry = entry_at(view, local);
    uint32_t place = entry->place;
    if (place-- == 0)
        return;
    uint32_t last = view->head->heaped - 1;
    PUT(entry->place, 0);
    PUT(view->head->heaped, last);
    if (place == last)
        return;
    uint64_t key = view->keys[last];
    if (place > 0 && view->keys[(place - 1) / 4] > key)
        rise(view, place, key, view->who[last]);
    else
        sink(view, place, key, view->who[last]);
}

/* Nobody may pin it any more: then it can be dropped again. */
void
slab_unparked(View *view, uint32_t local)
{
    Entry *entry = entry_at(view, local);
    if (entry->place == 0 && slab_pins(view->slab, entry) == 0)
        heap_add(view, local);
}

/* Changes. */

/* It has changed: it gets the next number. */
void
slab_note(View *view, uint32_t local)
{
    const Layout *at = &view->slab->at;
    uint64_t number = __atomic_add_fetch(&view->slab->head->change, 1, __ATOMIC_SEQ_CST);
    PUT(entry_at(view, local)->change, number);
    PUT(view->slab->ring[number & (at->ring - 1)], number << 32 | view->number << at->bits | local);
}

static uint64_t
order_of(View *view, uint64_t now, uint64_t expire)
{
    uint32_t sequence = view->head->sequence;
    PUT(view->head->sequence, sequence + 1);
    uint64_t first = sequence & ((1U << SEQUENCE_BITS) - 1);
    return (expire == 0 ? now | NEVER >> SEQUENCE_BITS : now + expire) << SEQUENCE_BITS | first;
}

void
slab_touch(View *view, uint32_t local, uint64_t now, uint64_t expire)
{
    Entry *entry = entry_at(view, local);
    PUT(entry->order, order_of(view, now, expire));
    if (entry->place != 0 && entry->order < view->keys[entry->place - 1])
        rise(view, entry->place - 1, entry->order, local);
}

/* Keep the data as they are: if this process is killed before slab_kept, they are put back. */
void
slab_keep(View *view, uint32_t local)
{
    slab_copy(view->journal, data_of(view->slab, entry_at(view, local)), view->slab->at.data_size);
    PUT(view->head->journal, local + 1);
}

void
slab_kept(View *view)
{
    PUT(view->head->journal, 0);
}

/* Entries. */

static inline uint32_t *
bucket_of(View *view, uint32_t hash)
{
    return &view->buckets[hash & (view->slab->at.buckets - 1)];
}

uint32_t
slab_lookup(View *view, uint64_t hash, const uint8_t *key, size_t length)
{
    uint32_t found = *bucket_of(view, (uint32_t)hash);
    while (found != 0) {
        Entry *entry = entry_at(view, found - 1);
        if (entry->hash == (uint32_t)hash && entry->length == length && memcmp(key_of(entry), key, length) == 0)
            break;
        found = entry->next;
    }
    return found;
}

void
slab_free(View *view, uint32_t local)
{
    Entry *entry = entry_at(view, local);
    PUT(entry->generation, (entry->generation + 1) & 0x7fffffff);
    heap_remove(view, local);
    uint32_t *link = bucket_of(view, entry->hash);
    while (*link != local + 1)
        link = &entry_at(view, *link - 1)->next;
    PUT(*link, entry->next);
    PUT(entry->next, view->head->free);
    PUT(view->head->free, local + 1);
    PUT(view->head->count, view->head->count - 1);
    STEP();
    __atomic_sub_fetch(&view->slab->head->used, 1, __ATOMIC_SEQ_CST);
}

/* Drop the one whose time is up next, if that is before an order. At most *budget entries are looked at. */
Drop
slab_drop_oldest(View *view, uint64_t before, long *budget)
{
    while (view->head->heaped > 0) {
        uint64_t key = view->keys[0];
        uint32_t local = view->who[0];
        if (key >= before)
            return NONE_DUE;
        if ((*budget)-- <= 0)
            return WORKED;
        Entry *entry = entry_at(view, local);
        if (slab_pins(view->slab, entry) != 0) {
            heap_remove(view, local);
        } else if (entry->order != key) {
            sink(view, 0, entry->order, local);
        } else {
            slab_free(view, local);
            return DROPPED;
        }
    }
    return EMPTY;
}

static uint32_t
make(View *view, uint64_t hash, const uint8_t *key, size_t length, uint64_t now, uint64_t expire)
{
    const Layout *at = &view->slab->at;
    Shard *head = view->head;
    uint32_t local;
    if (head->free != 0) {
        local = head->free - 1;
        PUT(head->free, entry_at(view, local)->next);
    } else {
        local = head->fresh;
        PUT(head->fresh, local + 1);
    }
    Entry *entry = entry_at(view, local);
    PUT(entry->hash, (uint32_t)hash);
    PUT(entry->length, (uint32_t)length);
    PUT(entry->place, 0);
    PUT(entry->order, order_of(view, now, expire));
    slab_copy(key_of(entry), key, length);
    slab_zero(key_of(entry) + length, at->width - KEY_AT - length);
    slab_note(view, local);
    uint32_t *bucket = bucket_of(view, (uint32_t)hash);
    PUT(entry->next, *bucket);
    PUT(*bucket, local + 1);
    heap_add(view, local);
    PUT(head->count, head->count + 1);
    PUT(entry->generation, (entry->generation + 1) & 0x7fffffff);
    return local;
}

/* The oldest of the other shards, where this one has none to drop: 1; else 0. Nothing is locked. */
static int
drop_elsewhere(Slab *slab, uint32_t shard)
{
    for (uint32_t i = 1; i < slab->at.shards; i++) {
        View view;
        Drop drop = WORKED;
        while (drop == WORKED) {
            long budget = WORK;
            if (slab_lock(slab, (shard + i) & (slab->at.shards - 1), &view) < 0)
                break;
            drop = slab_drop_oldest(&view, UINT64_MAX, &budget);
            slab_unlock(&view);
        }
        if (drop == DROPPED)
            return 1;
    }
    return 0;
}

static inline int
is_full(View *view)
{
    return view->head->free == 0 && view->head->fresh >= view->slab->at.room;
}

/* Take one of the table's entries, if one is left and the shard has room. */
static int
reserve(View *view)
{
    Slab *slab = view->slab;
    if (is_full(view))
        return 0;
    /* Nobody ever reads more than there may be. */
    uint64_t used = __atomic_load_n(&slab->head->used, __ATOMIC_SEQ_CST);
    do {
        if (used >= slab->at.entries)
            return 0;
        STEP();
    } while (!__atomic_compare_exchange_n(&slab->head->used, &used, used + 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    STEP();
    return 1;
}

/* Find and touch an entry, or make it: FOUND, and the shard is locked. Else nothing is. */
Entered
slab_enter(Slab *slab, const uint8_t *key, size_t length, uint64_t now, uint64_t expire, int evict, View *view,
           uint32_t *local)
{
    uint64_t hash = slab_hash(slab, key, length), before = evict ? UINT64_MAX : order_after(now);
    uint32_t shard = hash >> 32 & (slab->at.shards - 1);
    slab->last_was_new = 0;
    for (uint64_t round = 0; round < 2 * slab->at.entries + 64; round++) {
        if (slab_lock(slab, shard, view) < 0)
            return IS_BUSY;
        uint32_t found = slab_lookup(view, hash, key, length);
        if (found != 0 && !slab_is_over(slab, entry_at(view, found - 1), now)) {
            *local = found - 1;
            slab_touch(view, found - 1, now, expire);
            return FOUND;
        }
        if (found != 0)
            slab_free(view, found - 1);
        long budget = WORK;
        Drop drop = DROPPED;
        while (drop == DROPPED && budget > 0) {
            if (reserve(view)) {
                *local = make(view, hash, key, length, now, expire);
                slab->last_was_new = 1;
                return FOUND;
            }
            drop = slab_drop_oldest(view, before, &budget);
        }
        int full = is_full(view);
        slab_unlock(view);
        if (drop == NONE_DUE || (drop == EMPTY && (full || !evict || !drop_elsewhere(slab, shard))))
            break;
    }
    return NO_ROOM;
}

/* After a death: everything anew that can be made from the entries themselves. Whose key does not stand whole where it
 * should is dropped: it was not finished. */
static int
is_sound(View *view, Entry *entry)
{
    Slab *slab = view->slab;
    if (!is_used(entry) || entry->length > slab->at.key_size)
        return 0;
    uint64_t hash = slab_hash(slab, key_of(entry), entry->length);
    return (uint32_t)hash == entry->hash && (hash >> 32 & (slab->at.shards - 1)) == view->number;
}

void
slab_rebuild(View *view)
{
    Slab *slab = view->slab;
    const Layout *at = &slab->at;
    Shard *head = view->head;
    if (head->fresh > at->room)
        PUT(head->fresh, at->room);
    if (head->journal != 0 && head->journal <= head->fresh)
        slab_copy(data_of(slab, entry_at(view, head->journal - 1)), view->journal, at->data_size);
    PUT(head->journal, 0);
    PUT(head->free, 0);
    PUT(head->count, 0);
    PUT(head->heaped, 0);
    slab_zero(view->buckets, sizeof(uint32_t) * at->buckets);
    for (uint32_t local = 0; local < head->fresh; local++) {
        Entry *entry = entry_at(view, local);
        if (!is_sound(view, entry)) {
            if (is_used(entry))
                PUT(entry->generation, (entry->generation + 1) & 0x7fffffff);
            PUT(entry->place, 0);
            PUT(entry->next, head->free);
            PUT(head->free, local + 1);
            continue;
        }
        uint32_t *bucket = bucket_of(view, entry->hash);
        PUT(entry->next, *bucket);
        PUT(*bucket, local + 1);
        heap_add(view, local);
        PUT(head->count, head->count + 1);
        uint64_t *noted = &slab->ring[entry->change & (at->ring - 1)];
        if (slab->head->change - entry->change < at->ring)
            PUT(*noted, entry->change << 32 | view->number << at->bits | local);
    }
}
