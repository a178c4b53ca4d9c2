/* Methods of slabs that are about many entries: lists of them, what is over, what has changed. None looks at more than
 * WORK entries under one lock. */
#include "_slabs.h"

#define INSPECTED 4096 /* entries that one call of items() meets at most, and numbers one of changed_since() */

static int
take_count(PyObject *const *args, Py_ssize_t given, Py_ssize_t place, long *count)
{
    if (place < given) {
        *count = PyLong_AsLong(args[place]);
        if (*count == -1 && PyErr_Occurred())
            return -1;
    }
    if (*count < 1)
        *count = 1;
    return 0;
}

/* Entries as they were at one moment, for Python. */

static PyObject *
described(Slab *self, const uint8_t *copy, uint64_t index)
{
    Entry *entry = (Entry *)copy;
    int64_t current = slab_current(self, entry);
    uint32_t length = entry->length <= self->at.key_size ? entry->length : 0;
    return Py_BuildValue("Ky#KKy#L", (unsigned long long)entry->generation << 32 | index, key_of(entry),
                         (Py_ssize_t)length, (unsigned long long)expiry_of(entry),
                         (unsigned long long)slab_pins(self, entry), data_of(self, entry),
                         (Py_ssize_t)self->at.data_size, (long long)(current > 0 ? current : 0));
}

PyObject *
slab_entry(Slab *self, PyObject *arg)
{
    View view;
    uint32_t local;
    uint8_t *copy = PyMem_Malloc(self->at.width);
    if (copy == NULL)
        return PyErr_NoMemory();
    int held = slab_hold(self, arg, &view, &local);
    uint64_t index = 0;
    if (held > 0) {
        memcpy(copy, entry_at(&view, local), self->at.width);
        index = (uint64_t)view.number << self->at.bits | local;
        slab_unlock(&view);
    }
    PyObject *made = held < 0 ? NULL : held ? described(self, copy, index) : Py_NewRef(Py_None);
    PyMem_Free(copy);
    return made;
}

/* Copy used entries of the shard, from `local` on: at most WORK are looked at. Returns how many were taken; *local is
 * where to go on, *end whether the shard has no more; -1: it is locked. */
static long
copy_some(Slab *self, uint32_t shard, uint32_t *local, long most, uint8_t *copies, uint64_t *indexes, int *end)
{
    View view;
    long taken = 0;
    if (slab_lock(self, shard, &view) < 0)
        return -1;
    uint32_t fresh = view.head->fresh;
    for (int seen = 0; *local < fresh && seen < WORK && taken < most; seen++, ++*local) {
        Entry *entry = entry_at(&view, *local);
        if (!is_used(entry))
            continue;
        memcpy(copies + (size_t)taken * self->at.width, entry, self->at.width);
        indexes[taken++] = (uint64_t)shard << self->at.bits | *local;
    }
    *end = *local >= fresh;
    slab_unlock(&view);
    return taken;
}

static PyObject *
list_of(Slab *self, const uint8_t *copies, const uint64_t *indexes, long count)
{
    PyObject *list = PyList_New(count);
    for (long i = 0; list != NULL && i < count; i++) {
        PyObject *one = described(self, copies + (size_t)i * self->at.width, indexes[i]);
        if (one == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, one);
    }
    return list;
}

/* items(cursor, most=64): (cursor, [entry ...]); a cursor of 0 is the beginning, and the end. */
PyObject *
slab_items(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    long most = WORK, count = 0;
    if (slab_wants(given, 1, 2) < 0 || take_count(args, given, 1, &most) < 0)
        return NULL;
    uint64_t cursor = PyLong_AsUnsignedLongLong(args[0]);
    if (cursor == (uint64_t)-1 && PyErr_Occurred())
        return NULL;
    most = most > WORK ? WORK : most;
    uint64_t shard = cursor >> self->at.bits;
    uint32_t local = cursor & ((1U << self->at.bits) - 1);
    uint8_t *copies = PyMem_Malloc((size_t)most * self->at.width);
    uint64_t indexes[WORK];
    if (copies == NULL)
        return PyErr_NoMemory();
    for (long met = 0; shard < self->at.shards && count < most && met < INSPECTED; met += WORK) {
        int end = 0;
        long taken = copy_some(self, shard, &local, most - count, copies + (size_t)count * self->at.width,
                               indexes + count, &end);
        if (taken < 0) {
            PyMem_Free(copies);
            return slab_busy();
        }
        count += taken;
        if (end) {
            shard++;
            local = 0;
        }
    }
    PyObject *list = list_of(self, copies, indexes, count);
    PyMem_Free(copies);
    return list == NULL ? NULL
                        : Py_BuildValue("KN", shard < self->at.shards ? shard << self->at.bits | local : 0ULL, list);
}

/* Drop the entry if nobody pins it, or even then. */
static int
drop(View *view, uint32_t local, int even_pinned)
{
    if (!even_pinned && slab_pins(view->slab, entry_at(view, local)) != 0)
        return 0;
    slab_free(view, local);
    return 1;
}

/* remove(key or ref, even_pinned=False) */
PyObject *
slab_remove(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    View view;
    uint32_t local = 0;
    int held;
    if (slab_wants(given, 1, 2) < 0)
        return NULL;
    int even_pinned = slab_take_flag(args, given, 1, 0);
    if (even_pinned < 0)
        return NULL;
    if (PyBytes_Check(args[0])) {
        const uint8_t *key;
        Py_ssize_t length;
        if (slab_take_key(self, args[0], &key, &length) < 0)
            return NULL;
        uint64_t hash = slab_hash(self, key, length);
        if (slab_lock(self, hash >> 32 & (self->at.shards - 1), &view) < 0)
            return slab_busy();
        uint32_t found = slab_lookup(&view, hash, key, length);
        held = found != 0;
        local = found - 1;
        if (!held)
            slab_unlock(&view);
    } else {
        held = slab_hold(self, args[0], &view, &local);
    }
    if (held < 0)
        return NULL;
    if (held) {
        held = drop(&view, local, even_pinned);
        slab_unlock(&view);
    }
    return PyBool_FromLong(held);
}

/* clear(even_pinned=False): how many were dropped. */
PyObject *
slab_clear(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    if (slab_wants(given, 0, 1) < 0)
        return NULL;
    int even_pinned = slab_take_flag(args, given, 0, 0);
    if (even_pinned < 0)
        return NULL;
    unsigned long long dropped = 0;
    for (uint32_t shard = 0; shard < self->at.shards; shard++) {
        uint32_t local = 0, fresh;
        do {
            View view;
            if (slab_lock(self, shard, &view) < 0)
                return slab_busy();
            fresh = view.head->fresh;
            for (int seen = 0; local < fresh && seen < WORK; seen++, local++)
                if (is_used(entry_at(&view, local)))
                    dropped += drop(&view, local, even_pinned);
            slab_unlock(&view);
        } while (local < fresh);
    }
    return PyLong_FromUnsignedLongLong(dropped);
}

/* Whether the shard may have something to do, seen without its lock. */
static int
seems_due(Slab *self, uint32_t shard, uint64_t before)
{
    const uint8_t *place = self->memory + self->at.shards_at + self->at.shard_size * shard;
    return __atomic_load_n(&((const Shard *)place)->heaped, __ATOMIC_RELAXED) != 0
        && __atomic_load_n((const uint64_t *)(place + self->at.keys_at), __ATOMIC_RELAXED) < before;
}

/* expire(now, most=64): how many entries were looked at; fewer than `most`: nothing more is over. */
PyObject *
slab_expire(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    uint64_t now;
    long most = WORK;
    if (slab_wants(given, 1, 2) < 0 || slab_take_time(args[0], &now) < 0 || take_count(args, given, 1, &most) < 0)
        return NULL;
    uint64_t before = order_after(now);
    long left = most;
    int was_busy = 0;
    for (uint32_t idle = 0; idle < self->at.shards && left > 0;) {
        uint32_t shard = self->next_shard % self->at.shards;
        View view;
        if (!seems_due(self, shard, before)) {
            self->next_shard = shard + 1;
            idle++;
            continue;
        }
        if (slab_lock(self, shard, &view) < 0) {
            was_busy = 1;
            self->next_shard = shard + 1;
            idle++;
            continue;
        }
        long budget = left > WORK ? WORK : left, given_budget = budget;
        Drop drop = DROPPED;
        while (drop == DROPPED && budget > 0)
            drop = slab_drop_oldest(&view, before, &budget);
        slab_unlock(&view);
        left -= given_budget - (budget > 0 ? budget : 0);
        idle = 0;
        if (drop == NONE_DUE || drop == EMPTY)
            self->next_shard = shard + 1;
    }
    if (was_busy && left == most)
        return slab_busy();
    return PyLong_FromLong(most - left);
}

/* Changes. */

typedef struct {
    uint64_t ref, number;
} Changed;

/* Whether the entry that a place of the ring names has that number as its last one. */
static int
look_at(Slab *self, uint64_t number, uint32_t index, Changed *found)
{
    View view;
    uint32_t shard = index >> self->at.bits, local = index & ((1U << self->at.bits) - 1);
    if (shard >= self->at.shards || local >= self->at.room)
        return 0;
    if (slab_lock(self, shard, &view) < 0)
        return -1;
    Entry *entry = entry_at(&view, local);
    int is = local < view.head->fresh && is_used(entry) && entry->change == number;
    if (is)
        *found = (Changed){make_ref(&view, local), number};
    slab_unlock(&view);
    return is;
}

/* From the number after *number on, as far as is known; *number is the last one seen. -1: a lock is in the way. */
static long
collect(Slab *self, uint64_t *number, uint64_t newest, long most, Changed *found)
{
    long count = 0;
    int passed = 0;
    for (long met = 0; *number < newest && count < most && met < INSPECTED; met++) {
        uint64_t next = *number + 1, *place = &self->ring[next & (self->at.ring - 1)];
        uint64_t noted = __atomic_load_n(place, __ATOMIC_SEQ_CST);
        if ((uint32_t)(noted >> 32) != (uint32_t)next && !passed) {
            /* taken but not noted yet: it is, once its process is out of the shard; or that was killed */
            if (slab_pass_all(self) < 0)
                return count > 0 ? count : -1;
            passed = 1;
            noted = __atomic_load_n(place, __ATOMIC_SEQ_CST);
        }
        if ((uint32_t)(noted >> 32) == (uint32_t)next) {
            int is = look_at(self, next, (uint32_t)noted, &found[count]);
            if (is < 0)
                return count > 0 ? count : -1;
            count += is;
        }
        *number = next;
    }
    return count;
}

/* changed_since(number, most=64): (last number that was looked at, [(ref, number) ...]); -1: it is too long ago. */
PyObject *
slab_changed_since(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    long most = WORK;
    Changed found[WORK];
    if (slab_wants(given, 1, 2) < 0 || take_count(args, given, 1, &most) < 0)
        return NULL;
    uint64_t number = PyLong_AsUnsignedLongLong(args[0]);
    if (number == (uint64_t)-1 && PyErr_Occurred())
        return NULL;
    uint64_t newest = __atomic_load_n(&self->head->change, __ATOMIC_SEQ_CST);
    if (number > newest || newest - number > self->at.ring / 2) /* others go on meanwhile: half of it is left to them */
        return Py_BuildValue("i[]", -1);
    long count = collect(self, &number, newest, most > WORK ? WORK : most, found);
    if (count < 0)
        return slab_busy();
    PyObject *list = PyList_New(count);
    for (long i = 0; list != NULL && i < count; i++) {
        PyObject *one = Py_BuildValue("KK", (unsigned long long)found[i].ref, (unsigned long long)found[i].number);
        if (one == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, one);
    }
    return list == NULL ? NULL : Py_BuildValue("KN", (unsigned long long)number, list);
}
