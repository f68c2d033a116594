/* guest/driver/nic.h: a virtio-net driver, from virtio 1.4, 3.1 and 5.1. */
#ifndef TAPVM_GUEST_NIC_H
#define TAPVM_GUEST_NIC_H

#include "guest/driver/transport.h"
#include "guest/driver/virtq.h"

enum {
	NIC_QUEUE = 256,
	RX_BUFFER = 2048,
	TX_SLOT = 2048,
	BIG_SLOT = 68 * 1024,
	BIG_SLOTS = 4,
	NIC_HDR = 12,
	FRAME_BYTES_MAX = 65589,
	/* Feature bits, virtio 1.4, 5.1.3 and 6. */
	F_CSUM = 0,
	F_GUEST_CSUM = 1,
	F_CTRL_GUEST_OFFLOADS = 2,
	F_MTU = 3,
	F_MAC = 5,
	F_GUEST_TSO4 = 7,
	F_GUEST_TSO6 = 8,
	F_GUEST_ECN = 9,
	F_HOST_TSO4 = 11,
	F_HOST_TSO6 = 12,
	F_HOST_ECN = 13,
	F_MRG_RXBUF = 15,
	F_STATUS = 16,
	F_CTRL_VQ = 17,
	F_CTRL_RX = 18,
	F_CTRL_VLAN = 19,
	F_CTRL_RX_EXTRA = 20,
	F_MQ = 22,
	F_CTRL_MAC_ADDR = 23,
	F_INDIRECT = 28,
	F_EVENT_IDX = 29,
	F_VERSION_1 = 32,
	F_PACKED = 34,
	F_RING_RESET = 40,
	F_DEVICE_STATS = 50,
	F_VQ_NOTF_COAL = 52,
	F_NOTF_COAL = 53,
	F_GUEST_USO4 = 54,
	F_GUEST_USO6 = 55,
	F_HOST_USO = 56,
	F_RSS = 60,
	/* vnet_hdr, virtio 1.4, 5.1.9. */
	H_NEEDS_CSUM = 1,
	GSO_NONE = 0,
	GSO_TCPV4 = 1,
	GSO_TCPV6 = 4,
	GSO_UDP_L4 = 5,
	S_ACKNOWLEDGE = 1,
	S_DRIVER = 2,
	S_DRIVER_OK = 4,
	S_FEATURES_OK = 8,
	S_NEEDS_RESET = 64,
	SECOND_QUEUE = 64,
	QUEUE_RX = 0,
	QUEUE_TX = 1,
};

struct hdr {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

struct nic {
	const struct seam *seam;
	struct transport transport;
	uint64_t offered, accepted;
	uint8_t mac[6];
	uint16_t mtu;
	struct virtq rx, tx, ctrl;
	uint8_t *rx_bytes, *tx_bytes, *big_bytes, *ctrl_bytes;
	uint64_t rx_at, tx_at, big_at, ctrl_at;
	bool big_used[BIG_SLOTS];
	uint8_t *frame; /* a received frame, put together of its buffers */
	uint64_t frame_at;
	/* The second pair, of checks that ask for it: frames of one buffer each. */
	bool second;
	struct virtq rx1, tx1;
	uint8_t *rx1_bytes, *tx1_bytes;
	uint64_t rx1_at, tx1_at;
	uint64_t sent, received;
	uint16_t rx_after; /* an interrupt is asked for this many frames later than the next one */
	uint32_t seen;     /* interrupts */
	uint32_t config_told; /* interrupts that told of a change of the configuration */
};

/* ---- device.c: what it shows ---- */
/* false: no virtio-net device is there. */
bool nic_find(struct nic *n, const struct seam *seam, struct place_on_bus where);
uint32_t nic_read(const struct nic *n, enum reg reg);
void nic_write(const struct nic *n, enum reg reg, uint32_t value);
void nic_ring(const struct nic *n, uint32_t queue); /* its doorbell, once it was set up */
struct told nic_ack(struct nic *n); /* what the device has told of since the last call */
/* Of the configuration. */
void nic_get_mac(const struct nic *n, uint8_t ret_mac[6]);
uint16_t nic_mtu(const struct nic *n);
uint16_t nic_pairs_max(const struct nic *n); /* with MQ or RSS offered */
bool nic_link_up(const struct nic *n);

/* ---- nic.c ---- */
bool nic_has(const struct nic *n, unsigned bit); /* accepted */

/* Memory for everything, once. */
bool nic_memory(struct nic *n);
void nic_reset(struct nic *n);
/* Reset, features (offered and wanted), queues, DRIVER_OK, receive buffers. false: FEATURES_OK or a
 * queue did not stick. */
bool nic_start(struct nic *n, uint64_t wanted);
/* The parts of nic_start, for checks that stop in between. */
bool nic_negotiate(struct nic *n, uint64_t wanted);
bool nic_queues(struct nic *n);
void nic_go(struct nic *n);

/* A queue reset by itself (RING_RESET), and set up anew. false: it is still ready; or not again. */
bool nic_queue_reset(struct nic *n, uint32_t index);
bool nic_queue_again(struct nic *n, uint32_t index);

/* Sends a frame (copied). indirect: header, Ethernet header and rest as three indirect entries.
 * false: no room within some seconds. */
bool nic_send(struct nic *n, const struct hdr *h, const void *bytes, uint32_t len, bool indirect);
/* The same, but the device is told by nic_flush: for frames that follow one another. */
bool nic_queue(struct nic *n, const struct hdr *h, const void *bytes, uint32_t len, bool indirect);
void nic_flush(struct nic *n);
/* Takes the next received frame into n->frame. 0: none. */
uint32_t nic_receive(struct nic *n, struct hdr *ret_hdr);
/* Waits until q has a used chain (with EVENT_IDX an interrupt is asked for `after` chains
 * later), for any interrupt, or a while. What comes on other queues meanwhile must not keep it
 * from waiting. */
void nic_wait(struct nic *n, struct virtq *q, uint16_t after);
void nic_reclaim(struct nic *n); /* transmit chains that came back */
/* ---- second.c: the second queue pair ---- */
bool nic_second_memory(struct nic *n);
/* Between nic_queues and nic_go. false: a queue did not stick. */
bool nic_second(struct nic *n);
void nic_second_go(struct nic *n); /* after nic_go: its buffers are told of */
bool nic_second_send(struct nic *n, const void *bytes, uint32_t len);
uint32_t nic_second_receive(struct nic *n, struct hdr *ret_hdr); /* into n->frame; 0: none */

/* For the files here: sets up and starts one queue; rings its doorbell if the device wants it. */
bool nic_set_queue(struct nic *n, uint32_t index, struct virtq *q);
void nic_kick(struct nic *n, uint32_t index, struct virtq *q);
void nic_put_hdr(uint8_t *at, const struct hdr *h);
struct hdr nic_get_hdr(const uint8_t *at);

/* A control command: the ack byte, or -1: none came. */
int nic_control(struct nic *n, uint8_t class, uint8_t command, const void *data, uint32_t len);
/* The same with `room` bytes for the answer: they, and how many of them were written; NULL: none.
 */
const volatile uint8_t *nic_ask(struct nic *n, uint8_t class, uint8_t command, const void *data,
				uint32_t len, uint32_t room, uint32_t *ret_written);

#endif
