# tapvm: one Makefile, nothing recursive; everything is built under build/.
#   make run     boots the guest on a TAP and prints the table      make check   all tests
#   SAN=1        AddressSanitizer and UBSan                          SAN=thread   ThreadSanitizer
#   V=1          shows each command
MAKEFLAGS += -j$(shell nproc) --no-print-directory
Q := $(if $(V),,@)
comma := ,
# $(call note,WORD): what is made, unless the command itself is shown.
note = $(if $(V)$(findstring s,$(firstword -$(MAKEFLAGS))),,@echo '  $(1) $@')
CC ?= gcc
SAN ?=
PREFIX ?= /usr/local
ifeq ($(SAN),)
B := build
SANFLAGS :=
else ifeq ($(SAN),thread)
B := build/tsan
# gcc warns that it does not model fences; what they order is also ordered by acquire and release.
SANFLAGS := -fsanitize=thread $(if $(findstring clang,$(CC)),,-Wno-tsan)
else
B := build/asan
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

VERSION := $(shell git describe --always --dirty 2>/dev/null || echo 0.1)
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wundef -Wvla -Wcast-qual -Wpointer-arith -Wwrite-strings \
	-Wswitch-enum -Wimplicit-fallthrough -Wformat=2 -Wnull-dereference -Werror
CFLAGS ?= -O2 -g
CPPFLAGS := -I. -D_GNU_SOURCE
# For another machine's processor: where its libraries are (check-aarch64).
SYSROOT ?=
ifneq ($(SYSROOT),)
CPPFLAGS += -isystem $(SYSROOT)/usr/include
LDFLAGS += $(foreach way,-L -Wl$(comma)-rpath$(comma),$(way)$(abspath $(SYSROOT))/usr/lib/aarch64-linux-gnu)
endif
ALL_CFLAGS = -std=gnu11 -fno-common -pthread $(WARN) $(CFLAGS) $(SANFLAGS)
LDLIBS := -lmnl -pthread
VMM_LDLIBS := -lfdt -lz -llz4 -lzstd -llzma

# ---- what there is: each room's sources are found, none is listed ----
DEV_SRC := $(sort $(wildcard devices/*/*.c))
VMM_SRC := $(sort $(filter-out vmm/machine/% %/main.c,$(wildcard vmm/*/*.c)))
MACHINE_SRC := $(sort $(wildcard vmm/machine/*.c))
HOSTED_SRC := $(sort $(wildcard guest/driver/*.c guest/net/*.c guest/checks/*.c))
GUEST_SRC := $(sort $(wildcard guest/*.c guest/*.S)) $(HOSTED_SRC)
TEST_SRC := $(sort $(wildcard tests/unit/*/test_*.c tests/contract/test_*.c tests/regress/test_*.c))
TEST_LIB_SRC := $(sort $(wildcard tests/driver/*.c tests/host/*.c))
CONTRACT_SRC := $(sort $(filter-out tests/contract/test_%,$(wildcard tests/contract/*.c)))

obj = $(patsubst %,$(B)/%.o,$(basename $(1)))
DEV_OBJ := $(call obj,$(DEV_SRC))
VMM_OBJ := $(call obj,$(VMM_SRC)) $(B)/vmm/selftest/image.o
MACHINE_OBJ := $(call obj,$(MACHINE_SRC))
HOSTED_OBJ := $(call obj,$(HOSTED_SRC))
TEST_LIB_OBJ := $(call obj,$(TEST_LIB_SRC))
CONTRACT_OBJ := $(call obj,$(CONTRACT_SRC))
GUEST_OBJ := $(patsubst %,build/freestanding/%.o,$(basename $(GUEST_SRC)))
EXAMPLES := $(patsubst docs/%.c,$(B)/%,$(sort $(wildcard docs/examples/*.c)))
TESTS := $(patsubst %.c,$(B)/%,$(TEST_SRC))
DEV_LIB := $(B)/libtapvm-devices.a
VMM_LIB := $(B)/libtapvm-vmm.a
MACHINE_LIB := $(B)/libtapvm-machine.a
HOSTED_LIB := $(B)/libtapvm-hosted.a

TARGETS := all run check check-unit check-devices check-aarch64 check-layers check-conformance conformance check-kvm \
	check-e2e check-bed check-interop check-uml check-fresh lint format deps install clean help
.PHONY: deps-quiet build-all $(TARGETS)

all: $(B)/tapvm $(B)/tapvm-vhost-user build/guest.elf $(EXAMPLES)

$(B)/%.o: %.c | deps-quiet
	$(call note,CC )
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(B)/vmm/cli/main.o $(B)/vmm/server/main.o: CPPFLAGS += -DTAPVM_VERSION='"$(VERSION)"'

$(DEV_LIB): $(DEV_OBJ)
$(VMM_LIB): $(VMM_OBJ)
$(MACHINE_LIB): $(MACHINE_OBJ)
$(HOSTED_LIB): $(HOSTED_OBJ)
%.a:
	$(call note,AR )
	@rm -f $@
	$(Q)ar rcs $@ $^

$(B)/tapvm: $(B)/vmm/cli/main.o $(VMM_LIB) $(MACHINE_LIB) $(HOSTED_LIB) $(DEV_LIB)
	$(call note,LD )
	$(Q)$(CC) $(ALL_CFLAGS) $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(VMM_LDLIBS) $(LDLIBS) -o $@

# Without the machine's library: it has no use for KVM.
$(B)/tapvm-vhost-user: $(B)/vmm/server/main.o $(VMM_LIB) $(DEV_LIB)
	$(call note,LD )
	$(Q)$(CC) $(ALL_CFLAGS) $^ $(LDLIBS) -o $@

# What the device library is good for without a guest: programs of its public headers alone.
$(EXAMPLES): $(B)/examples/%: $(B)/docs/examples/%.o $(DEV_LIB)
	$(call note,LD )
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $^ $(LDLIBS) -o $@

# ---- the tiny guest: freestanding, baseline x86-64, never with sanitizers ----
GUEST_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -mno-red-zone -march=x86-64 \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-common \
	$(WARN) -I.
build/freestanding/%.o: %.c | deps-quiet
	$(call note,CC )
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -MMD -MP -c $< -o $@
build/freestanding/%.o: %.S | deps-quiet
	$(call note,CC )
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -MMD -MP -c $< -o $@
build/guest.elf: $(GUEST_OBJ) guest/guest.ld
	$(call note,LD )
	$(Q)$(CC) -nostdlib -static -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-T,guest/guest.ld \
		$(GUEST_OBJ) -o $@

$(B)/vmm/selftest/image.o: vmm/selftest/image.S build/guest.elf
	@mkdir -p $(@D)
	$(Q)$(CC) -DGUEST_ELF='"build/guest.elf"' -c $< -o $@

# ---- tests: one Check program a file; those of devices/ link the device library and nothing else ----
$(B)/tests/%: $(B)/tests/%.o $(TEST_LIB_OBJ) $(DEV_LIB)
	$(call note,LD )
	$(Q)$(CC) $(ALL_CFLAGS) $(filter %.o,$^) $(TEST_VMM_LIBS) $(DEV_LIB) $(LDFLAGS) $(LDLIBS) -lcheck -lsubunit -lrt -lm -o $@
$(filter $(B)/tests/contract/%,$(TESTS)): $(CONTRACT_OBJ)
VMM_TESTS := $(filter $(B)/tests/unit/vmm/%,$(TESTS))
$(VMM_TESTS): $(VMM_LIB) $(MACHINE_LIB) $(HOSTED_LIB)
$(VMM_TESTS): TEST_VMM_LIBS = -Wl,--start-group $(VMM_LIB) $(MACHINE_LIB) $(HOSTED_LIB) $(DEV_LIB) -Wl,--end-group $(VMM_LDLIBS)
.SECONDARY: $(call obj,$(TEST_SRC)) $(TEST_LIB_OBJ) $(CONTRACT_OBJ) $(B)/tests/e2e/rings.o

# What the shell suites run beside tapvm: a helper, and kernels of a few instructions, one for each way to end.
ENDINGS := IDLE BUSY VERDICT_0 VERDICT_5 VERDICT_63 RESET CRASH EMULATION LARGE PANIC SPAM ECHO
E2E := $(B)/e2e/helper $(B)/e2e/front $(B)/e2e/client $(B)/e2e/wire $(B)/e2e/kexec $(B)/tests/e2e/rings \
	$(patsubst %,$(B)/e2e/%.elf,$(ENDINGS))
$(B)/e2e/helper $(B)/e2e/front $(B)/e2e/client $(B)/e2e/wire $(B)/e2e/kexec: $(B)/e2e/%: tests/e2e/%.c | deps-quiet
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) $(CFLAGS) $< -o $@
$(B)/e2e/%.elf: tests/e2e/ending.S | deps-quiet
	@mkdir -p $(@D)
	$(Q)$(CC) -nostdlib -static -Wl,--build-id=none -Wl,-Ttext-segment=0x100000 -D$(subst _,=,$*) $< -o $@

build-all: all $(TESTS) $(E2E)

run: all
	@tools/run.sh $(B)

check: build-all check-layers check-conformance
	@tools/deps.sh check quiet
	@tests/run.sh $(B) $(TESTS)

check-unit: $(TESTS)
	@SUITES= tests/run.sh $(B) $(TESTS)

# The device library's own tests, without those of the kernel's TAP, netlink and namespaces (tests/unit/tap,
# tests/regress, a NIC on a TUN), of which QEMU's user mode translates too little.
DEV_TESTS := $(filter-out $(B)/tests/unit/vmm/% $(B)/tests/unit/tap/% $(B)/tests/regress/% %/test_worker_tun,$(TESTS))
check-devices: $(DEV_TESTS)
	@SUITES= tests/run.sh $(B) $(DEV_TESTS)

check-aarch64:
	@tests/aarch64.sh $(filter ccache,$(CC))

check-layers:
	@tools/check-layers.sh

# docs/conformance.md is what the tags in the code and the tests give, and every rule has its test.
check-conformance:
	@tools/conformance.sh check

conformance:
	@tools/conformance.sh make

# What needs KVM: here, or where it is missing in an emulated machine that has it.
check-kvm: all $(E2E)
	@tests/e2e/kvm.sh $(B)

# Stock Linux guests, and the NIC on the kernel's vhost-net, in the emulated machine.
check-bed: all $(E2E) $(B)/tests/unit/datapath/test_vhost_tap
	@tools/deps.sh bed quiet
	@tests/interop/bed/check.sh $(B)

check-e2e: all
	@tools/deps.sh e2e
	@SUITES=tests/e2e/qemu.sh tests/run.sh $(B)

# Our vhost-user server under other people's front-ends.
check-interop: all
	@tools/deps.sh interop quiet
	@tests/interop/vhost_user.sh $(B)

# The same under a front-end that passes the control queue on, where its kernel runs at all: outside the gate.
check-uml: all
	@tools/deps.sh uml quiet
	@tests/interop/uml.sh $(B)

check-fresh:
	@tests/e2e/fresh.sh

lint:
	@tools/lint.sh

format:
	@tools/deps.sh lint
	clang-format -i $$(git ls-files '*.c' '*.h')

deps:
	@tools/deps.sh build
	@tools/deps.sh check

deps-quiet:
	@tools/deps.sh build quiet

install: all
	install -D -m 755 $(B)/tapvm $(DESTDIR)$(PREFIX)/bin/tapvm
	install -D -m 755 $(B)/tapvm-vhost-user $(DESTDIR)$(PREFIX)/bin/tapvm-vhost-user
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 $(wildcard docs/man/*.1)

clean:
	rm -rf build

help:
	@sed -n 's/^#  *\(make\|SAN\|V=\)/  \1/p' Makefile
	@echo '  targets: $(TARGETS)'

-include $(shell find build -name '*.d' 2>/dev/null)
