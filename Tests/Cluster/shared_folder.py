"""One shared file system that is mounted twice on this machine, as by two machines: SeaweedFS, which needs only /dev/fuse and root.

    with SharedFolder(folder) as shared: shared.mounts  # two paths of the same folder

What one mount has made the other sees a little later. Neither `link` nor a rename that must not replace decides a race between two mounts;
`mkdir` does.
"""
import os, signal, subprocess, time

from slurm import free_ports

WEED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".deps", "cluster", "bin", "weed")


def missing():
    """What is missing here, in words; None where it can be had."""
    if not os.path.exists(WEED):
        return f"{os.path.normpath(WEED)} is missing: Scripts/cluster-tools"
    if not os.path.exists("/dev/fuse"):
        return "/dev/fuse is missing"
    return None if os.geteuid() == 0 else "mounting takes root"


class SharedFolder:
    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.mounts = [os.path.join(self.folder, name) for name in ("mount-a", "mount-b")]
        self.processes = []

    def __enter__(self):
        if missing():
            raise SystemExit(missing())
        for path in [os.path.join(self.folder, name) for name in ("data", "cache-a", "cache-b")] + self.mounts:
            os.makedirs(path, exist_ok=True)
        try:
            master, volume, filer = self.ports()
            self.start("server", [
                "server", f"-dir={self.folder}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-master.port={master}",
                f"-volume.port={volume}", "-filer", f"-filer.port={filer}", "-volume.max=20", "-master.volumeSizeLimitMB=64"])
            for path in self.mounts:
                self.start(os.path.basename(path), [
                    "mount", f"-filer=127.0.0.1:{filer}", f"-dir={path}", f"-cacheDir={self.folder}/cache-{path[-1]}",
                    f"-localSocket={self.folder}/{os.path.basename(path)}.socket"])
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    @staticmethod
    def ports():
        """Three ports of which those 10,000 above are free too: each part listens there as well."""
        while True:
            ports = free_ports(3)
            if max(ports) + 10_000 < 65_536:
                return ports
            ports = [20_000 + port % 20_000 for port in ports]
            if len(set(ports)) == 3:
                return ports

    def start(self, name, words):
        with open(os.path.join(self.folder, name + ".log"), "ab") as log:
            self.processes.append(subprocess.Popen(
                [WEED, "-logtostderr=true"] + words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                start_new_session=True))

    def wait(self, seconds=60):
        """Returns when what one mount has made is seen through the other."""
        end = time.monotonic() + seconds
        probe = [os.path.join(mount, "probe") for mount in self.mounts]
        while time.monotonic() < end:
            if any(process.poll() is not None for process in self.processes):
                raise RuntimeError(f"SeaweedFS ended: see {self.folder}")
            if all(os.path.ismount(mount) for mount in self.mounts):
                try:
                    if not os.path.exists(probe[0]):
                        with open(probe[0], "w") as file:
                            file.write("probe")
                    with open(probe[1]) as file:
                        if file.read() == "probe":
                            os.unlink(probe[0])
                            return
                except OSError:
                    pass
            time.sleep(0.2)
        raise TimeoutError(f"the mounts did not come in {seconds} s: see {self.folder}")

    def __exit__(self, *_):
        for mount in self.mounts:
            if os.path.ismount(mount):
                subprocess.run(["umount", "-l", mount], check=False)
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
