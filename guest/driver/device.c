/* guest/driver/device.c: the NIC as its registers show it: wherever its bus has them. */
#include "guest/driver/nic.h"

/* In the configuration, virtio 1.4, 5.1.4. */
enum { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_PAIRS = 8, CONFIG_MTU = 10 };

bool nic_find(struct nic *n, const struct seam *seam, struct place_on_bus where)
{
	n->seam = seam;
	n->transport.seam = seam;
	return (where.bus == BUS_PCI ? pci_open : mmio_open)(&n->transport, where.at);
}

uint32_t nic_read(const struct nic *n, enum reg reg)
{
	const struct reg_place *p = &n->transport.reg[reg];

	return n->seam->read(n->seam->self, p->at, p->width);
}

void nic_write(const struct nic *n, enum reg reg, uint32_t value)
{
	const struct reg_place *p = &n->transport.reg[reg];

	n->seam->write(n->seam->self, p->at, value, p->width);
}

/* A field of the configuration, as wide as it is (virtio 1.4, 4.1.3.1, 4.2.2.2). */
static uint32_t config_field(const struct nic *n, unsigned offset, unsigned width)
{
	return n->seam->read(n->seam->self, n->transport.config + offset, width);
}

void nic_get_mac(const struct nic *n, uint8_t ret_mac[6])
{
	for (unsigned i = 0; i < 6; i++)
		ret_mac[i] = (uint8_t)config_field(n, CONFIG_MAC + i, 1);
}

uint16_t nic_mtu(const struct nic *n)
{
	return nic_has(n, F_MTU) ? (uint16_t)config_field(n, CONFIG_MTU, 2) : 1500;
}

uint16_t nic_pairs_max(const struct nic *n) { return (uint16_t)config_field(n, CONFIG_PAIRS, 2); }

void nic_ring(const struct nic *n, uint32_t queue)
{
	n->seam->write(n->seam->self, n->transport.doorbell[queue], queue,
		       n->transport.doorbell_width);
}

bool nic_link_up(const struct nic *n)
{
	return !nic_has(n, F_STATUS) || (config_field(n, CONFIG_STATUS, 2) & 1) != 0;
}

struct told nic_ack(struct nic *n)
{
	struct told told = n->transport.ops->told(&n->transport);

	n->config_told += told.config;
	return told;
}
