/* vmm/selftest/hosted.c: the seam of the tiny guest without a virtual machine: a register access is
 * a call, an interrupt an eventfd, guest memory a mapping. The guest has a thread, as a vCPU would
 * be. */
#include "vmm/selftest/hosted.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/base/eventfd.h"
#include "guest/seam.h"
#include "vmm/machine/parts.h"
#include "vmm/selftest/hosted_bus.h"

enum { WAIT_MS = 5, PAGE = 4096, LINE_BYTES = 512 };

struct hosted {
	const struct machine_config *config;
	struct loop *loop;
	struct ram ram;
	struct nic nic;
	struct hosted_bus bus;
	struct running running;
	bool over; /* the keeper said so, or the guest has ended */

	/* The guest's thread's own, but for done_fd. */
	pthread_t thread;
	int done_fd;
	uint64_t memory_next;
	uint32_t interrupts, messages[SEAM_MESSAGES];
	char line[LINE_BYTES];
	size_t line_len;
	const char *only;
	unsigned failed; /* valid once done_fd is readable */
};

/* ---- the seam ---- */

static uint32_t seam_read(void *self, uint64_t address, unsigned width)
{
	struct hosted *h = self;
	uint8_t b[4] = { 0 };

	hosted_bus_read(&h->bus, address, b, width);
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void seam_write(void *self, uint64_t address, uint32_t value, unsigned width)
{
	struct hosted *h = self;
	const uint8_t b[4] = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
			       (uint8_t)(value >> 24) };

	hosted_bus_write(&h->bus, address, b, width);
}

/* Counts what came, after up to so many ms, by the device or on the serial line. */
static void take_interrupts(struct hosted *h, int wait_ms)
{
	struct pollfd p[HOSTED_CALLS_MAX + 1];
	unsigned calls = h->bus.calls;

	for (unsigned i = 0; i < calls; i++)
		p[i] = (struct pollfd){ .fd = h->bus.call[i].fd, .events = POLLIN };
	p[calls] = (struct pollfd){ .fd = h->config->serial_in, .events = POLLIN };
	if (poll(p, calls + 1, wait_ms) <= 0)
		return;
	for (unsigned i = 0; i < calls; i++) {
		uint32_t number = atomic_load(&h->bus.call[i].data) - SEAM_MESSAGE_DATA;
		uint64_t count;

		if (p[i].revents == 0 ||
		    read(p[i].fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
			continue;
		h->interrupts += (uint32_t)count;
		if (number < SEAM_MESSAGES)
			h->messages[number] += (uint32_t)count;
	}
}

static uint32_t seam_interrupts(void *self)
{
	const struct hosted *h = self;

	return h->interrupts;
}

static uint32_t seam_messages(void *self, unsigned number)
{
	struct hosted *h = self;

	take_interrupts(h, 0);
	return h->messages[number];
}

/* An interrupt that came before the call is still in the eventfd: no wait then. */
static void seam_wait(void *self, uint32_t seen)
{
	struct hosted *h = self;

	if (h->interrupts == seen)
		take_interrupts(h, WAIT_MS);
}

static void *seam_memory(void *self, uint32_t bytes, uint64_t *ret_address)
{
	struct hosted *h = self;
	uint64_t at = h->memory_next;

	bytes = (bytes + PAGE - 1) & ~(uint32_t)(PAGE - 1);
	if (bytes > h->ram.bytes - at)
		return NULL;
	h->memory_next += bytes;
	*ret_address = at;
	return h->ram.host + at;
}

static void put(const struct hosted *h, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t done = write(h->config->serial_out, bytes, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		bytes += done;
		len -= (size_t)done;
	}
}

static void seam_print(void *self, const char *line)
{
	put(self, line, strlen(line));
	put(self, "\n", 1);
}

static bool seam_answer(void *self, char *ret_line, uint32_t size)
{
	struct hosted *h = self;
	char c;

	while (recv(h->config->serial_in, &c, 1, MSG_DONTWAIT) == 1) {
		if (c == '\n') {
			h->line[h->line_len] = '\0';
			h->line_len = 0;
			(void)snprintf(ret_line, size, "%s", h->line);
			return true;
		}
		if (h->line_len < sizeof(h->line) - 1)
			h->line[h->line_len++] = c;
	}
	return false;
}

static void *guest_thread(void *arg)
{
	struct hosted *h = arg;
	const struct seam seam = {
		h,         seam_read,   seam_write, seam_interrupts, seam_messages,
		seam_wait, seam_memory, seam_print, seam_answer
	};
	const struct place_on_bus nic = h->config->nic[0].bus == NIC_BUS_PCI
						? (struct place_on_bus){ BUS_PCI, PCI_ECAM }
						: (struct place_on_bus){ BUS_MMIO, WINDOW_BASE };

	h->failed = guest_main(&seam, nic, h->only);
	eventfd_poke(h->done_fd);
	return NULL;
}

/* ---- the process ---- */

static void log_line(void *self, const char *text)
{
	const struct hosted *h = self;

	words_tell(h->config, "log %s", text);
}

static void on_keeper(void *self, uint32_t epoll_events)
{
	struct hosted *h = self;

	(void)epoll_events;
	if (!words_take(h->config, &h->running))
		h->over = true;
}

static void on_done(void *self, uint32_t epoll_events)
{
	struct hosted *h = self;

	(void)epoll_events;
	h->over = true;
}

static struct err set_up(struct hosted *h)
{
	const struct log log = { .line = log_line, .self = h };
	struct err e = loop_create(&h->loop);
	int why;

	if (!err_is(e))
		e = ram_init(&h->ram, h->config->memory_bytes);
	if (!err_is(e))
		e = nic_init(&h->nic, &h->config->nic[0], 0, h->ram.mem, h->loop, log);
	if (!err_is(e))
		e = hosted_bus_init(&h->bus, h->config->nic[0].bus, net_device(h->nic.net),
				    h->loop);
	if (err_is(e))
		return e;
	h->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->done_fd < 0)
		return err_make(ERR_SETUP, errno, "make an eventfd");
	e = loop_add(h->loop, h->config->keeper_fd, EPOLLIN, on_keeper, h);
	if (!err_is(e))
		e = loop_add(h->loop, h->done_fd, EPOLLIN, on_done, h);
	if (err_is(e))
		return e;
	why = pthread_create(&h->thread, NULL, guest_thread, h);
	return why == 0 ? err_none() : err_make(ERR_SETUP, why, "start the guest's thread");
}

void hosted_run(const struct machine_config *config)
{
	struct hosted h = { .config = config,
			    .done_fd = -1,
			    .memory_next = PAGE,
			    .only = config->append[0] != '\0' ? config->append : NULL };
	struct err e;
	struct capture_wait wait;
	uint64_t count;

	h.running = (struct running){
		.nic = &h.nic, .nic_count = 1, .ram = &h.ram, .started_ns = config->started_ns
	};
	e = set_up(&h);
	if (err_is(e)) {
		words_tell(config, "error %d %s", (int)e.kind, e.text);
		words_tell(config, "end %d 0 ", (int)MACHINE_END_ERROR);
		return;
	}
	words_tell(config, "running");
	while (!h.over && !err_is(e))
		e = loop_once(h.loop, -1);
	if (config->stats)
		words_tell_stats(config, &h.running);
	if (read(h.done_fd, &count, sizeof(count)) < 0) {
		/* The guest's thread is at work: it ends with the process, and so does what it
		 * uses. */
		words_tell(config, "end %d 0 ", (int)MACHINE_END_STOPPED);
		return;
	}
	(void)pthread_join(h.thread, NULL);
	words_tell(config, "end %d %d ", (int)MACHINE_END_VERDICT, h.failed > 0);
	hosted_bus_fini(&h.bus);
	wait = nic_end_wait(config->keeper_fd);
	nic_fini(&h.nic, &wait);
	ram_fini(&h.ram);
	loop_destroy(h.loop);
	(void)close(h.done_fd);
}
