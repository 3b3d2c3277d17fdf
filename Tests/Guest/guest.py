#!/usr/bin/env python3
"""Boots another kernel in an emulator, with control groups of version 2 and Landlock as this kernel may not have them, and has a daemon
work there as an ordinary user in a group that was given to it.

    guest.py --millrace BINARY [--keep DIR]

Wants qemu-system-x86_64, apt-get and dpkg (Debian), onnx for Python (Scripts/test-tools), and 3 GB of memory. Nothing is installed: the
kernel and busybox come from Debian packages into a temporary folder. Ends with 0 where everything that is checked holds."""
import argparse, glob, json, os, re, shutil, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PIPELINE = """name: {name}
spool: {{ models: spool/{name}/models, data: spool/{name}/data }}
settle: {{ quiet: 200ms }}
on_error: {{ attempts: 2, backoff: 200ms }}
schema: {{ key: [id], keep: [id], inputs: {{ x: {{ columns: x }} }} }}
stages: [ deserialize: {{}}, forward: {{ batch_size: {batch} }} ]
limits: {{ memory: {memory} }}
land: {{ models: out/{name}/models, outputs: {{ path: out/{name}/outputs, format: csv }} }}
"""
# The greedy model makes a matrix of all pairs of the rows of a batch: 16,000 of them take 1,024 MB.
ROWS, LIMIT = 16_000, 300


def models(folder):
    from onnx import TensorProto, helper, numpy_helper, save
    import numpy

    def model(name, nodes, initializers):
        value = lambda title: helper.make_tensor_value_info(title, TensorProto.FLOAT, ["N", 1])
        graph = helper.make_graph(nodes, name, [value("x")], [value("y")], initializers)
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), os.path.join(folder, name + ".onnx"))

    model("good", [helper.make_node("Add", ["x", "one"], ["y"])], [numpy_helper.from_array(numpy.ones(1, "float32"), "one")])
    model("greedy", [
        helper.make_node("Transpose", ["x"], ["row"], perm=[1, 0]), helper.make_node("MatMul", ["x", "row"], ["pairs"]),
        helper.make_node("ReduceSum", ["pairs", "axes"], ["y"], keepdims=1),
    ], [numpy_helper.from_array(numpy.array([1]), "axes")])


def libraries(binary, found):
    for path in re.findall(r"(/\S+) \(0x", subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout):
        found[os.path.basename(path)] = path
    return found


def debian(folder):
    """The kernel's image and busybox."""
    depends = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], capture_output=True, text=True, check=True).stdout
    kernel = re.search(r"Depends: (linux-image-\S+)", depends)[1]
    subprocess.run(["apt-get", "-o", "APT::Sandbox::User=root", "download", "-qq", kernel, "busybox-static"], cwd=folder, check=True)
    for package in glob.glob(folder + "/*.deb"):
        subprocess.run(["dpkg", "-x", package, folder], check=True)
    return glob.glob(folder + "/boot/vmlinuz-*")[0], folder + "/bin/busybox"


def fill(tree, busybox, binary):
    for folder in ("bin", "lib", "lib64", "opt", "etc", "proc", "sys", "dev", "tmp"):
        os.makedirs(os.path.join(tree, folder))
    shutil.copy(busybox, tree + "/bin/busybox")
    os.symlink("busybox", tree + "/bin/sh")
    found = {}
    for name in ("millrace", "millrace-worker"):
        shutil.copy(os.path.join(os.path.dirname(binary), name), tree + "/opt/" + name)
        libraries(tree + "/opt/" + name, found)
    for name, path in found.items():
        shutil.copy(path, tree + ("/lib64/" if name.startswith("ld-linux") else "/lib/") + name)
    with open(tree + "/etc/passwd", "w") as file:
        file.write("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    with open(tree + "/etc/group", "w") as file:
        file.write("root:x:0:\nnogroup:x:65534:\n")
    shutil.copy(HERE + "/init.sh", tree + "/init")
    root = tree + "/root-of-it"
    for name, batch, memory in (("good", 256, "1GiB"), ("greedy", ROWS, f"{LIMIT}MiB")):
        for role in ("models", "data"):
            os.makedirs(f"{root}/spool/{name}/{role}")
        os.makedirs(root + "/pipelines", exist_ok=True)
        with open(f"{root}/pipelines/{name}.yaml", "w") as file:
            file.write(PIPELINE.format(name=name, batch=batch, memory=memory))
    for folder in ("models", "data"):
        os.makedirs(f"{root}/{folder}")
    models(root + "/models")
    for name, rows in (("good", 3), ("greedy", ROWS)):
        with open(f"{root}/data/{name}.csv", "w") as file:
            file.write("id,x\n" + "".join(f"r{row},{row % 7}\n" for row in range(rows)))


def boot(kernel, tree, folder, patience):
    archive = os.path.join(folder, "initramfs")
    names = subprocess.run(["find", ".", "-print0"], cwd=tree, capture_output=True, check=True).stdout
    with open(archive, "wb") as file:
        subprocess.run([tree + "/bin/busybox", "cpio", "-o", "-0", "-H", "newc"], cwd=tree, input=names, stdout=file, stderr=subprocess.DEVNULL,
                       check=True)
    console = os.path.join(folder, "console")
    # Emulated, so that it runs wherever this does.
    words = [
        "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-machine", "q35", "-cpu", "max", "-smp", "2", "-m", "3072", "-display", "none",
        "-nodefaults", "-serial", "file:" + console, "-no-reboot", "-kernel", kernel, "-initrd", archive, "-append", "console=ttyS0 panic=-1 quiet",
    ]
    try:
        subprocess.run(words, stdin=subprocess.DEVNULL, timeout=patience)
    except subprocess.TimeoutExpired:
        print(f"the guest did not end within {patience:.0f} s")
    with open(console, errors="replace") as file:
        return file.read()


def verdicts(said):
    """(what must hold, whether it does) of the lines that the guest has printed."""
    lines = dict(line.split(" ", 2)[1:] for line in re.findall(r"^GUEST \S+ .*$", said.replace("\r", ""), re.M))
    try:
        reason = json.dumps(json.loads(lines.get("reason", "{}")))
    except ValueError:
        reason = lines["reason"]
    limits = [int(word) for word in lines.get("limits", "").split()]
    return [
        ("the daemon and each worker have a group", lines.get("groups", "").split() == ["1", "daemon", "2", "worker"]),
        ("the daemon is in its own", lines.get("daemon", "").endswith("/millrace/daemon")),
        ("the kernel was told a limit for the attempt", any(LIMIT << 20 < limit < LIMIT * 2 << 20 for limit in limits)),
        ("the reason says so", f"outgrew limits.memory ({LIMIT} MiB)" in reason),
        ("the other pipeline's files are done, and what a killed daemon left is removed",
         "worker-" in lines.get("left", "") and lines.get("stale") == "groups removed"),
        ("it ends as it should", lines.get("status") == "0"),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millrace", required=True)
    parser.add_argument("--keep", help="a folder that does not exist, to work in and to leave behind")
    parser.add_argument("--patience", type=float, default=1800, metavar="SECONDS")
    options = parser.parse_args()
    folder = options.keep or tempfile.mkdtemp(prefix="millrace-guest-")
    try:
        os.makedirs(folder + "/debian")
        kernel, busybox = debian(folder + "/debian")
        fill(folder + "/tree", busybox, os.path.abspath(options.millrace))
        said = boot(kernel, folder + "/tree", folder, options.patience)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(said)
    found = verdicts(said)
    for what, holds in found:
        print("holds:" if holds else "DOES NOT HOLD:", what)
    return 0 if all(holds for _, holds in found) else 1


if __name__ == "__main__":
    sys.exit(main())
