/* Regular expressions by PCRE2's library, bytes in and bytes out (core/regex.py says what each is for).
 *
 * Expressions are compiled to machine code (JIT) where the library and the system can, and are interpreted otherwise.
 * The lock of the interpreter is kept, for a match takes less than a microsecond as a rule. What takes too long is given
 * up (the limits below): it is no match, and `report` hears of it.
 *
 * All expressions share one place for results, one stack for JIT and one set of limits, which is enough, because no
 * match begins while another one is under way.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stddef.h>
#include <structmember.h>

#define STEPS 250000             /* of matching at one place; a stuck expression takes half a millisecond with JIT */
#define HEAP 8192                /* KiB that an interpreted match may take */
#define STACK_FIRST (32 * 1024)  /* bytes of the stack of JIT, at first and at most */
#define STACK_MOST (512 * 1024)
#define PAIRS 10                 /* groups that fit into the place for results at first, the whole match among them */
#define TEXT 256                 /* bytes of an error's words */

typedef struct {
    PyTypeObject *type;
    PyObject *report; /* called with an expression whose match was given up; NULL: nobody */
    pcre2_match_context *limits;
    pcre2_jit_stack *stack;
    pcre2_match_data *results;
    uint32_t pairs; /* that `results` has room for */
} State;

typedef struct {
    PyObject_HEAD
    State *state; /* of the module, which the type keeps alive */
    pcre2_code *code;
    PyObject *pattern;
    uint32_t pairs; /* its groups, and the whole match */
    int quick;      /* there is machine code, and nothing about the value to be checked before it runs */
    char nocase;
} Regex;

/* How many pairs are set, the whole match being one; 0: no match; -1: a Python exception. */
static int
run(Regex *self, const char *text, Py_ssize_t size, uint32_t options)
{
    State *state = self->state;
    int found;
    if (self->quick)
        found = pcre2_jit_match(self->code, (PCRE2_SPTR)text, (PCRE2_SIZE)size, 0, options, state->results,
                                state->limits);
    else
        found = pcre2_match(self->code, (PCRE2_SPTR)text, (PCRE2_SIZE)size, 0, options, state->results, state->limits);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(self->code, (PCRE2_SPTR)text, (PCRE2_SIZE)size, 0, options | PCRE2_NO_JIT, state->results,
                            state->limits);
    if (found > 0)
        return found;
    switch (found) {
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
    case PCRE2_ERROR_NOMEMORY:
        if (state->report != NULL) {
            PyObject *report = Py_NewRef(state->report), *answer = PyObject_CallOneArg(report, (PyObject *)self);
            Py_DECREF(report);
            if (answer == NULL)
                return -1;
            Py_DECREF(answer);
        }
        return 0;
    default: /* no match; or a value that is no UTF-8 where the expression wants that */
        return 0;
    }
}

static int
is_bytes(PyObject *value)
{
    if (PyBytes_Check(value))
        return 1;
    PyErr_Format(PyExc_TypeError, "bytes expected, not %.100s", Py_TYPE(value)->tp_name);
    return 0;
}

static PyObject *
regex_test(PyObject *object, PyObject *value)
{
    if (!is_bytes(value))
        return NULL;
    int found = run((Regex *)object, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), 0);
    return found < 0 ? NULL : PyBool_FromLong(found);
}

/* The part of a group, of the first `set` ones: a group that took no part is empty, as is one that ends before it
 * begins, which "\K" within a look-ahead makes. */
static void
part(const PCRE2_SIZE *ovector, int set, uint32_t group, Py_ssize_t *start, Py_ssize_t *end)
{
    *start = *end = 0;
    if (group >= (uint32_t)set || ovector[2 * group] == PCRE2_UNSET)
        return;
    *start = (Py_ssize_t)ovector[2 * group];
    *end = (Py_ssize_t)ovector[2 * group + 1];
    if (*end < *start)
        *start = *end;
}

/* What the groups of the last match hold, `set` of them being known; `text`: what it was matched with. */
static PyObject *
make_groups(Regex *self, const char *text, int set)
{
    const PCRE2_SIZE *ovector = pcre2_get_ovector_pointer(self->state->results);
    PyObject *groups = PyTuple_New((Py_ssize_t)self->pairs);
    if (groups == NULL)
        return NULL;
    for (uint32_t group = 0; group < self->pairs; group++) {
        Py_ssize_t start, end;
        part(ovector, set, group, &start, &end);
        PyObject *bytes = PyBytes_FromStringAndSize(text + start, end - start);
        if (bytes == NULL) {
            Py_DECREF(groups);
            return NULL;
        }
        PyTuple_SET_ITEM(groups, (Py_ssize_t)group, bytes);
    }
    return groups;
}

static PyObject *
regex_groups(PyObject *object, PyObject *value)
{
    Regex *self = (Regex *)object;
    if (!is_bytes(value))
        return NULL;
    const char *text = PyBytes_AS_STRING(value);
    int found = run(self, text, PyBytes_GET_SIZE(value), 0);
    if (found < 0)
        return NULL;
    if (found == 0)
        Py_RETURN_NONE;
    return make_groups(self, text, found);
}

/* What stands behind `start` is a text of its own, but for its beginning, which is none for "^". */
static PyObject *
regex_locate(PyObject *object, PyObject *const *args, Py_ssize_t given)
{
    Regex *self = (Regex *)object;
    if (given != 2) {
        PyErr_SetString(PyExc_TypeError, "locate(value, start)");
        return NULL;
    }
    if (!is_bytes(args[0]))
        return NULL;
    Py_ssize_t size = PyBytes_GET_SIZE(args[0]), from = PyLong_AsSsize_t(args[1]);
    if (from == -1 && PyErr_Occurred())
        return NULL;
    if (from < 0 || from > size) {
        PyErr_SetString(PyExc_IndexError, "no such place");
        return NULL;
    }
    const char *text = PyBytes_AS_STRING(args[0]) + from;
    int found = run(self, text, size - from, from > 0 ? PCRE2_NOTBOL : 0);
    if (found < 0)
        return NULL;
    if (found == 0)
        Py_RETURN_NONE;
    Py_ssize_t start, end;
    part(pcre2_get_ovector_pointer(self->state->results), found, 0, &start, &end);
    PyObject *groups = make_groups(self, text, found);
    if (groups == NULL)
        return NULL;
    return Py_BuildValue("(nnN)", from + start, from + end, groups); /* it takes `groups`, even where it fails */
}

static void
regex_dealloc(PyObject *object)
{
    Regex *self = (Regex *)object;
    PyTypeObject *type = Py_TYPE(object);
    pcre2_code_free(self->code); /* NULL will do */
    Py_XDECREF(self->pattern);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyObject *
regex_repr(PyObject *object)
{
    return PyUnicode_FromFormat("<regex %R>", ((Regex *)object)->pattern);
}

static PyMethodDef methods[] = {
    {"test", regex_test, METH_O, "test(value): whether it matches anywhere in the value"},
    {"groups", regex_groups, METH_O, "groups(value): the whole match and its groups, or None"},
    {"locate", (PyCFunction)(void (*)(void))regex_locate, METH_FASTCALL,
     "locate(value, start): start and end of the first match behind `start`, and its groups; or None"},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"pattern", T_OBJECT_EX, offsetof(Regex, pattern), READONLY, "what was compiled"},
    {"nocase", T_BOOL, offsetof(Regex, nocase), READONLY, "whether letters match whatever their case"},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, regex_dealloc},
    {Py_tp_repr, regex_repr},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_doc, "A compiled regular expression."},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "pointsman.core._pcre.Regex",
    .basicsize = sizeof(Regex),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

/* ValueError(what is wrong, where): words of the library, and an index of the pattern. */
static void
set_error(int number, PCRE2_SIZE place)
{
    PCRE2_UCHAR words[TEXT];
    if (pcre2_get_error_message(number, words, TEXT) < 0)
        words[0] = '\0';
    PyObject *arguments = Py_BuildValue("(sn)", (const char *)words, (Py_ssize_t)place);
    if (arguments == NULL)
        return;
    PyErr_SetObject(PyExc_ValueError, arguments);
    Py_DECREF(arguments);
}

/* Room for the results of an expression with so many pairs; -1 with an exception. */
static int
make_room(State *state, uint32_t pairs)
{
    if (pairs <= state->pairs)
        return 0;
    pcre2_match_data *larger = pcre2_match_data_create(pairs, NULL);
    if (larger == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    pcre2_match_data_free(state->results);
    state->results = larger;
    state->pairs = pairs;
    return 0;
}

/* What must be known of a compiled expression; -1 with an exception. */
static int
study(Regex *self)
{
    uint32_t groups, options;
    size_t machine_code = 0;
    pcre2_jit_compile(self->code, PCRE2_JIT_COMPLETE); /* where it fails, it is interpreted */
    if (pcre2_pattern_info(self->code, PCRE2_INFO_CAPTURECOUNT, &groups) != 0
        || pcre2_pattern_info(self->code, PCRE2_INFO_ALLOPTIONS, &options) != 0
        || pcre2_pattern_info(self->code, PCRE2_INFO_JITSIZE, &machine_code) != 0) {
        PyErr_SetString(PyExc_RuntimeError, "PCRE2 does not know what it has compiled");
        return -1;
    }
    self->pairs = groups + 1;
    self->quick = machine_code > 0 && !(options & PCRE2_UTF);
    return make_room(self->state, self->pairs);
}

static PyObject *
pcre_compile_bytes(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    State *state = PyModule_GetState(module);
    if (given != 3) {
        PyErr_SetString(PyExc_TypeError, "compile_bytes(pattern, nocase, groups)");
        return NULL;
    }
    if (!is_bytes(args[0]))
        return NULL;
    int nocase = PyObject_IsTrue(args[1]), groups = PyObject_IsTrue(args[2]), error;
    PCRE2_SIZE place;
    if (nocase < 0 || groups < 0)
        return NULL;
    Regex *self = (Regex *)state->type->tp_alloc(state->type, 0); /* all zero */
    if (self == NULL)
        return NULL;
    self->state = state;
    self->nocase = (char)nocase;
    self->pattern = Py_NewRef(args[0]);
    self->code = pcre2_compile((PCRE2_SPTR)PyBytes_AS_STRING(args[0]), (PCRE2_SIZE)PyBytes_GET_SIZE(args[0]),
                               (nocase ? PCRE2_CASELESS : 0) | (groups ? 0 : PCRE2_NO_AUTO_CAPTURE), &error, &place, NULL);
    if (self->code == NULL)
        set_error(error, place);
    if (self->code == NULL || study(self) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static PyObject *
pcre_report(PyObject *module, PyObject *call)
{
    State *state = PyModule_GetState(module);
    Py_XSETREF(state->report, call == Py_None ? NULL : Py_NewRef(call));
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"compile_bytes", (PyCFunction)(void (*)(void))pcre_compile_bytes, METH_FASTCALL,
     "compile_bytes(pattern, nocase, groups): a Regex; ValueError(what, where) for what is none"},
    {"report", pcre_report, METH_O, "report(call): it is called with each Regex whose match is given up; None: nobody"},
    {NULL, NULL, 0, NULL},
};

static int
pcre_exec(PyObject *module)
{
    State *state = PyModule_GetState(module);
    uint32_t jit = 0;
    char version[64]; /* "10.42 2022-12-11": the library says how much it needs */
    state->type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    if (state->type == NULL) {
        if (!PyErr_Occurred()) /* Python 3.11 forgets to say so where it has no memory for the name */
            PyErr_NoMemory();
        return -1;
    }
    state->limits = pcre2_match_context_create(NULL);
    if (state->limits == NULL || make_room(state, PAIRS) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    pcre2_set_match_limit(state->limits, STEPS);
    pcre2_set_depth_limit(state->limits, STEPS);
    pcre2_set_heap_limit(state->limits, HEAP);
    pcre2_config(PCRE2_CONFIG_JIT, &jit);
    if (jit) {
        state->stack = pcre2_jit_stack_create(STACK_FIRST, STACK_MOST, NULL);
        if (state->stack != NULL) /* else 32 kB of the machine's stack serve */
            pcre2_jit_stack_assign(state->limits, NULL, state->stack);
    }
    int length = pcre2_config(PCRE2_CONFIG_VERSION, NULL);
    if (length < 0 || (size_t)length > sizeof version || pcre2_config(PCRE2_CONFIG_VERSION, version) < 0) {
        PyErr_SetString(PyExc_ImportError, "PCRE2 has no version");
        return -1;
    }
    if (PyModule_AddType(module, state->type) < 0 || PyModule_AddStringConstant(module, "VERSION", version) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "JIT", jit ? Py_True : Py_False);
}

static int
pcre_traverse(PyObject *module, visitproc visit, void *arg)
{
    State *state = PyModule_GetState(module);
    Py_VISIT(state->type);
    Py_VISIT(state->report);
    return 0;
}

static int
pcre_clear(PyObject *module)
{
    State *state = PyModule_GetState(module);
    Py_CLEAR(state->type);
    Py_CLEAR(state->report);
    return 0;
}

static void
pcre_free(void *module)
{
    State *state = PyModule_GetState(module);
    pcre_clear(module);
    pcre2_match_data_free(state->results); /* each of them takes NULL */
    pcre2_jit_stack_free(state->stack);
    pcre2_match_context_free(state->limits);
}

static PyModuleDef_Slot steps[] = {
    {Py_mod_exec, pcre_exec},
    {0, NULL},
};

static struct PyModuleDef module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "pointsman.core._pcre",
    .m_size = sizeof(State),
    .m_methods = functions,
    .m_slots = steps,
    .m_traverse = pcre_traverse,
    .m_clear = pcre_clear,
    .m_free = pcre_free,
};

PyMODINIT_FUNC
PyInit__pcre(void)
{
    return PyModuleDef_Init(&module);
}
