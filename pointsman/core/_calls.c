/* System calls on descriptors that never wait, without detours (core/calls.py says what each is for): no object for a
 * socket, no buffer as large as what might come, no lock given up where nothing is waited for.
 *
 * All raise OSError, but for "nothing now", which is an answer and no error; and send, which names the number.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SMALL 65536 /* reads up to this go through a buffer on the stack */
#define BATCH 512   /* events */
#define LINES 64    /* datagrams */
#define RUN 60000   /* bytes of a run of them at most */
#define ORIGINAL_DESTINATION 80 /* SO_ORIGINAL_DST of <linux/netfilter_ipv4.h>, IP6T_SO_ORIGINAL_DST */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* <linux/udp.h>, since Linux 4.18; an older kernel refuses it */
#endif

static int
arguments(PyObject *const *args, Py_ssize_t given, Py_ssize_t wanted, Py_ssize_t numbers, long *values)
{
    if (given != wanted) {
        PyErr_Format(PyExc_TypeError, "%zd arguments expected", wanted);
        return -1;
    }
    for (Py_ssize_t i = 0; i < numbers; i++) {
        values[i] = PyLong_AsLong(args[i]);
        if (values[i] == -1 && PyErr_Occurred())
            return -1;
    }
    return 0;
}

static int
later(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK;
}

/* recv(2) of a socket looks up less than read(2), and so does send(2). */
static PyObject *
receive(PyObject *const *args, Py_ssize_t given, int is_socket)
{
    long values[2]; /* descriptor, size */
    if (arguments(args, given, 2, 2, values) < 0)
        return NULL;
    if (values[1] < 0) {
        PyErr_SetString(PyExc_ValueError, "a size expected");
        return NULL;
    }
    size_t size = (size_t)values[1];
    ssize_t got;
    PyObject *data = NULL;
    char small[SMALL];
    char *into = small;
    if (size > SMALL) {
        if ((data = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size)) == NULL)
            return NULL;
        into = PyBytes_AS_STRING(data);
    }
    do
        got = is_socket ? recv((int)values[0], into, size, MSG_DONTWAIT) : read((int)values[0], into, size);
    while (got < 0 && errno == EINTR && PyErr_CheckSignals() == 0);
    if (got >= 0) {
        if (data == NULL)
            return PyBytes_FromStringAndSize(small, got);
        if ((size_t)got < size)
            _PyBytes_Resize(&data, got); /* NULL if it fails */
        return data;
    }
    Py_XDECREF(data);
    if (PyErr_Occurred())
        return NULL;
    if (later())
        Py_RETURN_NONE;
    return PyErr_SetFromErrno(PyExc_OSError);
}

static PyObject *
calls_read(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    return receive(args, given, 0);
}

static PyObject *
calls_receive(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    return receive(args, given, 1);
}

static PyObject *
transmit(PyObject *const *args, Py_ssize_t given, int is_socket)
{
    long fd;
    ssize_t sent;
    if (arguments(args, given, 2, 1, &fd) < 0)
        return NULL;
    if (!PyBytes_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "bytes expected");
        return NULL;
    }
    do
        sent = is_socket ? send((int)fd, PyBytes_AS_STRING(args[1]), (size_t)PyBytes_GET_SIZE(args[1]),
                                MSG_DONTWAIT | MSG_NOSIGNAL)
                         : write((int)fd, PyBytes_AS_STRING(args[1]), (size_t)PyBytes_GET_SIZE(args[1]));
    while (sent < 0 && errno == EINTR && PyErr_CheckSignals() == 0);
    if (sent >= 0)
        return PyLong_FromSsize_t(sent);
    if (PyErr_Occurred())
        return NULL;
    if (later())
        return PyLong_FromLong(0);
    return PyErr_SetFromErrno(PyExc_OSError);
}

static PyObject *
calls_write(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    return transmit(args, given, 0);
}

static PyObject *
calls_transmit(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    return transmit(args, given, 1);
}

static PyObject *
calls_accept(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    long fd;
    if (arguments(args, given, 1, 1, &fd) < 0)
        return NULL;
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
        struct sockaddr_storage room;
    } address;
    socklen_t size = sizeof address;
    int made;
    do {
        address.any.sa_family = AF_UNSPEC;
        made = accept4((int)fd, &address.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (made < 0 && errno == EINTR && PyErr_CheckSignals() == 0);
    if (made < 0) {
        if (PyErr_Occurred())
            return NULL;
        if (later())
            Py_RETURN_NONE;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    PyObject *found;
    if (address.any.sa_family == AF_INET)
        found = Py_BuildValue("iy#i", made, (char *)&address.four.sin_addr, (Py_ssize_t)4, ntohs(address.four.sin_port));
    else if (address.any.sa_family == AF_INET6)
        found = Py_BuildValue("iy#i", made, (char *)&address.six.sin6_addr, (Py_ssize_t)16,
                              ntohs(address.six.sin6_port));
    else
        found = Py_BuildValue("iy#i", made, "", (Py_ssize_t)0, 0);
    if (found == NULL)
        close(made);
    return found;
}

static PyObject *
calls_connect(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    int yes = 1, fd, done;
    if (given != 1 || !PyBytes_Check(args[0]) || PyBytes_GET_SIZE(args[0]) < (Py_ssize_t)sizeof(sa_family_t)) {
        PyErr_SetString(PyExc_TypeError, "a socket's address as bytes expected");
        return NULL;
    }
    const struct sockaddr *address = (const struct sockaddr *)PyBytes_AS_STRING(args[0]);
    if ((fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0) {
        do
            done = connect(fd, address, (socklen_t)PyBytes_GET_SIZE(args[0]));
        while (done < 0 && errno == EINTR && PyErr_CheckSignals() == 0);
        if (!PyErr_Occurred() && (done == 0 || errno == EINPROGRESS))
            return PyLong_FromLong(fd);
    }
    if (!PyErr_Occurred())
        PyErr_SetFromErrno(PyExc_OSError);
    close(fd);
    return NULL;
}

/* One of both descriptors is a pipe's. */
static PyObject *
calls_splice(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    long values[3]; /* from, to, at most so many bytes */
    ssize_t moved;
    if (arguments(args, given, 3, 3, values) < 0)
        return NULL;
    if (values[2] < 0) {
        PyErr_SetString(PyExc_ValueError, "a size expected");
        return NULL;
    }
    do
        moved = splice((int)values[0], NULL, (int)values[1], NULL, (size_t)values[2],
                       SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (moved < 0 && errno == EINTR && PyErr_CheckSignals() == 0);
    if (moved >= 0)
        return PyLong_FromSsize_t(moved);
    if (PyErr_Occurred())
        return NULL;
    if (later())
        return PyLong_FromLong(-1);
    return PyErr_SetFromErrno(PyExc_OSError);
}

static PyObject *
calls_wait(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    long values[2]; /* descriptor, ms; behind them the object that keeps it open */
    if (arguments(args, given, 3, 2, values) < 0)
        return NULL;
    struct epoll_event events[BATCH];
    int count;
    if (values[1] == 0) { /* nothing is waited for: to give up the interpreter's lock would cost more */
        count = epoll_wait((int)values[0], events, BATCH, 0);
    } else {
        Py_BEGIN_ALLOW_THREADS;
        count = epoll_wait((int)values[0], events, BATCH, values[1] > INT_MAX ? INT_MAX : (int)values[1]);
        Py_END_ALLOW_THREADS;
    }
    if (count < 0) {
        if (errno != EINTR)
            return PyErr_SetFromErrno(PyExc_OSError);
        if (PyErr_CheckSignals() < 0)
            return NULL;
        count = 0;
    }
    PyObject *found = PyList_New(2 * (Py_ssize_t)count);
    if (found == NULL)
        return NULL;
    for (int i = 0; i < count; i++) {
        PyObject *fd = PyLong_FromLong(events[i].data.fd), *mask = PyLong_FromUnsignedLong(events[i].events);
        PyList_SET_ITEM(found, 2 * i, fd);
        PyList_SET_ITEM(found, 2 * i + 1, mask);
        if (fd == NULL || mask == NULL) {
            Py_DECREF(found);
            return NULL;
        }
    }
    return found;
}

static PyObject *
calls_shut(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    long fd;
    if (arguments(args, given, 1, 1, &fd) < 0)
        return NULL;
    if (shutdown((int)fd, SHUT_WR) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

static PyObject *
calls_option(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    long values[3]; /* descriptor, level, option */
    if (arguments(args, given, 4, 3, values) < 0)
        return NULL;
    if (!PyBytes_Check(args[3])) {
        PyErr_SetString(PyExc_TypeError, "bytes expected");
        return NULL;
    }
    if (setsockopt((int)values[0], (int)values[1], (int)values[2], PyBytes_AS_STRING(args[3]),
                   (socklen_t)PyBytes_GET_SIZE(args[3])) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

static PyObject *
calls_error(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    long fd;
    int error = 0;
    socklen_t size = sizeof error;
    if (arguments(args, given, 1, 1, &fd) < 0)
        return NULL;
    if (getsockopt((int)fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    return PyLong_FromLong(error);
}

/* Lines from `vectors[0]` on that go as one message, which the kernel cuts into datagrams of the first one's length
 * (UDP_SEGMENT, udp(7)): equally long ones, of which the last may be shorter. One line makes no such message. */
static size_t
run_of(const struct iovec *vectors, size_t count, size_t most)
{
    size_t length = vectors[0].iov_len, total = length, size = 1;
    if (length == 0 || length > most)
        return 1;
    while (size < count && vectors[size].iov_len != 0 && vectors[size].iov_len <= length &&
           total + vectors[size].iov_len <= RUN) {
        total += vectors[size].iov_len;
        if (vectors[size++].iov_len < length)
            break;
    }
    return size;
}

/* sendmmsg(2): lines are read where they are. */
static PyObject *
calls_send(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    if (given != 5 || !PyList_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "a descriptor, a list of lines, an index, flags and a length expected");
        return NULL;
    }
    PyObject *lines = args[1];
    long fd = PyLong_AsLong(args[0]);
    Py_ssize_t start = PyLong_AsSsize_t(args[2]);
    long flags = PyLong_AsLong(args[3]);
    Py_ssize_t most = PyLong_AsSsize_t(args[4]);
    if (PyErr_Occurred())
        return NULL;
    Py_ssize_t count = PyList_GET_SIZE(lines) - start;
    if (start < 0 || count <= 0) {
        PyErr_SetString(PyExc_IndexError, "no such line");
        return NULL;
    }
    if (most < 0 || most > UINT16_MAX) {
        PyErr_SetString(PyExc_ValueError, "a datagram's length expected");
        return NULL;
    }
    if (count > LINES)
        count = LINES;
    struct iovec vectors[LINES];
    struct mmsghdr headers[LINES];
    union { /* aligned as a control message has to be */
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr header;
    } controls[LINES];
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *line = PyList_GET_ITEM(lines, start + i);
        if (!PyBytes_Check(line)) {
            PyErr_SetString(PyExc_TypeError, "a line is bytes");
            return NULL;
        }
        vectors[i].iov_base = PyBytes_AS_STRING(line);
        vectors[i].iov_len = (size_t)PyBytes_GET_SIZE(line);
    }
    unsigned int messages = 0;
    for (size_t i = 0; i < (size_t)count; messages++) {
        size_t size = run_of(vectors + i, (size_t)count - i, (size_t)most);
        struct msghdr *one = &headers[messages].msg_hdr;
        memset(&headers[messages], 0, sizeof headers[0]);
        one->msg_iov = vectors + i;
        one->msg_iovlen = size;
        if (size > 1) {
            uint16_t length = (uint16_t)vectors[i].iov_len;
            memset(&controls[messages], 0, sizeof controls[0]);
            one->msg_control = controls[messages].bytes;
            one->msg_controllen = sizeof controls[0].bytes;
            struct cmsghdr *control = CMSG_FIRSTHDR(one);
            control->cmsg_level = IPPROTO_UDP;
            control->cmsg_type = UDP_SEGMENT;
            control->cmsg_len = CMSG_LEN(sizeof length);
            memcpy(CMSG_DATA(control), &length, sizeof length);
        }
        i += size;
    }
    int sent = sendmmsg((int)fd, headers, messages, (int)flags);
    if (sent < 0)
        return PyLong_FromLong(-errno);
    size_t taken = 0;
    for (int i = 0; i < sent; i++)
        taken += headers[i].msg_hdr.msg_iovlen;
    return PyLong_FromSize_t(taken);
}

/* Signals whose receiver may be in the midst of something that never ends, where nobody looks at them (core/calls.py).
 *
 *     insist    a signal comes: its handler is called, as before, and a timer is started
 *     heard     the process looked at it: the timer's end means nothing
 *     overdue   the timer's end: the process ends by the signal that it has not heard
 *
 * What runs in a handler is async-signal-safe (signal-safety(7)).
 */
#define FRAMES 48
#define LAST_SIGNAL (SIGRTMAX - 1) /* valgrind keeps SIGRTMAX for itself */
static struct sigaction handlers[NSIG]; /* what a signal did before */
static long patience[NSIG];             /* ms */
static timer_t timer;
static volatile sig_atomic_t timer_of; /* the process that has made it; 0: none */
static volatile sig_atomic_t unheard;  /* the number of a signal; 0: none */
static int trace_fd = -1;

static void
call_before(int number, siginfo_t *info, void *place)
{
    struct sigaction *before = &handlers[number];
    if (before->sa_flags & SA_SIGINFO)
        before->sa_sigaction(number, info, place);
    else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN)
        before->sa_handler(number);
}

static void
on_insisted(int number, siginfo_t *info, void *place)
{
    int kept = errno;
    if (!unheard && timer_of == (sig_atomic_t)getpid()) {
        struct itimerspec due = {{0, 0}, {patience[number] / 1000, patience[number] % 1000 * 1000000}};
        unheard = number;
        timer_settime(timer, 0, &due, NULL);
    }
    call_before(number, info, place);
    errno = kept;
}

static void
on_overdue(int number)
{
    (void)number;
    int last = unheard;
    if (!last)
        return;
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, last);
    sigaction(last, &plain, NULL);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
    kill(getpid(), last);
    _exit(128 + last); /* the first process of a container is not ended by signals */
}

/* Puts `handler` in front of what the signal does now; what it did is kept in `handlers`. */
static int
precede(int number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction now = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART}, before;
    sigemptyset(&now.sa_mask);
    if (sigaction(number, NULL, &before) < 0)
        return -1;
    if ((before.sa_flags & SA_SIGINFO) && before.sa_sigaction == handler)
        return 0;
    handlers[number] = before;
    return sigaction(number, &now, NULL);
}

static PyObject *
calls_insist(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    long values[2]; /* signal, ms */
    if (arguments(args, given, 2, 2, values) < 0)
        return NULL;
    if (values[0] <= 0 || values[0] >= SIGRTMIN || values[1] <= 0) {
        PyErr_SetString(PyExc_ValueError, "a signal and milliseconds expected");
        return NULL;
    }
    if (timer_of != (sig_atomic_t)getpid()) { /* a child does not inherit it */
        struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = LAST_SIGNAL};
        struct sigaction end = {.sa_handler = on_overdue};
        sigemptyset(&end.sa_mask);
        if (sigaction(LAST_SIGNAL, &end, NULL) < 0 || timer_create(CLOCK_MONOTONIC, &event, &timer) < 0)
            return PyErr_SetFromErrno(PyExc_OSError);
        unheard = 0;
        timer_of = (sig_atomic_t)getpid();
    }
    patience[values[0]] = values[1];
    if (precede((int)values[0], on_insisted) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

/* Pieces of payload are some 100 KB large and live for a moment. glibc gives such memory back to the kernel as soon as it
   is free, and gets it again page by page, each one filled with zeros: that costs more than copying the payload. */
static PyObject *
calls_keep(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    long size;
    if (arguments(args, given, 1, 1, &size) < 0)
        return NULL;
    if (size <= 0 || size > INT_MAX) {
        PyErr_SetString(PyExc_ValueError, "a number of bytes expected");
        return NULL;
    }
#ifdef __GLIBC__
    if (!mallopt(M_MMAP_THRESHOLD, (int)(size / 2)) || !mallopt(M_TRIM_THRESHOLD, (int)size) ||
        !mallopt(M_TOP_PAD, (int)(size / 16)))
        Py_RETURN_FALSE;
    Py_RETURN_TRUE;
#else
    Py_RETURN_FALSE;
#endif
}

static PyObject *
calls_heard(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    if (arguments(args, given, 0, 0, NULL) < 0)
        return NULL;
    unheard = 0;
    Py_RETURN_NONE;
}

/* Where a connection went before the kernel redirected it here: what Netfilter has noted of it. */
static PyObject *
calls_original(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    long values[2]; /* descriptor, family */
    if (arguments(args, given, 2, 2, values) < 0)
        return NULL;
    union {
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    if (getsockopt((int)values[0], values[1] == AF_INET6 ? SOL_IPV6 : SOL_IP, ORIGINAL_DESTINATION, &address, &size) < 0)
        Py_RETURN_NONE;
    if (values[1] == AF_INET6)
        return Py_BuildValue("y#i", (char *)&address.six.sin6_addr, (Py_ssize_t)16, ntohs(address.six.sin6_port));
    return Py_BuildValue("y#i", (char *)&address.four.sin_addr, (Py_ssize_t)4, ntohs(address.four.sin_port));
}

/* The compiled functions that are being executed, from the innermost one on, a line each. */
static void
on_traced(int number, siginfo_t *info, void *place)
{
    int kept = errno;
    void *frames[FRAMES];
    int count = backtrace(frames, FRAMES);
    backtrace_symbols_fd(frames, count, trace_fd);
    call_before(number, info, place);
    errno = kept;
}

static PyObject *
calls_trace(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    long values[2]; /* signal, descriptor */
    void *once[1];
    if (arguments(args, given, 2, 2, values) < 0)
        return NULL;
    if (values[0] <= 0 || values[0] >= SIGRTMIN) {
        PyErr_SetString(PyExc_ValueError, "a signal expected");
        return NULL;
    }
    backtrace(once, 1); /* loads what it needs, which a handler must not do */
    trace_fd = (int)values[1];
    if (precede((int)values[0], on_traced) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

#define CALL(name, words) {#name, (PyCFunction)(void (*)(void))calls_##name, METH_FASTCALL, words}

static PyMethodDef functions[] = {
    CALL(read, "read(fd, size): bytes; None if there is nothing now"),
    CALL(write, "write(fd, data): how much was taken; 0 if nothing is now"),
    CALL(receive, "receive(fd, size): read, of a socket"),
    CALL(transmit, "transmit(fd, data): write, into a socket"),
    CALL(accept, "accept(fd): a descriptor, the packed address and the port of who connects; None if there is nobody"),
    CALL(connect, "connect(address): the descriptor of a TCP socket that begins to connect there"),
    CALL(splice, "splice(source, sink, most): how many bytes went on, 0 at the end; -1 if there is nothing now"),
    CALL(wait, "wait(fd, ms, epoll): descriptors and their events, one after the other"),
    CALL(shut, "shut(fd): nothing more will be sent"),
    CALL(option, "option(fd, level, option, value): setsockopt"),
    CALL(error, "error(fd): SO_ERROR"),
    CALL(original, "original(fd, family): packed address and port that it was redirected from; None: it was not"),
    CALL(send, "send(fd, lines, start, flags, most): how many the kernel took, or the negative number of an error"),
    CALL(insist, "insist(signal, ms): the process ends by it, unless it calls `heard` so many ms after it came"),
    CALL(keep, "keep(size): so much free memory stays with the process; False: the library does not know how"),
    CALL(heard, "heard(): it has looked at the signals that have come"),
    CALL(trace, "trace(signal, fd): at this signal the compiled functions that are executed are written there"),
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "pointsman.core._calls",
    .m_size = 0,
    .m_methods = functions,
};

PyMODINIT_FUNC
PyInit__calls(void)
{
    return PyModuleDef_Init(&module);
}
