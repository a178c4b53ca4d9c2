/* Locks of shards, which name their owners; slots, which dead processes leave behind. */
#include "_slabs.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 10000 /* us */
#define TURNS 4 /* times that others may be faster */
#define SPINS 100

static uint32_t this_process;

void
slab_forked(void)
{
    this_process = (uint32_t)getpid();
}

/* It has ended, and nobody has asked how: some containers have a first process that never does. */
static int
is_zombie(uint32_t process)
{
    char path[32], text[512];
    snprintf(path, sizeof path, "/proc/%u/stat", process);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    text[length > 0 ? length : 0] = 0;
    const char *end = strrchr(text, ')'); /* of its name: the state follows (proc(5)) */
    return end != NULL && end[1] == ' ' && (end[2] == 'Z' || end[2] == 'X');
}

int
slab_is_dead(uint32_t process)
{
    return kill((pid_t)process, 0) < 0 ? errno == ESRCH : is_zombie(process);
}

static void
see(Slab *slab, uint32_t shard, View *view)
{
    const Layout *at = &slab->at;
    uint8_t *place = slab->memory + at->shards_at + at->shard_size * shard;
    view->slab = slab;
    view->head = (Shard *)place;
    view->journal = place + at->journal_at;
    view->buckets = (uint32_t *)(place + at->buckets_at);
    view->keys = (uint64_t *)(place + at->keys_at);
    view->who = (uint32_t *)(place + at->who_at);
    view->entries = place + at->entries_at;
    view->number = shard;
}

static inline int
swap(uint64_t *place, uint64_t was, uint64_t now)
{
    return __atomic_compare_exchange_n(place, &was, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static int64_t
clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Wait for 10 ms; for a tenth of that where the same owner has let this process wait in vain before. */
static int
slab_wait(Slab *slab, uint64_t *lock, uint64_t mine)
{
    uint64_t seen = 0;
    int64_t began = 0, waited = 0;
    for (int round = 0; waited < PATIENCE; round++) {
        if (swap(lock, 0, mine))
            return 0;
        seen = __atomic_load_n(lock, __ATOMIC_SEQ_CST);
        if (seen == ORPHANED)
            break;
        if (round < SPINS)
            continue;
        if (round == SPINS)
            began = clock_us();
        waited = clock_us() - began;
        if (seen != 0 && seen == slab->stuck && waited > PATIENCE / 10)
            break;
        if (waited < PATIENCE / 20) {
            sched_yield();
        } else {
            struct timespec pause = {0, 50000};
            nanosleep(&pause, NULL);
        }
    }
    slab->stuck = seen;
    return -1;
}

/* Who has waited in vain for an owner that is dead may find that another one was faster to take over: then it waits for
 * that one. -1: its owner hangs. */
int
slab_lock(Slab *slab, uint32_t shard, View *view)
{
    see(slab, shard, view);
    uint64_t *lock = &view->head->lock, mine = (uint64_t)this_process << 32 | (uint32_t)(slab->slot + 1);
    STEP();
    for (int turn = 0; turn < TURNS; turn++) {
        if (swap(lock, 0, mine) || slab_wait(slab, lock, mine) == 0) {
            STEP();
            return 0;
        }
        uint64_t owner = __atomic_load_n(lock, __ATOMIC_SEQ_CST);
        if (owner == 0)
            continue;
        if (owner != ORPHANED && !slab_is_dead((uint32_t)(owner >> 32))) {
            if (owner == slab->stuck)
                return -1;
            continue; /* somebody else puts it in order now, and will soon be done */
        }
        if (swap(lock, owner, mine)) {
            slab->stuck = 0;
            slab_rebuild(view);
            return 0;
        }
    }
    return -1;
}

void
slab_unlock(View *view)
{
    STEP();
    __atomic_store_n(&view->head->lock, 0, __ATOMIC_SEQ_CST);
    STEP();
}

/* What a dead process has locked. process: the one that is known to be dead; 0: whichever is found to be. */
void
slab_orphan(Slab *slab, int slot, uint32_t process)
{
    for (uint32_t shard = 0; shard < slab->at.shards; shard++) {
        View view;
        see(slab, shard, &view);
        uint64_t owner = __atomic_load_n(&view.head->lock, __ATOMIC_SEQ_CST);
        if (owner == 0 || owner == ORPHANED || (uint32_t)owner != (uint32_t)slot + 1)
            continue;
        if (process != 0 ? owner >> 32 == process : slab_is_dead((uint32_t)(owner >> 32)))
            swap(&view.head->lock, owner, ORPHANED);
    }
}

/* Take the gauges of that slot out of so many entries. */
static void
forget_gauges(View *view, int slot, uint32_t from, uint32_t end)
{
    for (uint32_t local = from; local < end; local++) {
        Entry *entry = entry_at(view, local);
        Gauge *gauge = &gauges_of(view->slab, entry)[slot];
        if (!is_used(entry) || (gauge->pins == 0 && gauge->current == 0))
            continue;
        PUT(gauge->current, 0);
        PUT(gauge->pins, 0);
        slab_unparked(view, local);
    }
}

/* Count anew what all shards hold, while no shard can change. */
static int
recount(Slab *slab)
{
    uint64_t sum = 0;
    uint32_t held = 0;
    View view;
    for (; held < slab->at.shards && slab_lock(slab, held, &view) == 0; held++)
        sum += view.head->count;
    int whole = held == slab->at.shards;
    if (whole)
        __atomic_store_n(&slab->head->used, sum, __ATOMIC_SEQ_CST);
    while (held > 0) {
        see(slab, --held, &view);
        slab_unlock(&view);
    }
    return whole ? 0 : -1;
}

/* All that the slot's process had. process: as for slab_orphan; owner: whose slot it is. -1: a lock could not be had; it
 * is to be called again. Where somebody else was faster, the slot may have a new owner, whose gauges stay. */
int
slab_release(Slab *slab, int slot, uint64_t owner, uint32_t process)
{
    int whole = 1;
    slab_orphan(slab, slot, process);
    for (uint32_t shard = 0; shard < slab->at.shards; shard++) {
        View view;
        uint32_t fresh = 0, from = 0;
        do {
            if (slab_lock(slab, shard, &view) < 0) {
                whole = 0;
                break;
            }
            if (__atomic_load_n(&slab->head->owner[slot], __ATOMIC_SEQ_CST) != owner) {
                slab_unlock(&view);
                return 0;
            }
            fresh = view.head->fresh;
            uint32_t end = from + WORK < fresh ? from + WORK : fresh;
            forget_gauges(&view, slot, from, end);
            slab_unlock(&view);
            from = end;
        } while (from < fresh);
    }
    return whole && recount(slab) == 0 ? 0 : -1;
}

/* Be once in every shard: what others had begun in any of them is done then. */
int
slab_pass_all(Slab *slab)
{
    for (uint32_t shard = 0; shard < slab->at.shards; shard++) {
        View view;
        if (slab_lock(slab, shard, &view) < 0)
            return -1;
        slab_unlock(&view);
    }
    return 0;
}
