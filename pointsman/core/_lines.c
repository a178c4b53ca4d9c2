/* Lines as datagrams, many with one system call (core/datagrams.py says what for): sendmmsg(2) reads them where they are.
 *
 * send(fd, lines, start, flags) gives away lines[start:], at most BATCH of them. It never waits if the flags or the
 * descriptor say so, hence the interpreter's lock is kept, and nobody can change the list meanwhile.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define BATCH 64

static PyObject *
lines_send(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    if (given != 4 || !PyList_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "a descriptor, a list of lines, an index and flags expected");
        return NULL;
    }
    PyObject *lines = args[1];
    long fd = PyLong_AsLong(args[0]);
    Py_ssize_t start = PyLong_AsSsize_t(args[2]);
    long flags = PyLong_AsLong(args[3]);
    if (PyErr_Occurred())
        return NULL;
    Py_ssize_t count = PyList_GET_SIZE(lines) - start;
    if (start < 0 || count <= 0) {
        PyErr_SetString(PyExc_IndexError, "no such line");
        return NULL;
    }
    if (count > BATCH)
        count = BATCH;
    struct iovec vectors[BATCH];
    struct mmsghdr headers[BATCH];
    memset(headers, 0, (size_t)count * sizeof(headers[0]));
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *line = PyList_GET_ITEM(lines, start + i);
        if (!PyBytes_Check(line)) {
            PyErr_SetString(PyExc_TypeError, "a line is bytes");
            return NULL;
        }
        vectors[i].iov_base = PyBytes_AS_STRING(line);
        vectors[i].iov_len = (size_t)PyBytes_GET_SIZE(line);
        headers[i].msg_hdr.msg_iov = &vectors[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    int sent = sendmmsg((int)fd, headers, (unsigned int)count, (int)flags);
    return PyLong_FromLong(sent < 0 ? -errno : sent);
}

static PyMethodDef functions[] = {
    {"send", (PyCFunction)(void (*)(void))lines_send, METH_FASTCALL,
     "send(fd, lines, start, flags): how many the kernel took, or the negative number of an error"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "pointsman.core._lines",
    .m_size = 0,
    .m_methods = functions,
};

PyMODINIT_FUNC
PyInit__lines(void)
{
    return PyModuleDef_Init(&module);
}
