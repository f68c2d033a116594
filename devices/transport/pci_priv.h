/* devices/transport/pci_priv.h: what the files of the PCI transport share. */
#ifndef TAPVM_TRANSPORT_PCI_PRIV_H
#define TAPVM_TRANSPORT_PCI_PRIV_H

#include <linux/virtio_pci.h>
#include <pthread.h>
#include <stdatomic.h>

#include "devices/base/le.h"
#include "devices/transport/pci.h"

enum {
	PCI_SPACE = 256, /* bytes of configuration space that are not 0 for ever */
	PCI_REGISTERS_BYTES = 0x2000,
	PCI_MSIX_BYTES = 0x2000,
	PCI_MSIX_PENDING = 0x1000, /* in PCI_BAR_MSIX, whose table begins at 0 */
	PCI_VECTORS_MAX = DEVICE_QUEUES_MAX + 1,
	PCI_PLACES = 2, /* BARs */
};

/* A structure of virtio's in PCI_BAR_REGISTERS. What is outside of all reads 0. */
struct pci_region {
	uint8_t type; /* VIRTIO_PCI_CAP_* */
	uint16_t offset, length;
	/* offset inside the structure, the access too; read finds zeros in ret_bytes */
	void (*read)(struct pci *p, uint32_t offset, void *ret_bytes, unsigned width);
	void (*write)(struct pci *p, uint32_t offset, const void *bytes, unsigned width);
};
enum { PCI_REGIONS = 4 };
extern const struct pci_region pci_regions[PCI_REGIONS];
const struct pci_region *pci_region_at(uint64_t offset, uint64_t length); /* NULL: none */

enum {
	PCI_MASKED_ITSELF = 1,
	PCI_MASKED_WITH_ALL = 2,
	PCI_PENDING = 4,
	PCI_SENDING = 8, /* the lowest bit of a count */
};
struct pci_vector {
	/* Which masks are set, whether a message is pending, and how many are being sent right
	 * now: one word, so that a message is either sent or kept, and never after its mask was
	 * set. */
	atomic_uint state;
	int fd;
	uint32_t message[3], routed[3]; /* address low, high, data; as the board has it */
};

struct pci {
	struct pci_config config;

	pthread_mutex_t mutex; /* configuration space and MSI-X table */
	uint8_t space[PCI_SPACE], writable[PCI_SPACE];
	uint64_t placed[PCI_PLACES]; /* as the board was told; PCI_NOWHERE */
	bool master;                 /* the device may access memory */
	bool vectors_off;            /* all vectors are masked together */

	/* Registers; a vCPU each may write them. */
	atomic_uint device_feature_select, driver_feature_select, queue_select;
	atomic_uint config_vector, queue_vector[DEVICE_QUEUES_MAX];
	atomic_uint_fast64_t generation; /* shown, and which of the device's that was */

	/* How the driver is told. */
	atomic_bool msix_on, intx_off;
	unsigned vector_count;
	struct pci_vector vector[PCI_VECTORS_MAX];
	int line_fd; /* has the loop look at INTx */
	pthread_mutex_t line_mutex;
	bool line; /* as the board was told */
};
#define PCI_NOWHERE UINT64_MAX

void pci_reset_vectors(struct pci *p); /* as after power-on: nothing is mapped, nothing pends */

/* pci.c */
void pci_map_queue(struct pci *p, unsigned queue, unsigned vector);

/* pci_config.c */
void pci_config_init(struct pci *p);
void pci_set_master(struct pci *p, bool on);

/* pci_common.c */
void pci_common_read(struct pci *p, uint32_t offset, void *ret_bytes, unsigned width);
void pci_common_write(struct pci *p, uint32_t offset, const void *bytes, unsigned width);

/* pci_isr.c */
void pci_isr_read(struct pci *p, uint32_t offset, void *ret_bytes, unsigned width);
bool pci_intx_pending(const struct pci *p); /* Interrupt Status */
void pci_line_update(struct pci *p);        /* INTx follows */
void pci_on_line(void *self, uint32_t epoll_events);

/* pci_msix.c */
struct err pci_msix_init(struct pci *p) MUST_USE;
void pci_msix_fini(struct pci *p);
/* With the mutex. all_masked: whatever each one's own mask says. */
void pci_msix_set(struct pci *p, bool on, bool all_masked);
void pci_msix_send(struct pci *p, unsigned vector);       /* or keeps it pending; any thread */
bool pci_msix_open(const struct pci *p, unsigned vector); /* not masked; any thread */
void pci_msix_forget(struct pci *p);                      /* what is pending */
void pci_msix_read(struct pci *p, uint64_t offset, void *ret_bytes, unsigned width);
void pci_msix_write(struct pci *p, uint64_t offset, const void *bytes, unsigned width);

#endif
