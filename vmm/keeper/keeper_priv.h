/* vmm/keeper/keeper_priv.h: the parts of the keeper, for one another and for tests.
 * One thread, one loop. Every part has an open and a close; close takes what was never opened. */
#ifndef TAPVM_KEEPER_KEEPER_PRIV_H
#define TAPVM_KEEPER_KEEPER_PRIV_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

#include "devices/base/loop.h"
#include "devices/tap/link.h"
#include "vmm/keeper/keeper.h"
#include "vmm/keeper/net.h"
#include "vmm/keeper/signals.h"

/* ---- terminal.c: raw while a guest has it, as it was before on every way out ---- */
struct terminal {
	int fd;       /* -1: none; a descriptor of our own */
	bool is_raw;  /* by terminal_set_raw, and not before */
	pid_t keeper; /* who sets it */
	struct termios before, raw;
};
/* Looks at fd; t->fd stays -1 if it is no terminal or we are in its background. Changes nothing. */
void terminal_open(struct terminal *t, int fd);
struct err terminal_set_raw(struct terminal *t) MUST_USE;
/* For the keeper: as it was before, if we changed it. Closes. */
void terminal_close(struct terminal *t);
/* For the machine at its end: if the keeper is gone and the terminal is exactly as we set it, as it
 * was before. Any other state is somebody else's by now. */
void terminal_restore_if_still_raw(const struct terminal *t);
/* Lines of ours on standard error, each behind prefix and from the left, raw or not. */
void terminal_say(const char *prefix, const char *text);

/* ---- relay.c: keys to the guest through a pipe, but for the escape ---- */
enum { RELAY_BYTES = 256, ESCAPE_KEY = 'A' - '@', QUIT_KEY = 'x' };
struct relay {
	struct loop *loop;
	int terminal;          /* lent; -1: no relay */
	int pipe_in, pipe_out; /* the guest reads pipe_in */
	bool escaped;          /* the escape key was the last */
	bool quit;             /* escape, then the quit key */
	uint8_t held[RELAY_BYTES];
	size_t held_bytes;
};
void relay_init(struct relay *r);
struct err relay_open(struct relay *r, struct loop *loop, int terminal) MUST_USE;
void relay_close(struct relay *r);
/* Keys as typed -> bytes for the guest, at most count + 1: pure but for r's state. */
size_t relay_keys(struct relay *r, const uint8_t *keys, size_t count, uint8_t *ret_bytes);

/* ---- files.c: the kernel, its initial RAM disk, and the serial port's ends ---- */
struct image_file {
	const uint8_t *bytes;
	uint64_t size;
	bool mapped;
};
/* What is opened is the caller's, also where it fails. */
struct err images_open(const struct keeper_options *o, struct machine_config *config,
		       struct image_file *ret_kernel, struct image_file *ret_initrd) MUST_USE;
void image_close(struct image_file *file);
/* For what `option` names: made, or cut to nothing. A FIFO needs a reader, and a write to it does
 * not wait. */
struct err output_open(const char *option, const char *path, int *ret_fd) MUST_USE;
/* The same, but that writes wait. */
struct err serial_file_open(const char *path, int *ret_fd) MUST_USE;
struct err memory_check(uint64_t bytes) MUST_USE;

/* ---- cmdline.c: what a Linux kernel is told of its NICs' addresses ---- */
/* Into config->append, which points to ret_line where words of the NICs come before the user's. */
enum { CMDLINE_BYTES = 4096 };
struct err cmdline_ready(const struct keeper_options *o, struct machine_config *config,
			 char ret_line[static CMDLINE_BYTES]) MUST_USE;

/* ---- disks.c ---- */
/* What is opened, and counted in config, is the caller's, also where it fails. */
struct err disks_open(const struct keeper_options *o, struct machine_config *config) MUST_USE;
void disks_close(struct machine_config *config);

/* ---- child.c: the machine process ---- */
/* Like keeper_start; the child restores t (may be NULL) at its end if we are gone. */
struct err child_start(const struct machine_config *config, machine_fn run,
		       const struct terminal *t, struct machine_process *ret_process) MUST_USE;
/* Waits wait_ms for its end, then kills it. ret: the wait status. Closes the descriptors. */
int child_end(struct machine_process *process, int wait_ms);
/* One message to it. False: its socket is full, offer it again later. */
bool child_tell(const struct machine_process *process, const char *text);
/* That wait status in words: of a machine that did not say how it ended. */
struct err child_died(int status) MUST_USE;

/* ---- message.c: what the machine says ---- */
enum { MESSAGE_NUMBER_MAX = 999999999 };
enum message_kind {
	MESSAGE_RUNNING,
	MESSAGE_LOG,
	MESSAGE_ERROR,
	MESSAGE_STATS,
	MESSAGE_END,
	MESSAGE_ANSWER,
	MESSAGE_UNKNOWN,
};
struct message {
	enum message_kind kind;
	enum err_kind err_kind; /* MESSAGE_ERROR */
	enum machine_end end;   /* MESSAGE_END */
	unsigned value;         /* MESSAGE_END; MESSAGE_ANSWER: the request's number */
	bool ok;                /* MESSAGE_ANSWER */
	const char *text;       /* inside the message; control characters are '?' */
};
/* bytes[length] is writable (a terminating zero goes there). */
struct message message_parse(char *bytes, size_t length);

/* ---- net.c ---- */
/* What hostnet is to know of a NIC whose TAP has that name. */
struct hostnet_nic net_hostnet(const struct nic_options *o, const char *tap,
			       const uint8_t mac[static 6]);

/* ---- vhost.c: the kernel's data path for as many queue pairs as the TAP has ---- */
/* Unless the options leave it to workers: that, or that it cannot be opened, is an error with
 * vhost=on, and with vhost=auto a reason in *nic. */
struct err vhost_open(const struct sys *sys, const struct nic_options *o,
		      struct machine_nic *nic) MUST_USE;
void vhost_close(const struct sys *sys, struct machine_nic *nic);

/* ---- nic.c ---- */
/* A TAP's MTU as the guest is told it; 0: not told, it is none that a device can have. */
uint16_t keeper_mtu(unsigned mtu);
/* ", 10.0.0.1/24 fd00::1/64": the addresses of an interface, whoever gave them; "" if it has
 * none. */
enum { KEEPER_ADDRESSES = 400 };
void keeper_addresses(struct link *link, const char *name, char *ret_text, unsigned size);

#endif
