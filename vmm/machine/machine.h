/* vmm/machine/machine.h: one virtual machine: guest memory, vCPUs, platform devices, NICs, disks.
 *
 * Runs in a process of its own (the keeper forks it): has no path, no netlink and no privilege,
 * only the descriptors in its config. The only room that knows KVM. */
#ifndef TAPVM_MACHINE_MACHINE_H
#define TAPVM_MACHINE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/base/err.h"
#include "vmm/boot/fdt.h"
#include "vmm/nic/config.h"

struct machine_disk {
	int fd;         /* a raw image or a block device */
	int beside_fd;  /* an empty file, for what is written to a snapshot; -1: that goes to fd */
	uint64_t bytes; /* a multiple of 512 */
	bool read_only;
};

struct machine_config {
	int kvm_fd;            /* /dev/kvm */
	const uint8_t *kernel; /* its file, mapped or embedded */
	uint64_t kernel_bytes;
	const char *kernel_name;
	const uint8_t *initrd; /* likewise; NULL: none */
	uint64_t initrd_bytes;
	const char *initrd_name;
	const char *append; /* command line */
	uint64_t memory_bytes;
	unsigned cpus; /* 1 to CPUS_MAX */
	struct machine_nic nic[NICS_MAX];
	unsigned nic_count;
	struct machine_disk disk[DISKS_MAX];
	unsigned disk_count;
	int serial_in, serial_out; /* -1: none */
	const char *serial_name;   /* of serial_out, for messages; may be NULL */
	int keeper_fd;             /* SOCK_SEQPACKET; see messages below */
	uint64_t started_ns;       /* CLOCK_MONOTONIC at the start of the process, for --stats */
	bool stats;                /* send stats at the end */
};

/* Messages, one datagram each.
 * keeper -> machine: a request or "ask ID REQUEST", which has an answer, with REQUEST "link NIC
 * up|down" (NIC: 0 to 7), "rate NIC RATE" (see rate_parse), "vhost NIC on|off" or "stats"; or
 * "stop". machine -> keeper: "running" (set up; the first guest instruction is next), "log TEXT",
 * "answer ID ok|no TEXT" (to stats: the lines of --stats, with blanks between them), "error KIND
 * TEXT" (KIND: an enum err_kind), "stats" + '\n' + text, and last of all "end KIND VALUE TEXT" with
 * KIND of enum machine_end. EOF without "end": it was killed. */
enum machine_end {
	MACHINE_END_VERDICT, /* VALUE: v of isa-debug-exit */
	MACHINE_END_RESET,   /* the guest powered off or reset itself */
	MACHINE_END_CRASH,   /* TEXT: exit reason, rip, cr2 */
	MACHINE_END_PANIC,
	MACHINE_END_STOPPED, /* by "stop" or the keeper's death */
	MACHINE_END_ERROR,   /* could not be set up; an "error" came before */
};

/* Runs the machine to its end; call it in the child. Returns when "end" was sent. */
void machine_run(const struct machine_config *config);

#endif
