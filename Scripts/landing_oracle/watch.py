import json, os, re, signal, time

from .files import TEMPORARY, contents, hidden, tree, version_problems
from .formats import read
from .wholeness import Broken


class Watch:
    def __init__(self, options):
        self.options, self.problems, self.seen, self.reads, self.loops = options, [], {}, 0, 0

    def wrong(self, line):
        if line not in self.problems:
            self.problems.append(line)
            print("WRONG " + line, flush=True)

    def file(self, path, judge):
        """Reads it when it is another one than last time."""
        try:
            with open(path, "rb") as file:
                mark = os.fstat(file.fileno())
                mark = (mark.st_ino, mark.st_size, mark.st_mtime_ns, mark.st_ctime_ns)
                if self.seen.get(path) == mark:
                    return
                data = file.read()
        except FileNotFoundError:
            return
        self.reads += 1
        try:
            judge(data)
        except Broken as error:
            self.wrong(f"{path} ({len(data)} bytes): {error}")
        self.seen[path] = mark

    def outputs(self, root):
        now = set()
        for path in tree(root):
            full = os.path.join(root, path)
            if path.startswith(os.path.join("_millrace", "claim")):
                continue  # says who works on the folder
            if path.startswith("_millrace" + os.sep):
                # The daemon's claim of the folder stands there too.
                if path.endswith(".jsonl"):
                    self.file(full, self.manifest)
                continue
            if any(hidden(part) for part in path.split(os.sep)):
                continue
            if TEMPORARY.search(os.path.basename(path)):
                self.wrong(f"{full} is a temporary name")
            now.add(full)
            self.file(full, lambda data: read(path, data))
        if self.options.away and os.path.exists(self.options.away):
            return
        for full in [full for full in self.seen if full.startswith(root + os.sep) and full not in now]:
            if not os.path.lexists(full):
                self.wrong(f"{full} was there and is gone")
                del self.seen[full]

    def manifest(self, data):
        # The last line may be under way: its name says that the file is not for readers of data.
        for line in data.split(b"\n")[:-1]:
            try:
                json.loads(line)
            except ValueError as error:
                raise Broken(str(error))

    def models(self, root):
        for name in os.listdir(root) if os.path.isdir(root) else []:
            folder = os.path.join(root, name)
            if name == "ACTIVE":
                self.file(folder, lambda data: self.active(root, data))
            elif name.isdigit():
                try:
                    mark = os.stat(folder).st_ino
                except FileNotFoundError:
                    continue
                if self.seen.get(folder) == mark:
                    continue
                self.reads += 1
                problems = version_problems(folder)
                # Pruned while it was read.
                if problems and not os.path.isdir(folder):
                    continue
                for line in problems:
                    self.wrong(f"{folder}: {line}")
                self.seen[folder] = mark
        if self.options.prunes or self.options.away and os.path.exists(self.options.away):
            return
        for folder in [path for path in self.seen if os.path.dirname(path) == root and os.path.basename(path).isdigit()]:
            if not os.path.lexists(folder):
                self.wrong(f"{folder} was there and is gone")
                del self.seen[folder]

    def active(self, root, data):
        if not re.fullmatch(rb"[1-9]\d*\n", data):
            raise Broken("not one version number")
        version = data.decode().strip()
        try:
            if not os.path.isfile(os.path.join(root, version, "card.json")) and contents(os.path.join(root, "ACTIVE")) == data:
                raise Broken(f"there is no version {version}")
        except FileNotFoundError:
            pass  # all of it is away

    def run(self):
        stopping = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.append(True))
        end = time.monotonic() + self.options.seconds if self.options.seconds else None
        while True:
            last = bool(stopping) or (end and time.monotonic() > end) or (self.options.stop and os.path.exists(self.options.stop))
            for root in self.options.outputs:
                self.outputs(root)
            for root in self.options.models:
                self.models(root)
            self.loops += 1
            if last:
                break
            time.sleep(self.options.pause)
        print(json.dumps({"problems": len(self.problems), "loops": self.loops, "reads": self.reads}))
        return 1 if self.problems else 0
