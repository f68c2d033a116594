/* vmm/machine/cpuid.c: what a processor of the machine says of itself: what KVM supports, and what
 * KVM leaves to us: the hypervisor, the timer, and who its neighbours are. One package, a thread a
 * core. Sources: Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E; KVM api.rst,
 * KVM_GET_SUPPORTED_CPUID. */
#include "vmm/machine/cpuid.h"

/* Too large for an enumerator. */
#define HYPERVISOR (1u << 31) /* leaf 1, ECX */
#define EXTENDED 0x80000000u
#define EXTENDED_FEATURES 0x80000001u
#define EXTENDED_SIZES 0x80000008u
#define EXTENDED_CACHES 0x8000001du
#define EXTENDED_TOPOLOGY 0x8000001eu

enum {
	FEATURES = 1,
	TSC_DEADLINE = 1 << 24, /* ECX */
	SEVERAL = 1 << 28,      /* EDX: "HTT": the counts of EBX hold */
	CACHES = 4,
	TOPOLOGY = 0xb,
	TOPOLOGY_V2 = 0x1f,
	LEVEL_THREAD = 1,
	LEVEL_CORE = 2,
	LAST_CACHE = 3,
};

/* Bits of an APIC identifier that tell cores apart. */
static unsigned core_bits(unsigned cpus)
{
	unsigned bits = 0;

	while (1u << bits < cpus)
		bits++;
	return bits;
}

static uint32_t replace(uint32_t word, unsigned shift, unsigned width, uint32_t value)
{
	uint32_t mask = ((UINT32_C(1) << width) - 1) << shift;

	return (word & ~mask) | (value << shift & mask);
}

/* Of every level but the last one each core has its own cache. */
static uint32_t sharing(uint32_t eax, unsigned addressable)
{
	unsigned level = eax >> 5 & 7;

	return replace(eax, 14, 12, level >= LAST_CACHE ? addressable - 1 : 0);
}

static void fit(struct kvm_cpuid_entry2 *e, const struct cpuid_request *r, bool amd)
{
	unsigned bits = core_bits(r->cpus), addressable = 1u << bits;

	switch (e->function) {
	case FEATURES:
		e->ebx = replace(replace(e->ebx, 24, 8, r->cpu), 16, 8, addressable);
		e->ecx |= HYPERVISOR | (r->tsc_deadline ? TSC_DEADLINE : 0u);
		e->edx = replace(e->edx, 28, 1, r->cpus > 1);
		break;
	case CACHES:
		if ((e->eax & 0x1f) != 0)
			e->eax = replace(sharing(e->eax, addressable), 26, 6, addressable - 1);
		break;
	case EXTENDED_FEATURES: e->ecx = replace(e->ecx, 1, 1, r->cpus > 1 && amd); break;
	case EXTENDED_SIZES:
		if (amd)
			e->ecx = replace(replace(e->ecx, 0, 8, r->cpus - 1), 12, 4, bits);
		break;
	case EXTENDED_CACHES:
		if ((e->eax & 0x1f) != 0)
			e->eax = sharing(e->eax, addressable);
		break;
	case EXTENDED_TOPOLOGY:
		e->eax = r->cpu;
		e->ebx = r->cpu; /* this core, of one thread */
		e->ecx = 0;
		break;
	default: break;
	}
}

/* Leaf 0xb is ours: what KVM gives there is the host's, or nothing. */
static void add_topology(struct kvm_cpuid2 *c, const struct cpuid_request *r)
{
	const struct kvm_cpuid_entry2 levels[] = {
		{ .index = 0, .eax = 0, .ebx = 1, .ecx = LEVEL_THREAD << 8 },
		{ .index = 1,
		  .eax = core_bits(r->cpus),
		  .ebx = r->cpus,
		  .ecx = LEVEL_CORE << 8 | 1 },
		{ .index = 2, .ecx = 2 },
	};

	for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]) && c->nent < r->room; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[c->nent++];

		*e = levels[i];
		e->function = TOPOLOGY;
		e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
		e->edx = r->cpu;
	}
}

void cpuid_fit(struct kvm_cpuid2 *c, const struct cpuid_request *r)
{
	unsigned kept = 0;
	bool has_topology = false, amd = false;

	for (unsigned i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 e = c->entries[i];

		if (e.function == 0) {
			has_topology = e.eax >= TOPOLOGY;
			amd = e.ecx == 0x444d4163; /* AuthenticAMD */
		}
		fit(&e, r, amd);
		if (e.function != TOPOLOGY && e.function != TOPOLOGY_V2)
			c->entries[kept++] = e;
	}
	c->nent = kept;
	if (has_topology)
		add_topology(c, r);
}
