/* vmm/cli/cmd_selftest.c: tapvm selftest: options alone; the test itself is vmm/selftest. */
#include <string.h>

#include "vmm/cli/command.h"
#include "vmm/cli/exit_status.h"
#include "vmm/cli/value.h"
#include "vmm/selftest/selftest.h"

static struct err take_no_kvm(void *into, const char *value)
{
	struct selftest_options *o = into;

	(void)value;
	o->no_kvm = true;
	return err_none();
}

enum { CHECKS_MAX = 256 };

/* A table without rows would be no failure, and so a misspelt check a success. */
static struct err take_only(void *into, const char *value)
{
	struct selftest_options *o = into;
	const char *names[CHECKS_MAX], *near;
	unsigned count = 0;

	o->only = value;
	while (count < CHECKS_MAX && (names[count] = selftest_check(count)) != NULL)
		if (strcmp(names[count++], value) == 0)
			return err_none();
	near = nearest(names, count, value, strlen(value));
	if (near == NULL)
		return err_make(ERR_USAGE, 0,
				"unknown check '%s'; tapvm selftest shows their names", value);
	return err_make(ERR_USAGE, 0, "unknown check '%s'; did you mean %s?", value, near);
}

static struct err take_verbose(void *into, const char *value)
{
	struct selftest_options *o = into;

	(void)value;
	o->verbose = true;
	return err_none();
}

static struct err take_with(void *into, const char *value)
{
	struct selftest_options *o = into;

	if (strcmp(value, QEMU_ON_TAP) != 0 && strcmp(value, QEMU_ON_VHOST_USER) != 0)
		return err_make(ERR_USAGE, 0,
				"unknown machine '%.64s'; it is " QEMU_ON_TAP
				" or " QEMU_ON_VHOST_USER ", or leave the option out",
				value);
	o->with = value;
	return err_none();
}

static struct err take_net(void *into, const char *value)
{
	struct selftest_options *o = into;

	if (strcmp(value, "tap") != 0 && strcmp(value, "tun") != 0)
		return err_make(ERR_USAGE, 0, "unknown kind '%.64s'; it is tap or tun", value);
	o->net = strcmp(value, "tun") == 0 ? TAP_KIND_TUN : TAP_KIND_TAP;
	return err_none();
}

static struct err take_bus(void *into, const char *value)
{
	struct selftest_options *o = into;

	if (strcmp(value, "mmio") != 0 && strcmp(value, "pci") != 0 && strcmp(value, "both") != 0)
		return err_make(ERR_USAGE, 0, "unknown bus '%.64s'; it is mmio, pci or both",
				value);
	o->bus = strcmp(value, "mmio") == 0  ? NIC_BUS_MMIO
		 : strcmp(value, "pci") == 0 ? NIC_BUS_PCI
					     : NIC_BUS_AUTO;
	return err_none();
}

static struct err take_capture(void *into, const char *value)
{
	struct selftest_options *o = into;

	return value_file(value, &o->capture);
}

static struct err take_stats(void *into, const char *value)
{
	struct selftest_options *o = into;

	(void)value;
	o->stats = true;
	return err_none();
}

/* clang-format off */
static const struct option rows[] = {
	{ .name = "--no-kvm", .take = take_no_kvm,
	  .help = "without a virtual machine: the guest's driver and checks as a process" },
	{ .name = "--only", .value = "NAME", .take = take_only, .help = "this check alone" },
	{ .name = "--verbose", .take = take_verbose, .help = "the guest's remarks as well" },
	{ .name = "--with", .value = QEMU_ON_TAP "|" QEMU_ON_VHOST_USER, .take = take_with,
	  .help = "the same guest on QEMU's device, or on our server under QEMU" },
	{ .name = "--net", .value = "tap|tun", .take = take_net,
	  .help = "what the NIC is on; over a TUN without the checks that IP cannot show" },
	{ .name = "--bus", .value = "mmio|pci|both", .take = take_bus,
	  .help = "what the guest finds its NIC on; both: two guests, one after the other" },
	{ .name = "--capture", .value = "FILE", .take = take_capture,
	  .help = "the guest's frames, both ways, as pcapng" },
	{ .name = "--stats", .take = take_stats, .help = "print counters to stderr at the end" },
};
/* clang-format on */
static const struct option_table table = { .rows = rows, .count = ARRAY_LEN(rows) };

static int run(const struct command *self, int count, char *const words[], uint64_t started_ns)
{
	struct selftest_options o = { .started_ns = started_ns };
	unsigned failed = 0;
	struct err e;
	int status;

	if (!command_options(self, count, words, &o, &status))
		return status;
	if (o.no_kvm && o.with != NULL) {
		e = err_make(ERR_USAGE, 0, "--no-kvm does not go with --with; leave one out");
		return command_fail(&e);
	}
	if (o.net == TAP_KIND_TUN && o.with != NULL) {
		e = err_make(ERR_USAGE, 0,
			     "--net tun does not go with --with: QEMU's NIC has no TUN; leave one "
			     "out");
		return command_fail(&e);
	}
	if (o.capture != NULL && o.with != NULL) {
		e = err_make(
			ERR_USAGE, 0,
			"--capture does not go with --with, whose NIC is not ours; leave one out");
		return command_fail(&e);
	}
	/* A file is of one guest. */
	if (o.capture != NULL && o.bus == NIC_BUS_AUTO)
		o.bus = NIC_BUS_MMIO;
	e = selftest_run(&o, &failed);
	if (err_is(e))
		return command_fail(&e);
	return command_printed(failed == 0 ? STATUS_DONE : STATUS_CHECK);
}

const struct command command_selftest = {
	.name = "selftest",
	.synopsis = "[OPTION]...",
	.summary = "boots the tiny guest and checks its traffic",
	.options = &table,
	.run = run,
};
