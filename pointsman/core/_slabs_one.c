/* Methods of slabs that are about one entry; and how all methods take their arguments. */
#include "_slabs.h"

PyObject *
slab_busy(void)
{
    PyErr_SetString(slab_busy_error, "the shard is locked");
    return NULL;
}

int
slab_wants(Py_ssize_t given, Py_ssize_t least, Py_ssize_t most)
{
    if (given >= least && given <= most)
        return 0;
    PyErr_Format(PyExc_TypeError, "%zd to %zd arguments expected", least, most);
    return -1;
}

/* Milliseconds. */
int
slab_take_time(PyObject *arg, uint64_t *time)
{
    *time = PyLong_AsUnsignedLongLong(arg);
    if (*time == (uint64_t)-1 && PyErr_Occurred())
        return -1;
    if (*time <= LATEST)
        return 0;
    PyErr_SetString(PyExc_OverflowError, "no time in milliseconds");
    return -1;
}

static int
take_bytes(PyObject *arg, const uint8_t **data, Py_ssize_t *length)
{
    char *found;
    if (PyBytes_AsStringAndSize(arg, &found, length) < 0)
        return -1;
    *data = (const uint8_t *)found;
    return 0;
}

int
slab_take_key(Slab *self, PyObject *arg, const uint8_t **key, Py_ssize_t *length)
{
    if (take_bytes(arg, key, length) < 0)
        return -1;
    if (*length <= self->at.key_size)
        return 0;
    PyErr_SetString(PyExc_ValueError, "the key is too long");
    return -1;
}

int
slab_take_flag(PyObject *const *args, Py_ssize_t given, Py_ssize_t place, int otherwise)
{
    return place < given ? PyObject_IsTrue(args[place]) : otherwise;
}

/* 1: the shard of the reference is locked, and the entry is there; 0: it is not any more; -1: an exception. */
int
slab_hold(Slab *self, PyObject *arg, View *view, uint32_t *local)
{
    uint64_t ref = PyLong_AsUnsignedLongLong(arg);
    if (ref == (uint64_t)-1 && PyErr_Occurred())
        return -1;
    uint32_t index = (uint32_t)ref, shard = index >> self->at.bits;
    *local = index & ((1U << self->at.bits) - 1);
    if (shard >= self->at.shards || *local >= self->at.room || !(ref >> 32 & 1))
        return 0;
    if (slab_lock(self, shard, view) < 0) {
        slab_busy();
        return -1;
    }
    if (*local < view->head->fresh && entry_at(view, *local)->generation == ref >> 32)
        return 1;
    slab_unlock(view);
    return 0;
}

/* The same of the one with that key, if its time is not up. */
static int
hold_key(Slab *self, PyObject *arg, uint64_t now, View *view, uint32_t *local)
{
    const uint8_t *key;
    Py_ssize_t length;
    if (slab_take_key(self, arg, &key, &length) < 0)
        return -1;
    uint64_t hash = slab_hash(self, key, length);
    if (slab_lock(self, hash >> 32 & (self->at.shards - 1), view) < 0) {
        slab_busy();
        return -1;
    }
    uint32_t found = slab_lookup(view, hash, key, length);
    *local = found - 1;
    if (found != 0 && !slab_is_over(self, entry_at(view, *local), now))
        return 1;
    slab_unlock(view);
    return 0;
}

PyObject *
slab_find(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    uint64_t now, ref = 0;
    View view;
    uint32_t local;
    if (slab_wants(given, 2, 2) < 0 || slab_take_time(args[1], &now) < 0)
        return NULL;
    int found = hold_key(self, args[0], now, &view, &local);
    if (found < 0)
        return NULL;
    if (found) {
        ref = make_ref(&view, local);
        slab_unlock(&view);
    }
    return PyLong_FromUnsignedLongLong(ref);
}

typedef struct {
    const uint8_t *program, *what;
    Py_ssize_t length, what_length;
    uint64_t amount, now;
} Change;

static int
take_program(Slab *self, PyObject *program, PyObject *amount, Change *change)
{
    if (take_bytes(program, &change->program, &change->length) < 0
        || slab_check_program(self, change->program, change->length) < 0)
        return -1;
    if (!PyLong_Check(amount)) {
        PyErr_SetString(PyExc_TypeError, "an integer expected");
        return -1;
    }
    change->amount = PyLong_AsUnsignedLongLongMask(amount);
    return change->amount == (uint64_t)-1 && PyErr_Occurred() ? -1 : 0;
}

static int
take_what(Slab *self, PyObject *what, Change *change)
{
    return take_bytes(what, &change->what, &change->what_length) < 0
            || slab_check_read(self, change->what, change->what_length) < 0
        ? -1
        : 0;
}

/* enter(key, now, expire, evict=True, program=b"", amount=0): the program runs under the same lock. */
PyObject *
slab_enter_method(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    const uint8_t *key;
    Py_ssize_t length;
    uint64_t now, expire, ref = 0;
    Change change = {0};
    View view;
    uint32_t local;
    if (slab_wants(given, 3, 6) < 0 || slab_take_key(self, args[0], &key, &length) < 0 || slab_take_time(args[1], &now) < 0
        || slab_take_time(args[2], &expire) < 0)
        return NULL;
    int evict = slab_take_flag(args, given, 3, 1);
    if (evict < 0 || (given == 5 && slab_wants(given, 6, 6) < 0)
        || (given == 6 && take_program(self, args[4], args[5], &change) < 0))
        return NULL;
    Entered entered = slab_enter(self, key, length, now, expire, evict, &view, &local);
    if (entered == IS_BUSY)
        return slab_busy();
    if (entered == FOUND) {
        if (slab_run(&view, local, change.program, change.length, change.amount, now) || !self->last_was_new)
            slab_note(&view, local);
        ref = make_ref(&view, local);
        slab_unlock(&view);
    }
    return PyLong_FromUnsignedLongLong(ref);
}

PyObject *
slab_touch_method(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    uint64_t now, expire;
    View view;
    uint32_t local;
    if (slab_wants(given, 3, 3) < 0 || slab_take_time(args[1], &now) < 0 || slab_take_time(args[2], &expire) < 0)
        return NULL;
    int held = slab_hold(self, args[0], &view, &local);
    if (held > 0) {
        slab_touch(&view, local, now, expire);
        slab_note(&view, local);
        slab_unlock(&view);
    }
    return held < 0 ? NULL : PyBool_FromLong(held);
}

PyObject *
slab_pin(Slab *self, PyObject *arg)
{
    View view;
    uint32_t local;
    int held = slab_hold(self, arg, &view, &local);
    if (held > 0) {
        Gauge *gauge = &gauges_of(self, entry_at(&view, local))[self->slot];
        PUT(gauge->pins, gauge->pins + 1);
        slab_unlock(&view);
    }
    return held < 0 ? NULL : PyBool_FromLong(held);
}

PyObject *
slab_unpin(Slab *self, PyObject *arg)
{
    View view;
    uint32_t local;
    int held = slab_hold(self, arg, &view, &local);
    if (held > 0) {
        Gauge *gauge = &gauges_of(self, entry_at(&view, local))[self->slot];
        held = gauge->pins > 0;
        if (held) {
            PUT(gauge->pins, gauge->pins - 1);
            slab_unparked(&view, local);
        }
        slab_unlock(&view);
    }
    return held < 0 ? NULL : PyBool_FromLong(held);
}

/* apply(ref, program, amount, now): False where the entry is no more. */
PyObject *
slab_apply(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    Change change;
    View view;
    uint32_t local;
    if (slab_wants(given, 4, 4) < 0 || take_program(self, args[1], args[2], &change) < 0
        || slab_take_time(args[3], &change.now) < 0)
        return NULL;
    int held = slab_hold(self, args[0], &view, &local);
    if (held > 0) {
        if (slab_run(&view, local, change.program, change.length, change.amount, change.now))
            slab_note(&view, local);
        slab_unlock(&view);
    }
    return held < 0 ? NULL : PyBool_FromLong(held);
}

static PyObject *
value_or_none(int held, uint64_t value)
{
    return held < 0 ? NULL : held == 0 ? PyLong_FromLong(-1) : PyLong_FromUnsignedLongLong(value);
}

/* apply_read(ref, program, amount, now, what): what is read after the changes, under the same lock. */
PyObject *
slab_apply_read(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    Change change;
    View view;
    uint32_t local;
    uint64_t value = 0;
    if (slab_wants(given, 5, 5) < 0 || take_program(self, args[1], args[2], &change) < 0
        || slab_take_time(args[3], &change.now) < 0 || take_what(self, args[4], &change) < 0)
        return NULL;
    int held = slab_hold(self, args[0], &view, &local);
    if (held > 0) {
        if (slab_run(&view, local, change.program, change.length, change.amount, change.now))
            slab_note(&view, local);
        value = slab_value(&view, local, change.what, change.now);
        slab_unlock(&view);
    }
    return value_or_none(held, value);
}

/* read(ref, what, now) */
PyObject *
slab_read(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    Change change;
    View view;
    uint32_t local;
    uint64_t value = 0;
    if (slab_wants(given, 3, 3) < 0 || take_what(self, args[1], &change) < 0 || slab_take_time(args[2], &change.now) < 0)
        return NULL;
    int held = slab_hold(self, args[0], &view, &local);
    if (held > 0) {
        value = slab_value(&view, local, change.what, change.now);
        slab_unlock(&view);
    }
    return value_or_none(held, value);
}

/* read32(ref, offset), read64(ref, offset), read_rate(ref, offset, period, now): read, with the operation made here. */
static PyObject *
read_at(Slab *self, PyObject *const *args, uint8_t code, unsigned long period, uint64_t now)
{
    View view;
    uint32_t local;
    uint64_t value = 0;
    unsigned long offset = PyLong_AsUnsignedLong(args[1]);
    if (offset == (unsigned long)-1 && PyErr_Occurred())
        return NULL;
    uint8_t what[OP_SIZE];
    slab_make_op(what, code, offset > LONGEST ? LONGEST : (uint16_t)offset, (uint32_t)period);
    if (slab_check_read(self, what, sizeof what) < 0)
        return NULL;
    int held = slab_hold(self, args[0], &view, &local);
    if (held > 0) {
        value = slab_value(&view, local, what, now);
        slab_unlock(&view);
    }
    return value_or_none(held, value);
}

PyObject *
slab_read32(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    return slab_wants(given, 2, 2) < 0 ? NULL : read_at(self, args, READ_32, 0, 0);
}

PyObject *
slab_read64(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    return slab_wants(given, 2, 2) < 0 ? NULL : read_at(self, args, READ_64, 0, 0);
}

PyObject *
slab_read_rate(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    uint64_t period, now;
    if (slab_wants(given, 4, 4) < 0 || slab_take_time(args[2], &period) < 0 || slab_take_time(args[3], &now) < 0)
        return NULL;
    return read_at(self, args, READ_RATE, period > UINT32_MAX ? 0 : period, now);
}

/* find_read(key, what, now): -1 where there is no such entry. */
PyObject *
slab_find_read(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    Change change;
    View view;
    uint32_t local;
    uint64_t value = 0;
    if (slab_wants(given, 3, 3) < 0 || take_what(self, args[1], &change) < 0 || slab_take_time(args[2], &change.now) < 0)
        return NULL;
    int found = hold_key(self, args[0], change.now, &view, &local);
    if (found > 0) {
        value = slab_value(&view, local, change.what, change.now);
        slab_unlock(&view);
    }
    return value_or_none(found, value);
}

PyObject *
slab_pins_method(Slab *self, PyObject *arg)
{
    View view;
    uint32_t local;
    uint64_t value = 0;
    int held = slab_hold(self, arg, &view, &local);
    if (held > 0) {
        value = slab_pins(self, entry_at(&view, local));
        slab_unlock(&view);
    }
    return value_or_none(held, value);
}

PyObject *
slab_current_method(Slab *self, PyObject *arg)
{
    View view;
    uint32_t local;
    int64_t value = 0;
    int held = slab_hold(self, arg, &view, &local);
    if (held > 0) {
        value = slab_current(self, entry_at(&view, local));
        slab_unlock(&view);
    }
    return value_or_none(held, value > 0 ? (uint64_t)value : 0);
}

PyObject *
slab_current_add(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    View view;
    uint32_t local;
    if (slab_wants(given, 2, 2) < 0)
        return NULL;
    long delta = PyLong_AsLong(args[1]);
    if (delta == -1 && PyErr_Occurred())
        return NULL;
    int held = slab_hold(self, args[0], &view, &local);
    if (held > 0) {
        Gauge *gauge = &gauges_of(self, entry_at(&view, local))[self->slot];
        PUT(gauge->current, (int32_t)((uint32_t)gauge->current + (uint32_t)delta));
        slab_note(&view, local);
        slab_unlock(&view);
    }
    return held < 0 ? NULL : PyBool_FromLong(held);
}

PyObject *
slab_write(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    const uint8_t *data;
    Py_ssize_t length;
    View view;
    uint32_t local;
    if (slab_wants(given, 3, 3) < 0 || take_bytes(args[2], &data, &length) < 0)
        return NULL;
    Py_ssize_t offset = PyLong_AsSsize_t(args[1]);
    if (offset == -1 && PyErr_Occurred())
        return NULL;
    if (offset < 0 || offset > self->at.data_size || length > self->at.data_size - offset) {
        PyErr_SetString(PyExc_ValueError, "an entry has no such bytes");
        return NULL;
    }
    int held = slab_hold(self, args[0], &view, &local);
    if (held > 0) {
        slab_keep(&view, local);
        slab_copy(data_of(self, entry_at(&view, local)) + offset, data, length);
        slab_kept(&view);
        slab_note(&view, local);
        slab_unlock(&view);
    }
    return held < 0 ? NULL : PyBool_FromLong(held);
}

PyObject *
slab_data(Slab *self, PyObject *arg)
{
    View view;
    uint32_t local;
    uint8_t *copy = PyMem_Malloc(self->at.data_size + 1);
    if (copy == NULL)
        return PyErr_NoMemory();
    int held = slab_hold(self, arg, &view, &local);
    if (held > 0) {
        memcpy(copy, data_of(self, entry_at(&view, local)), self->at.data_size);
        slab_unlock(&view);
    }
    PyObject *made = held < 0 ? NULL : PyBytes_FromStringAndSize((char *)copy, held ? self->at.data_size : 0);
    PyMem_Free(copy);
    return made;
}
