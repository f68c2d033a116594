/* vmm/selftest/hosted.c: the seam of the tiny guest over transport/mmio: a register access is a
 * call, the interrupt an eventfd, guest memory a mapping. The guest has a thread, as a vCPU
 * would be. */
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

enum { WAIT_MS = 5, PAGE = 4096, LINE_BYTES = 512 };

struct hosted {
	const struct machine_config *config;
	struct loop *loop;
	struct ram ram;
	struct nic nic;
	struct mmio *mmio;
	struct running running;
	bool over; /* the keeper said so, or the guest has ended */

	/* The guest's thread's own, but for done_fd. */
	pthread_t thread;
	int done_fd;
	uint64_t memory_next;
	uint32_t interrupts;
	char line[LINE_BYTES];
	size_t line_len;
	const char *only;
	unsigned failed; /* valid once done_fd is readable */
};

/* ---- the seam ---- */

static uint32_t seam_read32(void *self, uint64_t address)
{
	const struct hosted *h = self;
	uint8_t b[4];

	mmio_read(h->mmio, (uint32_t)(address - NIC_MMIO_BASE), b, sizeof(b));
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void seam_write32(void *self, uint64_t address, uint32_t value)
{
	const struct hosted *h = self;
	const uint8_t b[4] = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
			       (uint8_t)(value >> 24) };

	mmio_write(h->mmio, (uint32_t)(address - NIC_MMIO_BASE), b, sizeof(b));
}

static uint32_t seam_interrupts(void *self)
{
	const struct hosted *h = self;

	return h->interrupts;
}

/* An interrupt that came before the call is still in the eventfd: no wait then. */
static void seam_wait(void *self, uint32_t seen)
{
	struct hosted *h = self;
	int call = device_call_fd(net_device(h->nic.net));
	struct pollfd p[2] = { { .fd = call, .events = POLLIN },
			       { .fd = h->config->serial_in, .events = POLLIN } };
	uint64_t count;

	if (h->interrupts != seen || poll(p, 2, WAIT_MS) <= 0)
		return;
	if (p[0].revents != 0 && read(call, &count, sizeof(count)) == (ssize_t)sizeof(count))
		h->interrupts += (uint32_t)count;
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
		h,         seam_read32, seam_write32, seam_write32, seam_interrupts,
		seam_wait, seam_memory, seam_print,   seam_answer
	};

	h->failed = guest_main(&seam, NIC_MMIO_BASE, h->only);
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
		e = mmio_create(net_device(h->nic.net), &h->mmio);
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

	h.running = (struct running){ &h.nic, 1, &h.ram, config->started_ns, NULL };
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
	mmio_destroy(h.mmio);
	wait = nic_end_wait(config->keeper_fd);
	nic_fini(&h.nic, &wait);
	ram_fini(&h.ram);
	loop_destroy(h.loop);
	(void)close(h.done_fd);
}
