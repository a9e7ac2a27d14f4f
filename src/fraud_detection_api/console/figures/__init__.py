"""Figures that pages show: measured apart from requests, and drawn as plain SVG."""
