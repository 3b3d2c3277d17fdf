"""What must be true at the end, from what was dropped, the outputs, the manifests and the published models alone."""
import csv, io, json, os, re, struct, sys

import pyarrow, pyarrow.ipc, pyarrow.parquet

import onnx_bytes
from load import OUTPUT, PIPELINES

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Scripts"))
from landing_oracle.files import contents, sha256, tree, version_problems


def single(number):
    """The nearest float of 32 bits."""
    return struct.unpack("<f", struct.pack("<f", number))[0]


def rows_of(form, data):
    if form == "csv":
        rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
        return {name: [row[index] for row in rows[1:]] for index, name in enumerate(rows[0])}
    if form == "jsonl":
        records = [json.loads(line) for line in data.decode().splitlines()]
        return {name: [record[name] for record in records] for name in records[0]}
    table = pyarrow.parquet.read_table(io.BytesIO(data)) if form == "parquet" else pyarrow.ipc.open_file(io.BytesIO(data)).read_all()
    return table.to_pydict()


class Judge:
    def __init__(self, root, load, daemon):
        self.root, self.load, self.daemon = root, load, daemon
        self.found = {"lost": [], "doubled": [], "partial": [], "wrong": []}
        # Reasons that stand in quarantine although their file is done.
        self.stale = []
        # Pipelines that have another name by now.
        self.names = {}
        # Whether the ledger was there all the time, so that everything must have been told.
        self.hears = False

    def say(self, kind, line):
        self.found[kind].append(line)

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def visible(self, *parts):
        """The files below, but for what is hidden, such as claims of folders."""
        return [path for path in tree(self.path(*parts)) if not any(part.startswith(".") for part in path.split(os.sep))]

    # Reading.

    def manifest(self, pipeline):
        folder, lines = self.path("out", pipeline, "outputs", "_millrace"), []
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            # The daemon's claim of the folder stands there too.
            if not name.endswith(".jsonl"):
                continue
            data = contents(os.path.join(folder, name))
            if not data.endswith(b"\n"):
                self.say("partial", f"{pipeline}: the last line of {name} is cut")
            for line in data.split(b"\n")[:-1]:
                try:
                    lines.append(json.loads(line))
                except ValueError:
                    self.say("partial", f"{pipeline}: a line of {name} is no JSON")
        return lines

    def reasons(self, pipeline):
        """Relative path -> digest, of what is in quarantine."""
        folder, found = self.path("quarantine", self.names.get(pipeline, pipeline)), {}
        for path in tree(folder) if os.path.isdir(folder) else []:
            if path.endswith(".reason.json"):
                try:
                    reason = json.loads(contents(os.path.join(folder, path)))
                except FileNotFoundError:
                    # Its file was replaced by a good one meanwhile.
                    continue
                found.setdefault(reason["path"], set()).add(reason.get("digest"))
        return found

    # Waiting for the end.

    def backlog(self):
        """How many paths have no output yet, roughly: for whoever drops files while others are done."""
        count = 0
        for pipeline in PIPELINES:
            folder, done = self.path("out", pipeline, "outputs", "_millrace"), set()
            try:
                for name in os.listdir(folder):
                    if name.endswith(".jsonl"):
                        done.update(re.findall(rb'"input": ?"([^"]*)"', contents(os.path.join(folder, name))))
            except OSError:
                return 0
            good = [path for path, dropped in list(self.load.data[pipeline].items()) if any(one.rows for one in list(dropped))]
            count += sum(path.encode() not in done for path in good)
        return count

    def pending(self):
        """What is not done yet, in words: of each path its last content counts."""
        for pipeline in PIPELINES:
            newest = {}
            for line in sorted(self.manifest(pipeline), key=lambda line: line["arrival"]):
                newest[line["input"]] = line
            reasons = self.reasons(pipeline)
            for path, dropped in self.load.data[pipeline].items():
                last = dropped[-1]
                if last.rows is None:
                    if last.digest not in reasons.get(path, ()):
                        yield f"{pipeline}: {path} is bad and not in quarantine"
                elif newest.get(path, {}).get("input_digest") != last.digest:
                    reason = f", but a reason in quarantine: {reasons[path]}" if path in reasons else ""
                    yield f"{pipeline}: {path} has no output" + reason
            if PIPELINES[pipeline].find("after: keep") < 0:
                for path in self.visible("spool", pipeline, "data"):
                    yield f"{pipeline}: {path} is still in its spool"

    def waiting(self):
        """What the program itself says that it has still to do, such as labels to learn from."""
        status = self.daemon.command("status", "--json")
        try:
            for pipeline in json.loads(status.stdout)["pipelines"]:
                waiting = {key: pipeline.get(key) for key in ("waiting", "settling", "running") if pipeline.get(key)}
                if waiting:
                    yield f"status says of {pipeline.get('pipeline') or pipeline.get('name')}: {json.dumps(waiting)[:300]}"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            yield f"status cannot be read ({error!r}): {status.stdout[:300]} {status.stderr[:300]}"

    def untold(self):
        """What has happened and nobody was told of; what was told as two events counts as doubled."""
        told = {}
        for line in contents(self.path("told.jsonl")).splitlines() if os.path.exists(self.path("told.jsonl")) else []:
            event = json.loads(line)
            told.setdefault((event["kind"], event.get("arrival")), set()).add(event["id"])
        for pipeline in PIPELINES:
            arrivals = [(line["arrival"], line["path"]) for line in self.manifest(pipeline)]
            arrivals += [(arrival, f"version {version}") for version, (arrival, _) in self.versions(pipeline).items()]
            for arrival, name in arrivals:
                ids = told.get(("published", arrival), ())
                if not ids:
                    yield f"{pipeline}: nobody was told of {name}, arrival {arrival}"
                elif len(ids) > 1:
                    self.say("doubled", f"{pipeline}: {name} was told as {len(ids)} events")
            folder = self.path("quarantine", self.names.get(pipeline, pipeline))
            for path in tree(folder) if os.path.isdir(folder) else []:
                if path.endswith(".reason.json"):
                    arrival = json.loads(contents(os.path.join(folder, path))).get("arrival")
                    if arrival and not any((kind, arrival) in told for kind in ("quarantined", "rejected")):
                        yield f"{pipeline}: nobody was told of {path}, arrival {arrival}"

    # The verdict.

    def judge(self):
        self.found, self.stale = {kind: [] for kind in self.found}, []
        for line in self.pending():
            self.say("lost", line)
        for line in self.untold() if self.hears else []:
            self.say("lost", line)
        for pipeline in PIPELINES:
            versions = self.versions(pipeline)
            self.outputs(pipeline, versions)
            self.learnt(pipeline, versions)
            self.inputs(pipeline)
        self.leftovers()
        self.commands()
        for line in self.daemon.wrong_ends():
            self.say("wrong", line)
        return self.found

    def versions(self, pipeline):
        """Version -> (arrival, what it adds)."""
        folder, found = self.path("out", pipeline, "models"), {}
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if not name.isdigit():
                if name not in ("ACTIVE", "_millrace"):
                    self.say("wrong", f"{pipeline}: the models' folder holds {name}")
                continue
            for problem in version_problems(os.path.join(folder, name)):
                self.say("partial", f"{pipeline}: version {name}: {problem}")
            card = json.loads(contents(os.path.join(folder, name, "card.json")))
            adds = onnx_bytes.addend(contents(os.path.join(folder, name, "model.onnx")))
            found[int(name)] = (card["arrival"], adds)
            if pipeline != "learning":
                dropped = self.load.models[pipeline].get(card["arrival_path"])
                if dropped is None or dropped.rows is None or dropped.digest != card["arrival_digest"] or dropped.rows != adds:
                    self.say("wrong", f"{pipeline}: version {name} is not the model that its card names")
        # A number that was reserved for a training is not given again where that came to nothing; that no version went away is seen by
        # the reader.
        if pipeline != "learning" and sorted(found) != list(range(1, len(found) + 1)):
            self.say("lost", f"{pipeline}: the versions are {sorted(found)}")
        arrivals = [arrival for arrival, _ in found.values()]
        if len(set(arrivals)) != len(arrivals):
            self.say("doubled", f"{pipeline}: two versions of one arrival: {found}")
        good = [path for path, content in self.load.models[pipeline].items() if content.rows is not None]
        if pipeline != "learning" and len(found) != len(good):
            self.say("lost", f"{pipeline}: {len(good)} good models and {len(found)} versions")
        if not found or not os.path.exists(os.path.join(folder, "ACTIVE")):
            self.say("lost", f"{pipeline}: it has {len(found)} versions, or no ACTIVE")
            return found
        active = contents(os.path.join(folder, "ACTIVE")).decode()
        if pipeline != "learning" and active != f"{max(found)}\n":
            self.say("wrong", f"{pipeline}: ACTIVE is {active!r}, the newest version {max(found)}")
        return found

    def learnt(self, pipeline, versions):
        """Versions follow each other, each from labels that were dropped, each row of which counts once, and none that the gate should
        have held."""
        # The labels that versions were trained on, by the number of what they came from.
        known, published = {}, ""
        for number in sorted(versions):
            card = json.loads(contents(self.path("out", pipeline, "models", str(number), "card.json")))
            where = f"{pipeline}: version {number}"
            if card["published_at"] < published:
                self.say("wrong", f"{where} was published before the one before it")
            published = card["published_at"]
            if "training_data" not in card:
                continue
            digests = [one["digest"] for one in card["training_data"]]
            labels = {content.digest: content.rows for content in self.load.labels.values()}
            if len(set(digests)) != len(digests):
                self.say("doubled", f"{where} was trained on the same labels twice")
            if not set(digests) <= set(labels):
                self.say("wrong", f"{where} was trained on labels that were never dropped")
                continue
            # Labels that arrived before a model are trained on what was there before it, also where the model has been trained sooner.
            arrival = versions[number][0]
            if not all(before <= set(digests) for other, before in known.items() if other < arrival):
                self.say("lost", f"{where} does not know labels that a version before it was trained on")
            known[arrival] = set(digests)
            rows, wanted = card["decisions"]["training_rows"] + card["gate"]["rows"], sum(len(labels[digest]["t"]) for digest in digests)
            if rows != wanted:
                self.say("doubled" if rows > wanted else "lost", f"{where} was trained and measured on {rows} rows of {wanted}")
            if card["gate"]["after"] > card["gate"]["before"]:
                self.say("wrong", f"{where} is worse than the one before it: {card['gate']}")
            # What is learnt lies between what was there and what the labels say.
            parent = card.get("parent", {}).get("version")
            start = versions[parent][1] if parent in versions else self.load.models[pipeline].get(card["arrival_path"])
            start = start.rows if hasattr(start, "rows") else start
            said = [labels[digest]["t"][0] - labels[digest]["x"][0] for digest in digests] + [start]
            if start is not None and not min(said) - 0.01 <= versions[number][1] <= max(said) + 0.01:
                self.say("wrong", f"{where} adds {versions[number][1]}, learnt from {said}")

    def outputs(self, pipeline, versions):
        root, lines = self.path("out", pipeline, "outputs"), self.manifest(pipeline)
        by_arrival, newest = {}, {}
        for line in sorted(lines, key=lambda line: (line["arrival"], line["run"])):
            by_arrival.setdefault(line["arrival"], []).append(line)
            newest[line["path"]] = line
        for arrival, own in by_arrival.items():
            if len(own) > 1:
                self.say("doubled", f"{pipeline}: {len(own)} manifest lines of arrival {arrival}, {own[0]['input']}")
        for line in lines:
            self.line(pipeline, line, versions, root, line is newest[line["path"]])
        on_disk = {path for path in tree(root) if not path.startswith("_millrace/")}
        for path in on_disk - set(newest):
            self.say("doubled", f"{pipeline}: output {path} is in no manifest")
        wanted = {
            path.rsplit(".", 1)[0] + "." + OUTPUT[pipeline]
            for path, dropped in self.load.data[pipeline].items() if any(one.rows for one in dropped)
        }
        for path in on_disk - wanted:
            self.say("wrong", f"{pipeline}: output {path} is of no input")

    def line(self, pipeline, line, versions, root, is_newest):
        """One line of a manifest: of content that was dropped, by the version that was in force, with the values that this gives."""
        where = f"{pipeline}: {line['path']} of arrival {line['arrival']}"
        content = next((one for one in self.load.data[pipeline].get(line["input"], []) if one.digest == line["input_digest"]), None)
        if content is None or content.rows is None:
            return self.say("wrong", f"{where} is of content that was never dropped, or is bad")
        version = line["model_version"]
        if version not in versions:
            return self.say("wrong", f"{where} was scored by version {version}, which never was")
        # Of models alone the order of arrivals says which version it must be.
        if pipeline != "learning":
            before = [number for number, (arrival, _) in versions.items() if arrival < line["arrival"]]
            if version != max(before, default=1):
                self.say("wrong", f"{where} was scored by version {version} instead of {max(before, default=1)}")
        wanted = [single(single(x) + single(versions[version][1])) for x in content.rows["x"]]
        if not is_newest:
            # Its file is replaced; that of CSV can be made again from what it must have held.
            if OUTPUT[pipeline] == "csv" and line["bytes"] and line.get("rows") not in (None, len(wanted)):
                self.say("wrong", f"{where} said {line.get('rows')} rows of {len(wanted)}")
            return None
        try:
            data = contents(os.path.join(root, line["path"]))
        except FileNotFoundError:
            return self.say("lost", f"{where} is gone")
        if sha256(data) != line["output_digest"] or len(data) != line["bytes"]:
            return self.say("partial", f"{where} has {len(data)} bytes, which are not those of the manifest")
        try:
            rows = rows_of(OUTPUT[pipeline], data)
            if [str(one) for one in rows["id"]] != content.rows["id"] or [float(one) for one in rows["y"]] != wanted:
                self.say("wrong", f"{where}: {list(zip(rows['id'], rows['y']))[:3]}, wanted {list(zip(content.rows['id'], wanted))[:3]}")
        except Exception as error:
            self.say("partial", f"{where} cannot be read: {error}")
        return None

    def inputs(self, pipeline):
        """Where the inputs are now, and that no good one is in quarantine."""
        bad = {(path, one.digest) for path, dropped in self.load.data[pipeline].items() for one in dropped if one.rows is None}
        bad |= {(path, one.digest) for path, one in self.load.models[pipeline].items() if one.rows is None}
        done = {(line["input"], line["input_digest"]) for line in self.manifest(pipeline)}
        for path, digests in self.reasons(pipeline).items():
            last = self.load.data[pipeline].get(path, [None])[-1]
            for digest in digests:
                if (path, digest) in bad:
                    continue
                if last and last.rows is not None and (path, last.digest) in done:
                    self.stale.append(f"{pipeline}: {path} ({digest})")
                else:
                    self.say("lost", f"{pipeline}: {path} ({digest}) is in quarantine and nothing is wrong with it")
        spool = self.path("spool", pipeline, "data")
        there = {path: sha256(contents(os.path.join(spool, path))) for path in self.visible("spool", pipeline, "data")}
        last = {path: dropped[-1] for path, dropped in self.load.data[pipeline].items()}
        if "after: keep" in PIPELINES[pipeline]:
            for path, content in last.items():
                if there.get(path) != content.digest:
                    self.say("lost", f"{pipeline}: input {path} is not in its spool")
        if "after: archive" in PIPELINES[pipeline]:
            archive = self.path("archive", pipeline)
            kept = {sha256(contents(os.path.join(archive, path))) for path in tree(archive)} if os.path.isdir(archive) else set()
            for path, content in last.items():
                if content.rows is not None and content.digest not in kept and there.get(path) != content.digest:
                    self.say("lost", f"{pipeline}: input {path} is neither in its spool nor in the archive")
            dropped = {one.digest for contents in self.load.data[pipeline].values() for one in contents}
            for digest in kept - dropped - {one.digest for one in self.load.models[pipeline].values()}:
                self.say("wrong", f"{pipeline}: the archive holds {digest}, which was never dropped")

    def leftovers(self):
        for folder, folders, _ in os.walk(self.root):
            for name in folders:
                if name == ".millrace-staging" or name == "staging" and (
                    folder == self.path(".millrace") or os.path.basename(os.path.dirname(folder)) == "epochs"):
                    for path in tree(os.path.join(folder, name)):
                        self.say("wrong", f"staging holds {os.path.join(folder, name, path)}")
        for pipeline in PIPELINES:
            for folder in ("outputs", "models"):
                for path in tree(self.path("out", pipeline, folder)):
                    if any(part.startswith(".") for part in path.split(os.sep)):
                        self.say("wrong", f"{pipeline}: {folder} hold {path}")

    def commands(self):
        """What the program itself says of it."""
        check = self.daemon.command("check")
        if check.returncode != 0:
            self.say("wrong", f"check ended with {check.returncode}: {check.stdout} {check.stderr}")
        for line in self.waiting():
            self.say("lost", line)
