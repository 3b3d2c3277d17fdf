"""Real faults of the machine, each begun, held for a while and ended. Those that mount need root and a mount namespace of their own."""
import os, shutil, signal, sqlite3, subprocess, time

from daemon import as_user


def hold(ledger, seconds):
    """Keeps the ledger from being written."""
    connection = sqlite3.connect(ledger, isolation_level=None, timeout=5)
    connection.execute("BEGIN IMMEDIATE")
    time.sleep(seconds)
    connection.execute("ROLLBACK")


def mount(*words):
    return subprocess.run(["mount", *words], capture_output=True).returncode == 0


def merge(source, target):
    """Moves all files of one output folder into another, as a person would: newer files go over older ones, and manifests are joined."""
    for folder, _, names in os.walk(source):
        relative = os.path.relpath(folder, source)
        if relative.split(os.sep)[:2] == ["_millrace", "claim"]:
            continue
        os.makedirs(os.path.join(target, relative), exist_ok=True)
        for name in names:
            one, other = os.path.join(folder, name), os.path.join(target, relative, name)
            if relative == "_millrace" and os.path.exists(other):
                with open(one, "rb") as lines, open(other, "rb+") as file:
                    known = set(file.read().splitlines())
                    file.write(b"".join(line + b"\n" for line in lines.read().splitlines() if line not in known))
            else:
                os.replace(one, other)
    shutil.rmtree(source)


class Faults:
    def __init__(self, root, load, daemon, random, is_quick):
        self.root, self.load, self.daemon, self.random, self.is_quick = root, load, daemon, random, is_quick
        self.is_root = os.geteuid() == 0
        self.made = {}
        # What outputs take beside those of a usual run.
        self.more_megabytes = 0
        self.kinds = {
            "terminated": self.terminate, "stopped for a while": self.stop_and_continue, "ledger locked": self.lock_ledger,
            "few descriptors": self.few_descriptors, "spool renamed away": self.rename_spool, "ledger deleted": self.delete_ledger,
            "log lost": self.lose_log, "outputs renamed away": self.rename_outputs,
        }
        if self.is_root:
            self.kinds.update({
                "outputs' disk full": lambda: self.fill("out"), "outputs read-only": lambda: self.read_only("out"),
                "outputs unmounted": self.unmount_outputs, "state's disk full": lambda: self.fill(".millrace"),
                "state read-only": self.read_only_state, "outputs' permission away": lambda: self.permission("out/kept"),
                "spool's permission away": lambda: self.permission("spool/kept/data"),
                "state's permission away": lambda: self.permission(".millrace"),
                "spool unmounted": self.unmount,
            })

    def prepare(self):
        """Outputs and state on small disks of their own, and one spool that is a mount."""
        if not self.is_root:
            return
        self.disk, self.out = os.path.join(self.root, "disk"), os.path.join(self.root, "out")
        # As administrators make mount points: nobody but root can write there while nothing is mounted.
        os.makedirs(self.disk)
        os.makedirs(self.out)
        # The outputs of some dozen large files and their parts find room, with all others.
        size = 256 + self.load.large_rows * 800 // 1_000_000 + self.more_megabytes
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}m,mode=755", "tmpfs", self.disk], check=True)
        subprocess.run(["mount", "--bind", self.disk, self.out], check=True)
        os.makedirs(os.path.join(self.root, ".millrace"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={96 + self.more_megabytes // 8}m,mode=700", "tmpfs", os.path.join(self.root, ".millrace")], check=True)
        self.spool, self.source = os.path.join(self.root, "spool/deleted"), os.path.join(self.root, "mounted")
        os.makedirs(self.spool)
        os.makedirs(self.source)
        subprocess.run(["mount", "--bind", self.source, self.spool], check=True)

    # The last one first.
    MOUNTS = ["spool/deleted", "archive", ".millrace", "out", "disk"]

    def pause(self, least, most):
        time.sleep(least + (most - least) * self.random.random() * (0.3 if self.is_quick else 1))

    def run(self, kind):
        """False where it could not be made just now."""
        self.daemon.in_force.add(kind)
        try:
            done = self.kinds[kind]() is not False
        finally:
            self.daemon.in_force.discard(kind)
            self.daemon.last_fault = time.monotonic()
        if done:
            self.made[kind] = self.made.get(kind, 0) + 1
        return done

    # The process.

    def terminate(self):
        status = self.daemon.stop()
        if status != 0:
            self.daemon.ends.append((status, set()))
        self.daemon.start()

    def stop_and_continue(self):
        self.daemon.signal(signal.SIGSTOP)
        self.pause(0.3, 6)
        self.daemon.signal(signal.SIGCONT)

    def few_descriptors(self):
        done = self.daemon.descriptors(self.random.randrange(0, 4))
        self.pause(0.5, 4)
        self.daemon.descriptors(None)
        return done

    def lock_ledger(self):
        seconds = self.random.uniform(5, 6 if self.is_quick else 20)
        return as_user(self.daemon.user, lambda: hold(os.path.join(self.root, ".millrace/ledger.sqlite"), seconds))

    def delete_ledger(self):
        """Nothing of it comes back, but what stands beside the outputs."""
        state = os.path.join(self.root, ".millrace")
        names = [name for name in os.listdir(state) if name.startswith("ledger.sqlite")]
        if not names:
            return False
        # All of it, or only what bears the name.
        for name in names if self.random.random() < 0.6 else ["ledger.sqlite"]:
            try:
                os.unlink(os.path.join(state, name))
            except FileNotFoundError:
                pass
        # It is noticed within a second; then a supervisor starts the daemon again.
        time.sleep(2)

    def lose_log(self):
        """What the daemon writes of itself goes nowhere, until it is started again."""
        status = self.daemon.stop()
        if status != 0:
            self.daemon.ends.append((status, set()))
        self.daemon.error_stream = self.random.choice(["closed", "full", "not read", "without a reader"])
        self.daemon.start()
        self.daemon.error_stream = "a file"
        self.pause(1, 3)

    # Folders.

    def permission(self, path):
        path = os.path.join(self.root, path)
        if not os.path.isdir(path):
            return False
        mode = os.stat(path).st_mode & 0o7777
        os.chmod(path, 0)
        self.pause(0.5, 5)
        os.chmod(path, mode)

    def rename_spool(self):
        pipeline = self.random.choice(["kept", "archived", "learning"])
        spool = self.load.spool(pipeline, "data")
        away = os.path.join(self.root, "away-" + pipeline)
        with self.load.moving:
            os.rename(spool, away)
            self.load.places[pipeline, "data"] = away
        self.pause(0.5, 4)
        with self.load.moving:
            # The daemon may have made the folder again; it holds its claim then, and nothing else.
            if os.path.isdir(spool):
                shutil.rmtree(os.path.join(spool, ".millrace-claim"), ignore_errors=True)
                os.rmdir(spool)
            os.rename(away, spool)
            del self.load.places[pipeline, "data"]

    def unmount(self):
        with self.load.moving:
            if subprocess.run(["umount", self.spool], capture_output=True).returncode != 0:
                # Files that are open hold it; then it goes from the tree at once, and for good when they are closed.
                subprocess.run(["umount", "-l", self.spool], check=True)
            for role in ("data", "models"):
                self.load.places["deleted", role] = os.path.join(self.source, role)
        self.pause(0.5, 4)
        with self.load.moving:
            subprocess.run(["mount", "--bind", self.source, self.spool], check=True)
            for role in ("data", "models"):
                del self.load.places["deleted", role]

    def hide_outputs(self):
        """Readers of the outputs do not mind from here on that they are away."""
        with open(os.path.join(self.root, "away"), "w"):
            pass

    def show_outputs(self):
        os.unlink(os.path.join(self.root, "away"))

    def rename_outputs(self):
        pipeline = self.random.choice(list(self.load.data))
        folder = os.path.join(self.root, "out", pipeline, "outputs")
        away = folder + "-away"
        if not os.path.isdir(folder):
            return False
        self.hide_outputs()
        os.rename(folder, away)
        self.pause(0.5, 4)
        with self.daemon.lock:
            # What the daemon has put into a folder that it made meanwhile belongs to the others; to move that there it is stopped.
            is_stopped = os.path.isdir(folder)
            if is_stopped:
                status = self.daemon.stop()
                if status != 0:
                    self.daemon.ends.append((status, set()))
                merge(folder, away)
            os.rename(away, folder)
            if is_stopped:
                self.daemon.start()
        self.show_outputs()

    def unmount_outputs(self):
        self.hide_outputs()
        subprocess.run(["umount", "-l", self.out], check=True)
        self.pause(0.5, 4)
        subprocess.run(["mount", "--bind", self.disk, self.out], check=True)
        self.show_outputs()

    # Disks.

    def fill(self, folder):
        path = os.path.join(self.root, folder, ".fill")
        with open(path, "wb", buffering=0) as file:
            block = bytes(1 << 20)
            while block:
                try:
                    if file.write(block) < len(block):
                        block = block[:len(block) // 2]
                except OSError:
                    block = block[:len(block) // 2]
        self.pause(1, 7)
        os.unlink(path)

    def read_only(self, folder):
        folder = os.path.join(self.root, folder)
        for _ in range(40):
            if mount("-o", "remount,ro", folder):
                break
            time.sleep(0.02)
        else:
            return False
        self.pause(0.5, 5)
        subprocess.run(["mount", "-o", "remount,rw", folder], check=True)

    def read_only_state(self):
        """The kernel refuses this while the ledger is open: the daemon finds it at its start."""
        with self.daemon.lock:
            self.daemon.kill()
            made = mount("-o", "remount,ro", os.path.join(self.root, ".millrace"))
            self.daemon.start()
        self.pause(0.5, 4)
        subprocess.run(["mount", "-o", "remount,rw", os.path.join(self.root, ".millrace")], check=True)
        return made
