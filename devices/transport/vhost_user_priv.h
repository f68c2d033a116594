/* devices/transport/vhost_user_priv.h: what the files of the vhost-user transport share.
 * vhost_user.c: connection and requests; _message.c: framing; _features.c; _mem.c: memory
 * table and log; _ring.c: rings; _inband.c: our own requests; _inflight.c: what a crash leaves
 * behind. */
#ifndef TAPVM_TRANSPORT_VHOST_USER_PRIV_H
#define TAPVM_TRANSPORT_VHOST_USER_PRIV_H

#include "devices/transport/vhost_user.h"
#include "devices/transport/wire_vhost_user.h"

struct vu_ring;

struct vu_message {
	struct wire_vu_header header;
	union {
		uint64_t number;
		struct wire_vu_table table;
		struct wire_vu_one_region one_region;
		struct wire_vu_log log;
		struct wire_vu_ring_state ring;
		struct wire_vu_ring_addr addr;
		struct wire_vu_config config;
		struct wire_vu_inflight inflight;
		uint8_t bytes[VHOST_USER_PAYLOAD_MAX];
	} payload;
	struct vu_ring *ring; /* that it names */
	/* Closed after the request, unless it took them: then -1. One more than any may have. */
	int fd[VHOST_USER_TABLE_MAX + 1];
	unsigned fd_count;
	/* The answer of a request that has one. */
	uint32_t reply_bytes;
	int reply_fd; /* -1: none */
};

struct vu_mapping {
	struct wire_vu_region as; /* as the front-end described it */
	uint8_t *map;             /* from a page border at or before its first byte on */
	uint64_t map_bytes;
	uint8_t *host; /* its first byte */
};

struct vu_ring {
	uint32_t size; /* 0: not told yet */
	struct wire_vu_ring_addr addr;
	bool has_addr;
	uint32_t base; /* as of SET_VRING_BASE */
	bool has_base;
	bool wanted;  /* to be started as soon as all that it needs is there */
	bool running; /* in the device */
	bool enabled;
	int kick_fd, call_fd, err_fd; /* ours; -1: none */
	int relay_fd;                 /* in-band: what the device calls, for the loop to tell; -1 */
	struct vhost_user *of;
};

struct vhost_user {
	struct vhost_user_config config;
	int fd; /* -1: the connection is over */
	int backend_fd;
	bool over; /* ended() is due */

	/* What has come of the next message. */
	struct vu_message in;
	uint32_t in_bytes; /* header included */

	uint64_t protocol;
	uint64_t features;
	bool has_features;
	uint8_t status; /* as the front-end set it */
	bool live;      /* the device is at DRIVER_OK */

	struct vu_ring ring[DEVICE_QUEUES_MAX];
	struct vu_mapping mapping[GUEST_MEM_REGIONS_MAX];
	unsigned mappings;
	struct vu_mapping log;      /* as.size is 0: none */
	struct vu_mapping inflight; /* likewise */
	uint32_t inflight_queues, inflight_entries;
};

static inline bool vu_agreed(const struct vhost_user *v, enum vhost_user_protocol_feature bit)
{
	return (v->protocol >> bit & 1) != 0;
}

/* ---- vhost_user_message.c ---- */
enum vu_got { VU_GOT_ALL, VU_GOT_SOME, VU_GOT_END, VU_GOT_BAD };
/* Reads on, up to the end of one message; VU_GOT_BAD: *ret_why. */
enum vu_got vu_receive(struct vhost_user *v, struct err *ret_why);
/* For the next one: closes what the last one left. */
void vu_clear(struct vu_message *m);
/* The request is answered by this number. */
void vu_answer(struct vu_message *m, uint64_t number);
/* Never waits: a front-end that does not read its answers is no better than one that is gone. */
bool vu_send(int socket_fd, const struct wire_vu_header *header, const void *payload, int fd);

/* ---- vhost_user_features.c ---- */
struct err vu_get_features(struct vhost_user *v, struct vu_message *m) MUST_USE;
struct err vu_set_features(struct vhost_user *v, struct vu_message *m) MUST_USE;
struct err vu_get_protocol_features(struct vhost_user *v, struct vu_message *m) MUST_USE;
struct err vu_set_protocol_features(struct vhost_user *v, struct vu_message *m) MUST_USE;

/* ---- vhost_user_mem.c ---- */
/* The part of the file that *as describes, if it has it. */
struct err vu_map_file(int fd, const struct wire_vu_region *as, struct vu_mapping *ret) MUST_USE;
void vu_unmap(struct vu_mapping *m); /* takes what is empty, leaves it so */
struct err vu_set_mem_table(struct vhost_user *v, struct vu_message *m) MUST_USE;
struct err vu_add_mem_reg(struct vhost_user *v, struct vu_message *m) MUST_USE;
struct err vu_rem_mem_reg(struct vhost_user *v, struct vu_message *m) MUST_USE;
struct err vu_set_log_base(struct vhost_user *v, struct vu_message *m) MUST_USE;
/* What the device logs, from features, log and rings as they are now. Pauses. */
void vu_update_log(struct vhost_user *v);
/* The guest address of an address of the front-end's process. */
bool vu_guest_address(const struct vhost_user *v, uint64_t user, uint64_t *ret_gpa);
void vu_mem_fini(struct vhost_user *v);

/* ---- vhost_user_ring.c ---- */
void vu_rings_init(struct vhost_user *v);
void vu_rings_fini(struct vhost_user *v);
struct err vu_set_vring_num(struct vhost_user *v, struct vu_message *m) MUST_USE;
struct err vu_set_vring_addr(struct vhost_user *v, struct vu_message *m) MUST_USE;
struct err vu_set_vring_base(struct vhost_user *v, struct vu_message *m) MUST_USE;
struct err vu_get_vring_base(struct vhost_user *v, struct vu_message *m) MUST_USE;
struct err vu_set_vring_kick(struct vhost_user *v, struct vu_message *m) MUST_USE;
struct err vu_set_vring_call(struct vhost_user *v, struct vu_message *m) MUST_USE;
struct err vu_set_vring_err(struct vhost_user *v, struct vu_message *m) MUST_USE;
struct err vu_set_vring_enable(struct vhost_user *v, struct vu_message *m) MUST_USE;
/* What the device calls for it: the front-end's descriptor, else our relay, else nothing. */
void vu_set_call(struct vhost_user *v, struct vu_ring *r);
struct err vu_vring_kick(struct vhost_user *v, struct vu_message *m) MUST_USE;
/* Starts every ring that is wanted and has all that it needs. */
struct err vu_start_rings(struct vhost_user *v) MUST_USE;
void vu_stop_rings(struct vhost_user *v);
void vu_enable_rings(struct vhost_user *v, bool on);
bool vu_any_ring_runs(const struct vhost_user *v);
/* Where the rings of a running one are now; false: not all in the table. */
bool vu_ring_config(const struct vhost_user *v, const struct vu_ring *r, struct queue_config *ret);
/* The log has the used ring at another address than where it lies. */
bool vu_ring_alias(const struct vhost_user *v, const struct vu_ring *r, struct mem_alias *ret);

/* ---- vhost_user_inband.c ---- */
/* The device called, and not for a ring: its configuration changed, or it is broken. */
void vu_on_call(void *self, uint32_t epoll_events);
/* From now on rings without a call descriptor are told of by messages. */
struct err vu_inband(struct vhost_user *v) MUST_USE;

/* ---- vhost_user_inflight.c ---- */
struct err vu_get_inflight_fd(struct vhost_user *v, struct vu_message *m) MUST_USE;
struct err vu_set_inflight_fd(struct vhost_user *v, struct vu_message *m) MUST_USE;
/* Where this ring's place is noted; NULL: nowhere. */
struct queue_journal *vu_journal(const struct vhost_user *v, const struct vu_ring *r);
/* The ring is stopped, and its place was told, or counts no more. */
void vu_forget_place(struct vhost_user *v, const struct vu_ring *r);
void vu_inflight_fini(struct vhost_user *v);

#endif
