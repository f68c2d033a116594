/* vmm/machine/parts.h: the parts of a machine that know no KVM: guest memory, console,
 * statistics, and the words to the keeper. The machine is made of them, and so is the hosted self
 * test (no virtual machine). */
#ifndef TAPVM_MACHINE_PARTS_H
#define TAPVM_MACHINE_PARTS_H

#include <stdatomic.h>

#include "devices/block/blk.h"
#include "devices/platform/serial.h"
#include "devices/transport/mmio.h"
#include "vmm/machine/machine.h"
#include "vmm/nic/nic.h"
#include "vmm/nic/stats.h"

/* ---- memory.c ---- */
struct ram {
	uint64_t bytes;              /* whole guest memory */
	uint8_t *host;               /* 2 MiB-aligned, one mapping */
	struct mem_region region[2]; /* below 3 GiB, and from 4 GiB on */
	unsigned regions;
	struct guest_mem *mem;
};
struct err ram_init(struct ram *ram, uint64_t bytes) MUST_USE;
void ram_fini(struct ram *ram);

/* ---- console.c: the UART, with the descriptors of config behind it ---- */
enum { CONSOLE_BYTES = 256 };
struct console {
	const struct machine_config *config;
	const atomic_bool *stop; /* the vCPU is to end: output does not wait any more */
	struct loop *loop;
	struct serial *serial;
	int irq_fd;   /* eventfd: written for an interrupt */
	int room_fd;  /* eventfd: the UART has room again */
	bool watched; /* the loop watches serial_in */
	bool plain;   /* serial_in cannot be watched: a file */
	bool at_end;  /* of the input */
	uint8_t input[CONSOLE_BYTES];
	size_t from, to;
	atomic_uint_fast64_t lost; /* bytes that could not be written */
};
void console_init(struct console *c, const struct machine_config *config, const atomic_bool *stop);
struct err console_open(struct console *c) MUST_USE;
struct err console_watch(struct console *c, struct loop *loop) MUST_USE; /* input from here on */
void console_close(struct console *c); /* takes what was never opened */

/* ---- what is asked about while the machine runs, all lent ---- */
struct running {
	struct nic *nic;
	unsigned nic_count;
	const struct ram *ram;
	uint64_t started_ns;
	const atomic_uint_fast64_t *serial_lost; /* bytes; NULL: there is no serial port */
	struct blk *const *disk;
	unsigned disk_count;
};

/* ---- stats.c: the text of --stats ---- */
void stats_text(const struct running *r, char *ret_text, size_t size);

/* ---- request.c: what the keeper asks, as machine.h has it: without "ask ID" ---- */
enum { REQUEST_BYTES = 256 };
struct err request_do(const struct running *r, const char *text, struct text *answer) MUST_USE;

/* ---- words.c: messages from and to the keeper, as machine.h has them ---- */
void words_tell(const struct machine_config *config, const char *format, ...) PRINTF_LIKE(2, 3);
void words_tell_stats(const struct machine_config *config, const struct running *r);
/* Takes one message and does it. false: the machine is to stop, or the keeper is gone. */
bool words_take(const struct machine_config *config, const struct running *r);

#endif
