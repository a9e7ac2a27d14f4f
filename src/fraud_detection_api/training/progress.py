"""Progress of work that has stages."""

from collections.abc import Callable

Progress = Callable[[float], None]
"""Called with the share of the work that is done, 0 to 1."""


def stages(on_progress: Progress, *efforts: float) -> list[Progress]:
    """A progress for each stage of the work, by its share of the effort.

    >>> first, second = stages(print, 3, 1)
    >>> first(1.0), second(0.5)
    0.75
    0.875
    (None, None)
    """
    total, begun = sum(efforts), 0.0
    parts = []
    for effort in efforts:
        parts.append(_stage(on_progress, begun / total, effort / total))
        begun += effort
    return parts


def _stage(on_progress: Progress, begun: float, share: float) -> Progress:
    return lambda done: on_progress(begun + share * done)


def shares(on_progress: Progress, count: int) -> list[Progress]:
    """A progress for each of `count` equal parts that may be worked on at once.

    >>> first, second = shares(print, 2)
    >>> first(0.5), second(0.5)
    0.25
    0.5
    (None, None)
    """
    done = [0.0] * count

    def part(number: int) -> Progress:
        def report(share: float) -> None:
            done[number] = share
            on_progress(sum(done) / count)

        return report

    return [part(number) for number in range(count)]
