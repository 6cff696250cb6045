"""Eight squares of four people by two cameras, and readers with one fault each."""

from __future__ import annotations

import random
from dataclasses import replace

from PIL import Image

from harness import DataError, Record

SIZE = (16, 32)


def generate(root):
    for record in read(root):
        Image.new("RGB", SIZE, (40 * record.pid, 90 * record.camid, 0)).save(root / record.path)


def generate_broken(root):
    generate(root)
    (root / "3_2.png").write_text("no image")


def generate_nothing(root):
    raise DataError("No square can be drawn.", "Draw circles.")


def read(root):
    return [
        Record(id=f"{pid}_{camid}", path=f"{pid}_{camid}.png", pid=pid, camid=camid)
        for pid in (1, 2, 3, 4)
        for camid in (1, 2)
    ]


def _changed(root, **fields):
    records = read(root)
    return [*records[:-1], replace(records[-1], **fields)]


def twice(root):
    return _changed(root, id="1_1")


def shuffled(root):
    return random.sample(read(root), 8)


def absolute(root):
    return _changed(root, path=str(root / "4_2.png"))


def nowhere(root):
    return _changed(root, path="nowhere.png")


def no_camera(root):
    records = read(root)
    return [replace(records[0], camid=0), *records[1:]]


def odd_rate(root):
    return _changed(root, r=7)


def shared(root):
    return _changed(root, path="1_1.png")


def unmatched(root):
    return _changed(root, camid=1)
