"""Plots for tests that are about something else: painting those of a report takes longer than the rest of a training."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fraud_detection_api.report import page
from fraud_detection_api.report.canvas import draw
from fraud_detection_api.report.document import Plot, words_for
from fraud_detection_api.report.html import html_text


def sketch(paint, *, name, title, description, small=False) -> str:
    """In place of `draw`: its texts in its element, and no picture."""
    told = f'<title id="{name}-title">{html_text(title)}</title><desc id="{name}-text">{html_text(description)}</desc>'
    return f'<svg class="plot" role="img" aria-labelledby="{name}-title {name}-text">{told}</svg>'


@contextmanager
def plots_made_by(function) -> Iterator[None]:
    """While the block runs, the reports of this process have their plots from `draw` or from `sketch`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "draw", function)
        yield


def drawn(plot: Plot) -> str:
    """The plot as a page has it, where a whole page of plots would take a second."""
    return draw(
        lambda figure, axes: plot.paint(figure, axes, plot.data, words_for("fraud")),
        name="plot",
        title=plot.title,
        description=plot.reading,
        small=True,
    )
