/* vmm/cli/run_options.c: the options of `tapvm run`. */
#include "vmm/cli/run_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/boot/fdt.h"
#include "vmm/cli/disk_option.h"
#include "vmm/cli/net_option.h"
#include "vmm/cli/value.h"

static const uint64_t MEMORY_DEFAULT = (uint64_t)128 << 20;
static const uint64_t MEMORY_MIN = (uint64_t)4 << 20;
static const uint64_t PAGE_BYTES = 4096;

static struct err take_kernel(void *into, const char *value)
{
	struct run_options *o = into;

	o->keeper.kernel = value;
	return err_none();
}

static struct err take_initrd(void *into, const char *value)
{
	struct run_options *o = into;

	o->keeper.initrd = value;
	return err_none();
}

static struct err take_append(void *into, const char *value)
{
	struct run_options *o = into;

	o->keeper.append = value;
	return err_none();
}

static struct err take_memory(void *into, const char *value)
{
	struct run_options *o = into;
	uint64_t bytes = 0;
	struct err e = value_bytes(value, &bytes);

	if (err_is(e))
		return e;
	if (bytes < MEMORY_MIN)
		return err_make(ERR_USAGE, 0, "%s is too little for any kernel; give at least 4M",
				value);
	if (bytes > MEMORY_MAX)
		return err_make(ERR_USAGE, 0, "%s is more than the 255G that a machine can have",
				value);
	if (bytes % PAGE_BYTES != 0)
		return err_make(ERR_USAGE, 0, "%s is no multiple of 4K; write it like 128M", value);
	o->keeper.memory_bytes = bytes;
	return err_none();
}

static struct err take_cpus(void *into, const char *value)
{
	struct run_options *o = into;
	uint64_t cpus = 0;
	struct err e = value_number(value, 1, CPUS_MAX, &cpus);

	if (!err_is(e))
		o->keeper.cpus = (unsigned)cpus;
	return e;
}

static struct err take_disk(void *into, const char *value)
{
	struct run_options *o = into;
	unsigned index = o->keeper.disk_count;
	struct err e;

	if (index == DISKS_MAX)
		return err_make(ERR_USAGE, 0, "more than %d disks; leave some out", DISKS_MAX);
	o->disk_text[index] = strdup(value);
	if (o->disk_text[index] == NULL)
		return err_make(ERR_SETUP, ENOMEM, "keep the option");
	e = disk_option_parse(o->disk_text[index], &o->keeper.disk[index]);
	o->keeper.disk_count++;
	return e;
}

static struct err take_net(void *into, const char *value)
{
	struct run_options *o = into;
	unsigned index = o->keeper.nic_count;
	struct err e;

	if (index == NICS_MAX)
		return err_make(ERR_USAGE, 0, "more than %d NICs; leave some out", NICS_MAX);
	o->net_text[index] = strdup(value);
	if (o->net_text[index] == NULL)
		return err_make(ERR_SETUP, ENOMEM, "keep the option");
	e = net_option_parse(o->net_text[index], &o->keeper.nic[index]);
	o->keeper.nic_count++;
	return e;
}

static struct err take_no_net(void *into, const char *value)
{
	struct run_options *o = into;

	(void)value;
	o->no_net = true;
	return err_none();
}

static struct err take_serial(void *into, const char *value)
{
	struct run_options *o = into;

	if (strcmp(value, "stdio") == 0) {
		o->keeper.serial = SERIAL_STDIO;
	} else if (strcmp(value, "none") == 0) {
		o->keeper.serial = SERIAL_NONE;
	} else {
		o->keeper.serial = SERIAL_FILE;
		return value_file(value, &o->keeper.serial_path);
	}
	return err_none();
}

static struct err take_timeout(void *into, const char *value)
{
	struct run_options *o = into;
	uint64_t seconds = 0;
	struct err e = value_number(value, 1, UINT32_MAX, &seconds);

	if (!err_is(e))
		o->keeper.timeout_seconds = (unsigned)seconds;
	return e;
}

static struct err take_control(void *into, const char *value)
{
	struct run_options *o = into;

	return value_file(value, &o->keeper.control);
}

static struct err take_quiet(void *into, const char *value)
{
	struct run_options *o = into;

	(void)value;
	o->keeper.quiet = true;
	return err_none();
}

static struct err take_stats(void *into, const char *value)
{
	struct run_options *o = into;

	(void)value;
	o->keeper.stats = true;
	return err_none();
}

static struct err take_dry_run(void *into, const char *value)
{
	struct run_options *o = into;

	(void)value;
	o->dry_run = true;
	return err_none();
}

/* clang-format off */
static const struct option rows[] = {
	{ .name = "--kernel", .value = "FILE", .take = take_kernel,
	  .help = "a bzImage (vmlinuz), or an ELF with a PVH entry, such as a vmlinux; the word --kernel may "
		  "be left out" },
	{ .name = "--initrd", .value = "FILE", .take = take_initrd,
	  .help = "the kernel's initial RAM disk" },
	{ .name = "--append", .value = "STR", .take = take_append, .may_be_empty = true,
	  .help = "the kernel's command line; to an image of ours virtio_mmio.device= for each NIC is added" },
	{ .name = "--memory", .value = "SIZE", .take = take_memory,
	  .help = "the guest's memory; 128M if left out" },
	{ .name = "--cpus", .value = "N", .take = take_cpus,
	  .help = "the guest's processors, 1 to 32; 1 if left out" },
	{ .name = "--disk", .value = "FILE[,ro|snapshot]", .take = take_disk, .repeats = true,
	  .help = "a disk: a raw image or a block device; ro: the guest only reads it; snapshot: what it writes "
		  "is gone at the end; up to 8" },
	{ .name = "--net", .value = "tap|tun[,KEY=VALUE]...", .take = take_net, .repeats = true,
	  .help = "a NIC on a TAP, or a TUN, which carries IP alone; keys below; up to 8; one on a TAP "
		  "of its own if left out" },
	{ .name = "--no-net", .take = take_no_net, .help = "no NIC" },
	{ .name = "--serial", .value = "stdio|FILE|none", .take = take_serial,
	  .help = "the guest's serial port; stdio if left out" },
	{ .name = "--timeout", .value = "SECONDS", .take = take_timeout,
	  .help = "stop a guest that has not ended by then, with status 124" },
	{ .name = "--control", .value = "PATH", .take = take_control,
	  .help = "make a socket at which tapvm ctl asks and tells the run" },
	{ .name = "--quiet", .take = take_quiet,
	  .help = "without the line for each NIC at start" },
	{ .name = "--dry-run", .take = take_dry_run,
	  .help = "print what would be done to the host's network, and do nothing" },
	{ .name = "--stats", .take = take_stats, .help = "print counters to stderr at the end" },
};
/* clang-format on */
const struct option_table run_option_table = { .rows = rows,
					       .count = ARRAY_LEN(rows),
					       .operand = "--kernel" };

void run_options_init(struct run_options *o)
{
	*o = (struct run_options){
		.keeper = { .append = "",
			    .memory_bytes = MEMORY_DEFAULT,
			    .cpus = 1,
			    .serial = SERIAL_STDIO },
	};
}

void run_options_fini(struct run_options *o)
{
	for (unsigned i = 0; i < NICS_MAX; i++)
		free(o->net_text[i]);
	for (unsigned i = 0; i < DISKS_MAX; i++)
		free(o->disk_text[i]);
}

static bool is_same_word(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static struct err judge_pair(const struct nic_options *a, const struct nic_options *b)
{
	if (a->fd >= 0 && a->fd == b->fd)
		return err_make(ERR_USAGE, 0, "--net: two NICs with fd=%d; each needs its own",
				a->fd);
	if (a->tap_name != NULL && is_same_word(a->tap_name, b->tap_name) &&
	    is_same_word(a->netns, b->netns) && strchr(a->tap_name, '%') == NULL)
		return err_make(ERR_USAGE, 0, "--net: two NICs on %s; each needs its own",
				a->tap_name);
	if (a->capture != NULL && is_same_word(a->capture, b->capture))
		return err_make(ERR_USAGE, 0, "--net: two NICs with capture=%s; each needs its own",
				a->capture);
	return err_none();
}

static struct err judge_nics(const struct keeper_options *o)
{
	for (unsigned i = 0; i < o->nic_count; i++) {
		for (unsigned j = i + 1; j < o->nic_count; j++) {
			struct err e = judge_pair(&o->nic[i], &o->nic[j]);

			if (err_is(e))
				return e;
		}
	}
	return err_none();
}

static struct err judge_cmdline(const struct keeper_options *o)
{
	size_t length = strlen(o->append);

	if (length <= BOOT_CMDLINE_MAX)
		return err_none();
	return err_make(ERR_USAGE, 0,
			"--append: %zu bytes are more than the %d that a guest takes; shorten it",
			length, BOOT_CMDLINE_MAX);
}

struct err run_options_finish(struct run_options *o)
{
	struct err e;

	if (o->keeper.kernel == NULL)
		return err_make(ERR_USAGE, 0, "run: no kernel; give one, as in tapvm run vmlinux");
	if (o->no_net && o->keeper.nic_count > 0)
		return err_make(ERR_USAGE, 0, "--no-net does not go with --net; leave one out");
	if (!o->no_net && o->keeper.nic_count == 0)
		o->keeper.nic[o->keeper.nic_count++] = net_option_default();
	e = judge_nics(&o->keeper);
	return err_is(e) ? e : judge_cmdline(&o->keeper);
}
