"""What readers of formats share."""
import json


class Broken(Exception):
    """The bytes are not a whole file of that format."""


def text(value):
    return value if isinstance(value, str) else json.dumps(value)
