/* devices/frame/frame.h: a frame, a batch of frames, and the fate that ends each of them.
 *
 * A batch is a value: it holds frames whose bytes lie in slots of the worker that owns it. Every
 * frame that enters a batch ends in exactly one place, with a fate. */
#ifndef TAPVM_FRAME_FRAME_H
#define TAPVM_FRAME_FRAME_H

#include <stdint.h>
#include <sys/uio.h>

enum {
	BATCH_MAX = 32,               /* frames */
	BATCH_BYTES_MAX = 512 * 1024, /* a batch ends with the frame that passes this */
	COPY_MAX = 8192, /* a transmit frame up to this is copied whole, judged on the copy */
	LENT_HEAD = 128, /* bytes copied of a longer one, its rest is lent */
	FRAME_MIN = 14,
	FRAME_MAX = 14 + 40 + 65535, /* 65,589: virtio 1.4, 5.1.9.3 */
	VNET_HDR_MAX = 32,           /* room in front of the bytes of a slot */
	READ_MAX = 65536 + 64,       /* the longest read of a TAP, with a VLAN tag */
	/* Header room, the Ethernet header that a TUN has not, the longest read. */
	SLOT_BYTES = VNET_HDR_MAX + FRAME_MIN + READ_MAX,
};

enum fate {
	FATE_OPEN, /* not decided yet */
	FATE_SENT, /* transmit: the backend took it */
	FATE_KEPT, /* transmit: the backend would block; all after it are kept too; offered again */
	FATE_PLACED,  /* receive: in the guest's buffers */
	FATE_HELD,    /* receive: no room now; stays with the worker */
	FATE_CUT,     /* receive: a super-frame of which segments were made, each with its end */
	FATE_DROPPED, /* with a reason */
};

/* Name, text: the one list of reasons. It gives the counter, its name in --stats, the row in
 * docs. */
#define DROP_REASONS_LIST(X)                                                                       \
	X(DROP_NONE, "none", "not dropped")                                                        \
	X(DROP_TX_NO_HEADER, "tx_no_header", "transmit chain shorter than its vnet_hdr")           \
	X(DROP_TX_SHORT, "tx_short", "transmit frame under 14 bytes")                              \
	X(DROP_TX_LONG, "tx_long", "transmit frame above 65,589 bytes")                            \
	X(DROP_TX_MTU, "tx_mtu", "transmit frame above the MTU without GSO")                       \
	X(DROP_TX_CSUM_FEATURE, "tx_csum_feature", "NEEDS_CSUM without CSUM agreed on")            \
	X(DROP_TX_CSUM_RANGE, "tx_csum_range", "checksum fields outside the frame")                \
	X(DROP_TX_GSO_FEATURE, "tx_gso_feature", "GSO type unknown or not agreed on")              \
	X(DROP_TX_GSO_FIELDS, "tx_gso_fields",                                                     \
	  "GSO without NEEDS_CSUM, size 0 or too many segments")                                   \
	X(DROP_TX_GSO_PROTOCOL, "tx_gso_protocol", "GSO type that does not fit the frame")         \
	X(DROP_TX_NOT_IP, "tx_not_ip", "neither IPv4 nor IPv6, and a TUN carries nothing else")    \
	X(DROP_TX_LINK_DOWN, "tx_link_down", "the host's interface is down")                       \
	X(DROP_TX_NO_MEMORY, "tx_no_memory", "the host had no memory for it")                      \
	X(DROP_TX_REFUSED, "tx_refused", "the backend refused this frame")                         \
	X(DROP_TX_SHORT_WRITE, "tx_short_write", "the backend took a part of it")                  \
	X(DROP_TX_GONE, "tx_gone", "the backend is gone")                                          \
	X(DROP_TX_MEMORY_GONE, "tx_memory_gone", "guest memory went away under it")                \
	X(DROP_TX_OFF, "tx_off", "its queue is switched off")                                      \
	X(DROP_RX_RUNT, "rx_runt", "received less than a vnet_hdr and 14 bytes")                   \
	X(DROP_RX_TOO_BIG, "rx_too_big", "larger than the buffers that the driver posts")          \
	X(DROP_RX_NO_BUFFERS, "rx_no_buffers", "no buffers posted when it was looked at again")    \
	X(DROP_RX_MTU, "rx_mtu", "longer than the MTU agreed on, without GSO")                     \
	X(DROP_RX_FILTER, "rx_filter", "not for this guest's addresses")                           \
	X(DROP_RX_OFFLOAD, "rx_offload", "in a form not agreed to, that cannot be cut")            \
	X(DROP_RX_STALE, "rx_stale", "queued before the driver was up")                            \
	X(DROP_RX_RESET, "rx_reset", "held when the device was reset or stopped")                  \
	X(DROP_RX_BROKEN, "rx_broken", "held when its queue broke")                                \
	X(DROP_RX_NOT_IP, "rx_not_ip", "came by a TUN, and is neither IPv4 nor IPv6")              \
	X(DROP_RX_ERROR, "rx_error", "the backend failed to give it")

enum drop_reason {
#define X(symbol, name, text) symbol,
	DROP_REASONS_LIST(X)
#undef X
	/* clang-format off */
	DROP_REASONS
	/* clang-format on */
};
const char *drop_name(enum drop_reason why);
const char *drop_text(enum drop_reason why);

/* struct virtio_net_hdr in host order: virtio 1.4, 5.1.9. What the wire's form has no room for is
 * 0. */
struct vnet_hdr {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
	uint32_t hash_value;
	uint16_t hash_report;
	uint16_t outer_th_offset, inner_nh_offset; /* with a tunnel bit in gso_type only */
};

struct frame {
	struct vnet_hdr hdr; /* what the other side said (judged or not: see the function) */
	uint8_t *bytes; /* of a slot, from the Ethernet header on; VNET_HDR_MAX free in front */
	uint32_t local; /* bytes that lie there */
	uint32_t len;   /* the whole frame: local + the bytes of rest */
	const struct iovec *rest; /* guest memory, lent; NULL if local == len */
	int rest_count;
	enum fate fate;
	enum drop_reason why; /* FATE_DROPPED only */
};

struct batch {
	unsigned count;
	struct frame frame[BATCH_MAX];
};

static inline void frame_drop(struct frame *f, enum drop_reason why)
{
	f->fate = FATE_DROPPED;
	f->why = why;
}

#endif
