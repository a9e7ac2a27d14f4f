"""The sections of the report as plain text and numbers; renderers decide how they look."""
