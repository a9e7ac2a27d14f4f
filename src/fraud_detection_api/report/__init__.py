"""Building blocks of reports: document, page, style, canvas, scales and numbers."""
