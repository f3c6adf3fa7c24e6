"""ocici: sign every tool of a pipeline in to Oracle Cloud Infrastructure, and leave nothing behind."""

__version__ = "1.0.0"
