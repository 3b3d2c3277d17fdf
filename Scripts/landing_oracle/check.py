import json, os, re, stat

from .files import TEMPORARY, contents, hidden, sha256, tree, version_problems
from .formats import read
from .tables import pyarrow
from .wholeness import Broken


class Check:
    def __init__(self, options):
        self.options, self.problems, self.counts = options, [], {}

    def wrong(self, line):
        self.problems.append(line)

    def inputs(self):
        """Path -> (digest, bytes or None), of what should have been scored."""
        options, found = self.options, {}
        for root in filter(None, [options.archive, options.spool]):
            for path in tree(root):
                if any(hidden(part) for part in path.split(os.sep)) or not os.path.isfile(os.path.join(root, path)):
                    continue
                data = contents(os.path.join(root, path))
                found[path] = (sha256(data), data)
        if options.expect:
            with open(options.expect) as file:
                expected = json.load(file)
            for path, digest in expected.items():
                if path in found and found[path][0] != digest:
                    self.wrong(f"input {path} is not what was dropped")
                found.setdefault(path, (digest, None))
        return found

    def refused(self):
        """Paths that have a reason in quarantine."""
        found = {}
        if not self.options.quarantine:
            return found
        for path in tree(self.options.quarantine):
            if not path.endswith(".reason.json"):
                continue
            try:
                reason = json.loads(contents(os.path.join(self.options.quarantine, path)))
                missing = [key for key in ("what", "rule", "remedy", "path") if not reason.get(key)]
                if missing:
                    self.wrong(f"quarantine {path} lacks {', '.join(missing)}")
                found[reason["path"]] = reason.get("digest")
            except (ValueError, KeyError) as error:
                self.wrong(f"quarantine {path}: {error}")
        return found

    def manifest(self):
        """The lines of this pipeline, in the order of their files."""
        lines, folder = [], os.path.join(self.options.outputs, "_millrace")
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if name == "claim":
                continue  # says who works on the folder
            if not re.fullmatch(r"manifest-\d{8}.*\.jsonl", name):
                self.wrong(f"_millrace/{name} is left over")
                continue
            data = contents(os.path.join(folder, name))
            if not data.endswith(b"\n"):
                self.wrong(f"_millrace/{name}: the last line is cut")
            for number, line in enumerate(data.split(b"\n")[:-1], 1):
                try:
                    entry = json.loads(line)
                except ValueError as error:
                    self.wrong(f"_millrace/{name}:{number}: {error}")
                    continue
                if entry.get("pipeline") == self.options.pipeline:
                    lines.append(entry)
        seen = set()
        for entry in lines:
            key = (entry["path"], entry["run"], entry["output_digest"])
            if key in seen:
                self.wrong(f"two manifest lines for {entry['path']} of run {entry['run']}")
            seen.add(key)
        return lines

    def outputs(self, inputs, refused, lines):
        root = self.options.outputs
        newest, of_input = {}, {}
        for entry in sorted(lines, key=lambda entry: (entry["arrival"], entry["run"])):
            newest[entry["path"]] = entry
        runs = {}
        for entry in lines:
            if runs.setdefault(entry["run"], entry["path"]) != entry["path"]:
                self.wrong(f"run {entry['run']} published both {runs[entry['run']]} and {entry['path']}")
        on_disk = [path for path in tree(root) if not path.startswith("_millrace" + os.sep)]
        for path in on_disk:
            full = os.path.join(root, path)
            if any(hidden(part) for part in path.split(os.sep)) or TEMPORARY.search(os.path.basename(path)):
                self.wrong(f"output root holds {path}")
            elif not stat.S_ISREG(os.lstat(full).st_mode):
                self.wrong(f"output {path} is not a regular file")
            elif path not in newest:
                self.wrong(f"output {path} is in no manifest")
        for path, entry in newest.items():
            of_input.setdefault(entry["input"], []).append(entry)
            if path not in on_disk:
                self.wrong(f"output {path} of run {entry['run']} is missing")
                continue
            data = contents(os.path.join(root, path))
            if sha256(data) != entry["output_digest"] or len(data) != entry["bytes"]:
                self.wrong(f"output {path} is not what the manifest says ({len(data)} bytes, {entry['bytes']} expected)")
            self.rows(path, data, entry, inputs.get(entry["input"]))
        for path, (digest, _) in inputs.items():
            entries = of_input.pop(path, [])
            current = [entry for entry in entries if entry["input_digest"] == digest]
            if refused.get(path, "") in (digest, None):
                if current:
                    self.wrong(f"input {path} is in quarantine and has an output")
            elif len(entries) != 1:
                names = ", ".join(entry["path"] for entry in entries) or "none"
                self.wrong(f"input {path} has {len(entries)} outputs: {names}")
            elif not current:
                self.wrong(f"the output of {path} is of other content ({entries[0]['input_digest'][:12]}, not {digest[:12]})")
        if self.options.spool and not self.options.archive or self.options.expect:
            for path in of_input:
                self.wrong(f"there is an output of {path}, which is no input")
        self.counts.update(inputs=len(inputs), refused=len(refused), outputs=len(on_disk), manifest_lines=len(lines))

    def rows(self, path, data, entry, given):
        try:
            count, keys = read(path, data, self.options.key)
        except Broken as error:
            self.wrong(f"output {path} is not whole: {error}")
            return
        if count is not None and entry.get("rows") not in (None, count):
            self.wrong(f"output {path} has {count} rows, the manifest says {entry['rows']}")
        if not given or given[1] is None or given[0] != entry["input_digest"]:
            return
        try:
            # An input need not end with a newline.
            source = given[1]
            if entry["input"].endswith((".csv", ".jsonl")) and not source.endswith(b"\n"):
                source += b"\n"
            wanted, wanted_keys = read(entry["input"], source, self.options.key)
        except Broken as error:
            self.wrong(f"input {entry['input']} is not whole ({error}) and has an output")
            return
        if None not in (count, wanted) and count != wanted:
            self.wrong(f"output {path} has {count} rows, its input {wanted}")
        if self.options.key:
            if keys is None and wanted_keys is not None and (pyarrow or not path.endswith((".parquet", ".arrow"))):
                self.wrong(f"output {path} has no column {self.options.key}")
            if None not in (keys, wanted_keys):
                self.counts["keys"] = self.counts.get("keys", 0) + len(keys)
                if keys != wanted_keys:
                    self.wrong(f"output {path}: the column {self.options.key} is not that of its input, in its order")

    def models(self, lines):
        root = self.options.models
        if not root:
            return
        versions, arrivals = {}, {}
        for name in sorted(os.listdir(root)) if os.path.isdir(root) else []:
            # `_millrace` holds the daemon's claim, and the cards of pruned versions.
            if name in ("ACTIVE", "_millrace"):
                continue
            if hidden(name) or not re.fullmatch(r"[1-9]\d*", name):
                self.wrong(f"model directory holds {name}")
                continue
            for line in version_problems(os.path.join(root, name)):
                self.wrong(f"version {name}: {line}")
            try:
                card = json.loads(contents(os.path.join(root, name, "card.json")))
            except (OSError, ValueError):
                continue
            versions[int(name)] = card
            if card.get("version") != int(name) or card.get("pipeline") != self.options.pipeline:
                self.wrong(f"version {name}: its card is of {card.get('pipeline')} {card.get('version')}")
            other = arrivals.setdefault(card.get("arrival"), name)
            if other != name:
                self.wrong(f"versions {other} and {name} are of one arrival")
        active = None
        if os.path.exists(os.path.join(root, "ACTIVE")):
            value = contents(os.path.join(root, "ACTIVE")).decode("latin-1").strip()
            active = int(value) if value.isdigit() else None
            if active not in versions:
                self.wrong(f"ACTIVE says {value!r} and there is no such version")
        elif versions:
            self.wrong("there are versions and no ACTIVE")
        for entry in lines:
            version = entry.get("model_version")
            if version is not None and version > max(versions, default=0):
                self.wrong(f"{entry['path']} was scored by version {version}, which never was")
        self.counts.update(versions=len(versions), active=active)

    def leftovers(self):
        areas = [os.path.join(self.options.root, ".millrace", "staging")] + self.options.staging
        for area in areas:
            for path in tree(area) if os.path.isdir(area) else []:
                self.wrong(f"staging holds {os.path.join(area, path)}")
            for folder, folders, _ in os.walk(area):
                for name in folders:
                    if name not in ("work", "held") and os.path.basename(folder) in ("work", "held"):
                        self.wrong(f"staging holds the directory {os.path.join(folder, name)}")
        for root in filter(None, [self.options.quarantine, self.options.archive]):
            for path in tree(root) if os.path.isdir(root) else []:
                if any(hidden(part) for part in path.split(os.sep)) or TEMPORARY.search(os.path.basename(path)):
                    self.wrong(f"{root} holds {path}")

    def run(self):
        inputs, refused, lines = self.inputs(), self.refused(), self.manifest()
        self.outputs(inputs, refused, lines)
        self.models(lines)
        self.leftovers()
        for line in self.problems:
            print("WRONG " + line)
        print(json.dumps({"problems": len(self.problems), **self.counts}))
        return 1 if self.problems else 0
