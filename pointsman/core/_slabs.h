/* What the files of the extension _slabs share: how a slab lies in memory, and what is done under a shard's lock.
 *
 * One mapping:    header (a page) | ring of changes | shard ...
 * A shard:        lock, counts | journal | bucket ... | heap of expiry: keys, entries | entry ...
 * An entry:       Entry | key | data | pins and current of each slot
 *
 * plain_slabs.py lays the same out, and says how it works. */
#ifndef POINTSMAN_SLABS_H
#define POINTSMAN_SLABS_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MAGIC 0x31626c732d737470ULL /* "pts-slb1": the version of the layout, and that locks are those of C */
#define PAGE 4096
#define ONE_SHARD 4096 /* entries that one shard holds alone, in one order */
#define PER_SHARD 2048 /* at most, on average, where there are several */
#define WORK 64        /* entries that are looked at under one lock */
#define MOST_SLOTS 256
#define LONGEST 65535 /* bytes of a key, and of data */
#define MOST_ENTRIES (1L << 30)
#define RING_LEAST 64
#define RING_MOST (1L << 20)
#define SEQUENCE_BITS 20 /* of an order, below its milliseconds: who came first of those of one millisecond */
#define NEVER (1ULL << 63)
#define LATEST ((1ULL << 42) - 1) /* ms */
#define ORPHANED (1ULL << 63)     /* in a lock: its owner is dead */

/* The header's fields; plain_slabs.py knows their offsets. */
typedef struct {
    uint64_t magic, entries;
    uint32_t key_size, data_size, slots, shards;
    uint32_t room, buckets, width, ring; /* entries, buckets of a shard; bytes of an entry; numbers in the ring */
    uint64_t secret[2];
    uint64_t change; /* the newest number; what is written most stands in lines of its own */
    uint64_t apart[7];
    uint64_t used;
    uint64_t apart_too[7];
    uint64_t owner[MOST_SLOTS]; /* the process that has the slot; 0: none */
} Header;

typedef struct {
    uint64_t lock; /* process << 32 | slot + 1; 0: free; ORPHANED */
    uint32_t count;
    uint32_t free;  /* the first entry that was given back, and 1 */
    uint32_t fresh; /* how many entries were ever used */
    uint32_t heaped;
    uint32_t journal; /* the entry whose data as they were stand in the journal, and 1; 0: none */
    uint32_t sequence;
    uint64_t apart[4];
} Shard;

typedef struct {
    uint32_t generation; /* odd: it is used */
    uint32_t hash;
    uint32_t next;  /* in its bucket, or of those given back, and 1 */
    uint32_t place; /* in the heap, and 1; 0: it is not in it, as it is pinned */
    uint64_t order; /* the expiry << SEQUENCE_BITS | who came first; with NEVER when it was touched last */
    uint64_t change;
    uint32_t length;
} Entry;
#define KEY_AT 36 /* of an Entry's bytes the last four are the key's already */

typedef struct {
    uint32_t pins;
    int32_t current;
} Gauge;

typedef struct {
    uint64_t entries, length; /* of the whole mapping */
    uint32_t key_size, data_size, slots, shards, room, bits, buckets, ring;
    uint32_t data_at, gauges_at, width;             /* in an entry */
    uint64_t shards_at, shard_size;                 /* in the mapping */
    uint32_t journal_at, buckets_at, keys_at, who_at, entries_at; /* in a shard */
} Layout;

typedef struct {
    PyObject_HEAD
    uint8_t *memory;
    Header *head;
    uint64_t *ring;
    Layout at;
    uint64_t stuck; /* the owner of a lock that could not be had in time */
    int slot;
    int last_was_new;
    uint32_t next_shard; /* where expire() goes on */
} Slab;

/* A shard that is locked. */
typedef struct {
    Slab *slab;
    Shard *head;
    uint8_t *journal;
    uint32_t *buckets;
    uint64_t *keys; /* the heap: orders, none later than the one of its entry */
    uint32_t *who;
    uint8_t *entries;
    uint32_t number;
} View;

typedef enum { DROPPED, WORKED, NONE_DUE, EMPTY } Drop;
typedef enum { FOUND, NO_ROOM, IS_BUSY } Entered;

/* Every store into shared memory, in the order in which they stand: a process can be killed between any two of them.
 * SLAB_STEPS is defined in a build for tests, which kill it at each. */
#ifdef SLAB_STEPS
void slab_step(void);
extern long slab_steps;
#define STEP() slab_step()
#else
#define STEP() ((void)0)
#endif
#define BARRIER() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define PUT(place, value)  \
    do {                   \
        BARRIER();         \
        STEP();            \
        (place) = (value); \
        BARRIER();         \
    } while (0)

/* The same of several bytes, between any two of which a process can be killed. */
static inline void
slab_copy(uint8_t *place, const void *data, size_t size)
{
    BARRIER();
#ifdef SLAB_STEPS
    for (size_t i = 0; i < size; i++) {
        if (i % 4 == 0)
            STEP();
        place[i] = ((const uint8_t *)data)[i];
        BARRIER();
    }
#else
    memcpy(place, data, size);
#endif
    BARRIER();
}

static inline void
slab_zero(void *place, size_t size)
{
    BARRIER();
    STEP();
    memset(place, 0, size);
    BARRIER();
}

static inline Entry *
entry_at(const View *view, uint32_t local)
{
    return (Entry *)(view->entries + (size_t)local * view->slab->at.width);
}

static inline uint8_t *
key_of(Entry *entry)
{
    return (uint8_t *)entry + KEY_AT;
}

static inline uint8_t *
data_of(const Slab *slab, Entry *entry)
{
    return (uint8_t *)entry + slab->at.data_at;
}

static inline Gauge *
gauges_of(const Slab *slab, Entry *entry)
{
    return (Gauge *)((uint8_t *)entry + slab->at.gauges_at);
}

static inline int
is_used(const Entry *entry)
{
    return entry->generation & 1;
}

static inline uint64_t
make_ref(const View *view, uint32_t local)
{
    return (uint64_t)entry_at(view, local)->generation << 32 | view->number << view->slab->at.bits | local;
}

static inline uint64_t
expiry_of(const Entry *entry)
{
    return entry->order & NEVER ? 0 : entry->order >> SEQUENCE_BITS;
}

/* The first order that is not over at that time. */
static inline uint64_t
order_after(uint64_t now)
{
    return (now + 1) << SEQUENCE_BITS;
}

/* _slabs_layout.c */
int slab_layout(Layout *at, long entries, long key_size, long data_size, long slots);
void slab_describe(const Layout *at, Header *head);
int slab_is_described(const Layout *at, const Header *head);
uint64_t slab_hash(const Slab *slab, const uint8_t *key, size_t length);

/* _slabs_lock.c; -1: it cannot be had in time */
int slab_is_dead(uint32_t process);
void slab_forked(void);
int slab_lock(Slab *slab, uint32_t shard, View *view);
void slab_unlock(View *view);
void slab_orphan(Slab *slab, int slot, uint32_t process);
int slab_release(Slab *slab, int slot, uint64_t owner, uint32_t process);
int slab_pass_all(Slab *slab);

/* _slabs_entry.c, all of it under the lock of the view */
uint64_t slab_pins(const Slab *slab, Entry *entry);
int64_t slab_current(const Slab *slab, Entry *entry);
uint32_t slab_lookup(View *view, uint64_t hash, const uint8_t *key, size_t length); /* and 1; 0: there is none */
int slab_is_over(const Slab *slab, Entry *entry, uint64_t now);
void slab_free(View *view, uint32_t local);
Drop slab_drop_oldest(View *view, uint64_t before, long *budget);
void slab_touch(View *view, uint32_t local, uint64_t now, uint64_t expire);
void slab_note(View *view, uint32_t local);
void slab_unparked(View *view, uint32_t local);
void slab_rebuild(View *view);
void slab_keep(View *view, uint32_t local);
void slab_kept(View *view);

/* These lock for themselves. */
Entered slab_enter(Slab *slab, const uint8_t *key, size_t length, uint64_t now, uint64_t expire, int evict, View *view,
                   uint32_t *local);

/* _slabs_program.c; the codes are those of slab_program.py */
enum { ADD1_32 = 1, ADD_32, ADD1_64, ADD_64, SET_32, SET_64, RATE1, RATE, RATE_SET, CURRENT_UP, CURRENT_DOWN, CURRENT_SET,
       TOUCH, PIN, UNPIN, LAST_CHANGE = UNPIN };
enum { READ_32 = 32, READ_64, READ_RATE, READ_CURRENT, READ_PINS, READ_EXPIRY, READ_CHANGE };
#define OP_SIZE 8
void slab_make_op(uint8_t *place, uint8_t code, uint16_t offset, uint32_t argument);
int slab_check_program(const Slab *slab, const uint8_t *program, Py_ssize_t length);
int slab_check_read(const Slab *slab, const uint8_t *what, Py_ssize_t length);
int slab_run(View *view, uint32_t local, const uint8_t *program, Py_ssize_t length, uint64_t amount, uint64_t now);
uint64_t slab_value(View *view, uint32_t local, const uint8_t *what, uint64_t now);

/* _slabs_one.c: arguments of methods, and methods that are about one entry */
extern PyObject *slab_busy_error;
PyObject *slab_busy(void);
int slab_wants(Py_ssize_t given, Py_ssize_t least, Py_ssize_t most);
int slab_take_time(PyObject *arg, uint64_t *time);
int slab_take_flag(PyObject *const *args, Py_ssize_t given, Py_ssize_t place, int otherwise);
int slab_take_key(Slab *self, PyObject *arg, const uint8_t **key, Py_ssize_t *length);
int slab_hold(Slab *self, PyObject *arg, View *view, uint32_t *local);

PyObject *slab_find(Slab *self, PyObject *const *args, Py_ssize_t given);
PyObject *slab_enter_method(Slab *self, PyObject *const *args, Py_ssize_t given);
PyObject *slab_touch_method(Slab *self, PyObject *const *args, Py_ssize_t given);
PyObject *slab_pin(Slab *self, PyObject *arg);
PyObject *slab_unpin(Slab *self, PyObject *arg);
PyObject *slab_apply(Slab *self, PyObject *const *args, Py_ssize_t given);
PyObject *slab_apply_read(Slab *self, PyObject *const *args, Py_ssize_t given);
PyObject *slab_read(Slab *self, PyObject *const *args, Py_ssize_t given);
PyObject *slab_read32(Slab *self, PyObject *const *args, Py_ssize_t given);
PyObject *slab_read64(Slab *self, PyObject *const *args, Py_ssize_t given);
PyObject *slab_read_rate(Slab *self, PyObject *const *args, Py_ssize_t given);
PyObject *slab_find_read(Slab *self, PyObject *const *args, Py_ssize_t given);
PyObject *slab_pins_method(Slab *self, PyObject *arg);
PyObject *slab_current_method(Slab *self, PyObject *arg);
PyObject *slab_current_add(Slab *self, PyObject *const *args, Py_ssize_t given);
PyObject *slab_write(Slab *self, PyObject *const *args, Py_ssize_t given);
PyObject *slab_data(Slab *self, PyObject *arg);

/* _slabs_many.c: methods that are about many entries */
PyObject *slab_entry(Slab *self, PyObject *arg);
PyObject *slab_items(Slab *self, PyObject *const *args, Py_ssize_t given);
PyObject *slab_remove(Slab *self, PyObject *const *args, Py_ssize_t given);
PyObject *slab_clear(Slab *self, PyObject *const *args, Py_ssize_t given);
PyObject *slab_expire(Slab *self, PyObject *const *args, Py_ssize_t given);
PyObject *slab_changed_since(Slab *self, PyObject *const *args, Py_ssize_t given);
#endif
