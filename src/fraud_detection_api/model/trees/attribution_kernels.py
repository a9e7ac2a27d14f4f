"""Loops that find the contributions of features, compiled when this module is imported. Arrays are those of `Groups`.

Where rows are looked up together, a bit of a row is a byte, and the bytes of LANES rows are a word, which is shifted and
joined at the price of a byte. Codes must have no more than CODE_BITS for that.
"""

# mypy: disable-error-code="call-arg,import-untyped,no-untyped-call,no-untyped-def,untyped-decorator"
# ruff: noqa: ANN001, ANN202, PLR0913, PLR0917

import numpy as np
from llvmlite import ir
from numba import float32, float64, from_dtype, int32, int64, njit, types, uint16, void
from numba.core import cgutils
from numba.extending import intrinsic

from fraud_detection_api.model.trees.compilation import compiled
from fraud_detection_api.model.trees.groups import GROUP, LEAST_SHARE, LOOK_UP, WAY
from fraud_detection_api.model.trees.kernels import ASKED_SPLITS, answer, answers_row
from fraud_detection_api.model.trees.nodes import NODE

LANES, CODE_BITS = 8, 8
"""Rows of a word, and bits of each. Codes at trees of depth 7 have no more."""

MOST_WORDS, MOST_GROUPS = 8, 32
"""Rows of a block, in words, and groups whose codes are at hand together."""

MOST_STARTS = 256
"""Groups of one row whose places in the table are at hand together."""

VECTOR = 8
"""Numbers that a processor adds at a step, or that LLVM makes a few steps of."""

_EACH = np.uint64(0x0101010101010101)

_NODES = from_dtype(NODE)[::1]
_GROUPS, _WAYS, _LOOK_UPS = (from_dtype(layout)[::1] for layout in (GROUP, WAY, LOOK_UP))
_POINTS = (float64[::1], float64[::1])


@njit(inline="always")
def _pass(side, decision, node, child, slot, nodes, passes, shares):
    """Note of a split on the way to a leaf whether the record takes it, and what share of records does."""
    passes[slot] *= np.float64(side == decision)
    cover = np.float64(nodes[node].cover)
    shares[slot] *= max(np.float64(nodes[child].cover) / cover, LEAST_SHARE) if cover > 0 else 1.0


@njit(inline="always")
def _integrate(group, value, passes, shares, points, weights, found):
    """Add the contributions of one leaf to `found`, (count,)."""
    for point in range(len(points)):
        product = weights[point] * value
        for slot in range(group.count):
            product *= passes[slot] * points[point] + shares[slot] * (1 - points[point])
        for slot in range(group.count):
            factor = passes[slot] * points[point] + shares[slot] * (1 - points[point])
            found[slot] += (passes[slot] - shares[slot]) * product / factor


@njit(inline="always")
def _add_group(group, code, nodes, place, way_shares, points, weights, passes, shares, found):
    """Add the contributions of a group's leaves for a record with that code to `found`, (count,).

    `passes` and `shares` are room for as many numbers.
    """
    failures, root = code >> group.decisions, group.root
    for first in range(2 if group.decisions > 0 else 1):
        child = nodes[root].left + first if group.decisions > 0 else root
        inner = group.decisions == 3 and nodes[child].left != child
        for second in range(2 if inner else 1):
            leaf = nodes[child].left + second if inner else child
            for slot in range(group.count):
                passes[slot] = np.float64(slot >= group.on_way or (failures >> slot) & 1 == 0)
                shares[slot] = way_shares[group.first + slot]
            if group.decisions > 0:
                _pass(first, code & 1, root, child, place[root], nodes, passes, shares)
            if inner:
                _pass(second, (code >> (1 + first)) & 1, child, leaf, place[child], nodes, passes, shares)
            _integrate(group, np.float64(nodes[leaf].value), passes, shares, points, weights, found)


@compiled(void(_NODES, int32[::1], _GROUPS, uint16[::1], float64[::1], *_POINTS, float64[:, ::1], float32[::1]))
def fill_tables(nodes, place, groups, columns, way_shares, points, weights, room, table) -> None:
    """The contributions for each code of each group into `table`. `room` is float64 (3, most features of a group)."""
    for number in range(len(groups)):
        group = groups[number]
        for code in range(np.int64(1) << (group.on_way + group.decisions)):
            room[2, : group.count] = 0
            _add_group(group, code, nodes, place, way_shares, points, weights, room[0], room[1], room[2])
            for slot in range(group.count):
                table[group.table + code * group.stride + columns[group.first + slot]] = room[2, slot]


@njit(inline="always")
def _failed(way, right, failures):
    """As `_failures`, from and to uint32."""
    return failures[way.top] | np.uint32(right[way.split] ^ way.right) << np.uint32(way.place)


@njit(inline="always")
def _failures(way, right, codes):
    """Which features on the way to a node send a row elsewhere, as bits, once those of the way to its top are known."""
    return codes[way.top] | np.int64(right[way.split] ^ way.right) << way.place


@njit(inline="always")
def _read_codes(matrix, row, groups, ways, asked, thresholds, answers, right, codes):
    """A row's code at each group into the last of `codes`; those before are failures at tops."""
    answer(matrix, row, asked, thresholds, answers, right)
    tops = len(ways) - len(groups)
    codes[0] = 0
    for number in range(1, tops):
        codes[number] = _failures(ways[number], right, codes)
    for number in range(len(groups)):
        group, failures = groups[number], _failures(ways[tops + number], right, codes)
        decided = right[group.split] | right[group.left_split] << 1 | right[group.right_split] << 2
        codes[tops + number] = failures << group.decisions | decided


_CUT_TREES = (float32[:, ::1], _GROUPS, _WAYS, *ASKED_SPLITS, uint16[::1])


@intrinsic
def _add_vectors(_context, sums, at, table, begins, codes, code, step, count, stride):
    """Add `count` vectors of `table` to the one of `sums` from `at` on.

    The vector of number n stands at begins[n] + codes[code + n · step] · stride. Numba itself would add number by number.
    """
    numbers, sum_vector = ir.VectorType(ir.FloatType(), VECTOR), ir.VectorType(ir.DoubleType(), VECTOR)

    def generate(context, builder, signature, arguments):
        def element(number, index):
            array = context.make_array(signature.args[number])(context, builder, arguments[number])
            return builder.gep(array.data, [index])

        _, at, _, _, _, code, step, count, stride = arguments
        place = builder.bitcast(element(0, at), sum_vector.as_pointer())
        total = cgutils.alloca_once_value(builder, builder.load(place, align=8))
        with cgutils.for_range(builder, count) as loop:
            mine = builder.load(element(4, builder.add(code, builder.mul(loop.index, step))))
            begin = builder.load(element(3, loop.index))
            start = builder.add(begin, builder.mul(builder.zext(mine, ir.IntType(64)), stride))
            row = builder.load(builder.bitcast(element(2, start), numbers.as_pointer()), align=4)
            builder.store(builder.fadd(builder.load(total), builder.fpext(row, sum_vector)), total)
        builder.store(builder.load(total), place, align=8)
        return context.get_dummy_value()

    return types.void(sums, at, table, begins, codes, code, step, count, stride), generate


@njit(inline="always")
def _add_wide(codes, begins, rows, width, table, sums):
    """Add the contributions of groups, whose codes are bytes (groups, rows or more), to `sums`, (rows, width)."""
    numbers, each, step = sums.reshape(-1), codes.reshape(-1), codes.shape[1]
    for row in range(rows):
        for at in range(0, width, VECTOR):
            _add_vectors(numbers, row * width + at, table[at:], begins, each, row, step, len(begins), width)


@intrinsic
def _add_rows(_context, sums, table, starts, count, width):
    """Add `count` rows of `table`, each of `width` numbers, VECTOR or twice as many, to `sums`. They begin at `starts`."""
    numbers, sum_vector = ir.VectorType(ir.FloatType(), VECTOR), ir.VectorType(ir.DoubleType(), VECTOR)

    def generate(context, builder, signature, arguments):
        def element(number, index):
            array = context.make_array(signature.args[number])(context, builder, arguments[number])
            return builder.gep(array.data, [index])

        def add(parts):
            places = [
                builder.bitcast(element(0, ir.Constant(ir.IntType(64), VECTOR * part)), sum_vector.as_pointer())
                for part in range(parts)
            ]
            totals = [cgutils.alloca_once_value(builder, builder.load(place, align=8)) for place in places]
            with cgutils.for_range(builder, count) as loop:
                row = element(1, builder.zext(builder.load(element(2, loop.index)), ir.IntType(64)))
                row = builder.bitcast(row, numbers.as_pointer())
                for part, total in enumerate(totals):
                    mine = builder.load(builder.gep(row, [ir.Constant(ir.IntType(64), part)]), align=4)
                    builder.store(builder.fadd(builder.load(total), builder.fpext(mine, sum_vector)), total)
            for place, total in zip(places, totals, strict=True):
                builder.store(builder.load(total), place, align=8)

        _, _, _, count, width = arguments
        with builder.if_else(builder.icmp_signed("==", width, ir.Constant(width.type, VECTOR))) as (one, two):
            with one:
                add(1)
            with two:
                add(2)
        return context.get_dummy_value()

    return types.void(sums, table, starts, count, width), generate


@njit(inline="always")
def _add_sparse(starts, looked_up, first, features, table, found):
    """Add the contributions of groups, whose tables have no place for other features, to `found`, (features,)."""
    for number in range(len(starts)):
        group, start = looked_up[np.uint64(first + number)], np.uint64(starts[number])
        for slot in range(np.uint64(group.count)):
            # unsigned, for Numba asks of any other whether it counts from the end
            found[np.uint64(features[np.uint64(group.first) + slot])] += table[start + slot]


@compiled(void(float32[:, ::1], _LOOK_UPS, _WAYS, *ASKED_SPLITS, uint16[::1], float32[::1], int64, float64[:, ::1]))
def look_up_contributions(matrix, looked_up, tops, asked, thresholds, answers, features, table, width, found) -> None:
    """Add each feature's log-odds to `found`, (rows, features), by `table`.

    `tops` are the ways to tops, and `looked_up` has dtype LOOK_UP. Where the table has a column for each feature, `width` is
    the stride of all groups, VECTOR or twice as much; else it is 0.
    """
    right, failures = np.empty(len(thresholds) + 1, np.uint8), np.zeros(len(tops), np.uint32)
    starts, sums = np.empty(MOST_STARTS, np.uint32), np.empty(2 * VECTOR, np.float64)
    for row in range(matrix.shape[0]):
        answer(matrix, row, asked, thresholds, answers, right)
        for number in range(np.uint64(1), np.uint64(len(tops))):
            way = tops[number]
            failures[number] = _failed(way, right, failures)
        sums[:] = 0
        for first in range(0, len(looked_up), MOST_STARTS):
            count = min(MOST_STARTS, len(looked_up) - first)
            for number in range(np.uint64(count)):
                group = looked_up[np.uint64(first) + number]
                decided = right[group.decided] | right[group.left_split] << 1 | right[group.right_split] << 2
                code = _failed(group, right, failures) << group.decisions | np.uint32(decided)
                starts[number] = group.table + code * np.uint32(group.stride)
            if width:
                _add_rows(sums, table, starts, count, width)
            else:
                _add_sparse(starts[:count], looked_up, first, features, table, found[row])
        if width:
            found[row] = sums[: matrix.shape[1]]


@njit(inline="always")
def _answer_together(matrix, first, rows, asked, thresholds, answers, values, right):
    """Of each split whether rows from `first` on go right there, into the bytes `right`, (splits + 1, rows or more)."""
    for number in range(len(asked) - 1):
        question = asked[number]
        for row in range(rows):
            values[row] = matrix[first + row, question.feature]
        if question.levels > 0:
            count = asked[number + 1].first - question.first
            for row in range(rows):
                begin = question.table + answers_row(values[row], question) * count
                for place in range(count):
                    right[question.first + place, row] = answers[begin + place]
            continue
        for split in range(question.first, asked[number + 1].first):
            threshold = thresholds[split]
            if question.default_left:
                for row in range(rows):
                    right[split, row] = values[row] >= threshold  # no for NaN
            else:
                for row in range(rows):
                    right[split, row] = not (values[row] < threshold)


@njit(inline="always")
def _fail(way, right, failures, into, number):
    """Which features on the way to a node send rows elsewhere, once those of the way to its top are known, as words."""
    top, split, place = np.uint64(way.top), np.uint64(way.split), np.uint64(way.place)
    rights = _EACH * np.uint64(way.right)
    for word in range(into.shape[1]):
        into[number, word] = failures[top, word] | (right[split, word] ^ rights) << place


@njit(inline="always")
def _decide(group, right, into, number):
    """Make codes of the failures on the way to a group."""
    one, left, other = np.uint64(group.split), np.uint64(group.left_split), np.uint64(group.right_split)
    decisions = np.uint64(group.decisions)
    for word in range(into.shape[1]):
        decided = right[one, word] | right[left, word] << np.uint64(1) | right[other, word] << np.uint64(2)
        into[number, word] = into[number, word] << decisions | decided


@njit(inline="always")
def _add_slots(group, codes, number, rows, features, table, sums):
    """Add the contributions of one group, where its table has no place for other features, to `sums`, (rows, features)."""
    count = np.uint64(group.count)
    for slot in range(count):
        mine = np.uint64(features[np.uint64(group.first) + slot])
        for row in range(rows):
            sums[row, mine] += table[np.uint64(group.table) + np.uint64(codes[number, row]) * count + slot]


@compiled(void(*(*_CUT_TREES, int64[::1], float32[::1], int64, float64[:, ::1])))
def look_up_together(matrix, groups, ways, asked, thresholds, answers, features, begins, table, width, found) -> None:
    """As `look_up_contributions`, to the bit, for blocks of rows."""
    tops, columns = len(ways) - len(groups), matrix.shape[1]
    words = min((len(matrix) + LANES - 1) // LANES, MOST_WORDS)
    right, failures = np.zeros((len(thresholds) + 1, words), np.uint64), np.zeros((tops, words), np.uint64)
    codes, values = np.zeros((MOST_GROUPS, words), np.uint64), np.empty(words * LANES, np.float32)
    right_bytes, code_bytes = right.view(np.uint8), codes.view(np.uint8)
    sums = np.empty((words * LANES, width or columns), np.float64)
    for first in range(0, len(matrix), words * LANES):
        rows = min(words * LANES, len(matrix) - first)
        _answer_together(matrix, first, rows, asked, thresholds, answers, values, right_bytes)
        for number in range(1, tops):
            _fail(ways[number], right, failures, failures, number)
        sums[:] = 0
        for begin in range(0, len(groups), MOST_GROUPS):
            count = min(MOST_GROUPS, len(groups) - begin)
            for number in range(count):
                _fail(ways[tops + begin + number], right, failures, codes, number)
                _decide(groups[begin + number], right, codes, number)
                if not width:
                    _add_slots(groups[begin + number], code_bytes, number, rows, features, table, sums)
            if width:
                _add_wide(code_bytes, begins[begin : begin + MOST_GROUPS], rows, width, table, sums)
        found[first : first + rows] = sums[:rows, :columns]


_TO_INTEGRATE = (_NODES, int32[::1], float64[::1], *_POINTS, float64[:, ::1])


@compiled(void(*_CUT_TREES, *_TO_INTEGRATE, float64[:, ::1]))
def work_out_contributions(
    matrix,
    groups,
    ways,
    asked,
    thresholds,
    answers,
    features,
    nodes,
    place,
    way_shares,
    points,
    weights,
    room,
    found,
) -> None:
    """As `look_up_contributions`, without a table. `room` is float64 (3, most features of a group)."""
    right, codes = np.empty(len(thresholds) + 1, np.uint8), np.empty(len(ways), np.int64)
    tops = len(ways) - len(groups)
    for row in range(matrix.shape[0]):
        _read_codes(matrix, row, groups, ways, asked, thresholds, answers, right, codes)
        for number in range(len(groups)):
            group, code = groups[number], codes[tops + number]
            room[2, : group.count] = 0
            _add_group(group, code, nodes, place, way_shares, points, weights, room[0], room[1], room[2])
            for slot in range(group.count):
                found[row, features[group.first + slot]] += room[2, slot]
