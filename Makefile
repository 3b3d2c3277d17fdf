# Two commands matter on a fresh machine: `make demo` and `make test`; then `make && sudo make install`.
PREFIX ?= /usr/local
export DESTDIR

.PHONY: all build setup test test-hostile test-release fuzz asan format lint torture torture-points torture-cluster soak test-guest cluster-tools test-cluster demo install uninstall deb check-deb bench large clean

all: build

setup:
	@Scripts/setup

build: setup
	swift build -c release --static-swift-stdlib --product millrace
	swift build -c release --static-swift-stdlib --product millrace-worker
	@Scripts/keep-licences

test: setup lint
	@Scripts/test-tools
	swift build --build-tests
	swift test --skip-build

# All hostile files of `HostileFileTests`; `make test` has a sample of them (Tests/README.md).
test-hostile: setup
	@Scripts/test-tools
	swift build --build-tests
	MILLRACE_HOSTILE=all swift test --skip-build --filter allEndInTheirVerdictsAndOthersGoOn

# The tests of the targets whose code an optimizer may change the most: engine, tables, training. They have a build folder of their own, since
# `-enable-testing` builds every module anew.
release_tests = Engine,Columnar,Training
release_flags = -c release -Xswiftc -enable-testing --scratch-path .build/release-tests

test-release: setup
	@Scripts/test-tools
	MILLRACE_TESTS=$(release_tests) swift build $(release_flags) --build-tests
	MILLRACE_TESTS=$(release_tests) swift test $(release_flags) --skip-build

# 100,000 inputs for each format that Millrace reads, which libFuzzer makes (Tests/README.md); `make test` has 2,000 mutants of each. It is a
# package of its own, so that nothing else is built for it. `make fuzz FUZZ='csv --runs 1000'` is a shorter run.
FUZZ ?=
# Of two --sanitize, SwiftPM gives the compiler one or the other last, which alone counts.
fuzz_flags = --sanitize fuzzer -Xswiftc -sanitize=fuzzer,address -Xcc -fsanitize=address -Xcxx -fsanitize=address

fuzz: setup
	@Scripts/test-tools
	swift build --package-path Tests/Fuzzing --scratch-path .build/fuzz -c release $(fuzz_flags) --product fuzz
	Tests/Fuzzing/fuzz.py --program .build/fuzz/release/fuzz --folder .build/fuzz/runs $(FUZZ)

# The tests of what C and C++ read and write, with AddressSanitizer over our own C and C++, and over the Swift beside it. OpenVINO is left out: a
# library of its own is loaded in a way that AddressSanitizer does not allow.
asan_tests = Columnar,Engine,Watcher,Confinement
asan_flags = --sanitize address --scratch-path .build/asan

asan: setup
	@Scripts/test-tools
	MILLRACE_TESTS=$(asan_tests) swift build $(asan_flags) --build-tests
	MILLRACE_TESTS=$(asan_tests) MILLRACE_OPENVINO=0 ASAN_OPTIONS=detect_container_overflow=0:detect_leaks=0 swift test $(asan_flags) --skip-build --skip MemoryTests

# Writes all Swift code as the toolchain's swift-format does, by `.swift-format`; `make lint` changes nothing and fails where something would.
swift_code = Sources Tests Benchmarks Package.swift

format:
	swift format format --in-place --parallel --recursive $(swift_code)

lint:
	swift format lint --strict --parallel --recursive $(swift_code)

# 2,000 kills and 200 faults of the machine at random under a mixed load (Tests/README.md); `make test` has 200 and 20 of them.
torture: build
	@Scripts/test-tools
	.deps/oracle/bin/python Tests/Torture/torture.py --millrace .build/release/millrace

# A kill in each fault point of Sources/README.md, the first and a later time; `make test` has a few of them.
torture-points: build
	@Scripts/test-tools
	.deps/oracle/bin/python Tests/Torture/torture.py --millrace .build/release/millrace --points

# 500 kills of workers, Slurm and the daemon, and 30 machines that are cut off and live on (Tests/README.md); `make test-cluster` has some of
# them, and `make test` fewer. CLUSTER=--fuse puts outputs and work on a folder that is mounted twice.
CLUSTER ?=

torture-cluster: build cluster-tools
	@Scripts/test-tools
	.deps/oracle/bin/python Tests/Cluster/torture.py --millrace .build/release/millrace $(CLUSTER)

# An hour of mixed load with kills and faults now and then, and what the daemon and its workers hold all the while; SECONDS=600 for less.
SECONDS ?= 3600

soak: build
	@Scripts/test-tools
	.deps/oracle/bin/python Tests/Torture/torture.py --millrace .build/release/millrace --soak $(SECONDS) --pause 0.05 --patience 600

# A daemon in a control group of version 2, under Debian's kernel in an emulator (Tests/README.md).
test-guest: build
	@Scripts/test-tools
	.deps/oracle/bin/python Tests/Guest/guest.py --millrace .build/release/millrace

# What the tests of workers on other machines need beside `Scripts/test-tools`: Slurm, an ssh server, a shared file system.
cluster-tools:
	@Scripts/cluster-tools

# Workers on other machines: a Slurm of two nodes, ssh and a shared file system, all on this machine (Tests/README.md); `make test` has most of
# it, but what takes minutes.
test-cluster: setup cluster-tools
	@Scripts/test-tools
	.deps/cluster/bin/python Tests/Cluster/selftest.py
	swift build --build-tests
	MILLRACE_CLUSTER=1 swift test --skip-build --filter NodesTests
	.deps/oracle/bin/python Tests/Cluster/torture.py --millrace .build/debug/millrace --kills 20 --partitions 3 --seed 9
	.deps/oracle/bin/python Tests/Cluster/torture.py --millrace .build/debug/millrace --kills 20 --partitions 3 --seed 9 --fuse --quick

demo: build
	@Scripts/demo

# Installs what `make build` made, and builds only where that is missing: root's PATH need not have swift.
install: $(if $(wildcard .build/release/millrace-worker),,build)
	@Scripts/install "$(PREFIX)"

uninstall:
	@Scripts/install --uninstall "$(PREFIX)"

# The package .build/millrace_VERSION_ARCHITECTURE.deb of what `make build` made, and what dpkg and lintian say to it.
deb: $(if $(wildcard .build/release/millrace-worker),,build)
	@Scripts/deb

check-deb: deb
	@Scripts/check-deb

bench: build
	@Scripts/bench

# Memory of scoring with a model above 2 GiB and of training it; wants Benchmarks/large/requirements.txt, 6 GB of disk and 4 GB of memory.
large: build
	python3 Benchmarks/large/check.py --millrace .build/release/millrace

clean:
	rm -rf .build .deps
