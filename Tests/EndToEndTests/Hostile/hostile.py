"""What the makers of hostile files share: a list of the files, with the rules that may be told of each."""
import json
import os

FILES = {}


def file(name, *rules):
    """Registers a function that returns the bytes of a file, or writes the file at the path that it is given."""

    def register(make):
        # Outputs are named by what is in front of the first dot.
        assert name.split(".")[0] not in {other.split(".")[0] for other in FILES}, name
        FILES[name] = (rules, make)
        return make

    return register


def sparse(head, size):
    def make(path):
        with open(path, "wb") as out:
            out.write(head)
            out.truncate(size)

    return make


def main(directory):
    """Writes each file into `directory`, and `rules.json`, which gives for each name the rules of which one must be told; `done` where the
    file is taken."""
    os.makedirs(directory, exist_ok=True)
    for name, (_, make) in FILES.items():
        path = os.path.join(directory, name)
        data = make(path) if make.__code__.co_argcount == 1 else make()
        if data is not None:
            with open(path, "wb") as out:
                out.write(data)
    with open(os.path.join(directory, "rules.json"), "w") as out:
        json.dump({name: rules for name, (rules, _) in FILES.items()}, out)
