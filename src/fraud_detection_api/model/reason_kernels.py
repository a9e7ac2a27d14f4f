"""Compiled loops that choose reasons; import it where `compilation.kernels` has found Numba."""

# mypy: disable-error-code="no-untyped-call,no-untyped-def,untyped-decorator"
# ruff: noqa: ANN001, ANN202

import numpy as np
from numba import boolean, float32, float64, int64, njit, void

from fraud_detection_api.model.trees.compilation import compiled

_POWERS = 10.0 ** np.arange(12)
_MOST = 2.0**24
"""From here on, a float32's shortest number may end in zeros before the point."""

_FRACTION_BITS = np.uint32(0x7FFFFF)


@njit(inline="always")
def _shortest(value, bits):
    """The shortest number that is rounded to a float32, NaN for NaN, infinite where only NumPy can tell.

    Every step but the last division is exact, and that rounds as the reading of the number's digits does.
    """
    size = abs(np.float64(value))
    if not size < _MOST:
        return np.float64(value) if np.isnan(value) else np.inf
    for places in range(len(_POWERS)):
        number = np.rint(size * _POWERS[places]) / _POWERS[places]
        if np.float32(number) == np.float32(size):
            # below a power of two, numbers stand closer than above it, and another than the nearest may be the shortest
            if number != size and bits & _FRACTION_BITS == 0:
                return np.inf
            return number if value > 0 else -number if value < 0 else np.float64(value)
    return np.inf


@njit(inline="always")
def _rank(totals, adverse, most, places, contributions):
    """Put the strongest of a row's `totals` into `places` and `contributions`, and return their number."""
    size = 0
    for place in range(len(totals)):
        strength = totals[place] if adverse else abs(totals[place])
        at = size
        while at > 0 and strength > abs(contributions[at - 1]):
            at -= 1
        if strength > 0 and at < most:
            size = min(size + 1, most)
            for later in range(size - 1, at, -1):
                places[later], contributions[later] = places[later - 1], contributions[later - 1]
            places[at], contributions[at] = place, totals[place]
    return size


@compiled(void(float64[:, :], boolean[:], float32[:, :], int64[::1], int64[::1], float64[:, ::1]))
def choose(totals, adverse, matrix, derived, whole, real) -> None:
    """As `reasons.choose_plainly`: sizes and codes into `whole`, and contributions, numbers and encoded values into `real`.

    `real` is (3, most reasons of all rows). A number is infinite where only NumPy can tell it from the encoded value.
    """
    rows, features = totals.shape
    sizes, codes, contributions = whole[:rows], whole[rows:], real[0]
    most, begin = len(codes) // max(rows, 1), 0
    value = np.empty(1, np.float32)
    bits = value.view(np.uint32)
    for row in range(rows):
        sizes[row] = _rank(totals[row], adverse[row], most, codes[begin:], contributions[begin:])
        for rank in range(sizes[row]):
            at = begin + rank
            column = derived[codes[at]]
            value[0] = matrix[row, column] if column >= 0 else np.float32(np.nan)
            real[1, at], real[2, at] = _shortest(value[0], bits[0]), value[0]
            codes[at] = 2 * (rank * features + codes[at]) + (contributions[at] > 0)
        begin += sizes[row]


@compiled(void(float64[:, :], int64[::1], int64[::1]))
def fold(totals, members, starts) -> None:
    """As `reasons.fold_plainly`."""
    for row in range(len(totals)):
        for group in range(len(starts) - 1):
            total, strongest = 0.0, members[starts[group]]
            for at in range(starts[group], starts[group + 1]):
                total += totals[row, members[at]]
            for at in range(starts[group], starts[group + 1]):
                part, most = totals[row, members[at]], totals[row, strongest]
                if (part > most) if total > 0 else (part < most):
                    strongest = members[at]
            for at in range(starts[group], starts[group + 1]):
                totals[row, members[at]] = 0.0
            totals[row, strongest] = total
