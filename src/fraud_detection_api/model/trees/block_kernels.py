"""Compiled loops that look up the contributions of several rows at a time.

What is a bit of a row is a byte here, and the bytes of LANES rows are a word: a word is compared, shifted and joined at the
price of a byte. Codes must have no more than CODE_BITS for that.
"""

# mypy: disable-error-code="call-arg,import-untyped,no-untyped-call,no-untyped-def,untyped-decorator"
# ruff: noqa: ANN001, ANN202, PLR0913, PLR0917

import numpy as np
from llvmlite import ir
from numba import float32, float64, from_dtype, int64, njit, types, uint16, void
from numba.core import cgutils
from numba.extending import intrinsic

from fraud_detection_api.model.trees.compilation import compiled
from fraud_detection_api.model.trees.groups import ASKED, GROUP, WAY

LANES, CODE_BITS = 8, 8
"""Rows of a word, and bits of each. Codes at trees of depth 7 have no more."""

MOST_WORDS, MOST_GROUPS = 8, 32
"""Rows of a block, in words, and groups whose codes are at hand together."""

VECTOR = 8
"""Numbers that a processor adds at a step, or that LLVM makes a few steps of."""

_EACH = np.uint64(0x0101010101010101)


@njit(inline="always")
def _answer(matrix, first, rows, asked, thresholds, values, right):
    """Of each split whether rows from `first` on go right there, into the bytes `right`, (splits + 1, rows or more)."""
    for number in range(len(asked) - 1):
        question = asked[number]
        for row in range(rows):
            values[row] = matrix[first + row, question.feature]
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


@njit(inline="always")
def _add_slots(group, codes, number, rows, features, table, sums):
    """Add the contributions of one group, where its table has no place for other features, to `sums`, (rows, features)."""
    count = np.uint64(group.count)
    for slot in range(count):
        mine = np.uint64(features[np.uint64(group.first) + slot])
        for row in range(rows):
            sums[row, mine] += table[np.uint64(group.table) + np.uint64(codes[number, row]) * count + slot]


@compiled(
    void(
        *(float32[:, ::1], from_dtype(GROUP)[::1], from_dtype(WAY)[::1], from_dtype(ASKED)[::1], float32[::1]),
        *(uint16[::1], int64[::1], float32[::1], int64, float64[:, ::1]),
    )
)
def look_up_together(matrix, groups, ways, asked, thresholds, features, begins, table, width, found) -> None:
    """As `look_up_contributions`, to the bit, for blocks of rows.

    `begins` is each group's `table`. `width` is 0, or the stride of all groups: a multiple of VECTOR.
    """
    tops, columns = len(ways) - len(groups), matrix.shape[1]
    words = min((len(matrix) + LANES - 1) // LANES, MOST_WORDS)
    right, failures = np.zeros((len(thresholds) + 1, words), np.uint64), np.zeros((tops, words), np.uint64)
    codes, values = np.zeros((MOST_GROUPS, words), np.uint64), np.empty(words * LANES, np.float32)
    answers, code_bytes = right.view(np.uint8), codes.view(np.uint8)
    sums = np.empty((words * LANES, width or columns), np.float64)
    for first in range(0, len(matrix), words * LANES):
        rows = min(words * LANES, len(matrix) - first)
        _answer(matrix, first, rows, asked, thresholds, values, answers)
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
