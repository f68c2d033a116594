/* devices/virtio/device.c: the state machine of a virtio device: status, features, reset.
 * Registers of queues are in device_queue.c, everything that signals in device_notify.c. */
#include "devices/virtio/device.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "devices/virtio/device_priv.h"

enum {
	/* CORE-01; without SUSPEND, which is not offered (CORE-32). */
	STATUS_KNOWN = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
		       VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FEATURES_OK |
		       VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED,
	STATUS_SEEN = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER,
};

bool features_subset(const struct features *of, const struct features *f)
{
	for (unsigned i = 0; i < ARRAY_LEN(f->word); i++)
		if ((f->word[i] & ~of->word[i]) != 0)
			return false;
	return true;
}

const char *device_fault_name(enum device_fault fault)
{
	static const char *const name[DEVICE_FAULTS] = {
		[DEVICE_FAULT_STATUS] = "status",
		[DEVICE_FAULT_FEATURES] = "features",
		[DEVICE_FAULT_FEATURES_LATE] = "features_late",
		[DEVICE_FAULT_QUEUE] = "queue",
		[DEVICE_FAULT_QUEUE_LATE] = "queue_late",
		[DEVICE_FAULT_ACCESS] = "access",
		[DEVICE_FAULT_CONFIG] = "config",
		[DEVICE_FAULT_BROKEN] = "broken",
	};

	return name[fault];
}

struct err device_create(const struct device_config *config, struct device **ret_device)
{
	struct device *d = calloc(1, sizeof(*d));
	struct err e;

	if (d == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make device %s", config->name);
	assert(config->queue_max >= 1 && config->queue_max <= DEVICE_QUEUES_MAX);
	d->config = *config;
	d->kind = device_kind_whole(config->kind);
	d->config.kind = &d->kind;
	if (config->runner == NULL)
		d->config.runner = &device_no_runner;
	d->control = -1;
	(void)pthread_mutex_init(&d->mutex, NULL);
	e = device_notify_init(d);
	if (err_is(e)) {
		device_notify_fini(d);
		free(d);
		return e;
	}
	*ret_device = d;
	return err_none();
}

static void reset(struct device *d);

void device_destroy(struct device *d)
{
	if (d == NULL)
		return;
	device_lock(d);
	reset(d);
	device_unlock(d);
	device_notify_fini(d);
	(void)pthread_mutex_destroy(&d->mutex);
	free(d);
}

void device_lock(struct device *d) { (void)pthread_mutex_lock(&d->mutex); }
void device_unlock(struct device *d) { (void)pthread_mutex_unlock(&d->mutex); }
uint32_t device_id(const struct device *d) { return d->config.kind->device_id; }
const struct features *device_accepted(const struct device *d) { return &d->accepted; }

bool device_live(const struct device *d)
{
	return (d->status & VIRTIO_CONFIG_S_DRIVER_OK) != 0 &&
	       (d->status & (VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED)) == 0;
}

/* ---- the runner ---- */

void device_pause(struct device *d)
{
	if (d->pauses++ > 0 || d->runner != RUNNER_RUNS)
		return;
	d->config.runner->pause(d->config.runner_self);
	d->runner = RUNNER_PAUSED;
	/* Contract 2: a data path that is paused holds nothing. */
	for (unsigned i = 0; i < d->config.queue_max; i++)
		assert((int)i == d->control || queue_held(d->vq[i].queue) == 0);
}

/* The runner runs if it may, and nobody holds a pause. */
static void let_run(struct device *d)
{
	if (d->pauses > 0 || d->runner == RUNNER_OFF || d->runner == RUNNER_RUNS)
		return;
	if (d->runner == RUNNER_DUE)
		d->config.runner->start(d->config.runner_self);
	else
		d->config.runner->resume(d->config.runner_self);
	d->runner = RUNNER_RUNS;
}

void device_resume(struct device *d)
{
	assert(d->pauses > 0);
	d->pauses--;
	let_run(d);
	if (d->pauses == 0)
		device_catch_up(d);
}

void device_park(struct device *d)
{
	device_unwatch_control(d);
	if (d->runner == RUNNER_RUNS || d->runner == RUNNER_PAUSED)
		d->config.runner->stop(d->config.runner_self);
	d->runner = RUNNER_OFF;
}

/* ---- status ---- */

/* CORE-01, CORE-21, CORE-22: status is 0 when the runner has stopped and nothing can be told any
 * more. MMIO-15: the queues and the interrupt status go with it. */
static void reset(struct device *d)
{
	device_park(d);
	d->accepted = (struct features){ 0 };
	d->accepted_beyond = false;
	atomic_store(&d->notification_data, false);
	for (unsigned i = 0; i < d->config.queue_max; i++)
		device_queue_defaults(d, i);
	/* A report of the old life is dropped by its count from here on. */
	atomic_fetch_add(&d->resets, 1);
	d->config.kind->reset(d->config.kind_self);
	d->status = 0;
	atomic_store(&d->interrupt_status, 0);
}

/* CORE-13, CORE-15, CORE-16, CORE-17: what may not be agreed on is refused by FEATURES_OK not
 * sticking. CORE-14: nothing but the offer and the set itself is asked. */
static bool features_agreed(struct device *d)
{
	return !d->accepted_beyond && features_subset(&d->config.offered, &d->accepted) &&
	       (d->legacy || features_has(&d->accepted, VIRTIO_F_VERSION_1)) &&
	       d->config.kind->features_ok(d->config.kind_self, &d->accepted);
}

/* CORE-03: every configured queue goes live, as if it had been kicked. CORE-02, CORE-10: until then
 * nobody looks at a ring or a doorbell. */
static void go_live(struct device *d)
{
	bool good = true;

	d->status |= VIRTIO_CONFIG_S_DRIVER_OK;
	for (unsigned i = 0; i < d->config.queue_max; i++)
		if (d->vq[i].ready)
			good = device_start_queue(d, i, (struct queue_state){ 0 }) && good;
	d->config.kind->driver_ok(d->config.kind_self, &d->accepted);
	if (!good) {
		device_needs_reset(d);
		return;
	}
	d->runner = RUNNER_DUE;
	let_run(d);
	device_watch_control(d);
}

/* CORE-08: takes up the new bits one after the other; the first that may not be set ends it. */
static void advance(struct device *d, uint8_t fresh)
{
	d->status |= fresh & STATUS_SEEN;
	if (fresh & VIRTIO_CONFIG_S_FEATURES_OK) {
		if ((d->status & STATUS_SEEN) != STATUS_SEEN || !features_agreed(d)) {
			device_fault(d, DEVICE_FAULT_FEATURES);
			return;
		}
		d->status |= VIRTIO_CONFIG_S_FEATURES_OK;
		atomic_store(&d->notification_data,
			     features_has(&d->accepted, VIRTIO_F_NOTIFICATION_DATA));
	}
	if (fresh & VIRTIO_CONFIG_S_DRIVER_OK) {
		if ((d->status & VIRTIO_CONFIG_S_FEATURES_OK) == 0)
			device_fault(d, DEVICE_FAULT_STATUS);
		else
			go_live(d);
	}
}

/* CORE-05, CORE-06, CORE-07: no bit goes but by reset, NEEDS_RESET is left out of account, and
 * after FAILED nothing new is taken up. */
static void set_status(struct device *d, uint32_t value)
{
	uint8_t wanted = (uint8_t)(value & 0xffu & ~(uint32_t)VIRTIO_CONFIG_S_NEEDS_RESET);
	uint8_t present = (uint8_t)(d->status & ~VIRTIO_CONFIG_S_NEEDS_RESET);
	uint8_t fresh = (uint8_t)(wanted & ~present);

	if (value == 0) {
		reset(d);
	} else if ((value & ~(uint32_t)STATUS_KNOWN) != 0 || (present & ~wanted) != 0 ||
		   ((d->status & VIRTIO_CONFIG_S_FAILED) != 0 && fresh != 0)) {
		device_fault(d, DEVICE_FAULT_STATUS);
	} else if (fresh & VIRTIO_CONFIG_S_FAILED) {
		d->status |= VIRTIO_CONFIG_S_FAILED;
		device_park(d);
	} else if (fresh != 0) {
		advance(d, fresh);
	}
}

void device_set_status(struct device *d, uint32_t value)
{
	device_lock(d);
	set_status(d, value);
	device_unlock(d);
}

uint8_t device_status(struct device *d)
{
	uint8_t status;

	device_lock(d);
	status = d->status;
	device_unlock(d);
	return status;
}

/* ---- features and configuration ---- */

/* MMIO-03. */
uint32_t device_features_word(struct device *d, uint32_t select)
{
	return select < ARRAY_LEN(d->config.offered.word) ? d->config.offered.word[select] : 0;
}

void device_serve_legacy(struct device *d, bool on)
{
	device_lock(d);
	d->legacy = on;
	device_unlock(d);
}

/* CORE-09, MMIO-04: the set is frozen by FEATURES_OK; a bit past all words is remembered. */
void device_accept_word(struct device *d, uint32_t select, uint32_t value)
{
	device_lock(d);
	if ((d->status & VIRTIO_CONFIG_S_FEATURES_OK) != 0)
		device_fault(d, DEVICE_FAULT_FEATURES_LATE);
	else if (select < ARRAY_LEN(d->accepted.word))
		d->accepted.word[select] = value;
	else if (value != 0)
		d->accepted_beyond = true;
	device_unlock(d);
}

uint32_t device_accepted_word(struct device *d, uint32_t select)
{
	uint32_t word;

	device_lock(d);
	word = select < ARRAY_LEN(d->accepted.word) ? d->accepted.word[select] : 0;
	device_unlock(d);
	return word;
}

uint32_t device_generation(struct device *d)
{
	uint32_t generation;

	device_lock(d);
	generation = d->generation;
	device_unlock(d);
	return generation;
}

/* CORE-23: at any time. CORE-26: what the kind does not fill is 0. */
void device_config_read(struct device *d, uint32_t offset, void *ret, uint32_t len)
{
	device_lock(d);
	memset(ret, 0, len);
	d->config.kind->config_read(d->config.kind_self, offset, ret, len);
	device_unlock(d);
}

/* CORE-24: the generation moves before the bytes and after them. */
void device_config_begin(struct device *d) { d->generation++; }
