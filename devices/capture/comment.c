/* devices/capture/comment.c: what a record means, in a reader's flags and in words. */
#include <linux/virtio_net.h>
#include <stdarg.h>
#include <stdio.h>

#include "devices/base/uapi_compat.h"
#include "devices/capture/capture_priv.h"
#include "devices/capture/pcapng.h"

static const struct {
	uint8_t type;
	const char *name;
} gso_types[] = {
	{ VIRTIO_NET_HDR_GSO_TCPV4, "TCPV4" },
	{ VIRTIO_NET_HDR_GSO_UDP, "UDP" },
	{ VIRTIO_NET_HDR_GSO_TCPV6, "TCPV6" },
	{ VIRTIO_NET_HDR_GSO_UDP_L4, "UDP_L4" },
};

static const uint8_t NAMED_FLAGS = VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID |
				   VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM;
static const uint8_t TUNNEL =
	VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 | VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6;

/* What is in a gso_type beside its bits. */
static uint8_t type_of(uint8_t gso_type)
{
	return gso_type & (uint8_t) ~(VIRTIO_NET_HDR_GSO_ECN | TUNNEL);
}

/* One more of a list that begins with its title. */
struct list {
	const char *title;
	char *text;
	size_t size, used;
};

static void add(struct list *l, const char *format, ...) PRINTF_LIKE(2, 3);
static void add(struct list *l, const char *format, ...)
{
	const char *before = l->used == 0 ? l->title : ", ";
	va_list args;
	int n = snprintf(l->text + l->used, l->size - l->used, "%s", before);

	if (n > 0 && (size_t)n < l->size - l->used) {
		l->used += (size_t)n;
		va_start(args, format);
		n = vsnprintf(l->text + l->used, l->size - l->used, format, args);
		va_end(args);
		if (n > 0 && (size_t)n < l->size - l->used)
			l->used += (size_t)n;
	}
}

static void add_gso(struct list *l, const struct vnet_hdr *h)
{
	const char *ecn = h->gso_type & VIRTIO_NET_HDR_GSO_ECN ? " ECN" : "";

	for (unsigned i = 0; i < ARRAY_LEN(gso_types); i++) {
		if (gso_types[i].type == type_of(h->gso_type)) {
			add(l, "%s%s gso_size %u", gso_types[i].name, ecn, h->gso_size);
			return;
		}
	}
	add(l, "gso_type %#x gso_size %u", h->gso_type, h->gso_size);
}

void capture_comment(const struct capture_record *record, struct capture_comments *ret)
{
	const struct vnet_hdr *h = &record->hdr;
	struct list l = { .title = "vnet_hdr: ", .text = ret->hdr, .size = sizeof(ret->hdr) };

	ret->dropped[0] = ret->hdr[0] = '\0';
	if (record->why != DROP_NONE)
		(void)snprintf(ret->dropped, sizeof(ret->dropped), "dropped: %s: %s",
			       drop_name(record->why), drop_text(record->why));
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		add(&l, "NEEDS_CSUM start %u offset %u", h->csum_start, h->csum_offset);
	if (h->flags & VIRTIO_NET_HDR_F_DATA_VALID)
		add(&l, "DATA_VALID");
	if (h->flags & ~NAMED_FLAGS)
		add(&l, "flags %#x", h->flags & ~NAMED_FLAGS);
	if (h->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		add_gso(&l, h);
	if (h->gso_type & TUNNEL)
		add(&l, "UDP_TUNNEL%s%s outer_th_offset %u inner_nh_offset %u",
		    h->gso_type & VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 ? "_IPV4" : "",
		    h->gso_type & VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6 ? "_IPV6" : "",
		    h->outer_th_offset, h->inner_nh_offset);
	if (h->flags & VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM)
		add(&l, "UDP_TUNNEL_CSUM");
	if (h->hdr_len != 0)
		add(&l, "hdr_len %u", h->hdr_len);
	if (h->num_buffers > 1)
		add(&l, "num_buffers %u", h->num_buffers);
	if (h->hash_report != 0)
		add(&l, "hash_report %u hash_value %#x", h->hash_report, h->hash_value);
}

uint32_t capture_flags(const struct capture_record *record)
{
	const struct vnet_hdr *h = &record->hdr;
	uint8_t type = type_of(h->gso_type);
	uint32_t flags = record->direction == CAPTURE_TO_GUEST ? PCAPNG_INBOUND : PCAPNG_OUTBOUND;

	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		flags |= PCAPNG_CSUM_NOT_READY;
	if (h->flags & VIRTIO_NET_HDR_F_DATA_VALID)
		flags |= PCAPNG_CSUM_VALID;
	if (type == VIRTIO_NET_HDR_GSO_TCPV4 || type == VIRTIO_NET_HDR_GSO_TCPV6)
		flags |= PCAPNG_TCP_SEGMENTS;
	return flags;
}
