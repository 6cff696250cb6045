"""How each check looks: one module for each kind of thing to look at.

Methods: `specs`, `building`, `features`, `training`, `rehearsed`. The others are named after what
they look at.
"""
