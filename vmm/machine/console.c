/* vmm/machine/console.c: the UART and the two descriptors behind it. Output goes out on the
 * vCPU's thread, input waits on the control loop until the UART has room. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/base/eventfd.h"
#include "vmm/machine/parts.h"

/* ---- out ---- */

/* A disk that is full or a reader that is gone is no end for the guest: it is said once, and
 * counted. */
static void lose(struct console *c, size_t bytes, int why)
{
	const char *name =
		c->config->serial_name != NULL ? c->config->serial_name : "the serial line";

	if (atomic_fetch_add(&c->lost, bytes) == 0)
		words_tell(c->config, "log %s: %s: what the guest writes there is lost", name,
			   strerrordesc_np(why));
}

/* On the vCPU's thread. A reader that does not read holds the guest up, but not our end: vcpu_stop
 * interrupts the wait until we have seen it. */
static void on_out(void *self, const uint8_t *bytes, size_t len)
{
	struct console *c = self;
	struct pollfd room = { .fd = c->config->serial_out, .events = POLLOUT };

	while (len > 0 && c->config->serial_out >= 0 && !atomic_load(c->stop)) {
		ssize_t done = write(c->config->serial_out, bytes, len);

		if (done > 0) {
			bytes += done;
			len -= (size_t)done;
		} else if (done < 0 && errno == EAGAIN) {
			/* Whoever shares a terminal or a pipe with us may have made it
			 * non-blocking. */
			(void)poll(&room, 1, -1);
		} else if (done == 0 || errno != EINTR) {
			lose(c, len, done == 0 ? EIO : errno);
			return;
		}
	}
}

/* Edge: a rise is a pulse. */
static void on_irq(void *self, bool level)
{
	const struct console *c = self;

	if (level)
		eventfd_poke(c->irq_fd);
}

static void on_room(void *self)
{
	const struct console *c = self;

	eventfd_poke(c->room_fd);
}

/* ---- in ---- */

/* What the UART has no room for waits here, and nothing more is read meanwhile: nothing is lost. */
static void give(struct console *c)
{
	if (c->from < c->to)
		c->from += serial_input(c->serial, c->input + c->from, c->to - c->from);
}

static void take(struct console *c)
{
	ssize_t got = read(c->config->serial_in, c->input, sizeof(c->input));

	c->from = 0;
	c->to = got > 0 ? (size_t)got : 0;
	c->at_end = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

static void feed(struct console *c);

static void on_input(void *self, uint32_t epoll_events)
{
	struct console *c = self;

	(void)epoll_events;
	take(c);
	feed(c);
}

/* A plain file is always readable, and cannot be watched. */
static void feed_plain(struct console *c)
{
	for (;;) {
		give(c);
		if (c->from < c->to || c->at_end)
			return;
		take(c);
	}
}

static void watch_input(struct console *c, bool on)
{
	struct err e = err_none();

	if (on == c->watched)
		return;
	if (on)
		e = loop_add(c->loop, c->config->serial_in, EPOLLIN, on_input, c);
	else
		loop_remove(c->loop, c->config->serial_in);
	c->watched = on && !err_is(e);
	c->plain = e.sys_errno == EPERM;
	c->at_end = c->at_end || (err_is(e) && !c->plain);
}

static void feed(struct console *c)
{
	if (!c->plain) {
		give(c);
		watch_input(c, c->from == c->to && !c->at_end && c->config->serial_in >= 0);
	}
	if (c->plain)
		feed_plain(c);
}

static void on_room_event(void *self, uint32_t epoll_events)
{
	struct console *c = self;
	uint64_t count;

	(void)epoll_events;
	if (read(c->room_fd, &count, sizeof(count)) > 0)
		feed(c);
}

/* ---- life ---- */

void console_init(struct console *c, const struct machine_config *config, const atomic_bool *stop)
{
	*c = (struct console){ .config = config, .stop = stop, .irq_fd = -1, .room_fd = -1 };
}

struct err console_open(struct console *c)
{
	const struct serial_config config = {
		.out = on_out, .irq = on_irq, .room = on_room, .self = c
	};

	c->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->room_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->irq_fd < 0 || c->room_fd < 0)
		return err_make(ERR_SETUP, errno, "make an eventfd");
	return serial_create(&config, &c->serial);
}

struct err console_watch(struct console *c, struct loop *loop)
{
	struct err e;

	c->loop = loop;
	e = loop_add(loop, c->room_fd, EPOLLIN, on_room_event, c);
	if (!err_is(e))
		feed(c);
	return e;
}

void console_close(struct console *c)
{
	serial_destroy(c->serial);
	if (c->irq_fd >= 0)
		(void)close(c->irq_fd);
	if (c->room_fd >= 0)
		(void)close(c->room_fd);
	console_init(c, c->config, c->stop);
}
