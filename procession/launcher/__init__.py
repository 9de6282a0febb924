"""The process that serves a project: it holds the place, listens, and turns the flow's chapters."""
