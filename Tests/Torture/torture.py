#!/usr/bin/env python3
"""Kills the daemon and breaks its machine at random under a mixed load; then judges what became of every file.

    torture.py --millrace BINARY [--kills 2000] [--faults 200] [--seed N] [--quick] [--keep DIR] [--table FILE]
    torture.py --millrace BINARY --points [NAME ...] [--sample] [--seed N] [--keep DIR]
    torture.py --millrace BINARY --soak SECONDS [--seed N] [--keep DIR] [--table FILE]

Every kill and fault is printed as it is made; the same seed makes the same ones, of the same files, though not at the same microsecond.
Ctrl-C ends the kills early. Ends with 0 where nothing was lost, doubled, seen in part or wrong. As root it runs in a mount namespace of
its own and the daemon as nobody, so that disks fill and permissions count; otherwise without the faults that need this."""
import argparse, os, shutil, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
# Nothing is written beside the scripts.
sys.dont_write_bytecode = True


def with_packages():
    """Runs again under the tests' own Python where this one has no pyarrow."""
    try:
        import pyarrow
    except ImportError:
        python = os.path.join(PROJECT, ".deps", "oracle", "bin", "python")
        if sys.executable == python or not os.path.exists(python):
            sys.exit("torture.py needs pyarrow: run Scripts/test-tools")
        os.execv(python, [python] + sys.argv)


def in_a_namespace():
    """As root: mounts that this makes are seen by nobody else, and go with it."""
    if os.geteuid() != 0 or os.environ.get("TORTURE_NAMESPACE"):
        return
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0:
        os.environ["TORTURE_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable] + sys.argv)
    sys.exit("torture.py may not mount here: run it as an ordinary user")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millrace", required=True)
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000)
    parser.add_argument("--large", type=int, default=200_000, metavar="ROWS", help="of files that take seconds")
    parser.add_argument("--pause", type=float, default=0.15, help="seconds between two files, on average")
    parser.add_argument("--patience", type=float, default=240, help="seconds for everything to be done at the end")
    parser.add_argument("--quick", action="store_true", help="short faults, for every run of the tests")
    parser.add_argument(
        "--self-test", action="store_true", help="damages the outputs of a quiet run in every way, and wants each to be seen")
    parser.add_argument(
        "--points", nargs="*", metavar="NAME", help="kills a process in each of these fault points of Sources/README.md, or in all")
    parser.add_argument("--sample", action="store_true", help="with --points: in some of them")
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="kills and faults now and then for so long, and what is held meanwhile")
    parser.add_argument("--keep", help="a folder that does not exist, to work in and to leave behind")
    parser.add_argument("--table", help="a file for the table")
    options = parser.parse_args()
    with_packages()
    in_a_namespace()
    root = options.keep or tempfile.mkdtemp(prefix="millrace-torture-")
    os.makedirs(root, exist_ok=True)
    from storm import Torture

    trial = Torture(options, os.path.abspath(root))
    try:
        if options.points is not None:
            from points import SAMPLE

            return trial.points(SAMPLE if options.sample else options.points)
        return trial.self_test() if options.self_test else trial.run()
    finally:
        trial.close()
        if options.keep:
            # Its disks go with the namespace.
            for name in ("out", ".millrace"):
                if os.path.ismount(os.path.join(root, name)):
                    shutil.copytree(os.path.join(root, name), os.path.join(root, "kept-" + name.lstrip(".")), symlinks=True)
        else:
            for path in trial.faults.MOUNTS:
                subprocess.run(["umount", "-l", os.path.join(root, path)], capture_output=True)
            shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
