/* guest/driver/nic.c: the driver. */
#include "guest/driver/nic.h"

enum {
	/* In ctrl_bytes. */
	CTRL_DATA = 64,
	CTRL_ANSWER = 7168,
	ROUNDS_MAX = 4000, /* of nic_wait: seconds */
	BIG_COOKIE = 0x10000,
};

bool nic_has(const struct nic *n, unsigned bit) { return (n->accepted >> bit & 1) != 0; }

/* Behind all pairs that the device has, if their number was agreed on (virtio 1.4, 5.1.2). */
static uint32_t control_index(const struct nic *n)
{
	return nic_has(n, F_MQ) || nic_has(n, F_RSS) ? 2u * nic_pairs_max(n) : 2;
}

bool nic_memory(struct nic *n)
{
	const struct seam *seam = n->seam;

	if (!virtq_memory(&n->rx, seam, NIC_QUEUE) || !virtq_memory(&n->tx, seam, NIC_QUEUE) ||
	    !virtq_memory(&n->ctrl, seam, 16))
		return false;
	n->rx_bytes = seam->memory(seam->self, NIC_QUEUE * RX_BUFFER, &n->rx_at);
	n->tx_bytes = seam->memory(seam->self, NIC_QUEUE * TX_SLOT, &n->tx_at);
	n->big_bytes = seam->memory(seam->self, BIG_SLOTS * BIG_SLOT, &n->big_at);
	n->ctrl_bytes = seam->memory(seam->self, 8192, &n->ctrl_at);
	n->frame = seam->memory(seam->self, 128 * 1024, &n->frame_at);
	return n->rx_bytes != NULL && n->tx_bytes != NULL && n->big_bytes != NULL &&
	       n->ctrl_bytes != NULL && n->frame != NULL && nic_second_memory(n);
}

/* Done when it reads back so (virtio 1.4, 4.1.4.3.2). */
void nic_reset(struct nic *n)
{
	nic_write(n, REG_STATUS, 0);
	for (unsigned i = 0; i < ROUNDS_MAX && nic_read(n, REG_STATUS) != 0; i++)
		n->seam->wait(n->seam->self, n->seam->interrupts(n->seam->self));
}

bool nic_negotiate(struct nic *n, uint64_t wanted)
{
	nic_reset(n);
	nic_write(n, REG_STATUS, S_ACKNOWLEDGE);
	nic_write(n, REG_STATUS, S_ACKNOWLEDGE | S_DRIVER);
	n->offered = 0;
	for (uint32_t word = 0; word < 2; word++) {
		nic_write(n, REG_DEVICE_FEATURES_SELECT, word);
		n->offered |= (uint64_t)nic_read(n, REG_DEVICE_FEATURES) << (32 * word);
	}
	n->accepted = wanted;
	for (uint32_t word = 0; word < 2; word++) {
		nic_write(n, REG_DRIVER_FEATURES_SELECT, word);
		nic_write(n, REG_DRIVER_FEATURES, (uint32_t)(n->accepted >> (32 * word)));
	}
	nic_write(n, REG_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
	return (nic_read(n, REG_STATUS) & S_FEATURES_OK) != 0 &&
	       n->transport.ops->map_config(&n->transport);
}

static void write_address(struct nic *n, enum reg low, uint64_t address)
{
	nic_write(n, low, (uint32_t)address);
	nic_write(n, low + 1, (uint32_t)(address >> 32));
}

bool nic_set_queue(struct nic *n, uint32_t index, struct virtq *q)
{
	virtq_init(q, nic_has(n, F_EVENT_IDX), nic_has(n, F_INDIRECT), nic_has(n, F_PACKED));
	nic_write(n, REG_QUEUE_SELECT, index);
	if (nic_read(n, REG_QUEUE_SIZE_MAX) < q->size ||
	    !n->transport.ops->map_queue(&n->transport, index))
		return false;
	nic_write(n, REG_QUEUE_SIZE, q->size);
	write_address(n, REG_QUEUE_DESC, q->desc_at);
	write_address(n, REG_QUEUE_DRIVER, q->avail_at);
	write_address(n, REG_QUEUE_DEVICE, q->used_at);
	nic_write(n, REG_QUEUE_READY, 1);
	return nic_read(n, REG_QUEUE_READY) == 1;
}

void nic_kick(struct nic *n, uint32_t queue, struct virtq *q)
{
	if (virtq_show(q))
		nic_ring(n, queue);
}

static void post_rx(struct nic *n, uint32_t slot)
{
	struct buffer b = { n->rx_at + (uint64_t)slot * RX_BUFFER, RX_BUFFER, true };

	(void)virtq_post(&n->rx, &b, 1, slot, false);
}

static void post_all(struct nic *n)
{
	for (uint32_t slot = 0; slot < NIC_QUEUE; slot++)
		post_rx(n, slot);
	(void)virtq_ask(&n->rx, 0);
}

bool nic_queue_reset(struct nic *n, uint32_t index)
{
	nic_write(n, REG_QUEUE_SELECT, index);
	nic_write(n, REG_QUEUE_RESET, 1);
	/* It may take its time (virtio 1.4, 4.2.2.1). */
	for (unsigned i = 0; i < ROUNDS_MAX && nic_read(n, REG_QUEUE_RESET) != 0; i++)
		n->seam->wait(n->seam->self, n->seam->interrupts(n->seam->self));
	return nic_read(n, REG_QUEUE_RESET) == 0 && nic_read(n, REG_QUEUE_READY) == 0;
}

static void free_big(struct nic *n)
{
	for (unsigned i = 0; i < BIG_SLOTS; i++)
		n->big_used[i] = false;
}

bool nic_queue_again(struct nic *n, uint32_t index)
{
	if (index == QUEUE_TX) {
		free_big(n);
		return nic_set_queue(n, index, &n->tx);
	}
	if (!nic_set_queue(n, index, &n->rx))
		return false;
	post_all(n);
	nic_kick(n, QUEUE_RX, &n->rx);
	return true;
}

bool nic_queues(struct nic *n)
{
	free_big(n);
	n->second = false;
	return nic_set_queue(n, QUEUE_RX, &n->rx) && nic_set_queue(n, QUEUE_TX, &n->tx) &&
	       (!nic_has(n, F_CTRL_VQ) || nic_set_queue(n, control_index(n), &n->ctrl));
}

void nic_go(struct nic *n)
{
	nic_get_mac(n, n->mac);
	n->mtu = nic_mtu(n);
	post_all(n);
	nic_write(n, REG_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_DRIVER_OK);
	nic_kick(n, QUEUE_RX, &n->rx);
}

bool nic_start(struct nic *n, uint64_t wanted)
{
	if (!nic_negotiate(n, wanted) || !nic_queues(n))
		return false;
	nic_go(n);
	return true;
}

/* ---- transmit ---- */

void nic_reclaim(struct nic *n)
{
	uint32_t cookie, written;

	while (virtq_used(&n->tx, &cookie, &written))
		if (cookie >= BIG_COOKIE)
			n->big_used[cookie - BIG_COOKIE] = false;
}

static void put16(uint8_t *at, uint16_t v)
{
	at[0] = (uint8_t)v;
	at[1] = (uint8_t)(v >> 8);
}

void nic_put_hdr(uint8_t *at, const struct hdr *h)
{
	at[0] = h->flags;
	at[1] = h->gso_type;
	put16(at + 2, h->hdr_len);
	put16(at + 4, h->gso_size);
	put16(at + 6, h->csum_start);
	put16(at + 8, h->csum_offset);
	put16(at + 10, h->num_buffers);
}

/* A place for len bytes: its cookie and address. NULL: none is free. */
static uint8_t *place(struct nic *n, uint32_t len, uint32_t *ret_cookie, uint64_t *ret_at)
{
	if (len <= TX_SLOT) {
		/* Slots go round with the ring: one a descriptor, so a free descriptor's slot is
		 * free. */
		uint32_t slot = n->tx.free_head;

		if (n->tx.free_count < 4)
			return NULL;
		*ret_cookie = slot;
		*ret_at = n->tx_at + (uint64_t)slot * TX_SLOT;
		return n->tx_bytes + slot * TX_SLOT;
	}
	for (uint32_t i = 0; i < BIG_SLOTS && n->tx.free_count >= 4; i++) {
		if (n->big_used[i])
			continue;
		n->big_used[i] = true;
		*ret_cookie = BIG_COOKIE + i;
		*ret_at = n->big_at + (uint64_t)i * BIG_SLOT;
		return n->big_bytes + i * BIG_SLOT;
	}
	return NULL;
}

void nic_flush(struct nic *n) { nic_kick(n, QUEUE_TX, &n->tx); }

bool nic_send(struct nic *n, const struct hdr *h, const void *bytes, uint32_t len, bool indirect)
{
	bool placed = nic_queue(n, h, bytes, len, indirect);

	nic_flush(n);
	return placed;
}

bool nic_queue(struct nic *n, const struct hdr *h, const void *bytes, uint32_t len, bool indirect)
{
	uint32_t cookie = 0;
	uint64_t at = 0;
	uint8_t *to = NULL;

	nic_reclaim(n);
	for (unsigned round = 0; to == NULL; round++) {
		to = place(n, len + NIC_HDR, &cookie, &at);
		if (to != NULL)
			break;
		if (round == ROUNDS_MAX || (nic_read(n, REG_STATUS) & S_NEEDS_RESET) != 0)
			return false;
		/* Half of the ring back is a good time to go on; what was queued must be on its
		 * way then. */
		nic_flush(n);
		nic_wait(n, &n->tx, n->tx.size / 2);
		nic_reclaim(n);
	}
	nic_put_hdr(to, h);
	__builtin_memcpy(to + NIC_HDR, bytes, len);
	if (indirect) {
		const struct buffer parts[3] = { { at, NIC_HDR, false },
						 { at + NIC_HDR, 14, false },
						 { at + NIC_HDR + 14, len - 14, false } };

		(void)virtq_post(&n->tx, parts, 3, cookie, true);
	} else {
		const struct buffer whole = { at, NIC_HDR + len, false };

		(void)virtq_post(&n->tx, &whole, 1, cookie, false);
	}
	n->sent++;
	return true;
}

/* ---- receive ---- */

static uint16_t get16(const uint8_t *at) { return (uint16_t)(at[0] | at[1] << 8); }

struct hdr nic_get_hdr(const uint8_t *at)
{
	return (struct hdr){ at[0],         at[1],         get16(at + 2), get16(at + 4),
			     get16(at + 6), get16(at + 8), get16(at + 10) };
}

uint32_t nic_receive(struct nic *n, struct hdr *ret_hdr)
{
	uint32_t slot, written, len;
	const uint8_t *from;
	uint16_t buffers;

	if (!virtq_used(&n->rx, &slot, &written)) {
		nic_kick(n, QUEUE_RX, &n->rx);
		return 0;
	}
	from = n->rx_bytes + slot * RX_BUFFER;
	*ret_hdr = nic_get_hdr(from);
	buffers = nic_has(n, F_MRG_RXBUF) ? ret_hdr->num_buffers : 1;
	len = written - NIC_HDR;
	__builtin_memcpy(n->frame, from + NIC_HDR, len);
	post_rx(n, slot);
	/* All buffers of a frame become used at once (virtio 1.4, 5.1.9.4.1). */
	for (uint16_t i = 1; i < buffers && virtq_used(&n->rx, &slot, &written); i++) {
		__builtin_memcpy(n->frame + len, n->rx_bytes + slot * RX_BUFFER, written);
		len += written;
		post_rx(n, slot);
	}
	if (n->rx.avail_index - n->rx.shown_index >= 64)
		nic_kick(n, QUEUE_RX, &n->rx);
	n->received++;
	return len;
}

void nic_wait(struct nic *n, struct virtq *q, uint16_t after)
{
	uint32_t seen = n->seam->interrupts(n->seam->self);

	nic_kick(n, QUEUE_RX, &n->rx);
	if (virtq_ask(q, after))
		return;
	if (seen != n->seen) {
		n->seen = seen;
		(void)nic_ack(n);
		return;
	}
	n->seam->wait(n->seam->self, seen);
}

/* ---- control ---- */

const volatile uint8_t *nic_ask(struct nic *n, uint8_t class, uint8_t command, const void *data,
				uint32_t len, uint32_t room, uint32_t *ret_written)
{
	const struct buffer parts[3] = { { n->ctrl_at, 2, false },
					 { n->ctrl_at + CTRL_DATA, len, false },
					 { n->ctrl_at + CTRL_ANSWER, room, true } };
	const struct buffer bare[2] = { parts[0], parts[2] };
	uint32_t cookie;

	n->ctrl_bytes[0] = class;
	n->ctrl_bytes[1] = command;
	for (uint32_t i = 0; i < room; i++)
		n->ctrl_bytes[CTRL_ANSWER + i] = 0x55;
	__builtin_memcpy(n->ctrl_bytes + CTRL_DATA, data, len);
	if (!virtq_post(&n->ctrl, len > 0 ? parts : bare, len > 0 ? 3 : 2, 0, false))
		return NULL;
	nic_kick(n, control_index(n), &n->ctrl);
	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		if (virtq_used(&n->ctrl, &cookie, ret_written))
			return n->ctrl_bytes + CTRL_ANSWER;
		nic_wait(n, &n->ctrl, 0);
	}
	return NULL;
}

int nic_control(struct nic *n, uint8_t class, uint8_t command, const void *data, uint32_t len)
{
	uint32_t written;
	const volatile uint8_t *ack = nic_ask(n, class, command, data, len, 1, &written);

	return ack != NULL && written == 1 ? ack[0] : -1;
}
