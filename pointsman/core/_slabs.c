/* Entries with keys in memory that all processes share: what core/slabs.py describes, and core/plain_slabs.py does in
 * plain Python. This file has the type and its slots; _slabs_one.c and _slabs_many.c its methods, _slabs_entry.c and
 * _slabs_program.c what they do under a lock, _slabs_lock.c the locks.
 *
 * Nothing is allocated, and no Python code runs, while a shard is locked. */
#include "_slabs.h"
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

PyObject *slab_busy_error;
static PyTypeObject SlabType;

#ifdef SLAB_STEPS
#include <signal.h>
long slab_steps; /* how many are left until the process is killed; 0: it is not */

void
slab_step(void)
{
    if (slab_steps > 0 && --slab_steps == 0)
        kill(getpid(), SIGKILL);
}

static PyObject *
die_at(PyObject *module, PyObject *arg)
{
    long steps = PyLong_AsLong(arg);
    if (steps == -1 && PyErr_Occurred())
        return NULL;
    slab_steps = steps;
    Py_RETURN_NONE;
}
#endif

/* Slots. */

static int
take_slot(Slab *self, PyObject *arg, int *slot)
{
    long given = PyLong_AsLong(arg);
    if (given == -1 && PyErr_Occurred())
        return -1;
    if (given < 0 || given >= self->at.slots) {
        PyErr_SetString(PyExc_IndexError, "no such slot");
        return -1;
    }
    *slot = (int)given;
    return 0;
}

static inline int
change_owner(Slab *self, int slot, uint64_t was, uint64_t now)
{
    return __atomic_compare_exchange_n(&self->head->owner[slot], &was, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline uint64_t
owner_of(Slab *self, int slot)
{
    return __atomic_load_n(&self->head->owner[slot], __ATOMIC_SEQ_CST);
}

/* claim_slot(pid): a slot that nobody has, or whose process is dead. MemoryError: there is none. */
static PyObject *
slab_claim_slot(Slab *self, PyObject *arg)
{
    unsigned long process = PyLong_AsUnsignedLong(arg);
    if (process == (unsigned long)-1 && PyErr_Occurred())
        return NULL;
    if (process == 0 || process > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "no number of a process");
        return NULL;
    }
    for (int slot = 0; slot < (int)self->at.slots; slot++)
        if (change_owner(self, slot, 0, process))
            return PyLong_FromLong(slot);
    for (int slot = 0; slot < (int)self->at.slots; slot++) {
        uint64_t owner = owner_of(self, slot);
        if (owner == 0 || !slab_is_dead((uint32_t)owner) || slab_release(self, slot, owner, (uint32_t)owner) < 0)
            continue;
        if (change_owner(self, slot, owner, process))
            return PyLong_FromLong(slot);
    }
    PyErr_SetString(PyExc_MemoryError, "all slots are taken");
    return NULL;
}

/* release_slot(slot, pid=0): its process has ended. With pid only if it is that one's, which is known to be dead. */
static PyObject *
slab_release_slot(Slab *self, PyObject *const *args, Py_ssize_t given)
{
    int slot;
    unsigned long process = 0;
    if (slab_wants(given, 1, 2) < 0 || take_slot(self, args[0], &slot) < 0)
        return NULL;
    if (given == 2) {
        process = PyLong_AsUnsignedLong(args[1]);
        if (process == (unsigned long)-1 && PyErr_Occurred())
            return NULL;
    }
    uint64_t owner = owner_of(self, slot);
    if (process != 0 && owner != process)
        Py_RETURN_FALSE;
    if (slab_release(self, slot, owner, (uint32_t)process) < 0)
        return slab_busy();
    change_owner(self, slot, owner, 0);
    Py_RETURN_TRUE;
}

/* release_dead(): how many slots were given back whose processes are dead, of whichever generation. */
static PyObject *
slab_release_dead(Slab *self, PyObject *none)
{
    long released = 0;
    for (int slot = 0; slot < (int)self->at.slots; slot++) {
        uint64_t owner = owner_of(self, slot);
        if (owner == 0 || !slab_is_dead((uint32_t)owner))
            continue;
        if (slab_release(self, slot, owner, (uint32_t)owner) < 0)
            return slab_busy();
        released += change_owner(self, slot, owner, 0);
    }
    return PyLong_FromLong(released);
}

/* slot_of(pid): -1 where it has none. */
static PyObject *
slab_slot_of(Slab *self, PyObject *arg)
{
    unsigned long process = PyLong_AsUnsignedLong(arg);
    if (process == (unsigned long)-1 && PyErr_Occurred())
        return NULL;
    for (int slot = 0; slot < (int)self->at.slots; slot++)
        if (process != 0 && owner_of(self, slot) == process)
            return PyLong_FromLong(slot);
    return PyLong_FromLong(-1);
}

static PyObject *
get_slot(Slab *self, void *none)
{
    return PyLong_FromLong(self->slot);
}

static int
set_slot(Slab *self, PyObject *value, void *none)
{
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "it cannot be deleted");
        return -1;
    }
    return take_slot(self, value, &self->slot);
}

static PyObject *
get_was_new(Slab *self, void *none)
{
    return PyBool_FromLong(self->last_was_new);
}

static PyObject *
get_number(Slab *self, void *offset)
{
    uint64_t *place = (uint64_t *)((uint8_t *)self->head + (intptr_t)offset);
    return PyLong_FromUnsignedLongLong(__atomic_load_n(place, __ATOMIC_SEQ_CST));
}

static PyObject *
get_shards(Slab *self, void *none)
{
    return PyLong_FromUnsignedLong(self->at.shards);
}

static PyGetSetDef members[] = {
    {"slot", (getter)get_slot, (setter)set_slot, "This process's slot.", NULL},
    {"last_was_new", (getter)get_was_new, NULL, "Whether the last enter() made its entry.", NULL},
    {"used", (getter)get_number, NULL, "How many entries there are.", (void *)offsetof(Header, used)},
    {"size", (getter)get_number, NULL, "How many there may be.", (void *)offsetof(Header, entries)},
    {"change", (getter)get_number, NULL, "The newest number of a change.", (void *)offsetof(Header, change)},
    {"shards", (getter)get_shards, NULL, "How many there are.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

/* Making one. */

static int
take_layout(PyObject *args, PyObject *keywords, const char *format, char **names, int *fd, Layout *at)
{
    long entries, key_size, data_size, slots;
    int parsed = names[0][0] == 'f'
        ? PyArg_ParseTupleAndKeywords(args, keywords, format, names, fd, &entries, &key_size, &data_size, &slots)
        : PyArg_ParseTupleAndKeywords(args, keywords, format, names, &entries, &key_size, &data_size, &slots, fd);
    return parsed ? slab_layout(at, entries, key_size, data_size, slots) : -1;
}

/* size_for(entries, key_size, data_size, slots): the bytes of its memory. */
static PyObject *
slab_size_for(PyObject *none, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"entries", "key_size", "data_size", "slots", NULL};
    Layout at;
    int fd = -1;
    if (take_layout(args, keywords, "llll", names, &fd, &at) < 0)
        return NULL;
    return PyLong_FromUnsignedLongLong(at.length);
}

/* fits(fd, entries, key_size, data_size, slots): whether that file has a slab of just this layout. */
static PyObject *
slab_fits(PyObject *none, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"fd", "entries", "key_size", "data_size", "slots", NULL};
    Layout at;
    Header head;
    struct stat about;
    int fd = -1;
    if (take_layout(args, keywords, "illll", names, &fd, &at) < 0)
        return NULL;
    int fits = fstat(fd, &about) == 0 && (uint64_t)about.st_size >= at.length
        && pread(fd, &head, sizeof head, 0) == (ssize_t)sizeof head && slab_is_described(&at, &head);
    return PyBool_FromLong(fits);
}

/* Zeroed memory becomes a slab; a secret that stands there already stays. 0, or -1 with an exception. */
static int
begin(Slab *self)
{
    Header *head = self->head;
    if (head->magic != 0) {
        if (slab_is_described(&self->at, head))
            return 0;
        PyErr_SetString(PyExc_ValueError, "the memory is that of another slab");
        return -1;
    }
    if (head->secret[0] == 0 && head->secret[1] == 0) {
        ssize_t got;
        do
            got = getrandom(head->secret, sizeof head->secret, 0);
        while (got < 0 && errno == EINTR);
        if (got != (ssize_t)sizeof head->secret) {
            PyErr_SetFromErrno(PyExc_OSError);
            return -1;
        }
    }
    slab_describe(&self->at, head);
    return 0;
}

static PyObject *
slab_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"entries", "key_size", "data_size", "slots", "fd", NULL};
    Layout at;
    struct stat about;
    int fd = -1;
    if (take_layout(args, keywords, "llll|i", names, &fd, &at) < 0)
        return NULL;
    if (fd >= 0) {
        if (fstat(fd, &about) < 0)
            return PyErr_SetFromErrno(PyExc_OSError);
        if ((uint64_t)about.st_size < at.length) { /* whoever touched what is missing would be ended by a signal */
            PyErr_SetString(PyExc_ValueError, "the file is too short");
            return NULL;
        }
    }
    int flags = MAP_SHARED | MAP_NORESERVE | (fd < 0 ? MAP_ANONYMOUS : 0);
    void *memory = mmap(NULL, at.length, PROT_READ | PROT_WRITE, flags, fd < 0 ? -1 : fd, 0);
    if (memory == MAP_FAILED)
        return PyErr_SetFromErrno(PyExc_OSError);
    Slab *self = (Slab *)type->tp_alloc(type, 0);
    if (self == NULL) {
        munmap(memory, at.length);
        return NULL;
    }
    self->memory = memory;
    self->head = memory;
    self->ring = (uint64_t *)(self->memory + PAGE);
    self->at = at;
    if (begin(self) < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void
slab_dealloc(Slab *self)
{
    munmap(self->memory, self->at.length);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* memoryview(slab): the memory as it is, for those who examine it. */
static int
get_buffer(Slab *self, Py_buffer *view, int flags)
{
    return PyBuffer_FillInfo(view, (PyObject *)self, self->memory, (Py_ssize_t)self->at.length, 0, flags);
}

static PyBufferProcs buffer = {.bf_getbuffer = (getbufferproc)get_buffer};

#define FAST(name, function, text) {name, (PyCFunction)(void (*)(void))function, METH_FASTCALL, text}
#define STATIC(name, function, text) \
    {name, (PyCFunction)(void (*)(void))function, METH_VARARGS | METH_KEYWORDS | METH_STATIC, text}

static PyMethodDef methods[] = {
    STATIC("size_for", slab_size_for, "size_for(entries, key_size, data_size, slots): bytes."),
    STATIC("fits", slab_fits, "fits(fd, entries, key_size, data_size, slots): it has just this layout."),
    FAST("find", slab_find, "find(key, now): a reference, or 0."),
    FAST("enter", slab_enter_method, "enter(key, now, expire, evict=True, program=b'', amount=0): a reference, or 0."),
    FAST("touch", slab_touch_method, "touch(ref, now, expire): it is the newest."),
    {"pin", (PyCFunction)slab_pin, METH_O, "pin(ref): it is not dropped any more."},
    {"unpin", (PyCFunction)slab_unpin, METH_O, "unpin(ref)."},
    {"pins", (PyCFunction)slab_pins_method, METH_O, "pins(ref): of all slots; -1: it is no more."},
    {"current", (PyCFunction)slab_current_method, METH_O, "current(ref): of all slots; -1: it is no more."},
    FAST("current_add", slab_current_add, "current_add(ref, delta): in this slot."),
    FAST("apply", slab_apply, "apply(ref, program, amount, now)."),
    FAST("apply_read", slab_apply_read, "apply_read(ref, program, amount, now, what): the value, or -1."),
    FAST("read", slab_read, "read(ref, what, now): the value, or -1."),
    FAST("find_read", slab_find_read, "find_read(key, what, now): the value, or -1."),
    FAST("read32", slab_read32, "read32(ref, offset): -1 where it is no more."),
    FAST("read64", slab_read64, "read64(ref, offset): -1 where it is no more."),
    FAST("read_rate", slab_read_rate, "read_rate(ref, offset, period, now): -1 where it is no more."),
    {"data", (PyCFunction)slab_data, METH_O, "data(ref): b'' where it is no more."},
    FAST("write", slab_write, "write(ref, offset, data)."),
    {"entry", (PyCFunction)slab_entry, METH_O, "entry(ref): as items() lists it, or None."},
    FAST("items", slab_items, "items(cursor, most=64): (cursor, entries)."),
    FAST("remove", slab_remove, "remove(key or ref, even_pinned=False)."),
    FAST("clear", slab_clear, "clear(even_pinned=False): how many were dropped."),
    FAST("expire", slab_expire, "expire(now, most=64): how many were looked at."),
    FAST("changed_since", slab_changed_since, "changed_since(number, most=64): (number, [(ref, number)])."),
    {"claim_slot", (PyCFunction)slab_claim_slot, METH_O, "claim_slot(pid): a slot."},
    FAST("release_slot", slab_release_slot, "release_slot(slot, pid=0): its process has ended."),
    {"release_dead", (PyCFunction)slab_release_dead, METH_NOARGS, "release_dead(): how many slots were."},
    {"slot_of", (PyCFunction)slab_slot_of, METH_O, "slot_of(pid): its slot, or -1."},
    {NULL, NULL, 0, NULL}};

static PyTypeObject SlabType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "pointsman.core._slabs.Slab",
    .tp_basicsize = sizeof(Slab),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "Slab(entries, key_size, data_size, slots, fd=-1): entries with keys in shared memory.",
    .tp_new = slab_new,
    .tp_dealloc = (destructor)slab_dealloc,
    .tp_methods = methods,
    .tp_getset = members,
    .tp_as_buffer = &buffer,
};

static PyMethodDef functions[] = {
#ifdef SLAB_STEPS
    {"die_at", die_at, METH_O, "die_at(n): this process is killed at the n-th store into shared memory."},
#endif
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_slabs", "Entries with keys in shared memory.", -1, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC
PyInit__slabs(void)
{
    slab_forked();
    if (PyType_Ready(&SlabType) < 0)
        return NULL;
    if (pthread_atfork(NULL, NULL, slab_forked) != 0)
        return PyErr_NoMemory();
    slab_busy_error = PyErr_NewExceptionWithDoc("pointsman.core._slabs.Busy", "A lock could not be had in time.", NULL, NULL);
    PyObject *made = slab_busy_error == NULL ? NULL : PyModule_Create(&module);
    if (made == NULL)
        return NULL;
    if (PyModule_AddObjectRef(made, "Slab", (PyObject *)&SlabType) < 0
        || PyModule_AddObjectRef(made, "Busy", slab_busy_error) < 0)
        Py_CLEAR(made);
    return made;
}
