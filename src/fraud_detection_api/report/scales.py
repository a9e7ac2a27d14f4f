"""Axes of probabilities and of skewed values, with ticks that people can read."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from numpy.typing import ArrayLike, NDArray

from fraud_detection_api.report.numbers import YEAR, value_text

_PROBABILITIES = (0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.02, 0.05, 0.2, 0.3, 0.7, 0.8, 0.95)
"""In the order in which they get labels: the roundest first."""
_LETTER, _GAP = 0.026, 0.06  # widths of a letter, and between labels, as shares of a small plot's axis
_SKEW = 8.0


def log_odds(probability: ArrayLike) -> NDArray[np.float64]:
    """Natural log-odds, of probabilities limited to 1e-5 from 0 and 1."""
    limited = np.clip(np.asarray(probability, dtype=np.float64), 1e-5, 1 - 1e-5)
    return np.asarray(np.log(limited / (1 - limited)), dtype=np.float64)


def percent_tick(share: float) -> str:
    """A tick of a share.

    >>> percent_tick(0.001), percent_tick(0.5), percent_tick(0.9999)
    ('0.1 %', '50 %', '99.99 %')
    """
    return f"{share * 100:.4g} %"


def show_percents(axis: Axis, ticks: Sequence[float]) -> None:
    """Ticks of a linear or logarithmic axis of shares."""
    axis.set_ticks(list(ticks), [percent_tick(tick) for tick in ticks], minor=False)


def show_log_odds(axis: Axis, low: float, high: float, *, closest: float = 0.11) -> None:
    """Ticks of an axis of log-odds between `low` and `high`, labelled with probabilities.

    `closest` is the least distance of two labels, as a share of the axis.
    """
    within = [p for p in _PROBABILITIES if low <= float(log_odds(p)) <= high]
    kept = _spread([float(log_odds(p)) for p in within], [closest] * len(within), high - low)
    axis.set_ticks([float(log_odds(within[k])) for k in kept], [percent_tick(within[k]) for k in kept])


def share_ticks(top: float) -> list[float]:
    """About five round ticks from 0 to `top`.

    >>> share_ticks(0.5)
    [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    """
    step = _round_step(max(top, 1e-6) / 5)
    return [round(k * step, 10) for k in range(math.floor(top / step + 1e-9) + 1)]


def limit_shares(axes: Axes, top: float) -> None:
    """A vertical axis of shares from 0 to a little over `top`."""
    axes.set_ylim(0, top * 1.04)
    show_percents(axes.yaxis, share_ticks(top))


def place_values(axes: Axes, values: NDArray[np.float64], *, dtype: str = "") -> NDArray[np.float64]:
    """Horizontal positions of rising values, with ticks: linear, or like a logarithm (asinh) for skewed values."""
    positions = _positions(values)
    candidates = _candidates(values, dtype)
    at = np.interp(candidates, values, positions)
    labels = [value_text(float(candidate), dtype) for candidate in candidates]
    kept = _spread(at.tolist(), [_GAP + _LETTER * len(label) for label in labels], float(positions[-1] - positions[0]))
    axes.set_xticks([float(at[k]) for k in kept], [labels[k] for k in kept])
    return positions


def place_few(axes: Axes, values: NDArray[np.float64], *, dtype: str = "") -> NDArray[np.float64]:
    """Evenly spaced positions of values that are too few for a line, each with its label."""
    positions = np.arange(len(values), dtype=np.float64)
    truths = {0.0: "false", 1.0: "true"} if dtype == "bool" else {}
    axes.set_xticks(positions.tolist(), [truths.get(value, value_text(value, dtype)) for value in values.tolist()])
    axes.set_xlim(-0.6, len(values) - 0.4)
    return positions


def _positions(values: NDArray[np.float64]) -> NDArray[np.float64]:
    centre = float(np.median(values))
    below, above = centre - float(values[0]), float(values[-1]) - centre
    unit = min(side for side in (below, above, np.inf) if side > 0)
    if max(below, above) < _SKEW * unit:
        return values
    return np.asarray(np.arcsinh((values - centre) / unit), dtype=np.float64)


def _candidates(values: NDArray[np.float64], dtype: str) -> NDArray[np.float64]:
    """Values that may get a label: the roundest numbers first; for times, the values themselves."""
    low, high = float(values[0]), float(values[-1])
    if dtype == "datetime":
        return values
    highest = math.floor(math.log10(max(abs(low), abs(high), high - low)))
    powers = [10.0**power for power in range(highest, highest - 5, -1)]
    rounds = [0.0, *(sign * k * power for k in (1, 5, 2) for power in powers for sign in (1, -1))]
    step = _round_step((high - low) / 4)
    near = [(math.floor(low / step) + k) * step for k in range(6)]
    ticks = [tick for tick in (*rounds, *near) if low <= tick <= high]
    return np.array([tick for tick in ticks if dtype != YEAR or float(tick).is_integer()] or [low])


def _spread(at: Sequence[float], widths: Sequence[float], span: float) -> list[int]:
    """Indices of the labels to keep, so that none touches another; earlier labels have priority. In rising order.

    `at` are the labels' positions, and `widths` their widths as shares of `span`.
    """
    kept: list[int] = []
    for index, position in enumerate(at):
        if all(abs(position - at[other]) >= (widths[index] + widths[other]) / 2 * span for other in kept):
            kept.append(index)
    return sorted(kept, key=lambda index: at[index])


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= least * (1 - 1e-9))
