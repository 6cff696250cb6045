"""Data sets of the user's own: gathered from a CSV or a folder, examined, split and registered.

`gather` lists the images, `survey` opens them, `doctor` says what is odd, `proposal` makes a
protocol, `shelf` keeps the files, and `registration` does one after the other.
"""
