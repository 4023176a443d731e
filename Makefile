# The front door. `make help` lists what there is; everything installs what it needs first.

BUILD := build

.PHONY: all run test check release sanitized debug bench fuzz simulate coverage docs format lint deb install clean help

all: release

help:
	@echo 'make             build the hardened release binary: build/release/portcullis'
	@echo 'make run         the demonstration: a real origin behind Portcullis, until Ctrl-C'
	@echo 'make test        everything: builds with gcc and clang, unit tests, lint, scenarios'
	@echo 'make check       the same as make test'
	@echo 'make release     build/release/portcullis'
	@echo 'make sanitized   build/sanitized/portcullis, with AddressSanitizer and UBSan'
	@echo 'make bench       side by side with nginx, HAProxy and h2o; ARGS="--quick" for less'
	@echo 'make fuzz T=NAME [SECONDS=60]   one fuzz target; make fuzz lists them'
	@echo 'make simulate [SEED=N] [RUNS=N]   simulated worlds around the real gate, from a seed on'
	@echo 'make coverage    line coverage of the unit tests'
	@echo 'make docs        the generated reference in docs/reference'
	@echo 'make lint        the linter of the project'
	@echo 'make format      clang-format over the sources'
	@echo 'make deb         a Debian package in build/'
	@echo 'make install     below DESTDIR and PREFIX (/usr/local); the configuration in /etc/portcullis'
	@echo 'make clean       remove build/'

release:
	@tools/install-packages build
	@tools/build release

sanitized:
	@tools/install-packages build
	@tools/build sanitized

debug:
	@tools/install-packages build test
	@tools/build debug

run:
	@tools/install-packages build demo
	@tools/build release
	@tools/demo

test check:
	@tools/install-packages build test deb
	@tools/run-tests

bench:
	@tools/install-packages build bench
	@tools/build release
	@bench/run $(ARGS)

fuzz:
	@tools/install-packages build fuzz
	@tools/build fuzz
	@tools/fuzz "$(T)" "$(or $(SECONDS),60)"

simulate:
	@tools/install-packages build test
	@tools/build debug
	@$(BUILD)/debug/tests/simulation/simulation --seed $(or $(SEED),1) --runs $(or $(RUNS),$(if $(SEED),1,1000))

coverage:
	@tools/install-packages build test coverage
	@tools/build coverage
	@meson test -C $(BUILD)/coverage --suite unit >/dev/null && ninja -C $(BUILD)/coverage coverage-text && cat $(BUILD)/coverage/meson-logs/coverage.txt

docs:
	@tools/install-packages build
	@tools/build release
	@tools/generate-docs

lint:
	@tools/install-packages test
	@tools/lint

format:
	@tools/install-packages test
	@git ls-files '*.c' '*.h' | xargs clang-format -i

deb:
	@tools/install-packages build deb
	@tools/build-deb

install: release
	@tools/install

clean:
	rm -rf $(BUILD)
