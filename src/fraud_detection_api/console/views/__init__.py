"""View models: what a page shows, as values, without HTML."""
