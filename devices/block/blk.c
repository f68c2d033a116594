/* devices/block/blk.c: the block device's kind, and the thread that serves it. Start reading at
 * serve. */
#include "devices/block/blk.h"

#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "devices/block/blk_priv.h"

enum {
	QUEUE_SIZE = 256,
	SEGMENTS_MAX = QUEUE_SIZE - 2, /* beside header and status */
	POLL_MS = 1,                   /* between two looks at a ring without a doorbell */
	SECTORS_EXP = 3,               /* a file's blocks are of 2^3 sectors */
};

enum source { SOURCE_WAKE, SOURCE_KICK };

/* ---- the data path ---- */

/* One request. true: there may be more. */
static bool serve(struct blk *b)
{
	struct queue *q = b->queue;
	struct chain c;
	enum take took;

	queue_kick_disable(q);
	took = queue_take(q, &c);
	if (took == TAKE_CHAIN && c.writable_bytes > 0) {
		queue_push(q, &c, request_run(b, &c));
		if (queue_publish(q))
			device_signal_queue(b->device, 0);
		return true;
	}
	if (took == TAKE_CHAIN) {
		queue_rewind(q, &c);
		queue_break(q, QUEUE_FAULT_CONTROL);
	}
	if (queue_fault_of(q) != QUEUE_FINE)
		device_report_broken(b->device, 0);
	return queue_kick_enable(q);
}

/* true: there was a kick. */
static bool sleep_on(struct blk *b)
{
	struct epoll_event events[2];
	int ready = epoll_wait(b->epoll_fd, events, 2, b->polled ? POLL_MS : -1);
	bool kicked = b->polled;

	for (int i = 0; i < ready; i++) {
		if (events[i].data.u32 == SOURCE_WAKE) {
			thread_woken(&b->thread);
		} else {
			kicked = true;
			count(&b->count.kicks, 1);
		}
	}
	return kicked;
}

/* As if kicked. A queue that is broken is never kicked again: what it is asked then is to stop. */
static void work_run(void *self)
{
	struct blk *b = self;
	bool more = true;

	while (thread_is_to_run(&b->thread))
		more = more ? serve(b) : sleep_on(b);
}

static bool work_active(void *self)
{
	const struct blk *b = self;

	return queue_running(b->queue);
}

/* Between two requests nothing is held. */
static void work_rests(void *self) { (void)self; }

static const struct thread_work work = {
	.run = work_run, .active = work_active, .paused = work_rests, .stopped = work_rests
};

/* ---- struct runner_ops ---- */

static void runner_run(void *self) { thread_ask(&((struct blk *)self)->thread, THREAD_RUN); }
static void runner_pause(void *self) { thread_ask(&((struct blk *)self)->thread, THREAD_PAUSE); }
static void runner_stop(void *self) { thread_ask(&((struct blk *)self)->thread, THREAD_STOP); }

static bool watch(struct blk *b, int fd, uint32_t events, enum source source)
{
	struct epoll_event event = { .events = events, .data.u32 = source };

	return epoll_ctl(b->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool runner_move_kick(void *self, unsigned index, int old, int fd)
{
	struct blk *b = self;

	(void)index;
	if (old == fd)
		return true;
	if (fd >= 0 && !watch(b, fd, EPOLLIN | EPOLLET, SOURCE_KICK))
		return false;
	if (old >= 0)
		(void)epoll_ctl(b->epoll_fd, EPOLL_CTL_DEL, old, NULL);
	b->polled = fd < 0;
	return true;
}

static const struct runner_ops runner = {
	.start = runner_run,
	.pause = runner_pause,
	.resume = runner_run,
	.stop = runner_stop,
	.move_kick = runner_move_kick,
};

/* ---- struct device_kind ---- */

static unsigned kind_queue_count(void *self)
{
	(void)self;
	return 1;
}

/* 5.2.6.2: without FLUSH a write is stable when it is answered. */
static void kind_driver_ok(void *self, const struct features *accepted)
{
	struct blk *b = self;

	b->write_through = !features_has(accepted, VIRTIO_BLK_F_FLUSH);
}

static void kind_config_read(void *self, uint32_t offset, void *ret, uint32_t len)
{
	const struct blk *b = self;
	const struct wire_blk_config wire = {
		.capacity = le64_put(b->config.image.bytes / SECTOR_BYTES),
		.seg_max = le32_put(SEGMENTS_MAX),
		.blk_size = le32_put(SECTOR_BYTES),
		.physical_block_exp = SECTORS_EXP,
		.min_io_size = le16_put(1 << SECTORS_EXP),
	};

	if (offset >= sizeof(wire))
		return;
	if (len > sizeof(wire) - offset)
		len = (uint32_t)sizeof(wire) - offset;
	memcpy(ret, (const uint8_t *)&wire + offset, len);
}

static const struct device_kind blk_kind = {
	.device_id = VIRTIO_ID_BLOCK,
	.queue_count = kind_queue_count,
	.driver_ok = kind_driver_ok,
	.config_read = kind_config_read,
};

static struct features offer(const struct blk_config *config)
{
	struct features f = device_ring_features();

	features_set(&f, VIRTIO_BLK_F_SEG_MAX, true);
	features_set(&f, VIRTIO_BLK_F_BLK_SIZE, true);
	features_set(&f, VIRTIO_BLK_F_TOPOLOGY, true);
	features_set(&f, VIRTIO_BLK_F_FLUSH, true);
	features_set(&f, VIRTIO_BLK_F_RO, config->read_only);
	return f;
}

/* ---- life ---- */

static struct err init(struct blk *b)
{
	struct err e = image_create(&b->config.image, &b->image);

	if (!err_is(e))
		e = thread_init(&b->thread, &work, b);
	if (!err_is(e))
		e = device_create(&(struct device_config){ .kind = &blk_kind,
							   .kind_self = b,
							   .runner = &runner,
							   .runner_self = b,
							   .mem = b->config.mem,
							   .loop = b->config.loop,
							   .log = b->config.log,
							   .name = b->config.name,
							   .offered = offer(&b->config),
							   .queue_size_max = QUEUE_SIZE,
							   .queue_max = 1 },
				  &b->device);
	if (err_is(e))
		return e;
	b->queue = device_queue(b->device, 0);
	b->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (b->epoll_fd < 0 || !watch(b, b->thread.wake_fd, EPOLLIN, SOURCE_WAKE) ||
	    !watch(b, device_kick_fd(b->device, 0), EPOLLIN | EPOLLET, SOURCE_KICK))
		return err_make(ERR_SETUP, errno, "watch the queue of %s", b->config.name);
	return e;
}

struct err blk_create(const struct blk_config *config, struct blk **ret_blk)
{
	struct blk *b = calloc(1, sizeof(*b));
	struct err e;

	if (b == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make %s", config->name);
	b->config = *config;
	b->epoll_fd = -1;
	b->thread.wake_fd = -1;
	e = init(b);
	if (err_is(e)) {
		blk_destroy(b);
		return err_within(e, "%s", config->name);
	}
	*ret_blk = b;
	return e;
}

void blk_destroy(struct blk *b)
{
	if (b == NULL)
		return;
	device_destroy(b->device);
	thread_fini(&b->thread);
	if (b->epoll_fd >= 0)
		(void)close(b->epoll_fd);
	image_destroy(b->image);
	free(b);
}

struct device *blk_device(struct blk *b) { return b->device; }

void blk_stats(const struct blk *b, struct blk_stats *ret)
{
	*ret = (struct blk_stats){
		.reads = counted(&b->count.reads),
		.read_bytes = counted(&b->count.read_bytes),
		.writes = counted(&b->count.writes),
		.written_bytes = counted(&b->count.written_bytes),
		.flushes = counted(&b->count.flushes),
		.errors = counted(&b->count.errors),
		.kicks = counted(&b->count.kicks),
	};
}
