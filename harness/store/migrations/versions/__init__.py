"""The revisions: `r<number>_<what>.py`, each with the number as its id."""
