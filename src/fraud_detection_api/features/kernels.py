"""Loops over the rows of events, compiled when this module is imported, or read from the cache of an earlier time.

`rows`, int64 (n, 1 + lanes), are as in `features.layout`; an entity's rows follow each other from index `first` on.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-any-return"
# ruff: noqa: ANN001, PLR0913, PLR0917

import math

import numpy as np
from numba import boolean, float64, int64, njit, types, void

from fraud_detection_api.features.events import STEP_KINDS
from fraud_detection_api.features.layout import LOW_BITS, MEASURES, TIME
from fraud_detection_api.model.trees.compilation import compiled

_COUNT, _SUM, _MEAN, _MIN, _MAX, _STD, _DISTINCT, _SHARE, _LAST, _FIRST = range(len(MEASURES))
_ASK, _ADD, _REMOVE, _FRAUD, _NO_FRAUD = range(len(STEP_KINDS))
_EXACT = 2**30
_TWO_TO_THE_LOW = float(2**LOW_BITS)

ROWS, INDEXES = int64[:, ::1], int64[::1]
VALUES = float64[:, ::1]
# of a family: they may come from another process, which shares them
TOTALS, EDGES, UNITS = (types.Array(each, 1, "C", readonly=True) for each in (boolean, int64, float64))
ASKED, FRAUDS = types.Array(int64, 2, "C", readonly=True), types.Array(int64, 2, "C", readonly=True)


@njit(inline="always")
def later(rows, begin, end, time) -> int:
    """The first index from `begin` to `end` whose time is later, for rows in order; searched from the end."""
    step, top = 1, end
    while top > begin and rows[top - 1, TIME] > time:
        end = top - 1
        top -= step
        step *= 2
    low = max(top, begin)
    while low < end:
        middle = (low + end) >> 1
        if rows[middle, TIME] <= time:
            low = middle + 1
        else:
            end = middle
    return low


@njit
def total(rows, first, left, right, lane) -> int:
    """What a lane's total gains from the rows from `left` to before `right`."""
    if right <= left:
        return 0
    return rows[right - 1, lane] - (rows[left - 1, lane] if left > first else 0)


@njit
def joined(high, low) -> float:
    """The number of two parts of a sum."""
    if -_EXACT < high < _EXACT:
        return float((high << LOW_BITS) + low)
    return float(high) * _TWO_TO_THE_LOW + float(low)


@njit
def number_at(rows, first, index, low) -> float:
    """The number that an event added to a sum, in units."""
    return joined(total(rows, first, index, index + 1, low + 1), total(rows, first, index, index + 1, low))


@njit
def reached(rows, first, left, right, lane, counted) -> int:
    """The first index from `left` to before `right` with which a lane's total has gained `counted`."""
    before = rows[left - 1, lane] if left > first else 0
    while left < right:
        middle = (left + right) >> 1
        if rows[middle, lane] - before < counted:
            left = middle + 1
        else:
            right = middle
    return left


@njit
def extreme(rows, first, left, right, own, count, low, sign) -> float:
    """The largest number of the counted rows, or with sign -1 the smallest; NaN for none."""
    found = np.nan
    for index in range(left, right + 1):
        place = index if index < right else own
        if place >= 0 and (count < 0 or total(rows, first, place, place + 1, count) > 0):
            number = number_at(rows, first, place, low) * sign
            if not found >= number:
                found = number
    return found * sign


@njit
def squares(rows, first, left, right, own, count, low, mean, unit) -> float:
    """The sum of squared distances from the mean, in the order of time."""
    found = 0.0
    for index in range(left, right + 1):
        place = index if index < right else own
        if place >= 0 and (count < 0 or total(rows, first, place, place + 1, count) > 0):
            away = number_at(rows, first, place, low) / unit - mean
            found += away * away
    return found


@njit
def distinct(rows, left, right, own, code, at_most, seen, marks, mark) -> int:
    """How many codes the rows have, `at_most` so many. `seen` and `marks` are a hash table; `mark` is new in it."""
    found, mask = 0, len(seen) - 1
    for index in range(left, right + 1):
        place = index if index < right else own
        if place < 0 or rows[place, code] == 0:
            continue
        number = rows[place, code]
        slot = (number ^ (number >> 29)) & mask
        while marks[slot] == mark and seen[slot] != number:
            slot = (slot + 1) & mask
        if marks[slot] != mark:
            marks[slot], seen[slot] = mark, number
            found += 1
            if found >= at_most:
                return found
    return found


@njit
def summed(rows, first, left, right, own, low) -> float:
    """The sum of a number, in units."""
    high, rest = total(rows, first, left, right, low + 1), total(rows, first, left, right, low)
    if own >= 0:
        high += total(rows, first, own, own + 1, low + 1)
        rest += total(rows, first, own, own + 1, low)
    return joined(high, rest)


@njit
def spread(rows, first, left, right, own, count, low, counted, unit) -> float:
    """The sample standard deviation of a number; NaN below two."""
    if counted < 2:
        return np.nan
    mean = summed(rows, first, left, right, own, low) / (unit * counted)
    return math.sqrt(squares(rows, first, left, right, own, count, low, mean, unit) / (counted - 1))


@njit
def since(rows, first, left, right, count, counted, measure, time) -> float:
    """Seconds from the last, or the first, of the counted rows."""
    place = left if measure == _FIRST else right - 1
    if count >= 0:
        place = reached(rows, first, left, right, count, 1 if measure == _FIRST else counted)
    return (time - rows[place, TIME]) / 1e6


@njit(inline="always")
def value(rows, first, left, right, known, own, counted, question, unit, time) -> float:  # noqa: PLR0911 a table
    """A measure of the `counted` events of a window, without `distinct`; those of frauds are known before `known`."""
    measure, count, low = question[0], question[4], question[5]
    if measure == _COUNT:
        return float(counted)
    if measure == _SUM:
        return summed(rows, first, left, right, own, low) / unit
    if measure == _SHARE:
        return total(rows, first, left, known, question[6]) / counted if counted else 0.0
    if not counted:
        return np.nan
    if measure == _MEAN:
        return summed(rows, first, left, right, own, low) / (unit * counted)
    if measure == _STD:
        return spread(rows, first, left, right, own, count, low, counted, unit)
    if measure == _MIN:
        return extreme(rows, first, left, right, own, count, low, -1.0) / unit
    if measure == _MAX:
        return extreme(rows, first, left, right, own, count, low, 1.0) / unit
    return since(rows, first, left, right, count, counted, measure, time)


@njit
def answer(rows, first, own, edges, ends, asked, units, seen, marks, mark, places, out) -> None:
    """The features of the record whose event is at index `own`, to `places` of `out`. `ends` is room for the edges' indexes.

    Only rows before `own` are known: those after it are later, or arrived later.
    """
    time, end = rows[own, TIME], own
    for edge in range(len(edges)):
        end = ends[edge] = later(rows, first, end, time - edges[edge])
    for feature in range(len(asked)):
        question = asked[feature]
        right, itself, count = ends[question[1]], own if question[3] else -1, question[4]
        left = first if question[2] < 0 else min(ends[question[2]], right)
        if question[0] == _DISTINCT:
            code, at_most = question[7], question[8]
            out[places[feature]] = distinct(rows, left, right, itself, code, at_most, seen, marks, mark + feature)
            continue
        counted = right - left if count < 0 else total(rows, first, left, right, count)
        if question[3]:
            counted += 1 if count < 0 else total(rows, first, own, own + 1, count)
        known = min(ends[question[8]], right) if question[0] == _SHARE else right
        out[places[feature]] = value(rows, first, left, right, known, itself, counted, question, units[feature], time)


@compiled(void(INDEXES, INDEXES, INDEXES))
def group(codes, firsts, order) -> None:
    """Sort the indexes of `codes`, (n,) from -1 for none, by code; equal ones stay in order, and none are left out.

    `firsts`, (codes + 1,), is where each code begins in `order`, (n,).
    """
    firsts[:] = 0
    for index in range(len(codes)):
        if codes[index] >= 0:
            firsts[codes[index] + 1] += 1
    for code in range(1, len(firsts)):
        firsts[code] += firsts[code - 1]
    ends = firsts.copy()
    for index in range(len(codes)):
        code = codes[index]
        if code >= 0:
            order[ends[code]] = index
            ends[code] += 1


@compiled(void(ROWS, TOTALS, INDEXES))
def accumulate(rows, totals, firsts) -> None:
    """Make running totals of what each event adds; entity k's rows are those from `firsts[k]` to before `firsts[k + 1]`."""
    for entity in range(len(firsts) - 1):
        for index in range(firsts[entity] + 1, firsts[entity + 1]):
            for lane in range(1, rows.shape[1]):
                if totals[lane]:
                    rows[index, lane] += rows[index - 1, lane]


@compiled(void(ROWS, INDEXES, INDEXES, EDGES, ASKED, UNITS, int64, INDEXES, VALUES))
def answer_all(rows, firsts, order, edges, asked, units, slots, places, out) -> None:
    """The features of all events, to `places` of the rows of `out` at their indexes in `order`.

    Entity k's rows are those from `firsts[k]` to before `firsts[k + 1]`.
    """
    ends = np.empty(len(edges), np.int64)
    seen, marks, mark = np.empty(slots, np.int64), np.zeros(slots, np.int64), 1
    for entity in range(len(firsts) - 1):
        first = firsts[entity]
        for own in range(first, firsts[entity + 1]):
            answer(rows, first, own, edges, ends, asked, units, seen, marks, mark, places, out[order[own]])
            mark += len(asked)


@njit
def inserted(rows, first, length, totals, added) -> int:
    """Add an event to the `length` rows of an entity, which have room for it, after all events of its time.

    `added` is its time and what it adds to each lane. Returns its index.
    """
    own = later(rows, first, first + length, added[TIME])
    for index in range(first + length, own, -1):
        for lane in range(rows.shape[1]):
            rows[index, lane] = rows[index - 1, lane] + (added[lane] if totals[lane] else 0)
    for lane in range(rows.shape[1]):
        before = rows[own - 1, lane] if totals[lane] and own > first else 0
        rows[own, lane] = before + added[lane]
    return own


@njit
def taken_out(rows, first, length, totals, added, own) -> None:
    """Take the event at index `own` out of the `length` rows of an entity."""
    for index in range(own, first + length - 1):
        for lane in range(rows.shape[1]):
            rows[index, lane] = rows[index + 1, lane] - (added[lane] if totals[lane] else 0)


@njit
def relabelled(rows, first, length, added, frauds, change) -> None:
    """Change by how much an event of an entity's `length` rows counts as fraud. Later rows are in the same windows."""
    begin = later(rows, first, first + length, added[TIME] - 1)
    for each in range(len(frauds)):
        lane, condition = frauds[each, 0], frauds[each, 1]
        if condition < 0 or added[condition] != 0:
            for index in range(begin, first + length):
                rows[index, lane] += change


@compiled(void(ROWS, ROWS, ROWS, TOTALS, FRAUDS, EDGES, ASKED, UNITS, ROWS, int64, INDEXES, VALUES))
def walk(rows, steps, blocks, totals, frauds, edges, asked, units, table, mark, places, out) -> None:
    """Take steps, one after another: each is its kind, the number of its entity, -1 for none, and what its event adds.

    Entity k's rows begin at `blocks[k, 0]`, and have room; there are `blocks[k, 1]`, which changes. What is asked about has
    a row of `out`, in order, whose `places` are written. `frauds`, int64 (f, 2), are lanes that count frauds, and the column
    that says whether an event satisfies the condition, -1 for none. `table`, int64 (2, slots), is for `distinct`.
    """
    ends, answered, seen, marks = np.empty(len(edges), np.int64), 0, table[0], table[1]
    for step in range(len(steps)):
        kind, entity, event = steps[step, 0], steps[step, 1], steps[step, 2:]
        if entity >= 0:
            first, length = blocks[entity, 0], blocks[entity, 1]
            if kind == _ASK:
                own = inserted(rows, first, length, totals, event)
                answer(rows, first, own, edges, ends, asked, units, seen, marks, mark, places, out[answered])
                taken_out(rows, first, length + 1, totals, event, own)
                mark += len(asked)
            elif kind == _ADD:
                inserted(rows, first, length, totals, event)
                blocks[entity, 1] += 1
            elif kind == _REMOVE:
                taken_out(rows, first, length, totals, event, later(rows, first, first + length, event[TIME]) - 1)
                blocks[entity, 1] -= 1
            else:
                relabelled(rows, first, length, event, frauds, 1 if kind == _FRAUD else -1)
        elif kind == _ASK:
            for place in places:
                out[answered, place] = np.nan
        if kind == _ASK:
            answered += 1


@compiled(int64(ROWS, int64, int64, int64))
def trim(rows, first, length, time) -> int:
    """Drop an entity's events up to that time but the last of them, which has their totals; returns how many are left."""
    dropped = later(rows, first, first + length, time) - 1 - first
    if dropped <= 0:
        return length
    for index in range(first, first + length - dropped):
        for lane in range(rows.shape[1]):
            rows[index, lane] = rows[index + dropped, lane]
    return length - dropped
