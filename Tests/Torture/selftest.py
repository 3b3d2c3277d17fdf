"""Whether the judge sees: every kind of damage is done to what a short, quiet run has published, and must be found."""
import glob, hashlib, json, os, shutil, time


class SelfTest:
    def __init__(self, torture):
        self.torture, self.root, self.load, self.judge = torture, torture.root, torture.load, torture.judge
        self.failures = []

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def drop(self):
        """Two models for each pipeline, labels, and files of all kinds; the second model comes when the first has scored."""
        self.load.first_models()
        for pipeline in self.load.data:
            self.load.drop_data(pipeline, is_bad=True)
            for _ in range(5):
                self.load.drop_data(pipeline, is_bad=False)
        self.torture.settle()
        for pipeline in self.load.data:
            self.load.drop_model(pipeline, is_bad=False)
        self.load.drop_model("kept", is_bad=True)
        self.load.drop_labels()
        self.torture.settle()
        for pipeline in self.load.data:
            for _ in range(3):
                self.load.drop_data(pipeline, is_bad=False)
        self.torture.settle()

    # What is damaged.

    def manifest(self, pipeline):
        return sorted(glob.glob(self.path("out", pipeline, "outputs", "_millrace", "*.jsonl")))[-1]

    def lines(self, pipeline):
        with open(self.manifest(pipeline)) as file:
            return [json.loads(line) for line in file]

    def newest(self, pipeline):
        """The last line of an output that stands as it says, of several rows."""
        lines = self.lines(pipeline)
        last = {line["path"]: index for index, line in enumerate(lines)}
        index = max(index for index in last.values() if (lines[index].get("rows") or 0) > 1)
        return lines, index, self.path("out", pipeline, "outputs", lines[index]["path"])

    def write_lines(self, pipeline, lines):
        with open(self.manifest(pipeline), "w") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)

    def rewrite(self, change):
        """Changes the text of an output, and its manifest line with it, as a program would that computes something wrong."""
        lines, index, output = self.newest("kept")
        with open(output) as file:
            text = change(file.read().splitlines(keepends=True))
        with open(output, "w") as file:
            file.write("".join(text))
        data = "".join(text).encode()
        lines[index].update(output_digest=hashlib.sha256(data).hexdigest(), bytes=len(data))
        self.write_lines("kept", lines)

    def write(self, path, text):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)

    def truncate(self, path, by):
        os.truncate(path, os.path.getsize(path) - by)

    def other_version(self):
        lines, index, _ = self.newest("kept")
        lines[index]["model_version"] = 3 - lines[index]["model_version"]
        self.write_lines("kept", lines)

    def trained(self, change):
        """Changes the card of a version with what was learnt."""
        for path in sorted(glob.glob(self.path("out/learning/models/*/card.json"))):
            with open(path) as file:
                card = json.load(file)
            if "training_data" in card:
                change(card)
                return self.write(path, json.dumps(card))
        raise ValueError("no version was trained")

    def foreign_reason(self):
        path, dropped = next((path, dropped) for path, dropped in self.load.data["kept"].items() if dropped[-1].rows)
        # Of content that has no output: its line is gone as well.
        self.write_lines("kept", [line for line in self.lines("kept") if line["input"] != path])
        self.write(self.path("quarantine/kept", path + ".reason.json"), json.dumps({"path": path, "digest": dropped[-1].digest}))

    def damages(self):
        lines, index, output = self.newest("kept")
        archived = next(dropped[-1].digest for dropped in self.load.data["archived"].values() if dropped[-1].rows)
        reason = glob.glob(self.path("quarantine", "*", "**", "*.reason.json"), recursive=True)
        reason = next(path for path in reason if not path.endswith(".onnx.reason.json"))

        def archive_loses():
            for folder, _, names in os.walk(self.path("archive")):
                for name in names:
                    with open(os.path.join(folder, name), "rb") as file:
                        is_it = hashlib.sha256(file.read()).hexdigest() == archived
                    if is_it:
                        os.unlink(os.path.join(folder, name))

        return [
            ("an output is removed", "lost", lambda: os.unlink(output)),
            ("an output stands twice", "doubled", lambda: shutil.copy(output, output.replace(".csv", ".2.csv"))),
            ("an output is cut", "partial", lambda: self.truncate(output, 3)),
            ("a manifest line is removed", "lost", lambda: self.write_lines("kept", lines[:index] + lines[index + 1:])),
            ("a manifest line stands twice", "doubled", lambda: self.write_lines("kept", lines + [lines[index]])),
            ("a manifest is cut", "partial", lambda: self.truncate(self.manifest("kept"), 1)),
            ("a row is lost", "wrong", lambda: self.rewrite(lambda text: text[:-1])),
            ("a row stands twice", "wrong", lambda: self.rewrite(lambda text: text + text[-1:])),
            ("two rows change places", "wrong", lambda: self.rewrite(lambda text: text[:-2] + [text[-1], text[-2]])),
            ("a value is another", "wrong", lambda: self.rewrite(lambda text: text[:-1] + [text[-1].split(",")[0] + ",-1.5\n"])),
            ("another version has scored", "wrong", self.other_version),
            ("a version is removed", "lost", lambda: shutil.rmtree(self.path("out/kept/models/1"))),
            ("a model is cut", "partial", lambda: self.truncate(self.path("out/deleted/models/1/model.onnx"), 1)),
            ("labels are used twice", "doubled", lambda: self.trained(lambda card: card["training_data"].append(card["training_data"][0]))),
            ("a row is trained on twice", "doubled", lambda: self.trained(lambda card: card["decisions"].update(training_rows=1000))),
            ("the gate let a worse model pass", "wrong",
             lambda: self.trained(lambda card: card["gate"].update(after=card["gate"]["before"] + 1))),
            ("ACTIVE names an older version", "wrong", lambda: self.write(self.path("out/kept/models/ACTIVE"), "1\n")),
            ("an input is removed", "lost", lambda: os.unlink(self.path("spool/kept/data", lines[index]["input"]))),
            ("an archived input is removed", "lost", archive_loses),
            ("a reason is removed", "lost", lambda: os.unlink(reason)),
            ("a good file is in quarantine", "lost", self.foreign_reason),
            ("something is left in staging", "wrong", lambda: self.write(self.path(".millrace/staging/work/1-1-output.csv"), "x")),
            ("the daemon has crashed", "wrong", lambda: self.torture.daemon.ends.append((-11, {"ledger locked"}))),
            ("the daemon has ended without a fault", "wrong", lambda: self.torture.daemon.ends.append((1, set()))),
        ]

    def run(self):
        self.torture.prepare()
        self.torture.daemon.start()
        reader = self.torture.reading = self.torture.reader()
        self.drop()
        status = self.torture.daemon.stop()
        self.torture.daemon.is_over.set()
        found = self.judge.judge()
        for kind, lines in found.items():
            self.failures += [f"without damage: {kind}: {line}" for line in lines]
        said = self.told_by_reader(reader)
        for wanted in ("models/1 was there and is gone", os.path.relpath(self.newest("kept")[2], self.root) + " ("):
            if wanted not in said:
                self.failures.append(f"the reader has not said `{wanted}`: {said}")
        # From here on only what the judge sees itself.
        self.judge.commands = lambda: None
        folders = ["out", "spool/kept", "archive", "quarantine"]
        for what, kind, damage in self.damages():
            for folder in folders:
                shutil.copytree(self.path(folder), self.path("before", folder), symlinks=True)
            damage()
            lines = self.judge.judge()[kind]
            print(f"{what}: {kind}: {lines[0] if lines else 'NOT SEEN'}", flush=True)
            if not lines:
                self.failures.append(f"not seen: {what}")
            self.torture.daemon.ends.clear()
            shutil.rmtree(self.path(".millrace/staging/work"), ignore_errors=True)
            for folder in folders:
                self.restore(self.path("before", folder), self.path(folder))
            shutil.rmtree(self.path("before"))
        for failure in [f"the daemon ended with {status}"] * (status != 0) + self.failures:
            print(f"FAILED: {failure}", flush=True)
        return 1 if self.failures or status != 0 else 0

    def told_by_reader(self, reader):
        """What it says of an output that is cut for a moment, and of a version that is away for one."""
        output, version = self.newest("kept")[2], self.path("out/kept/models/1")
        with open(output) as file:
            text = file.read()
        self.write(output, text[:-1])
        time.sleep(1)
        self.write(output, text)
        os.rename(version, self.path("out/kept/away"))
        time.sleep(1)
        os.rename(self.path("out/kept/away"), version)
        self.write(self.path("stop"), "")
        return reader.communicate()[0]

    def restore(self, source, target):
        """Makes `target` what it was: it may be a mount, which stays."""
        for name in os.listdir(target):
            path = os.path.join(target, name)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
