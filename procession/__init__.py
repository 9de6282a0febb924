"""Procession: your scripts, in production.

The public names are imported on first use, so that ``import procession`` costs next to nothing.
"""

__version__ = "0.1.0"
