"""Data sets: finding and reading them, protocols and splits (torch-free), images and sampling."""
