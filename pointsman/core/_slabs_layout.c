/* Where what lies in a slab's memory, and the keyed hash that says where a key's entry is. */
#include "_slabs.h"

static uint64_t
up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* 0, or -1 with an exception where there can be no such slab. */
int
slab_layout(Layout *at, long entries, long key_size, long data_size, long slots)
{
    if (entries < 1 || entries > MOST_ENTRIES || key_size < 1 || key_size > LONGEST || data_size < 0
        || data_size > LONGEST || slots < 1 || slots > MOST_SLOTS) {
        PyErr_SetString(PyExc_ValueError, "there is no slab of that size");
        return -1;
    }
    memset(at, 0, sizeof *at);
    at->entries = entries;
    at->key_size = key_size;
    at->data_size = data_size;
    at->slots = slots;
    at->shards = 1;
    if (entries > ONE_SHARD)
        while ((uint64_t)at->shards * PER_SHARD < (uint64_t)entries)
            at->shards *= 2;
    uint32_t average = (entries + at->shards - 1) / at->shards;
    /* keys do not spread evenly: a shard has room for more than the average, and the header's count is the limit */
    at->room = at->shards == 1 ? average : average + average / 8 + 64;
    while ((1U << at->bits) < at->room)
        at->bits++;
    at->buckets = 1;
    while (at->buckets * 2 <= at->room)
        at->buckets *= 2;
    at->ring = RING_LEAST;
    while (at->ring < entries && at->ring < RING_MOST)
        at->ring *= 2;
    at->data_at = up(KEY_AT + key_size, 8);
    at->gauges_at = up(at->data_at + data_size, 8);
    at->width = at->gauges_at + sizeof(Gauge) * slots;
    at->journal_at = sizeof(Shard);
    at->buckets_at = at->journal_at + up(data_size, 8);
    at->keys_at = up(at->buckets_at + sizeof(uint32_t) * at->buckets, 8);
    at->who_at = at->keys_at + sizeof(uint64_t) * at->room;
    at->entries_at = up(at->who_at + sizeof(uint32_t) * at->room, 64);
    at->shard_size = up(at->entries_at + (uint64_t)at->width * at->room, PAGE);
    at->shards_at = up(PAGE + sizeof(uint64_t) * at->ring, PAGE);
    at->length = at->shards_at + at->shard_size * at->shards;
    return 0;
}

/* All but the secret and the counts. */
void
slab_describe(const Layout *at, Header *head)
{
    head->entries = at->entries;
    head->key_size = at->key_size;
    head->data_size = at->data_size;
    head->slots = at->slots;
    head->shards = at->shards;
    head->room = at->room;
    head->buckets = at->buckets;
    head->width = at->width;
    head->ring = at->ring;
    BARRIER();
    head->magic = MAGIC;
}

int
slab_is_described(const Layout *at, const Header *head)
{
    return head->magic == MAGIC && head->entries == at->entries && head->key_size == at->key_size
        && head->data_size == at->data_size && head->slots == at->slots && head->shards == at->shards
        && head->room == at->room && head->buckets == at->buckets && head->width == at->width
        && head->ring == at->ring;
}

static inline uint64_t
turn(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void
mix(uint64_t v[4])
{
    v[0] += v[1], v[1] = turn(v[1], 13) ^ v[0], v[0] = turn(v[0], 32);
    v[2] += v[3], v[3] = turn(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = turn(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = turn(v[1], 17) ^ v[2], v[2] = turn(v[2], 32);
}

/* SipHash-2-4 (Aumasson and Bernstein, 2012). */
uint64_t
slab_hash(const Slab *slab, const uint8_t *key, size_t length)
{
    uint64_t k0 = slab->head->secret[0], k1 = slab->head->secret[1], word;
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL, k0 ^ 0x6c7967656e657261ULL,
                     k1 ^ 0x7465646279746573ULL};
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
        memcpy(&word, key + i, 8);
        v[3] ^= word;
        mix(v), mix(v);
        v[0] ^= word;
    }
    word = (uint64_t)length << 56;
    for (int shift = 0; i < length; i++, shift += 8)
        word |= (uint64_t)key[i] << shift;
    v[3] ^= word;
    mix(v), mix(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    mix(v), mix(v), mix(v), mix(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
