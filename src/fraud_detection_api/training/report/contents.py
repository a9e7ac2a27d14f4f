"""The sections of a report, in order."""

from collections.abc import Callable

from fraud_detection_api.report.document import Section
from fraud_detection_api.training.report.material import Material
from fraud_detection_api.training.report.sections import (
    calibration,
    columns,
    decisions,
    headline,
    learning,
    limits,
    making,
    policy,
    purpose,
    ranking,
    segments,
    tuning,
)

_BUILDERS: tuple[Callable[[Material], Section | None], ...] = (
    purpose.purpose,
    headline.headline,
    limits.limits,
    making.warnings,
    ranking.ranking,
    calibration.calibration,
    decisions.capture,
    decisions.costs,
    policy.policy,
    columns.importance,
    columns.dependence,
    segments.segments,
    learning.learning,
    making.constraints,
    making.data,
    making.split,
    making.settings,
    tuning.tuning,
    making.software,
)


def contents(material: Material) -> list[Section]:
    """Every section for which there is material."""
    return [section for build in _BUILDERS if (section := build(material)) is not None]
