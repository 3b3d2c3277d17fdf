# Two commands matter on a fresh machine: `make demo` and `make test`.
PREFIX ?= /usr/local

.PHONY: setup build test torture demo install bench large clean

setup:
	@Scripts/setup

build: setup
	swift build -c release --static-swift-stdlib --product millrace

test: setup
	@Scripts/test-tools
	swift build --build-tests
	swift test --skip-build

# 500 kills and 200 faults of the machine at random under a mixed load (Tests/README.md); `make test` has 50 and 20 of them.
torture: build
	@Scripts/test-tools
	.deps/oracle/bin/python Tests/Torture/torture.py --millrace .build/release/millrace

demo: build
	@Scripts/demo

install: build
	@Scripts/install $(PREFIX)

bench: build
	@Scripts/bench

# Memory of scoring with a model above 2 GiB and of training it; wants Benchmarks/large/requirements.txt, 6 GB of disk and 4 GB of memory.
large: build
	python3 Benchmarks/large/check.py --millrace .build/release/millrace

clean:
	rm -rf .build .deps
