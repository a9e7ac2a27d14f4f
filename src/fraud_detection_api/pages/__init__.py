"""HTML pages that are not training's."""
