/* vmm/boot/aml.h: writes ACPI Machine Language: objects into a buffer, in the order of their calls.
 * Source: ACPI 6.5, chapters 19 and 20 (encodings) and 6.4 (resources).
 *
 * What has contents is opened (scope, device, package, resources) and closed by aml_close. A buffer
 * that is too small, a wrong name and a missing close are errors of aml_finish: no call before it
 * needs a check. */
#ifndef TAPVM_BOOT_AML_H
#define TAPVM_BOOT_AML_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/base/err.h"

enum { AML_DEPTH_MAX = 8 };

struct aml {
	uint8_t *bytes;
	uint32_t size, used;
	const char *fault; /* the first one, or NULL */
	unsigned depth;
	struct {
		uint32_t at; /* where its contents begin */
		bool resources;
	} open[AML_DEPTH_MAX];
};

void aml_init(struct aml *a, uint8_t *bytes, uint32_t size);
/* *ret_used: the bytes written. */
struct err aml_finish(struct aml *a, uint32_t *ret_used) MUST_USE;

/* Names are of four characters ("PCI0"). */
void aml_scope(struct aml *a, const char *name);
void aml_device(struct aml *a, const char *name);
void aml_name(struct aml *a, const char *name); /* its value is what is written next */
void aml_package(struct aml *a, uint8_t count); /* of that many values */
void aml_resources(struct aml *a);
void aml_close(struct aml *a); /* the last one that is open */

/* Values. */
void aml_integer(struct aml *a, uint64_t value); /* in the shortest form */
void aml_text(struct aml *a, const char *value);
void aml_eisa_id(struct aml *a, const char *id); /* "PNP0501" */

/* Entries of resources. */
void aml_ports(struct aml *a, uint16_t port, uint8_t count);
void aml_memory(struct aml *a, uint32_t at, uint32_t bytes); /* fixed, writable */
void aml_interrupt(struct aml *a, uint32_t gsi);             /* rising edge, not shared */
/* Windows of a bridge, at the same address on both of its sides. */
void aml_bus_window(struct aml *a, uint8_t first, uint16_t count);
void aml_port_window(struct aml *a, uint16_t first, uint16_t count);
void aml_memory_window(struct aml *a, uint32_t at, uint32_t bytes);
void aml_memory_window64(struct aml *a, uint64_t at, uint64_t bytes);

#endif
