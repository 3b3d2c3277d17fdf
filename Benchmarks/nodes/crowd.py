"""How many workers one daemon keeps busy: a real daemon, and workers that only pretend to compute.

    python Benchmarks/nodes/crowd.py --millrace .build/release/millrace --workers 10 100 300 --milliseconds 200

Each worker joins over a connection of its own, as `millrace worker` does, waits for so many milliseconds in place of computing, writes one row
and answers. So the daemon's own work is all that is measured: for each file, its processor time, and how much of their time the workers had
something to do. Needs onnx and numpy.
"""
import argparse
import asyncio
import hashlib
import hmac
import json
import os
import pathlib
import secrets
import subprocess
import tempfile
import time

from root import Root, model

FRAMES = 5


class Worker:
    """A worker that has joined: it answers each order after a while."""

    def __init__(self, folder, build, seconds, number):
        self.folder, self.build, self.seconds, self.number = folder, build, seconds, number
        self.busy, self.done = 0.0, 0

    async def join(self):
        host, port = json.loads((self.folder / "daemon.json").read_text())["address"].rsplit(":", 1)
        self.reader, self.writer = await asyncio.open_connection(host, int(port), limit=1 << 28)
        nonce = secrets.token_hex(16)
        hello = dict(frames=FRAMES, build=self.build, host=f"pretended-{self.number}", process=os.getpid(), places=1, isConfined=True,
                     nonce=nonce)
        self.say({"hello": {"_0": hello}})
        challenge = (await self.hear())["challenge"]
        words = ["worker", nonce, challenge["nonce"], str(FRAMES), self.build, hello["host"], str(os.getpid()), "1", "", "true"]
        message = "".join(f"{len(word.encode())}:{word}" for word in words).encode()
        key = (self.folder / "token").read_text().strip().encode()
        self.say({"proof": {"_0": hmac.new(key, message, hashlib.sha256).hexdigest()}})
        self.say({"seen": {"_0": [self.look(probe) for probe in (await self.hear())["probe"]["_0"]]}})
        answer = await self.hear()
        assert "welcome" in answer, answer

    @staticmethod
    def look(probe):
        folder = pathlib.Path(probe["folder"])
        sight = {"inode": os.stat(folder).st_ino}
        if "read" in probe:
            sight["digest"] = hashlib.sha256((folder / probe["read"]).read_bytes()).hexdigest()
        if "write" in probe:
            (folder / probe["write"]["name"]).write_text(probe["write"]["text"])
        return sight

    def say(self, frame):
        self.writer.write(json.dumps(frame, separators=(",", ":")).encode() + b"\n")

    async def hear(self):
        line = await self.reader.readline()
        assert line, "the daemon has closed the connection"
        return json.loads(line)

    async def beat(self):
        while True:
            self.say({"alive": {}})
            await asyncio.sleep(2)

    async def serve(self):
        beats = asyncio.create_task(self.beat())
        try:
            lot = []
            while True:
                frame = await self.hear()
                if "probe" in frame:
                    self.say({"seen": {"_0": [self.look(probe) for probe in frame["probe"]["_0"]]}})
                if "score" not in frame:
                    continue
                lot.append(frame["score"])
                if frame["score"].get("followed"):
                    continue
                begun = time.monotonic()
                await asyncio.sleep(self.seconds * len(lot))
                for order in lot:
                    self.answer(order)
                self.busy += time.monotonic() - begun
                self.done += len(lot)
                lot = []
        except (AssertionError, ConnectionError, asyncio.CancelledError):
            beats.cancel()

    def answer(self, order):
        text = b"id,y\nr,1.0\n"
        with open(order["output"], "wb") as file:
            file.write(text)
        written = dict(slot="output", path=order["output"], digest=hashlib.sha256(text).hexdigest(), bytes=len(text))
        self.say({"scored": dict(run=order["run"], attempt=order["attempt"], nonce=order["nonce"], rows=1,
                                 timings={"total": self.seconds}, files=[written], columns={"x": ["x"]})})


def processor_seconds(process):
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(root, build, count, seconds, files):
    workers = [Worker(root.workers, build, seconds, number) for number in range(count)]
    tasks = []
    for worker in workers:
        await worker.join()
        tasks.append(asyncio.create_task(worker.serve()))
    before, daemon = root.done(), root.daemon.pid
    names = [f"{count}-{number}.csv" for number in range(files)]
    for name in names:
        root.stage(name, "id,x\nr,1\n")
    spent, start = processor_seconds(daemon), time.monotonic()
    for name in names:
        root.show(name)
    while root.done() < before + files:
        assert root.daemon.poll() is None
        await asyncio.sleep(0.05)
    took, spent = time.monotonic() - start, processor_seconds(daemon) - spent
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{daemon}/status").read_text().splitlines())
    figures = {
        "workers": count, "milliseconds": 1000 * seconds, "files": files, "seconds": round(took, 2), "files_per_second": round(files / took),
        "busy": round(files * seconds / took / count, 3), "daemon_milliseconds_per_file": round(1000 * spent / files, 3),
        "daemon_mebibytes": int(status["VmRSS"].split()[0]) >> 10, "daemon_threads": int(status["Threads"]),
    }
    print(json.dumps(figures), flush=True)
    for task in tasks:
        task.cancel()
    for worker in workers:
        worker.writer.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--millrace", required=True)
    parser.add_argument("--workers", type=int, nargs="+", default=[10, 100, 300])
    parser.add_argument("--milliseconds", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=10, help="for how long the workers would have work")
    parser.add_argument("--folder", default=tempfile.gettempdir())
    arguments = parser.parse_args()
    build = subprocess.run([arguments.millrace, "--version"], capture_output=True, text=True).stdout.split()[-1]
    with Root(arguments.millrace, arguments.folder, lambda path: model(path, 4, 1)) as root:
        # A real worker lets the model in, and scores the first file.
        worker = root.join()
        root.drop("first.csv", "id,x\nr,1\n")
        root.wait(lambda: root.done() == 1)
        worker.terminate()
        worker.wait()
        root.processes.remove(worker)
        time.sleep(1)
        for count in arguments.workers:
            files = int(count * 1000 * arguments.seconds / arguments.milliseconds)
            asyncio.run(measure(root, build, count, arguments.milliseconds / 1000, files))
            time.sleep(1)


if __name__ == "__main__":
    main()
