/* Cuts out of a head what varies in it (proto/cut.py says how); nothing is copied but values that are new.
 *
 * Reads never leave the bytes it is given, whatever the list of runs says.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

/* A value as it may stand in a field: no blank or control at its ends, no CR, LF or NUL. */
static int
sound(const char *value, size_t length)
{
    return length && (unsigned char)value[0] > 0x20 && (unsigned char)value[length - 1] > 0x20
        && memchr(value, '\r', length) == NULL && memchr(value, '\n', length) == NULL
        && memchr(value, '\0', length) == NULL;
}

static PyObject *
cut(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    if (given != 5 || !PyBytes_Check(args[0]) || !PyList_Check(args[2]) || !PyBytes_Check(args[3])
        || !PyList_Check(args[4]) || PyList_GET_SIZE(args[2]) != PyList_GET_SIZE(args[4])) {
        PyErr_SetString(PyExc_TypeError, "bytes, a place, runs, the last one, and as many values expected");
        return NULL;
    }
    PyObject *runs = args[2], *values = args[4];
    Py_ssize_t start = PyLong_AsSsize_t(args[1]);
    if (start == -1 && PyErr_Occurred())
        return NULL;
    Py_ssize_t left = PyBytes_GET_SIZE(args[0]) - start; /* bytes from `at` on */
    if (start < 0 || left < 0)
        return PyLong_FromLong(-1);
    const char *at = PyBytes_AS_STRING(args[0]) + start;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(runs); i++) {
        PyObject *run = PyList_GET_ITEM(runs, i), *old = PyList_GET_ITEM(values, i);
        if (!PyBytes_Check(run) || !PyBytes_Check(old)) {
            PyErr_SetString(PyExc_TypeError, "runs and values are bytes");
            return NULL;
        }
        Py_ssize_t length = PyBytes_GET_SIZE(run);
        if (length > left || memcmp(at, PyBytes_AS_STRING(run), (size_t)length))
            return PyLong_FromLong(-1);
        at += length;
        left -= length;
        length = PyBytes_GET_SIZE(old);
        if (length >= left || at[length] != '\r') {
            const char *end = memchr(at, '\r', (size_t)left);
            if (end == NULL || end == at)
                return PyLong_FromLong(-1);
            length = end - at;
        }
        if (length != PyBytes_GET_SIZE(old) || memcmp(at, PyBytes_AS_STRING(old), (size_t)length)) {
            if (!sound(at, (size_t)length))
                return PyLong_FromLong(-1);
            PyObject *value = PyBytes_FromStringAndSize(at, length);
            if (value == NULL || PyList_SetItem(values, i, value) < 0)
                return NULL;
        }
        at += length;
        left -= length;
    }
    Py_ssize_t length = PyBytes_GET_SIZE(args[3]);
    if (length > left || memcmp(at, PyBytes_AS_STRING(args[3]), (size_t)length))
        return PyLong_FromLong(-1);
    return PyLong_FromSsize_t(at + length - PyBytes_AS_STRING(args[0]));
}

static PyMethodDef functions[] = {
    {"cut", (PyCFunction)(void (*)(void))cut, METH_FASTCALL,
     "cut(data, start, runs, last, values): where the head ends, -1: it is another; values are replaced by its own"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "pointsman.proto._cut",
    .m_size = 0,
    .m_methods = functions,
};

PyMODINIT_FUNC
PyInit__cut(void)
{
    return PyModuleDef_Init(&module);
}
