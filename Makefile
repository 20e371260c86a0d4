# Short names for what meson, pytest and the scripts do. Each target first installs the Debian
# packages it misses (tools/deps).
#
#   make run            the demo server in the foreground
#   make demo           the same, with calls, by itself
#   make test           unit, corpus and tool tests, black-box tests, 300 simulator seeds:
#                       make unit, make blackbox and make seeds in one
#   make sim SEEDS=1000 the simulator only
#   make bench          CPU time per call and registration
#   make format         clang-format on everything
#   make install        to /usr/local; DESTDIR and PREFIX as usual

BUILD ?= build
PREFIX ?= /usr/local
SEEDS ?= 300
# Black-box tests at a time: they wait more than they work.
JOBS ?= 6
# Debian's, which has Debian's pytest.
PYTHON ?= /usr/bin/python3
export SIPCGID ?= $(abspath $(BUILD))/src/daemon/sipcgid
export SIPCGI ?= $(abspath $(BUILD))/src/tool/sipcgi

MESON_TEST = meson test -C $(BUILD) --timeout-multiplier 4 --print-errorlogs

.PHONY: build run demo test unit blackbox seeds sim bench format install clean

build:
	@tools/deps build
	@[ -e $(BUILD)/build.ninja ] || meson setup --prefix=$(PREFIX) $(BUILD)
	@ninja -C $(BUILD)

run: build
	@tools/run-demo

demo: build
	@tools/deps test
	@tools/run-demo --calls

test: unit blackbox seeds

unit: build
	@tools/deps test
	$(MESON_TEST) --no-suite sim

blackbox: build
	@tools/deps test
	$(PYTHON) -m pytest -q -n $(JOBS) --timeout 300 tests/blackbox

seeds: build
	$(MESON_TEST) --suite sim

sim: build
	$(BUILD)/tests/sim/sim --seeds $(SEEDS)

bench:
	@tools/deps bench
	@[ -e build-release/build.ninja ] || meson setup --buildtype=release build-release
	@ninja -C build-release src/daemon/sipcgid
	bench/bench

format:
	@tools/deps ci
	git ls-files -z '*.c' '*.h' | xargs -0 clang-format -i

install: build
	meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf $(BUILD)
