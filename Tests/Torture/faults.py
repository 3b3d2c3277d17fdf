"""Real faults of the machine, each begun, held for a while and ended. Those that mount need root and a mount namespace of their own."""
import os, signal, sqlite3, subprocess, time

from daemon import as_user


def hold(ledger, seconds):
    """Keeps the ledger from being written."""
    connection = sqlite3.connect(ledger, isolation_level=None, timeout=5)
    connection.execute("BEGIN IMMEDIATE")
    time.sleep(seconds)
    connection.execute("ROLLBACK")


def mount(*words):
    return subprocess.run(["mount", *words], capture_output=True).returncode == 0


class Faults:
    def __init__(self, root, load, daemon, random, is_quick):
        self.root, self.load, self.daemon, self.random, self.is_quick = root, load, daemon, random, is_quick
        self.is_root = os.geteuid() == 0
        self.made = {}
        self.kinds = {
            "terminated": self.terminate, "stopped for a while": self.stop_and_continue, "ledger locked": self.lock_ledger,
            "few descriptors": self.few_descriptors, "spool renamed away": self.rename_spool,
        }
        if self.is_root:
            self.kinds.update({
                "outputs' disk full": self.fill, "outputs read-only": self.read_only, "outputs' permission away": lambda: self.permission("out/kept"),
                "spool's permission away": lambda: self.permission("spool/kept/data"), "state's permission away": lambda: self.permission(".millrace"),
                "spool unmounted": self.unmount,
            })

    def prepare(self):
        """Outputs on a small disk of their own, and one spool that is a mount."""
        if not self.is_root:
            return
        out = os.path.join(self.root, "out")
        os.makedirs(out, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m,mode=755", "tmpfs", out], check=True)
        self.spool, self.source = os.path.join(self.root, "spool/deleted"), os.path.join(self.root, "mounted")
        os.makedirs(self.spool)
        os.makedirs(self.source)
        subprocess.run(["mount", "--bind", self.source, self.spool], check=True)

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
            # The daemon may have made the folder anew; it is empty then.
            if os.path.isdir(spool):
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

    # The outputs' disk.

    def fill(self):
        path = os.path.join(self.root, "out", ".fill")
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

    def read_only(self):
        out = os.path.join(self.root, "out")
        for _ in range(40):
            if mount("-o", "remount,ro", out):
                break
            time.sleep(0.02)
        else:
            return False
        self.pause(0.5, 5)
        subprocess.run(["mount", "-o", "remount,rw", out], check=True)
