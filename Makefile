# Two commands matter on a fresh machine: `make demo` and `make test`.
PREFIX ?= /usr/local

.PHONY: setup build test demo install bench large clean

setup:
	@Scripts/setup

build: setup
	swift build -c release --static-swift-stdlib --product millrace

test: setup
	@Scripts/test-tools
	swift build --build-tests
	swift test --skip-build

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
