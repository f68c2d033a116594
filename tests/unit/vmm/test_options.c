/* tests/unit/vmm/test_options.c: words of the command line, as tables: what is taken, what is
 * refused with which words, and what is suggested. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/driver/suite.h"
#include "vmm/cli/net_option.h"
#include "vmm/cli/run_options.h"

/* ---- tapvm run ---- */

enum { WORDS = 12 };
static const struct {
	const char *says;
	const char *words[WORDS];
	const char *error; /* NULL: taken */
} runs[] = {
	{ "a kernel alone", { "k" }, NULL },
	{ "a kernel by its option", { "--kernel", "k" }, NULL },
	{ "a value behind =", { "--kernel=k", "--memory=64M" }, NULL },
	{ "all options",
	  { "k", "--append", "a b", "--memory", "1G", "--no-net", "--serial", "none", "--timeout",
	    "5", "--quiet", "--stats" },
	  NULL },
	{ "an empty command line is one", { "k", "--append", "" }, NULL },
	{ "a kernel that looks like an option", { "--", "--k" }, NULL },
	{ "no kernel", { "--quiet" }, "no kernel" },
	{ "two kernels", { "k", "l" }, "--kernel is given twice" },
	{ "a kernel both ways", { "--kernel", "k", "l" }, "--kernel is given twice" },
	{ "an empty kernel", { "" }, "--kernel has an empty value" },
	{ "an option twice",
	  { "k", "--memory", "64M", "--memory", "64M" },
	  "--memory is given twice" },
	{ "a flag twice", { "k", "--quiet", "--quiet" }, "--quiet is given twice" },
	{ "a flag with a value", { "k", "--quiet=yes" }, "--quiet takes no value" },
	{ "a value left out", { "k", "--memory" }, "--memory needs a value: SIZE" },
	{ "an empty value", { "k", "--memory", "" }, "--memory has an empty value" },
	{ "an empty value behind =", { "k", "--memory=" }, "--memory has an empty value" },
	{ "an unknown option near a known one",
	  { "k", "--memroy", "64M" },
	  "did you mean --memory?" },
	{ "its = does not disturb",
	  { "k", "--memmory=64M" },
	  "unknown option --memmory; did you mean --memory?" },
	{ "the beginning of an option", { "k", "--mem=64M" }, "did you mean --memory?" },
	{ "an option and more", { "k", "--network", "tap" }, "did you mean --net?" },
	{ "dashes alone", { "k", "--=64M" }, "unknown option --; --help" },
	{ "an unknown option near none",
	  { "k", "--frobnicate" },
	  "unknown option --frobnicate; --help" },
	{ "a short option", { "k", "-m", "64M" }, "unknown option -m" },
	{ "memory 0", { "k", "--memory", "0" }, "--memory: 0 is too little" },
	{ "memory of 1 byte", { "k", "--memory", "1" }, "--memory: 1 is too little" },
	{ "memory of odd size", { "k", "--memory", "4194305" }, "no multiple of 4K" },
	{ "memory past 64 bits",
	  { "k", "--memory", "99999999999999999999G" },
	  "does not fit in 64 bits" },
	{ "memory up to PCI's window", { "k", "--memory", "255G" }, NULL },
	{ "a page more than that",
	  { "k", "--memory", "267386884K" },
	  "is more than the 255G that a machine can have" },
	{ "memory in words", { "k", "--memory", "lots" }, "is no size" },
	{ "processors", { "k", "--cpus", "32" }, NULL },
	{ "no processor", { "k", "--cpus", "0" }, "--cpus: 0 is out of range" },
	{ "too many processors", { "k", "--cpus", "33" }, "--cpus: 33 is out of range" },
	{ "processors in words", { "k", "--cpus", "all" }, "is no number" },
	{ "timeout 0", { "k", "--timeout", "0" }, "--timeout: 0 is out of range" },
	{ "timeout past 32 bits", { "k", "--timeout", "4294967296" }, "out of range" },
	{ "timeout below zero", { "k", "--timeout", "-1" }, "is no number" },
	{ "nets and none", { "k", "--net", "tap", "--no-net" }, "--no-net does not go with --net" },
	{ "a kind that is not there", { "k", "--net", "bridge" }, "--net: unknown kind 'bridge'" },
	{ "an empty net", { "k", "--net", "" }, "--net has an empty value" },
	{ "two NICs on one TAP",
	  { "k", "--net", "tap,name=a0", "--net", "tap,name=a0" },
	  "two NICs on a0" },
	{ "two TAPs of one name in two namespaces",
	  { "k", "--net", "tap,name=a0", "--net", "tap,name=a0,netns=private" },
	  NULL },
	{ "two TAPs by one pattern",
	  { "k", "--net", "tap,name=a%d", "--net", "tap,name=a%d" },
	  NULL },
	{ "one descriptor twice",
	  { "k", "--net", "tap,fd=7", "--net", "tap,fd=7" },
	  "two NICs with fd=7" },
};

static struct err parse_run(const char *const *words, unsigned count, struct run_options *o,
			    bool *ret_help)
{
	char *copy[WORDS];
	struct err e;

	for (unsigned i = 0; i < count; i++)
		copy[i] = strdup(words[i]);
	run_options_init(o);
	e = options_parse(&run_option_table, (int)count, copy, o, ret_help);
	if (!err_is(e))
		e = run_options_finish(o);
	o->keeper.append = NULL;
	for (unsigned i = 0; i < count; i++)
		free(copy[i]);
	return e;
}

START_TEST(run_takes_or_refuses)
{
	struct run_options o;
	unsigned count = 0;
	bool help;
	struct err e;

	while (count < WORDS && runs[_i].words[count] != NULL)
		count++;
	e = parse_run(runs[_i].words, count, &o, &help);
	run_options_fini(&o);
	ck_assert_msg(!help, "%s: taken for help", runs[_i].says);
	if (runs[_i].error == NULL) {
		ck_assert_msg(!err_is(e), "%s: got \"%s\", want success", runs[_i].says, e.text);
		return;
	}
	ck_assert_msg(e.kind == ERR_USAGE, "%s: got kind %d, want bad usage", runs[_i].says,
		      (int)e.kind);
	ck_assert_msg(strstr(e.text, runs[_i].error) != NULL, "%s: got \"%s\", want \"%s\"",
		      runs[_i].says, e.text, runs[_i].error);
	ck_assert_msg(strchr(e.text, '\n') == NULL, "%s: more than one line", runs[_i].says);
}
END_TEST

START_TEST(run_fills_the_options)
{
	const char *words[] = { "--memory",  "256M", "--net",  "tap,mtu=9000,bus=mmio",
				"--net",     "tap",  "--cpus", "3",
				"--timeout", "7",    "k" };
	struct run_options o;
	bool help;
	struct err e = parse_run(words, ARRAY_LEN(words), &o, &help);

	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	ck_assert_uint_eq(o.keeper.memory_bytes, (uint64_t)256 << 20);
	ck_assert_uint_eq(o.keeper.nic_count, 2);
	ck_assert_uint_eq(o.keeper.nic[0].mtu, 9000);
	ck_assert_uint_eq(o.keeper.nic[1].mtu, 0);
	ck_assert_int_eq((int)o.keeper.nic[0].bus, NIC_BUS_MMIO);
	ck_assert_int_eq((int)o.keeper.nic[1].bus, NIC_BUS_AUTO);
	ck_assert_uint_eq(o.keeper.cpus, 3);
	ck_assert_uint_eq(o.keeper.timeout_seconds, 7);
	run_options_fini(&o);
}
END_TEST

START_TEST(run_has_one_nic_when_none_is_named)
{
	const char *words[] = { "k" };
	struct run_options o;
	bool help;
	struct err e = parse_run(words, 1, &o, &help);

	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	ck_assert_uint_eq(o.keeper.nic_count, 1);
	ck_assert_ptr_null(o.keeper.nic[0].tap_name);
	ck_assert_int_eq(o.keeper.nic[0].fd, -1);
	ck_assert_uint_eq(o.keeper.memory_bytes, (uint64_t)128 << 20);
	ck_assert_uint_eq(o.keeper.cpus, 1);
	run_options_fini(&o);
}
END_TEST

START_TEST(run_takes_8_nics_and_no_9th)
{
	char *words[2 * (NICS_MAX + 1) + 1];
	char net[] = "--net", tap[] = "tap", kernel[] = "k";
	bool help;

	words[0] = kernel;
	for (unsigned i = 0; i <= NICS_MAX; i++) {
		words[1 + 2 * i] = net;
		words[2 + 2 * i] = tap;
	}
	for (int nics = NICS_MAX; nics <= NICS_MAX + 1; nics++) {
		struct run_options o;
		struct err e;

		run_options_init(&o);
		e = options_parse(&run_option_table, 1 + 2 * nics, words, &o, &help);
		if (!err_is(e))
			e = run_options_finish(&o);
		run_options_fini(&o);
		ck_assert_msg(err_is(e) == (nics > NICS_MAX), "%d NICs: got \"%s\"", nics, e.text);
	}
}
END_TEST

START_TEST(run_measures_the_command_line)
{
	/* 2047 bytes is what Linux takes; a NIC adds " virtio_mmio.device=4K@0xfeb00000:16". */
	static const struct {
		size_t length;
		bool no_net, ok;
	} cases[] = {
		{ 2047, true, true },   { 2048, true, false },   { 2047, false, true },
		{ 2048, false, false }, { 100000, true, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *append = malloc(cases[i].length + 1);
		const char *words[] = { "k", "--append", append, "--no-net" };
		struct run_options o;
		bool help;
		struct err e;

		ck_assert_ptr_nonnull(append);
		memset(append, 'x', cases[i].length);
		append[cases[i].length] = '\0';
		e = parse_run(words, cases[i].no_net ? 4 : 3, &o, &help);
		run_options_fini(&o);
		free(append);
		ck_assert_msg(err_is(e) != cases[i].ok, "%zu bytes: got \"%s\", want %s",
			      cases[i].length, e.text, cases[i].ok ? "success" : "failure");
		ck_assert_msg(cases[i].ok || strstr(e.text, "--append") != NULL, "got \"%s\"",
			      e.text);
	}
}
END_TEST

START_TEST(help_is_asked_for_anywhere_but_in_a_value)
{
	const char *asked[] = { "--memory", "64M", "--help", "--nonsense" };
	const char *value[] = { "k", "--append", "--help" };
	struct run_options o;
	bool help;
	struct err e = parse_run(asked, ARRAY_LEN(asked), &o, &help);

	ck_assert_msg(help, "--help before nonsense: got \"%s\"", e.text);
	run_options_fini(&o);
	e = parse_run(value, ARRAY_LEN(value), &o, &help);
	ck_assert_msg(!help && !err_is(e), "--append --help: got \"%s\"", e.text);
	run_options_fini(&o);
}
END_TEST

/* ---- --net ---- */

static const struct {
	const char *says, *text, *error;
} nets[] = {
	{ "nothing said", "tap", NULL },
	{ "everything said",
	  "tap,name=vm0,mac=02:00:00:00:00:02,host-mac=02:00:00:00:00:01,ip=10.0.0.1/24,ip=fd00::1/"
	  "64,mtu=1400,"
	  "netns=blue,persist=on,owner=1000,group=100,queue-size=512,queues=4",
	  NULL },
	{ "a pattern", "tap,name=vm%d", NULL },
	{ "a descriptor with what goes with it",
	  "tap,fd=7,mac=02:00:00:00:00:02,queue-size=64,capture=a.pcapng", NULL },
	{ "a capture to no file", "tap,capture=-", "is no file" },
	{ "an empty capture", "tap,capture=", "capture has an empty value" },
	{ "a TUN with its neighbour's address",
	  "tun,name=tun0,host-mac=02:00:00:00:00:01,ip=10.0.0.1/24", NULL },
	{ "an inherited TUN with its neighbour's address", "tun,fd=7,host-mac=02:00:00:00:00:01",
	  NULL },
	{ "an inherited TUN with an MTU", "tun,fd=7,mtu=1500", "mtu does not go with fd" },
	{ "neither kind", "tuntap,name=a0", "it is tap or tun" },
	{ "a name of 15 bytes", "tap,name=abcdefghijklmno", NULL },
	{ "a name of 16 bytes", "tap,name=abcdefghijklmnop", "name" },
	{ "a name with a slash", "tap,name=a/b", "name" },
	{ "an empty name", "tap,name=", "name has an empty value" },
	{ "a name without =", "tap,name", "name needs a value: NAME" },
	{ "a name twice", "tap,name=a,name=b", "name is given twice" },
	{ "a mac twice", "tap,mac=02:00:00:00:00:02,mac=02:00:00:00:00:02", "mac is given twice" },
	{ "a multicast mac", "tap,mac=01:00:00:00:00:02", "multicast" },
	{ "a broken mac", "tap,mac=02:00", "no MAC" },
	{ "a multicast host-mac", "tap,host-mac=01:00:00:00:00:02", "host-mac: 01:" },
	{ "guest and host alike", "tap,mac=02:00:00:00:00:02,host-mac=02:00:00:00:00:02",
	  "the same" },
	{ "a broken address", "tap,ip=10.0.0/24", "ip: " },
	{ "a prefix past 32", "tap,ip=10.0.0.1/33", "ip: " },
	{ "a prefix past 128", "tap,ip=fd00::1/129", "ip: " },
	{ "nine addresses",
	  "tap,ip=10.0.0.1,ip=10.0.0.2,ip=10.0.0.3,ip=10.0.0.4,ip=10.0.0.5,ip=10.0.0.6,ip=10.0.0.7,"
	  "ip=10.0.0.8,ip=10.0.0.9",
	  "more than 8" },
	{ "an MTU of 67", "tap,mtu=67", "mtu: 67 is out of range; it takes 68 to 65521" },
	{ "an MTU of 68", "tap,mtu=68", NULL },
	{ "an MTU of 65521", "tap,mtu=65521", NULL },
	{ "an MTU of 65522", "tap,mtu=65522", "mtu: 65522 is out of range" },
	{ "an MTU past 64 bits", "tap,mtu=18446744073709553116", "out of range" },
	{ "an MTU too small for IPv6", "tap,mtu=1279,ip=fd00::1/64", "too small for IPv6" },
	{ "a descriptor that is stdio", "tap,fd=0", "fd: 0 is out of range" },
	{ "a descriptor with a name", "tap,fd=7,name=vm0", "name does not go with fd" },
	{ "a descriptor with a namespace", "tap,netns=private,fd=7", "netns does not go with fd" },
	{ "a descriptor with an MTU", "tap,fd=7,mtu=1500", "mtu does not go with fd" },
	{ "a descriptor with an address", "tap,fd=7,ip=10.0.0.1", "ip does not go with fd" },
	{ "a descriptor with host-mac", "tap,fd=7,host-mac=02:00:00:00:00:01",
	  "host-mac does not go with fd" },
	{ "a descriptor with persist", "tap,fd=7,persist=off", "persist does not go with fd" },
	{ "a descriptor with owner", "tap,fd=7,owner=0", "owner does not go with fd" },
	{ "a descriptor with group", "tap,fd=7,group=0", "group does not go with fd" },
	{ "a TAP that stays where nothing stays", "tap,netns=private,persist=on",
	  "does not go with netns=private" },
	{ "persist by another word", "tap,persist=yes", "neither on nor off" },
	{ "an owner by name", "tap,owner=root", "is no number" },
	{ "the owner that is none", "tap,owner=4294967295", "out of range" },
	{ "a queue of no power of two", "tap,queue-size=100", "no power of two" },
	{ "the same, packed", "tap,queue-size=100,packed=on", NULL },
	{ "the same, packed no more", "tap,queue-size=100,packed=off", "no power of two" },
	{ "a speed and a duplex", "tap,fd=7,speed=2147483647,duplex=half", NULL },
	{ "a speed of 0", "tap,speed=0", NULL },
	{ "a speed past the largest", "tap,speed=2147483648", "out of range" },
	{ "a duplex by another word", "tap,duplex=both", "'both' is neither full nor half" },
	{ "a speed that nobody tells", "tap,speed=10,speed-duplex=off", "which is off" },
	{ "a duplex that nobody tells", "tap,duplex=full,speed-duplex=off", "which is off" },
	{ "a bus that is not there", "tap,bus=isa", "bus: 'isa' is neither pci nor mmio" },
	{ "an inherited TAP's bus", "tap,fd=7,bus=pci", NULL },
	{ "a queue of one", "tap,queue-size=1", "out of range" },
	{ "no queue", "tap,queues=0", "out of range" },
	{ "more queues than there may be", "tap,queues=9", "out of range" },
	{ "several queues of one descriptor", "tap,fd=7,queues=2", "queues does not go with fd" },
	{ "a queue past the largest", "tap,queue-size=65536", "out of range" },
	{ "a feature off", "tap,csum=off,guest-csum=on,fd=3", NULL },
	{ "a feature by another word", "tap,csum=no", "csum: 'no' is neither on nor off" },
	{ "a feature without a word", "tap,csum", "csum needs a value: on|off" },
	{ "a feature twice", "tap,csum=on,csum=off", "csum is given twice" },
	{ "an unknown key near a feature", "tap,hots-tso4=on", "did you mean host-tso4=?" },
	{ "an unknown key near a known one", "tap,nmae=vm0", "did you mean name=?" },
	{ "an unknown key near none", "tap,colour=red", "unknown key colour; tapvm help run" },
	{ "a comma at the end", "tap,", "a comma with nothing behind it" },
};

START_TEST(net_takes_or_refuses)
{
	char *text = strdup(nets[_i].text);
	struct nic_options nic = { .fd = 77 };
	struct err e;

	ck_assert_ptr_nonnull(text);
	e = net_option_parse(text, &nic);
	if (nets[_i].error == NULL) {
		ck_assert_msg(!err_is(e), "%s: got \"%s\", want success", nets[_i].says, e.text);
	} else {
		ck_assert_msg(e.kind == ERR_USAGE && strstr(e.text, nets[_i].error) != NULL,
			      "%s: got \"%s\", want \"%s\"", nets[_i].says, e.text, nets[_i].error);
		ck_assert_msg(nic.fd == 77, "%s: touched on failure", nets[_i].says);
	}
	free(text);
}
END_TEST

START_TEST(net_fills_the_options)
{
	char text[] = "tap,name=vm0,mac=02:00:00:00:00:02,host-mac=02:00:00:00:00:01,ip=10.0.0.1/"
		      "24,ip=fd00::1/64,"
		      "mtu=1400,netns=blue,persist=on,owner=1000,group=100,queue-size=512,queues=4,"
		      "capture=a.pcapng,speed=1000,duplex=full,csum=on,event-idx=off";
	struct nic_options nic = { .fd = 0 };
	struct err e = net_option_parse(text, &nic);

	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	ck_assert_str_eq(nic.tap_name, "vm0");
	ck_assert(nic.speed.known && nic.speed.mbits == 1000 &&
		  nic.speed.duplex == NET_DUPLEX_FULL);
	ck_assert_int_eq(nic.fd, -1);
	ck_assert(nic.has_mac && nic.mac[5] == 2 && nic.has_host_mac && nic.host_mac[5] == 1);
	ck_assert_uint_eq(nic.address_count, 2);
	ck_assert(nic.address[0].family == AF_INET && nic.address[0].prefix_len == 24);
	ck_assert(nic.address[1].family == AF_INET6 && nic.address[1].prefix_len == 64);
	ck_assert_uint_eq(nic.mtu, 1400);
	ck_assert_str_eq(nic.netns, "blue");
	ck_assert(nic.persist);
	ck_assert_int_eq(nic.owner, 1000);
	ck_assert_int_eq(nic.group, 100);
	ck_assert_uint_eq(nic.queue_size, 512);
	ck_assert_uint_eq(nic.queues, 4);
	ck_assert_str_eq(nic.capture, "a.pcapng");
	ck_assert(features_has(&nic.switches.on, 0) && !features_has(&nic.switches.off, 0));
	ck_assert(features_has(&nic.switches.off, 29) && !features_has(&nic.switches.on, 29));
	ck_assert(!features_has(&nic.switches.on, 28) && !features_has(&nic.switches.off, 28));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("options");
	TCase *tc = tcase_create("options");

	tcase_add_loop_test(tc, run_takes_or_refuses, 0, ARRAY_LEN(runs));
	tcase_add_test(tc, run_fills_the_options);
	tcase_add_test(tc, run_has_one_nic_when_none_is_named);
	tcase_add_test(tc, run_takes_8_nics_and_no_9th);
	tcase_add_test(tc, run_measures_the_command_line);
	tcase_add_test(tc, help_is_asked_for_anywhere_but_in_a_value);
	tcase_add_loop_test(tc, net_takes_or_refuses, 0, ARRAY_LEN(nets));
	tcase_add_test(tc, net_fills_the_options);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
