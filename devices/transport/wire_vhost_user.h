/* devices/transport/wire_vhost_user.h: messages of vhost-user as they travel, in the machine's
 * byte order. Source: QEMU docs/interop/vhost-user.rst. */
#ifndef TAPVM_TRANSPORT_WIRE_VHOST_USER_H
#define TAPVM_TRANSPORT_WIRE_VHOST_USER_H

#include <assert.h>
#include <stdint.h>

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_LOG_BASE = 6,
	VHOST_USER_SET_LOG_FD = 7,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SEND_RARP = 19,
	VHOST_USER_NET_SET_MTU = 20,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_GET_INFLIGHT_FD = 31,
	VHOST_USER_SET_INFLIGHT_FD = 32,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_VRING_KICK = 35,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
};

/* Our requests, on the channel of SET_BACKEND_REQ_FD. */
enum vhost_user_backend_request {
	VHOST_USER_BACKEND_CONFIG_CHANGE_MSG = 2,
	VHOST_USER_BACKEND_VRING_CALL = 4,
	VHOST_USER_BACKEND_VRING_ERR = 5,
};

enum vhost_user_flags {
	VHOST_USER_VERSION = 1,
	VHOST_USER_VERSION_MASK = 3,
	VHOST_USER_REPLY = 4,
	VHOST_USER_NEED_REPLY = 8,
};

/* Bits of the features that are the transport's own. */
enum { VHOST_USER_F_LOG_ALL = 26, VHOST_USER_F_PROTOCOL_FEATURES = 30 };

enum vhost_user_protocol_feature {
	VHOST_USER_PROTOCOL_F_MQ = 0,
	VHOST_USER_PROTOCOL_F_LOG_SHMFD = 1,
	VHOST_USER_PROTOCOL_F_RARP = 2,
	VHOST_USER_PROTOCOL_F_REPLY_ACK = 3,
	VHOST_USER_PROTOCOL_F_MTU = 4,
	VHOST_USER_PROTOCOL_F_BACKEND_REQ = 5,
	VHOST_USER_PROTOCOL_F_CONFIG = 9,
	VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD = 10,
	VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD = 12,
	VHOST_USER_PROTOCOL_F_RESET_DEVICE = 13,
	VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS = 14,
	VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15,
	VHOST_USER_PROTOCOL_F_STATUS = 16,
};

enum {
	VHOST_USER_PAYLOAD_MAX = 512, /* above the longest that has a meaning here */
	VHOST_USER_TABLE_MAX = 8,     /* regions of SET_MEM_TABLE, and descriptors of a message */
	VHOST_USER_CONFIG_MAX = 256,
	VHOST_USER_RING_NO_FD = 0x100, /* in the u64 of KICK, CALL and ERR, beside the ring */
	VHOST_USER_RING_LOG = 1,       /* flag of SET_VRING_ADDR */
	VHOST_USER_CONFIG_MIGRATION = 1,
};

struct wire_vu_header {
	uint32_t request, flags, size;
};
struct wire_vu_region {
	uint64_t gpa, size, user, mmap_offset;
};
struct wire_vu_table {
	uint32_t count, padding;
	struct wire_vu_region region[VHOST_USER_TABLE_MAX];
};
struct wire_vu_one_region {
	uint64_t padding;
	struct wire_vu_region region;
};
struct wire_vu_log {
	uint64_t size, offset;
};
struct wire_vu_ring_state {
	uint32_t index, num;
};
struct wire_vu_ring_addr {
	uint32_t index, flags;
	uint64_t desc, used, avail,
		log; /* addresses of the front-end's process; log: of the guest */
};
struct wire_vu_config {
	uint32_t offset, size, flags;
	uint8_t bytes[VHOST_USER_CONFIG_MAX];
};
struct wire_vu_inflight {
	uint64_t size, offset;
	uint16_t queues, queue_size;
};
static_assert(sizeof(struct wire_vu_header) == 12, "Header");
static_assert(sizeof(struct wire_vu_table) == 8 + 8 * 32, "Memory regions description");
static_assert(sizeof(struct wire_vu_one_region) == 40, "Single memory region description");
static_assert(sizeof(struct wire_vu_ring_addr) == 40, "A vring address description");

#endif
