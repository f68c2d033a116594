/* devices/capture/capture.c: from the workers' rings into the file.
 *
 * A worker that puts something says so once (poked), until the control loop looks at the rings
 * again. The loop makes blocks into a buffer, a buffer a turn, and writes it. A pipe that is full
 * is watched until there is room; nothing is taken from the rings meanwhile. */
#include "devices/capture/capture.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "devices/base/clock.h"
#include "devices/base/eventfd.h"
#include "devices/capture/capture_priv.h"
#include "devices/capture/pcapng.h"

enum {
	SNAPLEN = SLOT_BYTES - VNET_HDR_MAX,
	OUT_BYTES = 256 * 1024,
	NS_A_MS = 1000000,
};
static_assert(OUT_BYTES > SNAPLEN + 1024, "an empty buffer has room for any block");

struct capture {
	char name[32];
	struct log log;
	struct log_limit log_limit;
	struct loop *loop;
	int fd, poke_fd;
	atomic_bool poked; /* the control loop is to look at the rings */
	atomic_bool ended; /* the file could not be written */
	counter written;   /* frames */

	/* The control loop's own. */
	bool blocked; /* fd is in the loop, for room */
	uint8_t *out; /* OUT_BYTES: blocks [from, to), of so many frames */
	size_t from, to;
	uint64_t out_frames;
	uint64_t lost_said; /* in the file's statistics */
	unsigned next;      /* pair whose turn it is */

	unsigned pairs;
	struct capture_ring ring[];
};

/* ---- a worker ---- */

/* One side's exchange sees the other's: the worker finds the flag taken back and writes, or the
 * control loop finds what the worker has put. */
static void poke(struct capture *c)
{
	if (!atomic_exchange(&c->poked, true))
		eventfd_poke(c->poke_fd);
}

void capture_frame(struct capture *c, unsigned pair, enum capture_direction direction,
		   const struct frame *f)
{
	struct capture_ring *r = &c->ring[pair];
	struct capture_record record = {
		.time_ns = clock_now_ns(&clock_wall),
		.len = f->len,
		.hdr = f->hdr,
		.direction = direction,
		.why = f->fate == FATE_DROPPED ? f->why : DROP_NONE,
	};

	count(&r->frames, 1);
	if (ring_put(r, &record, f))
		poke(c);
	else
		count(&r->lost, 1);
}

/* ---- the control loop: rings into blocks ---- */

static uint64_t lost(const struct capture *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < c->pairs; i++)
		sum += counted(&c->ring[i].lost);
	return sum;
}

static uint64_t offered(const struct capture *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < c->pairs; i++)
		sum += counted(&c->ring[i].frames);
	return sum;
}

/* false: no room in the buffer. */
static bool add_packet(struct capture *c, struct capture_ring *r,
		       const struct capture_record *record, const struct iovec data[static 2])
{
	struct capture_comments words;
	struct pcapng_packet p = {
		.queue = (uint32_t)(r - c->ring),
		.time_ns = record->time_ns,
		.data = data,
		.data_count = 2,
		.original_len = record->len,
		.flags = capture_flags(record),
		.lost = record->lost,
	};
	size_t bytes;

	capture_comment(record, &words);
	p.comment[0] = words.dropped[0] != '\0' ? words.dropped : NULL;
	p.comment[1] = words.hdr[0] != '\0' ? words.hdr : NULL;
	bytes = pcapng_packet(c->out + c->to, OUT_BYTES - c->to, &p);
	c->to += bytes;
	return bytes > 0;
}

static bool add_statistics(struct capture *c)
{
	const struct pcapng_statistics s = {
		.time_ns = clock_now_ns(&clock_wall),
		.received = offered(c),
		.dropped = lost(c),
	};
	size_t bytes = pcapng_statistics(c->out + c->to, OUT_BYTES - c->to, &s);

	if (bytes > 0)
		c->lost_said = s.dropped;
	c->to += bytes;
	return bytes > 0;
}

/* The pairs in turn, until the buffer is full or the rings are empty. true: there may be more. */
static bool fill(struct capture *c)
{
	unsigned empty = 0;

	while (empty < c->pairs) {
		struct capture_ring *r = &c->ring[c->next];
		struct capture_record record;
		struct iovec data[2];

		empty++;
		if (ring_first(r, &record, data)) {
			if (!add_packet(c, r, &record, data))
				return true;
			ring_drop(r, &record);
			c->out_frames++;
			empty = 0;
		}
		c->next = (c->next + 1) % c->pairs;
	}
	return lost(c) != c->lost_said && !add_statistics(c);
}

/* ---- the control loop: blocks into the file ---- */

static void end(struct capture *c, const char *why)
{
	atomic_store(&c->ended, true);
	c->from = c->to = 0;
	log_limited(&c->log, &c->log_limit, "%s: the capture ends here: %s", c->name, why);
}

/* false: it would block. */
static bool write_out(struct capture *c)
{
	while (c->from < c->to) {
		ssize_t done = write(c->fd, c->out + c->from, c->to - c->from);

		if (done > 0) {
			c->from += (size_t)done;
		} else if (done < 0 && errno == EAGAIN) {
			return false;
		} else if (done == 0 || errno != EINTR) {
			end(c, strerrordesc_np(done == 0 ? EIO : errno));
			return true;
		}
	}
	count(&c->written, c->out_frames);
	c->out_frames = 0;
	c->from = c->to = 0;
	return true;
}

static void on_room(void *self, uint32_t epoll_events);

/* Writes a buffer, and sees to it that there will be a next turn if there is more. */
static void drain(struct capture *c)
{
	bool more;

	(void)atomic_exchange(&c->poked, false);
	more = fill(c);
	if (!write_out(c)) {
		struct err e = loop_add(c->loop, c->fd, EPOLLOUT, on_room, c);

		c->blocked = !err_is(e);
		if (err_is(e))
			end(c, e.text);
	} else if (more) {
		poke(c);
	}
}

static void on_room(void *self, uint32_t epoll_events)
{
	struct capture *c = self;

	(void)epoll_events;
	loop_remove(c->loop, c->fd);
	c->blocked = false;
	drain(c);
}

/* While the file takes nothing the flag stays, and workers do not write. */
static void on_poke(void *self, uint32_t epoll_events)
{
	struct capture *c = self;
	uint64_t pokes;

	(void)epoll_events;
	if (read(c->poke_fd, &pokes, sizeof(pokes)) > 0 && !c->blocked && !atomic_load(&c->ended))
		drain(c);
}

/* ---- life ---- */

/* The file's first blocks go the way of all. */
static void begin(struct capture *c)
{
	struct utsname host = { .machine = "" };
	char os[sizeof(host.sysname) + sizeof(host.release) + 1];

	(void)uname(&host);
	(void)snprintf(os, sizeof(os), "%s %s", host.sysname, host.release);
	c->to = pcapng_section(c->out, OUT_BYTES,
			       &(struct pcapng_section){ .hardware = host.machine,
							 .os = os,
							 .application = "tapvm" });
	c->to += pcapng_interface(
		c->out + c->to, OUT_BYTES - c->to,
		&(struct pcapng_interface){ .name = c->name,
					    .description = "virtio-net, as the guest sees it",
					    .snaplen = SNAPLEN });
	drain(c);
}

struct err capture_create(const struct capture_config *config, struct capture **ret_capture)
{
	struct capture *c = calloc(1, sizeof(*c) + config->pairs * sizeof(c->ring[0]));
	struct err e = err_none();
	bool memory = c != NULL;

	if (!memory)
		return err_make(ERR_SETUP, ENOMEM, "make the capture of %s", config->name);
	(void)snprintf(c->name, sizeof(c->name), "%s", config->name);
	c->log = config->log;
	c->loop = config->loop;
	c->fd = config->fd;
	c->pairs = config->pairs;
	c->poke_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->poke_fd < 0)
		e = err_make(ERR_SETUP, errno, "make the capture of %s", config->name);
	c->out = malloc(OUT_BYTES);
	memory = c->out != NULL;
	for (unsigned i = 0; i < c->pairs && memory; i++)
		memory = ring_init(&c->ring[i], config->ring_bytes != 0 ? config->ring_bytes
									: CAPTURE_RING_BYTES);
	if (!err_is(e) && !memory)
		e = err_make(ERR_SETUP, ENOMEM, "make the capture of %s", config->name);
	if (!err_is(e))
		e = loop_add(c->loop, c->poke_fd, EPOLLIN, on_poke, c);
	if (err_is(e)) {
		c->fd = -1;
		capture_destroy(c, NULL);
		return e;
	}
	begin(c);
	*ret_capture = c;
	return e;
}

static int ms_until(uint64_t ns)
{
	uint64_t now = clock_now_ns(&clock_host);
	uint64_t ms = ns > now ? (ns - now) / NS_A_MS + 1 : 0;

	return ms < INT_MAX ? (int)ms : INT_MAX;
}

/* false: in vain. */
static bool await_room(const struct capture *c, const struct capture_wait *wait)
{
	struct pollfd p[2] = { { .fd = c->fd, .events = POLLOUT }, { .fd = wait->cancel_fd } };

	while (poll(p, ARRAY_LEN(p), ms_until(wait->until_ns)) < 0 && errno == EINTR)
		;
	return p[0].revents != 0;
}

static void finish(struct capture *c, const struct capture_wait *wait)
{
	bool more = true, complete = false;

	while (!complete) {
		while (!write_out(c))
			if (!await_room(c, wait)) {
				end(c, "its reader takes no more");
				return;
			}
		if (atomic_load(&c->ended))
			return;
		complete = !more;
		if (more)
			more = fill(c) || !add_statistics(c);
	}
}

void capture_destroy(struct capture *c, const struct capture_wait *wait)
{
	static const struct capture_wait none = { .cancel_fd = -1 };

	if (c == NULL)
		return;
	if (c->blocked)
		loop_remove(c->loop, c->fd);
	if (c->fd >= 0 && !atomic_load(&c->ended))
		finish(c, wait != NULL ? wait : &none);
	if (c->poke_fd >= 0) {
		loop_remove(c->loop, c->poke_fd);
		(void)close(c->poke_fd);
	}
	if (c->fd >= 0)
		(void)close(c->fd);
	for (unsigned i = 0; i < c->pairs; i++)
		ring_fini(&c->ring[i]);
	free(c->out);
	free(c);
}

struct capture_counters capture_counters(const struct capture *c)
{
	struct capture_counters n = { .frames = offered(c), .lost = lost(c) };

	if (atomic_load(&c->ended))
		n.lost = n.frames - counted(&c->written);
	return n;
}
