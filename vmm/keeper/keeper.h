/* vmm/keeper/keeper.h: the process that holds what the machine may not: TAPs, addresses,
 * namespaces, the terminal. Builds the host side, starts the machine over a socketpair, waits,
 * undoes what it did. Whoever of the two dies, the other ends within 100 ms, with the terminal
 * restored and nothing left. */
#ifndef TAPVM_KEEPER_KEEPER_H
#define TAPVM_KEEPER_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/tap/link.h"
#include "vmm/hostnet/hostnet.h"
#include "vmm/machine/machine.h"

enum { NIC_ADDRESSES_MAX = HOSTNET_ADDRESSES_MAX };

struct nic_options {
	enum tap_kind kind;
	const char *tap_name; /* NULL: automatic */
	int fd;               /* -1: none */
	bool has_mac, has_host_mac;
	uint8_t mac[6], host_mac[6];
	struct ip_prefix address[NIC_ADDRESSES_MAX];
	unsigned address_count;
	unsigned mtu;      /* 0: the TAP's own */
	const char *netns; /* NULL: the caller's; "private"; a name */
	bool persist;
	int64_t owner, group; /* -1: not given */
	unsigned queue_size;  /* 0: 256 */
	unsigned queues;      /* pairs of them; 0: 1 */
	const char *capture;  /* a path; NULL: none */
	enum nic_bus bus;
	struct hostnet_wish host; /* what is changed beside the TAP */
	enum nic_vhost vhost;
	struct err vhost_why; /* with auto: something else that was written needs workers */
	struct net_switches switches;
	struct net_speed speed;
	struct net_rate rate;
};

struct disk_options {
	const char *path;
	bool read_only, snapshot; /* not both */
};

enum serial_kind { SERIAL_STDIO, SERIAL_FILE, SERIAL_NONE, SERIAL_FDS };

struct keeper_options {
	const char *kernel; /* a path, or NULL: image below */
	const uint8_t *image;
	uint64_t image_bytes;
	const char *image_name;
	const char *initrd; /* a path, or NULL */
	const char *append;
	uint64_t memory_bytes;
	unsigned cpus;
	struct nic_options nic[NICS_MAX];
	unsigned nic_count;
	struct disk_options disk[DISKS_MAX];
	unsigned disk_count;
	enum serial_kind serial;
	const char *serial_path;
	int serial_in, serial_out; /* SERIAL_FDS */
	unsigned timeout_seconds;  /* 0: none */
	const char *control;       /* the path of a socket; NULL: none */
	bool quiet, stats;
	uint64_t started_ns;
};

/* How a run ended. */
struct keeper_end {
	enum { KEEPER_MACHINE, KEEPER_TIMEOUT, KEEPER_SIGNAL, KEEPER_CONTROL } kind;
	enum machine_end machine; /* KEEPER_MACHINE */
	unsigned value;           /* verdict v, or the signal's number */
	char text[256];
};

/* Everything of `tapvm run` but options and exit status. A set-up error is returned; then nothing
 * is left behind either. Stats are printed to stderr. */
struct err keeper_run(const struct keeper_options *options, struct keeper_end *ret_end) MUST_USE;

/* What keeper_run would do to the host for its NICs, a line each; nothing is done. */
struct err keeper_dry_run(const struct keeper_options *options, FILE *out) MUST_USE;

/* ---- the parts, for selftest, which keeps house by itself ---- */
/* Makes or attaches the TAP of a NIC in the calling thread's namespace (netns is ignored), sets
 * MTU, addresses, MAC and up, and fills what the machine needs. *ret_line: the line at start. */
struct err keeper_nic(const struct nic_options *options, unsigned index,
		      struct machine_nic *ret_nic, char *ret_line, unsigned line_size) MUST_USE;
struct machine_process {
	int pid, pidfd, fd;
};
/* Forks a process that does `run` (machine_run, or what keeps the same messages): the child
 * keeps only the descriptors in config (and stderr). */
typedef void (*machine_fn)(const struct machine_config *config);
struct err keeper_start(const struct machine_config *config, machine_fn run,
			struct machine_process *ret_process) MUST_USE;

#endif
