/* vmm/server/options.c: the options of tapvm-vhost-user. */
#include "vmm/server/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cli/net_option.h"
#include "vmm/cli/value.h"

enum { MODE_DEFAULT = 0600, MODE_DIGITS = 4 };

static struct err take_socket(void *into, const char *value)
{
	struct server_options *o = into;

	if (o->socket != NULL)
		return err_make(ERR_USAGE, 0, "there is one already; leave one out");
	o->socket = value;
	return err_none();
}

static struct err take_fd(void *into, const char *value)
{
	struct server_options *o = into;
	uint64_t fd = 0;
	struct err e = value_number(value, 3, INT32_MAX, &fd);

	if (!err_is(e))
		o->fd = (int)fd;
	return e;
}

static struct err take_mode(void *into, const char *value)
{
	struct server_options *o = into;
	size_t digits = strspn(value, "01234567");

	if (digits == 0 || digits > MODE_DIGITS || value[digits] != '\0' ||
	    strtoul(value, NULL, 8) > 0777)
		return err_make(ERR_USAGE, 0, "'%.64s' is no mode of a file; write it like 0660",
				value);
	o->mode = (unsigned)strtoul(value, NULL, 8);
	o->has_mode = true;
	return err_none();
}

/* text is the options' from here on. */
static struct err take_text(struct server_options *o, char *text)
{
	if (o->has_net) {
		free(text);
		return err_make(ERR_USAGE, 0, "there is one NIC; leave one out");
	}
	if (text == NULL)
		return err_make(ERR_SETUP, ENOMEM, "keep the option");
	o->has_net = true;
	o->net_text = text;
	return net_option_parse(text, &o->nic);
}

static struct err take_net(void *into, const char *value) { return take_text(into, strdup(value)); }

static struct err take_tap(void *into, const char *value)
{
	char *text = NULL;

	if (strchr(value, ',') != NULL)
		return err_make(ERR_USAGE, 0, "it takes a name alone; --net tap,name=... has more");
	if (asprintf(&text, "tap,name=%s", value) < 0)
		text = NULL;
	return take_text(into, text);
}

#define FLAG(field)                                                                                \
	static struct err take_##field(void *into, const char *value)                              \
	{                                                                                          \
		(void)value;                                                                       \
		((struct server_options *)into)->field = true;                                     \
		return err_none();                                                                 \
	}
FLAG(client)
FLAG(inband)
FLAG(quiet)
FLAG(stats)
FLAG(capabilities)
FLAG(version)

/* clang-format off */
static const struct option rows[] = {
	{ .name = "--socket", .value = "PATH", .take = take_socket,
	  .help = "the socket to listen at; made, and removed at the end" },
	{ .name = "--socket-path", .value = "PATH", .take = take_socket,
	  .help = "the same" },
	{ .name = "--fd", .value = "N", .take = take_fd,
	  .help = "beside a socket: a TAP's descriptor; alone: the socket, or a connection" },
	{ .name = "--socket-mode", .value = "MODE", .take = take_mode,
	  .help = "who may connect, as chmod has it; 0600 if left out" },
	{ .name = "--client", .take = take_client,
	  .help = "connect to a front-end that listens at the socket, again whenever it ends" },
	{ .name = "--tap", .value = "NAME", .take = take_tap,
	  .help = "the TAP: short for --net tap,name=NAME" },
	{ .name = "--net", .value = "tap|tun[,KEY=VALUE]...", .take = take_net,
	  .help = "the NIC, keys below; a TAP of its own if left out" },
	{ .name = "--inband", .take = take_inband,
	  .help = "offer notifications by messages: for front-ends that ask for them" },
	{ .name = "--quiet", .take = take_quiet, .help = "without the line at start" },
	{ .name = "--stats", .take = take_stats, .help = "print counters to stderr at the end" },
	{ .name = "--print-capabilities", .take = take_capabilities,
	  .help = "print what kind of back-end this is, as JSON, and end" },
	{ .name = "--version", .take = take_version, .help = "print it and end" },
};
/* clang-format on */
const struct option_table server_option_table = { .rows = rows, .count = ARRAY_LEN(rows) };

void server_options_init(struct server_options *o)
{
	*o = (struct server_options){ .fd = -1, .mode = MODE_DEFAULT, .nic = net_option_default() };
}

void server_options_fini(struct server_options *o) { free(o->net_text); }

/* Beside a socket --fd is the TAP's descriptor. */
static struct err place_fd(struct server_options *o, bool passed)
{
	if (o->fd < 0 || (o->socket == NULL && !passed))
		return err_none();
	if (o->has_net)
		return err_make(ERR_USAGE, 0,
				"--fd beside a socket is the TAP, and so is the NIC that was "
				"named; leave one out");
	o->nic.fd = o->fd;
	o->fd = -1;
	return err_none();
}

struct err server_options_finish(struct server_options *o, bool passed)
{
	struct err e = place_fd(o, passed);
	int ways = (o->socket != NULL) + (o->fd >= 0) + passed;

	if (err_is(e))
		return e;
	if (ways == 0)
		return err_make(ERR_USAGE, 0, "no socket; give one, as in --socket /run/vm0.sock");
	if (ways > 1)
		return err_make(ERR_USAGE, 0,
				"more than one socket (--socket, LISTEN_FDS); give one alone");
	if (o->client && o->socket == NULL)
		return err_make(ERR_USAGE, 0, "--client needs the --socket to connect to");
	if (o->has_mode && (o->client || o->socket == NULL))
		return err_make(ERR_USAGE, 0, "--socket-mode goes with a --socket that is made");
	if (o->nic.bus != NIC_BUS_AUTO)
		return err_make(ERR_USAGE, 0, "--net: the bus is the front-end's; leave bus= out");
	if (o->nic.vhost != NIC_VHOST_OFF)
		return err_make(ERR_USAGE, 0,
				"vhost= is for tapvm run: of a front-end's rings it is workers "
				"that move the frames; leave it out");
	if (o->fd >= 0 && o->fd == o->nic.fd)
		return err_make(ERR_USAGE, 0,
				"descriptor %d is both socket and TAP; one of them is another",
				o->fd);
	return err_none();
}
