/* Shared 64-bit cells and a few atomic operations on them: the ground of the arena (core/arena.py says what for).
 *
 * Cells(n) is one anonymous shared mapping, made before the processes that use it are forked. Every operation is
 * sequentially consistent. A lock is a cell that holds its owner's number; who waits spins a little, then yields the
 * processor. The process that watches the owners may take away the lock of one that has crashed, with cas().
 *
 * cells.at(i) is one cell by itself, for those that are asked for at every request.
 *
 * row_type(name, fields) makes a type whose attributes are consecutive cells: row.requests += 1 is a load and a store
 * without any lock, for rows that only one process writes. A row may know the table that it stands in, one row for each
 * process, whose columns it sums up; which of its cells is a gauge, and which keeps the most that all rows of the table
 * have held; and the row above it, of what contains it (a server's backend, a frontend's process), so that what is
 * written for every request goes in a few calls: step, climb, conclude. They check all arguments before they write.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

typedef struct {
    PyObject_HEAD
    int64_t *cells;
    Py_ssize_t count;
} Cells;

typedef struct {
    PyObject_HEAD
    int64_t *place;
    Cells *owner; /* kept alive */
} Cell;

typedef struct Row {
    PyObject_HEAD
    int64_t *first;
    int64_t *table; /* the first row of its table, of width cells each */
    Py_ssize_t width;
    Py_ssize_t rows;
    Py_ssize_t size; /* cells of a row */
    Py_ssize_t gauge; /* places; -1: none */
    Py_ssize_t highest;
    PyObject *owner; /* the Cells, kept alive */
    struct Row *above;
} Row;

static PyTypeObject CellsType, CellType, RowType;

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

static inline int
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
    int64_t stride = value[0], count = value[1], sum = 0, last;
    if (count > 0 && (stride < 0 || __builtin_mul_overflow(stride, count - 1, &last) || last >= self->count - i)) {
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

/* at(i): that cell by itself. */
static PyObject *
cells_at(Cells *self, PyObject *arg)
{
    Py_ssize_t i;
    if (take_index(self, arg, &i) < 0)
        return NULL;
    Cell *made = PyObject_New(Cell, &CellType);
    if (made == NULL)
        return NULL;
    Py_INCREF(self);
    made->owner = self;
    made->place = &self->cells[i];
    return (PyObject *)made;
}

static PyObject *
cells_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    Py_ssize_t count;
    int fd = -1;
    if (!PyArg_ParseTuple(args, "n|i", &count, &fd))
        return NULL;
    if (count <= 0 || count > PY_SSIZE_T_MAX / 8) {
        PyErr_SetString(PyExc_ValueError, "at least one cell");
        return NULL;
    }
    if (fd >= 0) {
        struct stat about;
        if (fstat(fd, &about) < 0)
            return PyErr_SetFromErrno(PyExc_OSError);
        if (about.st_size < count * 8) { /* whoever touched what is missing would be ended by a signal */
            PyErr_SetString(PyExc_ValueError, "the file is too short");
            return NULL;
        }
    }
    int flags = MAP_SHARED | MAP_NORESERVE | (fd < 0 ? MAP_ANONYMOUS : 0);
    void *memory = mmap(NULL, count * 8, PROT_READ | PROT_WRITE, flags, fd < 0 ? -1 : fd, 0);
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
    {"at", (PyCFunction)cells_at, METH_O, "at(i): that cell by itself."},
    {NULL, NULL, 0, NULL}};

static PySequenceMethods cells_sequence = {.sq_length = (lenfunc)cells_length};

static PyTypeObject CellsType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "pointsman.core._cells.Cells",
    .tp_basicsize = sizeof(Cells),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "Cells(n, fd=-1): n shared 64-bit integers, all 0; or those at the beginning of a file in memory.",
    .tp_new = cells_new,
    .tp_dealloc = (destructor)cells_dealloc,
    .tp_methods = cells_methods,
    .tp_as_sequence = &cells_sequence,
};

/* One cell. */

static PyObject *
cell_load(Cell *self, PyObject *none)
{
    return PyLong_FromLongLong(__atomic_load_n(self->place, __ATOMIC_SEQ_CST));
}

/* turn(n): one more; what it was before, modulo n. */
static PyObject *
cell_turn(Cell *self, PyObject *arg)
{
    int64_t count;
    if (take_value(arg, &count) < 0)
        return NULL;
    if (count <= 0) {
        PyErr_SetString(PyExc_ValueError, "a positive number expected");
        return NULL;
    }
    uint64_t before = (uint64_t)__atomic_fetch_add(self->place, 1, __ATOMIC_SEQ_CST);
    return PyLong_FromLongLong((int64_t)(before % (uint64_t)count));
}

static void
cell_dealloc(Cell *self)
{
    Py_DECREF(self->owner);
    PyObject_Free(self);
}

static PyMethodDef cell_methods[] = {
    {"load", (PyCFunction)cell_load, METH_NOARGS, "load(): the cell's value."},
    {"turn", (PyCFunction)cell_turn, METH_O, "turn(n): add one; what it was before, modulo n."},
    {NULL, NULL, 0, NULL}};

static PyTypeObject CellType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "pointsman.core._cells.Cell",
    .tp_basicsize = sizeof(Cell),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_doc = "One of Cells, by its method at().",
    .tp_dealloc = (destructor)cell_dealloc,
    .tp_methods = cell_methods,
};

/* Rows. */

/* The type of a row is made before its cells are known. */
static int
has_cells(Row *self)
{
    if (self->first != NULL)
        return 1;
    PyErr_SetString(PyExc_IndexError, "no such place");
    return 0;
}

static PyObject *
row_get(Row *self, void *place)
{
    if (!has_cells(self))
        return NULL;
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
    if (take_value(value, &number) < 0 || !has_cells(self))
        return -1;
    __atomic_store_n(&self->first[(intptr_t)place], number, __ATOMIC_RELAXED);
    return 0;
}

/* A place that the type names; -1: none. */
static int
place_of(Row *self, const char *name, Py_ssize_t size, Py_ssize_t *place)
{
    PyObject *value = PyObject_GetAttrString((PyObject *)Py_TYPE(self), name);
    if (value == NULL)
        return -1;
    *place = PyLong_AsSsize_t(value);
    Py_DECREF(value);
    if (*place == -1 && PyErr_Occurred())
        return -1;
    if (*place < -1 || *place >= size) {
        PyErr_SetString(PyExc_IndexError, "no such place");
        return -1;
    }
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
    Py_ssize_t gauge, highest;
    if (size < 0 || place_of(self, "GAUGE", size, &gauge) < 0 || place_of(self, "HIGHEST", size, &highest) < 0)
        return -1;
    Py_ssize_t last;
    if (first < 0 || size > cells->count || first > cells->count - size || width < 0 || rows < 1
        || __builtin_mul_overflow(width, rows - 1, &last) || table > cells->count - size
        || last > cells->count - size - table) {
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
    self->gauge = highest < 0 ? -1 : gauge;
    self->highest = highest;
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
take_place(Row *self, PyObject *arg, Py_ssize_t *place)
{
    *place = PyLong_AsSsize_t(arg);
    if (*place == -1 && PyErr_Occurred())
        return -1;
    if (self->first == NULL || *place < 0 || *place >= self->size) {
        PyErr_SetString(PyExc_IndexError, "no such place");
        return -1;
    }
    return 0;
}

/* Places of a row, a byte each. */
typedef struct {
    const unsigned char *at;
    Py_ssize_t count;
} Places;

static inline int
take_bytes(PyObject *arg, Places *places)
{
    if (!PyBytes_Check(arg)) {
        PyErr_SetString(PyExc_TypeError, "bytes expected");
        return -1;
    }
    places->at = (const unsigned char *)PyBytes_AS_STRING(arg);
    places->count = PyBytes_GET_SIZE(arg);
    return 0;
}

static inline int
check_places(Row *self, const Places *places)
{
    Py_ssize_t size = self != NULL && self->first != NULL ? self->size : 0;
    for (Py_ssize_t i = 0; i < places->count; i++)
        if (places->at[i] >= size) {
            PyErr_SetString(PyExc_IndexError, "no such place");
            return -1;
        }
    return 0;
}

static inline void
add(Row *self, Py_ssize_t place, int64_t delta)
{
    put(self->first + place, cell(self->first + place) + delta);
}

static inline void
add_all(Row *self, const Places *places, int64_t delta)
{
    for (Py_ssize_t i = 0; i < places->count; i++)
        add(self, places->at[i], delta);
}

static int
wants(Py_ssize_t given, Py_ssize_t wanted)
{
    if (given == wanted)
        return 0;
    PyErr_Format(PyExc_TypeError, "%zd arguments expected", wanted);
    return -1;
}

#define DELTAS 16 /* of a tally, at most */

/* tally(places, delta...): each delta is added at the place that the byte of the same position names. */
static PyObject *
row_tally(Row *self, PyObject *const *args, Py_ssize_t given)
{
    Places places;
    int64_t deltas[DELTAS];
    if (given < 1) {
        PyErr_SetString(PyExc_TypeError, "places expected");
        return NULL;
    }
    if (take_bytes(args[0], &places) < 0)
        return NULL;
    if (places.count != given - 1 || places.count > DELTAS) {
        PyErr_SetString(PyExc_TypeError, "as many deltas as places expected, 16 at most");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < places.count; i++)
        if (take_value(args[i + 1], &deltas[i]) < 0)
            return NULL;
    if (check_places(self, &places) < 0)
        return NULL;
    for (Py_ssize_t i = 0; i < places.count; i++)
        if (deltas[i])
            add(self, places.at[i], deltas[i]);
    Py_RETURN_NONE;
}

static inline int64_t
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
    if (take_place(self, arg, &place) < 0)
        return NULL;
    return PyLong_FromLongLong(column(self, place));
}

/* The gauge's sum over all rows (0 without a gauge); it is noted if it is a new maximum. */
static int64_t
note(Row *self)
{
    if (self->first == NULL || self->gauge < 0)
        return 0;
    int64_t held = column(self, self->gauge);
    if (held > cell(self->first + self->highest))
        put(self->first + self->highest, held);
    return held;
}

static PyObject *
row_join(Row *self, PyObject *arg)
{
    if (!PyObject_TypeCheck(arg, &RowType)) {
        PyErr_SetString(PyExc_TypeError, "a row expected");
        return NULL;
    }
    for (Row *one = (Row *)arg; one != NULL; one = one->above)
        if (one == self) {
            PyErr_SetString(PyExc_ValueError, "a row cannot be above itself");
            return NULL;
        }
    Py_INCREF(arg);
    Py_XSETREF(self->above, (Row *)arg);
    Py_RETURN_NONE;
}

/* step(plus, minus, above): one more at each place of plus, one less at each of minus, and in the row above one more at
 * each of above. Returns the gauge's sum over all rows, whose maximum is noted. */
static PyObject *
row_step(Row *self, PyObject *const *args, Py_ssize_t given)
{
    Places plus, minus, above;
    if (wants(given, 3) < 0 || take_bytes(args[0], &plus) < 0 || take_bytes(args[1], &minus) < 0
        || take_bytes(args[2], &above) < 0 || check_places(self, &plus) < 0 || check_places(self, &minus) < 0
        || check_places(self->above, &above) < 0)
        return NULL;
    add_all(self, &plus, 1);
    add_all(self, &minus, -1);
    add_all(self->above, &above, 1);
    return PyLong_FromLongLong(note(self));
}

/* climb(plus, minus): one more at each place of plus, one less at each of minus, here and in all rows above. */
static PyObject *
row_climb(Row *self, PyObject *const *args, Py_ssize_t given)
{
    Places plus, minus;
    if (wants(given, 2) < 0 || take_bytes(args[0], &plus) < 0 || take_bytes(args[1], &minus) < 0)
        return NULL;
    for (Row *one = self; one != NULL; one = one->above)
        if (check_places(one, &plus) < 0 || check_places(one, &minus) < 0)
            return NULL;
    for (Row *one = self; one != NULL; one = one->above) {
        add_all(one, &plus, 1);
        add_all(one, &minus, -1);
    }
    Py_RETURN_NONE;
}

/* peak(): note the maxima of the gauges, here and in all rows above. */
static PyObject *
row_peak(Row *self, PyObject *none)
{
    for (Row *one = self; one != NULL; one = one->above)
        note(one);
    Py_RETURN_NONE;
}

/* What an exchange leaves behind: bytes up and down at the first two of the places, 1 at all others; four times. */
typedef struct {
    Places places;
    int64_t bytes[2];
    Py_ssize_t timed; /* the place of the first of the four sums */
    int64_t times[4];
} End;

/* places, up, down, place of the first sum, a, b, c, d */
static int
take_end(PyObject *const *args, End *end)
{
    if (take_bytes(args[0], &end->places) < 0)
        return -1;
    if (end->places.count < 2) {
        PyErr_SetString(PyExc_TypeError, "at least two places expected");
        return -1;
    }
    for (int i = 0; i < 2; i++)
        if (take_value(args[1 + i], &end->bytes[i]) < 0)
            return -1;
    end->timed = PyLong_AsSsize_t(args[3]);
    if (end->timed == -1 && PyErr_Occurred())
        return -1;
    for (int i = 0; i < 4; i++)
        if (take_value(args[4 + i], &end->times[i]) < 0)
            return -1;
    return 0;
}

static inline int
check_end(Row *self, const End *end)
{
    if (check_places(self, &end->places) < 0)
        return -1;
    if (end->timed < 0 || end->timed > self->size - 9) {
        PyErr_SetString(PyExc_IndexError, "no such place");
        return -1;
    }
    return 0;
}

/* Of the places the first `most` count. */
static inline void
add_end(Row *self, const End *end, Py_ssize_t most)
{
    add(self, end->places.at[0], end->bytes[0]);
    add(self, end->places.at[1], end->bytes[1]);
    for (Py_ssize_t i = 2; i < end->places.count && i < most; i++)
        add(self, end->places.at[i], 1);
}

/* Four sums that forget a 1024th with each addition once 1024 were made; behind them their maxima, and then how many
 * were added. */
static inline void
add_times(Row *self, const End *end)
{
    int64_t *sums = self->first + end->timed;
    int full = cell(sums + 8) >= 1024;
    for (int i = 0; i < 4; i++) {
        int64_t sum = cell(sums + i);
        put(sums + i, sum - (full ? sum / 1024 : 0) + end->times[i]);
        if (end->times[i] > cell(sums + 4 + i))
            put(sums + 4 + i, end->times[i]);
    }
    if (!full)
        put(sums + 8, cell(sums + 8) + 1);
}

/* settle(places, up, down, place, a, b, c, d): up and down are added at the first two of the places and 1 at all
 * others; a to d to the four sums from `place` on (add_times). */
static PyObject *
row_settle(Row *self, PyObject *const *args, Py_ssize_t given)
{
    End end;
    if (wants(given, 8) < 0 || take_end(args, &end) < 0 || check_end(self, &end) < 0)
        return NULL;
    add_end(self, &end, end.places.count);
    add_times(self, &end);
    Py_RETURN_NONE;
}

/* conclude(front, places, up, down, place, a, b, c, d): an exchange of the client's side `front` ends, and leaves the
 * row above this one, the server's. All three have its bytes and what the third place counts, this row also what those
 * behind it count; this one and the one above have the times; the gauge of the one above has one less.
 *
 * Returns the gauges (sums over all rows) of the row above front, of front, and of the row above this one, 20 bits
 * each; -1 where one of them is larger. */
static PyObject *
row_conclude(Row *self, PyObject *const *args, Py_ssize_t given)
{
    End end;
    Row *above = self->above;
    if (wants(given, 9) < 0)
        return NULL;
    if (above == NULL || above->gauge < 0 || !PyObject_TypeCheck(args[0], &RowType)) {
        PyErr_SetString(PyExc_TypeError, "a row above with a gauge, and a row expected");
        return NULL;
    }
    Row *front = (Row *)args[0];
    if (take_end(args + 1, &end) < 0 || check_end(self, &end) < 0 || check_end(above, &end) < 0
        || check_end(front, &end) < 0)
        return NULL;
    add_end(self, &end, end.places.count);
    add_end(above, &end, 3);
    add_end(front, &end, 3);
    add_times(self, &end);
    add_times(above, &end);
    add(above, above->gauge, -1);
    int64_t held = 0, large = 0;
    Row *shown[] = {front->above, front, above};
    for (int i = 0; i < 3; i++) {
        int64_t one = shown[i] != NULL && shown[i]->gauge >= 0 ? column(shown[i], shown[i]->gauge) : 0;
        large |= one >> 20; /* a negative number, too */
        held = held << 20 | (one & 0xFFFFF);
    }
    return PyLong_FromLongLong(large ? -1 : held);
}

static PyMethodDef row_methods[] = {
    {"tally", (PyCFunction)row_tally, METH_FASTCALL, "tally(places, delta...): add each delta at its place."},
    {"total", (PyCFunction)row_total, METH_O, "total(place): the sum over all rows of its table."},
    {"join", (PyCFunction)row_join, METH_O, "join(row): that is the row above this one."},
    {"step", (PyCFunction)row_step, METH_FASTCALL, "step(plus, minus, above): one more, one less, one more above."},
    {"climb", (PyCFunction)row_climb, METH_FASTCALL, "climb(plus, minus): one more, one less, here and above."},
    {"peak", (PyCFunction)row_peak, METH_NOARGS, "peak(): note the maxima of the gauges here and above."},
    {"settle", (PyCFunction)row_settle, METH_FASTCALL, "settle(places, up, down, place, a, b, c, d): all of one end."},
    {"conclude", (PyCFunction)row_conclude, METH_FASTCALL, "conclude(front, places, ...): settle in three rows."},
    {NULL, NULL, 0, NULL}};

static void
row_dealloc(Row *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(self->owner);
    Py_XDECREF(self->above);
    type->tp_free((PyObject *)self);
    Py_DECREF(type); /* all types of rows are made by row_type, or derived from such */
}

static PyTypeObject RowType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "pointsman.core._cells.Row",
    .tp_basicsize = sizeof(Row),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_doc = "Base of the types that row_type makes.",
    .tp_methods = row_methods,
    .tp_init = (initproc)row_init,
    .tp_dealloc = (destructor)row_dealloc,
};

static int
set_place(PyObject *type, const char *name, int place)
{
    PyObject *value = PyLong_FromLong(place);
    int set = value == NULL ? -1 : PyObject_SetAttrString(type, name, value);
    Py_XDECREF(value);
    return set;
}

/* row_type(name, fields[, gauge, highest]): the two are places, of a gauge and of what keeps its maximum. */
static PyObject *
row_type(PyObject *module, PyObject *args)
{
    const char *name;
    PyObject *fields;
    int gauge = -1, highest = -1;
    if (!PyArg_ParseTuple(args, "sO!|ii", &name, &PyTuple_Type, &fields, &gauge, &highest))
        return NULL;
    Py_ssize_t count = PyTuple_GET_SIZE(fields);
    PyGetSetDef *members = PyMem_Calloc(count + 1, sizeof(PyGetSetDef)); /* lives as long as its type: for ever */
    if (members == NULL)
        return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < count; i++) {
        members[i].name = PyUnicode_AsUTF8(PyTuple_GET_ITEM(fields, i));
        if (members[i].name == NULL) {
            PyMem_Free(members);
            return NULL;
        }
        members[i].get = (getter)row_get;
        members[i].set = (setter)row_set;
        members[i].closure = (void *)(intptr_t)i;
    }
    PyType_Slot slots[] = {{Py_tp_getset, members},
                           {Py_tp_dealloc, row_dealloc},
                           {Py_tp_new, PyType_GenericNew},
                           {0, NULL}};
    PyType_Spec spec = {name, sizeof(Row), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
    PyObject *type = PyType_FromSpecWithBases(&spec, (PyObject *)&RowType);
    if (type == NULL) {
        PyMem_Free(members);
        return NULL;
    }
    Py_INCREF(fields); /* their texts are the names of members */
    if (PyObject_SetAttrString(type, "FIELDS", fields) < 0 || set_place(type, "GAUGE", gauge) < 0
        || set_place(type, "HIGHEST", highest) < 0) {
        Py_DECREF(type);
        return NULL;
    }
    return type;
}

static PyMethodDef functions[] = {
    {"row_type", row_type, METH_VARARGS, "row_type(name, fields[, gauge, highest]): a type of rows."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_cells", "Shared 64-bit cells with atomic operations.", -1, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC
PyInit__cells(void)
{
    if (PyType_Ready(&CellsType) < 0 || PyType_Ready(&CellType) < 0 || PyType_Ready(&RowType) < 0)
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
