# Two commands matter on a fresh machine: `make demo` and `make test`.
PREFIX ?= /usr/local

.PHONY: setup build test demo install bench clean

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

clean:
	rm -rf .build .deps
