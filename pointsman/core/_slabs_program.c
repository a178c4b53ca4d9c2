/* Programs: several changes of one entry under one lock, and what is read of it. core/slab_program.py says what they
 * look like. */
#include "_slabs.h"

#define LATE 65536 /* ms that the clock of one process may be behind that of another */

typedef struct {
    uint8_t code, unused;
    uint16_t offset;
    uint32_t argument;
} Op;

typedef struct {
    uint32_t tick, current, previous;
} Rate;

static inline Op
op_at(const uint8_t *program)
{
    Op op;
    memcpy(&op, program, OP_SIZE);
    return op;
}

void
slab_make_op(uint8_t *place, uint8_t code, uint16_t offset, uint32_t argument)
{
    Op op = {code, 0, offset, argument};
    memcpy(place, &op, OP_SIZE);
}

/* The bytes of data that an operation needs from its offset on; -1: there is no such operation. */
static int
needs(const Op *op)
{
    switch (op->code) {
    case ADD1_32:
    case ADD_32:
    case SET_32:
    case READ_32:
        return 4;
    case ADD1_64:
    case ADD_64:
    case SET_64:
    case READ_64:
        return 8;
    case RATE1:
    case RATE:
    case RATE_SET:
    case READ_RATE:
        return op->argument > 0 ? (int)sizeof(Rate) : -1;
    case CURRENT_UP:
    case CURRENT_DOWN:
    case CURRENT_SET:
    case TOUCH:
    case PIN:
    case UNPIN:
    case READ_CURRENT:
    case READ_PINS:
    case READ_EXPIRY:
    case READ_CHANGE:
        return 0;
    default:
        return -1;
    }
}

static int
is_sound(const Slab *slab, const Op *op)
{
    int size = needs(op);
    return size == 0 || (size > 0 && op->offset + (uint32_t)size <= slab->at.data_size);
}

int
slab_check_program(const Slab *slab, const uint8_t *program, Py_ssize_t length)
{
    int sound = length % OP_SIZE == 0 && length <= OP_SIZE * WORK;
    for (Py_ssize_t i = 0; sound && i < length; i += OP_SIZE) {
        Op op = op_at(program + i);
        sound = op.code <= LAST_CHANGE && is_sound(slab, &op);
    }
    if (!sound)
        PyErr_SetString(PyExc_ValueError, "no program for this slab");
    return sound ? 0 : -1;
}

int
slab_check_read(const Slab *slab, const uint8_t *what, Py_ssize_t length)
{
    Op op = {0};
    if (length == OP_SIZE)
        op = op_at(what);
    if (op.code >= READ_32 && is_sound(slab, &op))
        return 0;
    PyErr_SetString(PyExc_ValueError, "nothing to read in this slab");
    return -1;
}

static inline uint32_t
get_32(const uint8_t *place)
{
    uint32_t value;
    memcpy(&value, place, 4);
    return value;
}

static inline uint64_t
get_64(const uint8_t *place)
{
    uint64_t value;
    memcpy(&value, place, 8);
    return value;
}

static inline void
put_32(uint8_t *place, uint32_t value)
{
    BARRIER();
    STEP();
    memcpy(place, &value, 4);
    BARRIER();
}

static inline void
put_64(uint8_t *place, uint64_t value)
{
    BARRIER();
    STEP();
    memcpy(place, &value, 8);
    BARRIER();
}

/* Milliseconds since the period began. The tick is of 32 bits, and may have been set by a process whose clock is a
 * little ahead. */
static inline uint32_t
elapsed_of(const Rate *rate, uint64_t now)
{
    uint32_t elapsed = (uint32_t)now - rate->tick;
    return elapsed > UINT32_MAX - LATE ? 0 : elapsed;
}

static void
put_rate(View *view, uint32_t local, uint8_t *place, Rate rate)
{
    slab_keep(view, local);
    slab_copy(place, &rate, sizeof rate);
    slab_kept(view);
}

/* HAProxy's frequency counters have two periods: what was counted in the one before fades linearly. */
static void
add_rate(View *view, uint32_t local, const Op *op, uint64_t amount, uint64_t now)
{
    uint8_t *place = data_of(view->slab, entry_at(view, local)) + op->offset;
    Rate rate;
    memcpy(&rate, place, sizeof rate);
    uint32_t elapsed = elapsed_of(&rate, now);
    int is_first = rate.tick == 0 && rate.current == 0 && rate.previous == 0; /* its period begins now */
    if (elapsed < op->argument && !is_first) {
        put_32(place + offsetof(Rate, current), rate.current + (uint32_t)amount);
        return;
    }
    int next = elapsed - op->argument < op->argument && !is_first;
    Rate turned = {next ? rate.tick + op->argument : (uint32_t)now, (uint32_t)amount, next ? rate.current : 0};
    put_rate(view, local, place, turned);
}

/* A single event of the period before is not forgotten before its second period has passed, in HAProxy as well. */
static uint32_t
read_rate(const uint8_t *place, uint32_t period, uint64_t now)
{
    Rate rate;
    memcpy(&rate, place, sizeof rate);
    uint32_t elapsed = elapsed_of(&rate, now);
    if (elapsed >= period) {
        if (elapsed - period >= period)
            return 0;
        rate.previous = rate.current;
        rate.current = 0;
        elapsed -= period;
    }
    if (rate.current == 0 && rate.previous == 1)
        return 1;
    return rate.current + (uint32_t)((uint64_t)rate.previous * (period - elapsed) / period);
}

static void
run_gauge(View *view, uint32_t local, const Op *op, uint64_t amount)
{
    Entry *entry = entry_at(view, local);
    Gauge *gauge = &gauges_of(view->slab, entry)[view->slab->slot];
    switch (op->code) {
    case CURRENT_UP:
        PUT(gauge->current, gauge->current + 1);
        break;
    case CURRENT_DOWN:
        PUT(gauge->current, gauge->current - 1);
        break;
    case CURRENT_SET:
        PUT(gauge->current, (int32_t)((int64_t)amount - slab_current(view->slab, entry) + gauge->current));
        break;
    case PIN:
        PUT(gauge->pins, gauge->pins + 1);
        break;
    default:
        if (gauge->pins > 0) {
            PUT(gauge->pins, gauge->pins - 1);
            slab_unparked(view, local);
        }
    }
}

static void
run_op(View *view, uint32_t local, const Op *op, uint64_t amount, uint64_t now)
{
    uint8_t *place = data_of(view->slab, entry_at(view, local)) + op->offset;
    switch (op->code) {
    case ADD1_32:
        put_32(place, get_32(place) + 1);
        break;
    case ADD_32:
        put_32(place, get_32(place) + (uint32_t)amount);
        break;
    case ADD1_64:
        put_64(place, get_64(place) + 1);
        break;
    case ADD_64:
        put_64(place, get_64(place) + amount);
        break;
    case SET_32:
        put_32(place, (uint32_t)amount);
        break;
    case SET_64:
        put_64(place, amount);
        break;
    case RATE1:
        add_rate(view, local, op, 1, now);
        break;
    case RATE:
        add_rate(view, local, op, amount, now);
        break;
    case RATE_SET:
        put_rate(view, local, place, (Rate){(uint32_t)now, (uint32_t)amount, 0});
        break;
    case TOUCH:
        slab_touch(view, local, now, op->argument);
        break;
    default:
        run_gauge(view, local, op, amount);
    }
}

/* The program has been checked. Whether others are to be told of it: what only pins is no change. */
int
slab_run(View *view, uint32_t local, const uint8_t *program, Py_ssize_t length, uint64_t amount, uint64_t now)
{
    int changes = 0;
    for (Py_ssize_t i = 0; i < length; i += OP_SIZE) {
        Op op = op_at(program + i);
        run_op(view, local, &op, amount, now);
        changes |= op.code != PIN && op.code != UNPIN;
    }
    return changes;
}

uint64_t
slab_value(View *view, uint32_t local, const uint8_t *what, uint64_t now)
{
    Op op = op_at(what);
    Entry *entry = entry_at(view, local);
    uint8_t *place = data_of(view->slab, entry) + op.offset;
    int64_t current;
    switch (op.code) {
    case READ_32:
        return get_32(place);
    case READ_64:
        return get_64(place);
    case READ_RATE:
        return read_rate(place, op.argument, now);
    case READ_CURRENT:
        current = slab_current(view->slab, entry);
        return current > 0 ? (uint64_t)current : 0;
    case READ_PINS:
        return slab_pins(view->slab, entry);
    case READ_EXPIRY:
        return expiry_of(entry);
    default:
        return entry->change;
    }
}
