/* Shared 64-bit cells and a few atomic operations on them: the ground of the arena (core/arena.py says what for).
 *
 * Cells(n) is one anonymous shared mapping, made before the processes that use it are forked. Every operation is
 * sequentially consistent. A lock is a cell that holds its owner's number; who waits spins a little, then yields the
 * processor. Whoever watches the owners may take a dead one's lock away with cas().
 *
 * row_type(name, fields) makes a type whose attributes are consecutive cells: row.requests += 1 is a load and a store
 * without any lock, for rows that only one process writes. What is written for every request goes in a few calls:
 * tally, settle, rise. A row may know the table that it stands in, one row for each process, whose columns it sums up.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

typedef struct {
    PyObject_HEAD
    int64_t *cells;
    Py_ssize_t count;
} Cells;

typedef struct {
    PyObject_HEAD
    int64_t *first;
    int64_t *table; /* the first row of its table, of width cells each */
    Py_ssize_t width;
    Py_ssize_t rows;
    Py_ssize_t size; /* cells of a row */
    PyObject *owner; /* the Cells, kept alive */
} Row;

static PyTypeObject CellsType;

static int
take_index(Cells *self, PyObject *arg, Py_ssize_t *index)
{
    Py_ssize_t i = PyLong_AsSsize_t(arg);
    if (i == -1 && PyErr_Occurred())
        return -1;
    if (i < 0 || i >= self->count) {
        PyErr_SetString(PyExc_IndexError, "no such cell");
        return -1;
    }
    *index = i;
    return 0;
}

static int
take_value(PyObject *arg, int64_t *value)
{
    *value = PyLong_AsLongLong(arg);
    return *value == -1 && PyErr_Occurred() ? -1 : 0;
}

static int
take(Cells *self, PyObject *const *args, Py_ssize_t given, Py_ssize_t wanted, Py_ssize_t *index, int64_t *values)
{
    if (given != wanted) {
        PyErr_Format(PyExc_TypeError, "%zd arguments expected", wanted);
        return -1;
    }
    if (take_index(self, args[0], index) < 0)
        return -1;
    for (Py_ssize_t i = 1; i < wanted; i++)
        if (take_value(args[i], &values[i - 1]) < 0)
            return -1;
    return 0;
}

static PyObject *
cells_load(Cells *self, PyObject *arg)
{
    Py_ssize_t i;
    if (take_index(self, arg, &i) < 0)
        return NULL;
    return PyLong_FromLongLong(__atomic_load_n(&self->cells[i], __ATOMIC_SEQ_CST));
}

static PyObject *
cells_store(Cells *self, PyObject *const *args, Py_ssize_t given)
{
    Py_ssize_t i;
    int64_t value[1];
    if (take(self, args, given, 2, &i, value) < 0)
        return NULL;
    __atomic_store_n(&self->cells[i], value[0], __ATOMIC_SEQ_CST);
    Py_RETURN_NONE;
}

static PyObject *
cells_add(Cells *self, PyObject *const *args, Py_ssize_t given)
{
    Py_ssize_t i;
    int64_t value[1];
    if (take(self, args, given, 2, &i, value) < 0)
        return NULL;
    return PyLong_FromLongLong(__atomic_add_fetch(&self->cells[i], value[0], __ATOMIC_SEQ_CST));
}

static PyObject *
cells_cas(Cells *self, PyObject *const *args, Py_ssize_t given)
{
    Py_ssize_t i;
    int64_t value[2];
    if (take(self, args, given, 3, &i, value) < 0)
        return NULL;
    return PyBool_FromLong(__atomic_compare_exchange_n(&self->cells[i], &value[0], value[1], 0, __ATOMIC_SEQ_CST,
                                                       __ATOMIC_SEQ_CST));
}

static PyObject *
cells_raise(Cells *self, PyObject *const *args, Py_ssize_t given)
{
    Py_ssize_t i;
    int64_t value[1];
    if (take(self, args, given, 2, &i, value) < 0)
        return NULL;
    int64_t seen = __atomic_load_n(&self->cells[i], __ATOMIC_SEQ_CST);
    while (seen < value[0] && !__atomic_compare_exchange_n(&self->cells[i], &seen, value[0], 1, __ATOMIC_SEQ_CST,
                                                           __ATOMIC_SEQ_CST))
        ;
    Py_RETURN_NONE;
}

static PyObject *
cells_sum(Cells *self, PyObject *const *args, Py_ssize_t given)
{
    Py_ssize_t i;
    int64_t value[2];
    if (take(self, args, given, 3, &i, value) < 0)
        return NULL;
    int64_t stride = value[0], count = value[1], sum = 0;
    if (count > 0 && (stride < 0 || i + stride * (count - 1) >= self->count)) {
        PyErr_SetString(PyExc_IndexError, "no such cell");
        return NULL;
    }
    for (int64_t n = 0; n < count; n++)
        sum += __atomic_load_n(&self->cells[i + stride * n], __ATOMIC_SEQ_CST);
    return PyLong_FromLongLong(sum);
}

/* Bytes that lie in consecutive cells. No other process may touch them meanwhile: whoever does this holds a lock. */
static int
check_bytes(Cells *self, Py_ssize_t i, Py_ssize_t length)
{
    if (length >= 0 && length <= (self->count - i) * 8)
        return 0;
    PyErr_SetString(PyExc_IndexError, "no such cell");
    return -1;
}

static PyObject *
cells_read(Cells *self, PyObject *const *args, Py_ssize_t given)
{
    Py_ssize_t i;
    int64_t value[1];
    if (take(self, args, given, 2, &i, value) < 0 || check_bytes(self, i, value[0]) < 0)
        return NULL;
    return PyBytes_FromStringAndSize((char *)&self->cells[i], value[0]);
}

static PyObject *
cells_write(Cells *self, PyObject *const *args, Py_ssize_t given)
{
    Py_ssize_t i;
    if (given != 2) {
        PyErr_SetString(PyExc_TypeError, "2 arguments expected");
        return NULL;
    }
    if (take_index(self, args[0], &i) < 0)
        return NULL;
    char *data;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(args[1], &data, &length) < 0 || check_bytes(self, i, length) < 0)
        return NULL;
    memcpy(&self->cells[i], data, length);
    Py_RETURN_NONE;
}

/* lock(i, owner): true; false when the owner in the way did not give way within about 10 ms. */
static PyObject *
cells_lock(Cells *self, PyObject *const *args, Py_ssize_t given)
{
    Py_ssize_t i;
    int64_t value[1];
    if (take(self, args, given, 2, &i, value) < 0)
        return NULL;
    for (int round = 0; round < 1200; round++) {
        int64_t nobody = 0;
        if (__atomic_compare_exchange_n(&self->cells[i], &nobody, value[0], 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            Py_RETURN_TRUE;
        if (round < 1000) {
            if (round > 100)
                sched_yield();
        } else {
            struct timespec pause = {0, 50000};
            nanosleep(&pause, NULL);
        }
    }
    Py_RETURN_FALSE;
}

static PyObject *
cells_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    Py_ssize_t count;
    if (!PyArg_ParseTuple(args, "n", &count))
        return NULL;
    if (count <= 0 || count > PY_SSIZE_T_MAX / 8) {
        PyErr_SetString(PyExc_ValueError, "at least one cell");
        return NULL;
    }
    void *memory = mmap(NULL, count * 8, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return PyErr_SetFromErrno(PyExc_OSError);
    Cells *self = (Cells *)type->tp_alloc(type, 0);
    if (self == NULL) {
        munmap(memory, count * 8);
        return NULL;
    }
    self->cells = memory;
    self->count = count;
    return (PyObject *)self;
}

static void
cells_dealloc(Cells *self)
{
    munmap(self->cells, self->count * 8);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static Py_ssize_t
cells_length(Cells *self)
{
    return self->count;
}

static PyMethodDef cells_methods[] = {
    {"load", (PyCFunction)cells_load, METH_O, "load(i): the cell's value."},
    {"store", (PyCFunction)cells_store, METH_FASTCALL, "store(i, value)."},
    {"add", (PyCFunction)cells_add, METH_FASTCALL, "add(i, delta): the new value."},
    {"cas", (PyCFunction)cells_cas, METH_FASTCALL, "cas(i, old, new): true if it was old, and is new now."},
    {"highest", (PyCFunction)cells_raise, METH_FASTCALL, "highest(i, value): the greater of both from now on."},
    {"sum", (PyCFunction)cells_sum, METH_FASTCALL, "sum(i, stride, count): of count cells from i on."},
    {"read", (PyCFunction)cells_read, METH_FASTCALL, "read(i, length): bytes that begin in cell i."},
    {"write", (PyCFunction)cells_write, METH_FASTCALL, "write(i, bytes): they begin in cell i."},
    {"lock", (PyCFunction)cells_lock, METH_FASTCALL, "lock(i, owner): false if it took too long."},
    {NULL, NULL, 0, NULL}};

static PySequenceMethods cells_sequence = {.sq_length = (lenfunc)cells_length};

static PyTypeObject CellsType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "pointsman.core._cells.Cells",
    .tp_basicsize = sizeof(Cells),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "Cells(n): n shared 64-bit integers, all 0.",
    .tp_new = cells_new,
    .tp_dealloc = (destructor)cells_dealloc,
    .tp_methods = cells_methods,
    .tp_as_sequence = &cells_sequence,
};

/* Rows. */

static PyObject *
row_get(Row *self, void *place)
{
    return PyLong_FromLongLong(__atomic_load_n(&self->first[(intptr_t)place], __ATOMIC_RELAXED));
}

static int
row_set(Row *self, PyObject *value, void *place)
{
    int64_t number;
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "a cell cannot be deleted");
        return -1;
    }
    if (take_value(value, &number) < 0)
        return -1;
    __atomic_store_n(&self->first[(intptr_t)place], number, __ATOMIC_RELAXED);
    return 0;
}

static int
row_init(Row *self, PyObject *args, PyObject *keywords)
{
    PyObject *owner;
    Py_ssize_t first, table = -1, width = 0, rows = 1;
    if (!PyArg_ParseTuple(args, "O!n|nnn", &CellsType, &owner, &first, &table, &width, &rows))
        return -1;
    if (table < 0)
        table = first;
    Cells *cells = (Cells *)owner;
    PyObject *fields = PyObject_GetAttrString((PyObject *)Py_TYPE(self), "FIELDS");
    if (fields == NULL)
        return -1;
    Py_ssize_t size = PyObject_Length(fields);
    Py_DECREF(fields);
    if (size < 0)
        return -1;
    if (first < 0 || first + size > cells->count || width < 0 || rows < 1
        || table + width * (rows - 1) + size > cells->count) {
        PyErr_SetString(PyExc_IndexError, "no such cells");
        return -1;
    }
    Py_INCREF(owner);
    Py_XSETREF(self->owner, owner);
    self->first = cells->cells + first;
    self->table = cells->cells + table;
    self->width = width;
    self->rows = rows;
    self->size = size;
    return 0;
}

static int64_t
cell(int64_t *place)
{
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}

static void
put(int64_t *place, int64_t value)
{
    __atomic_store_n(place, value, __ATOMIC_RELAXED);
}

static int
take_place(Row *self, PyObject *arg, Py_ssize_t room, Py_ssize_t *place)
{
    *place = PyLong_AsSsize_t(arg);
    if (*place == -1 && PyErr_Occurred())
        return -1;
    if (self->first == NULL || *place < 0 || *place + room > self->size) {
        PyErr_SetString(PyExc_IndexError, "no such place");
        return -1;
    }
    return 0;
}

/* tally(places, delta...): each delta is added at the place that the byte of the same position names. */
static PyObject *
row_tally(Row *self, PyObject *const *args, Py_ssize_t given)
{
    char *places;
    Py_ssize_t count;
    int64_t delta;
    if (given < 1) {
        PyErr_SetString(PyExc_TypeError, "places expected");
        return NULL;
    }
    if (PyBytes_AsStringAndSize(args[0], &places, &count) < 0)
        return NULL;
    if (count != given - 1) {
        PyErr_SetString(PyExc_TypeError, "as many deltas as places expected");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_ssize_t place = (unsigned char)places[i];
        if (self->first == NULL || place >= self->size) {
            PyErr_SetString(PyExc_IndexError, "no such place");
            return NULL;
        }
        if (take_value(args[i + 1], &delta) < 0)
            return NULL;
        if (delta)
            put(self->first + place, cell(self->first + place) + delta);
    }
    Py_RETURN_NONE;
}

static int64_t
column(Row *self, Py_ssize_t place)
{
    int64_t sum = 0;
    for (Py_ssize_t i = 0; i < self->rows; i++)
        sum += cell(self->table + i * self->width + place);
    return sum;
}

/* total(place): the sum over all rows of the table. */
static PyObject *
row_total(Row *self, PyObject *arg)
{
    Py_ssize_t place;
    if (take_place(self, arg, 1, &place) < 0)
        return NULL;
    return PyLong_FromLongLong(column(self, place));
}

static void
note(Row *self, Py_ssize_t gauge, Py_ssize_t highest)
{
    int64_t held = column(self, gauge);
    if (held > cell(self->first + highest))
        put(self->first + highest, held);
}

static int
take_gauge(Row *self, PyObject *const *args, Py_ssize_t given, Py_ssize_t *gauge, Py_ssize_t *highest)
{
    if (given != 2) {
        PyErr_SetString(PyExc_TypeError, "2 arguments expected");
        return -1;
    }
    return take_place(self, args[0], 1, gauge) < 0 ? -1 : take_place(self, args[1], 1, highest);
}

/* rise(gauge, highest): one more here; the sum over all rows is noted if it is a new maximum. */
static PyObject *
row_rise(Row *self, PyObject *const *args, Py_ssize_t given)
{
    Py_ssize_t gauge, highest;
    if (take_gauge(self, args, given, &gauge, &highest) < 0)
        return NULL;
    put(self->first + gauge, cell(self->first + gauge) + 1);
    note(self, gauge, highest);
    Py_RETURN_NONE;
}

/* note(gauge, highest): the sum of a gauge over all rows is noted if it is a new maximum. */
static PyObject *
row_note(Row *self, PyObject *const *args, Py_ssize_t given)
{
    Py_ssize_t gauge, highest;
    if (take_gauge(self, args, given, &gauge, &highest) < 0)
        return NULL;
    note(self, gauge, highest);
    Py_RETURN_NONE;
}

/* Four sums that forget a 1024th with each addition once 1024 were made; behind them their maxima, and then how many
 * were added. */
static void
add_times(int64_t *sums, const int64_t *times)
{
    int full = cell(sums + 8) >= 1024;
    for (int i = 0; i < 4; i++) {
        int64_t sum = cell(sums + i);
        put(sums + i, sum - (full ? sum / 1024 : 0) + times[i]);
        if (times[i] > cell(sums + 4 + i))
            put(sums + 4 + i, times[i]);
    }
    if (!full)
        put(sums + 8, cell(sums + 8) + 1);
}

/* settle(places, up, down, place, a, b, c, d): up and down are added at the first two of the places and 1 at all
 * others; a to d to the four sums from `place` on (add_times). */
static PyObject *
row_settle(Row *self, PyObject *const *args, Py_ssize_t given)
{
    char *places;
    Py_ssize_t count, place;
    int64_t deltas[2], times[4];
    if (given != 8) {
        PyErr_SetString(PyExc_TypeError, "8 arguments expected");
        return NULL;
    }
    if (PyBytes_AsStringAndSize(args[0], &places, &count) < 0)
        return NULL;
    if (count < 2) {
        PyErr_SetString(PyExc_TypeError, "at least two places expected");
        return NULL;
    }
    for (int i = 0; i < 2; i++)
        if (take_value(args[1 + i], &deltas[i]) < 0)
            return NULL;
    if (take_place(self, args[3], 9, &place) < 0)
        return NULL;
    for (int i = 0; i < 4; i++)
        if (take_value(args[4 + i], &times[i]) < 0)
            return NULL;
    for (Py_ssize_t i = 0; i < count; i++)
        if ((unsigned char)places[i] >= self->size) {
            PyErr_SetString(PyExc_IndexError, "no such place");
            return NULL;
        }
    for (Py_ssize_t i = 0; i < count; i++) {
        int64_t *at = self->first + (unsigned char)places[i];
        put(at, cell(at) + (i < 2 ? deltas[i] : 1));
    }
    add_times(self->first + place, times);
    Py_RETURN_NONE;
}

static PyMethodDef row_methods[] = {
    {"tally", (PyCFunction)row_tally, METH_FASTCALL, "tally(places, delta...): add each delta at its place."},
    {"total", (PyCFunction)row_total, METH_O, "total(place): the sum over all rows of its table."},
    {"rise", (PyCFunction)row_rise, METH_FASTCALL, "rise(gauge, highest): one more, and note a new maximum of all."},
    {"note", (PyCFunction)row_note, METH_FASTCALL, "note(gauge, highest): note a new maximum of all."},
    {"settle", (PyCFunction)row_settle, METH_FASTCALL, "settle(places, up, down, place, a, b, c, d): all of one end."},
    {NULL, NULL, 0, NULL}};

static void
row_dealloc(Row *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(self->owner);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *
row_type(PyObject *module, PyObject *args)
{
    const char *name;
    PyObject *fields;
    if (!PyArg_ParseTuple(args, "sO!", &name, &PyTuple_Type, &fields))
        return NULL;
    Py_ssize_t count = PyTuple_GET_SIZE(fields);
    PyGetSetDef *members = PyMem_Calloc(count + 1, sizeof(PyGetSetDef)); /* lives as long as its type: for ever */
    if (members == NULL)
        return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *field = PyTuple_GET_ITEM(fields, i);
        Py_INCREF(field); /* its text is the member's name */
        members[i].name = PyUnicode_AsUTF8(field);
        if (members[i].name == NULL)
            return NULL;
        members[i].get = (getter)row_get;
        members[i].set = (setter)row_set;
        members[i].closure = (void *)(intptr_t)i;
    }
    PyType_Slot slots[] = {{Py_tp_getset, members},
                           {Py_tp_methods, row_methods},
                           {Py_tp_init, row_init},
                           {Py_tp_dealloc, row_dealloc},
                           {Py_tp_new, PyType_GenericNew},
                           {0, NULL}};
    PyType_Spec spec = {name, sizeof(Row), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
    PyObject *type = PyType_FromSpec(&spec);
    if (type == NULL)
        return NULL;
    if (PyObject_SetAttrString(type, "FIELDS", fields) < 0) {
        Py_DECREF(type);
        return NULL;
    }
    return type;
}

static PyMethodDef functions[] = {
    {"row_type", row_type, METH_VARARGS, "row_type(name, fields): a type whose attributes are consecutive cells."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_cells", "Shared 64-bit cells with atomic operations.", -1, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC
PyInit__cells(void)
{
    if (PyType_Ready(&CellsType) < 0)
        return NULL;
    PyObject *made = PyModule_Create(&module);
    if (made == NULL)
        return NULL;
    Py_INCREF(&CellsType);
    if (PyModule_AddObject(made, "Cells", (PyObject *)&CellsType) < 0) {
        Py_DECREF(&CellsType);
        Py_DECREF(made);
        return NULL;
    }
    return made;
}
