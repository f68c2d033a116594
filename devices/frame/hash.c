/* devices/frame/hash.c: which fields of a frame are hashed, and the hash. */
#include "devices/frame/hash.h"

#include <string.h>

#include "devices/frame/tunnel.h"

/* Bits of key from bit `at` on. */
static uint32_t window(const uint8_t key[static HASH_KEY_MAX], unsigned at)
{
	const uint8_t *k = key + at / 8;
	uint64_t bits = (uint64_t)k[0] << 32 | (uint64_t)k[1] << 24 | (uint64_t)k[2] << 16 |
			(uint64_t)k[3] << 8 | k[4];

	return (uint32_t)(bits >> (8 - at % 8));
}

/* Each input bit that is set adds the 32 bits of the key that begin at its place; here four
 * at once. */
void hash_set_key(struct hash_config *config, const uint8_t *key, unsigned len)
{
	uint8_t whole[HASH_KEY_MAX] = { 0 };

	memcpy(whole, key, len);
	for (unsigned half = 0; half < 2 * HASH_INPUT_MAX; half++)
		for (unsigned value = 0; value < 16; value++) {
			uint32_t sum = 0;

			for (unsigned bit = 0; bit < 4; bit++)
				if ((value & 8u >> bit) != 0)
					sum ^= window(whole, 4 * half + bit);
			config->share[half][value] = sum;
		}
}

/* Bytes [at, at + len) of the input. */
static uint32_t share(const struct hash_config *config, unsigned at, const uint8_t *input,
		      unsigned len)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < len; i++)
		sum ^= config->share[2 * (at + i)][input[i] >> 4] ^
		       config->share[2 * (at + i) + 1][input[i] & 15];
	return sum;
}

/* The type by which a packet is hashed: of TCP or UDP if it is enabled, else of IP alone. `ip` is
 * the bit of the latter, those of TCP and UDP follow it. 0: neither is. */
static uint32_t type_of(uint32_t enabled, uint32_t ip, enum l4_kind l4)
{
	uint32_t type = ip << l4;

	return (enabled & type) != 0 ? type : enabled & ip;
}

/* NET-48, NET-49. */
static struct hash hash_packet(const struct hash_config *config, const uint8_t *bytes,
			       const struct parsed *p)
{
	unsigned address = p->ip_version == 4 ? 4 : 16;
	unsigned source = p->l3_offset + (p->ip_version == 4 ? 12u : 8u);
	unsigned destination = source + address;
	uint32_t type = 0, value;

	if (p->ip_version == 0)
		return (struct hash){ 0 };
	if (p->extensions)
		type = type_of(config->types, HASH_IP_EX, p->l4);
	if (type != 0) {
		source = p->home_source != 0 ? p->home_source : source;
		destination = p->home_destination != 0 ? p->home_destination : destination;
	} else {
		type = type_of(config->types, p->ip_version == 4 ? HASH_IPV4 : HASH_IPV6, p->l4);
	}
	if (type == 0)
		return (struct hash){ 0 };
	value = share(config, 0, bytes + source, address) ^
		share(config, address, bytes + destination, address);
	if ((type & (HASH_IPV4 | HASH_IPV6 | HASH_IP_EX)) == 0)
		value ^= share(config, 2 * address, bytes + p->l4_offset, 4);
	return (struct hash){ value, (uint16_t)__builtin_ffs((int)type) };
}

/* CTRL-23: a tunnel of a type that is enabled is hashed by what it carries, all else by its outer
 * header. */
struct hash hash_frame(const struct hash_config *config, const uint8_t *bytes, uint32_t len)
{
	struct parsed p, inner;

	if (config->types == 0)
		return (struct hash){ 0 };
	p = frame_parse(bytes, len, len);
	if (tunnel_parse(bytes, len, &p, config->tunnels, &inner))
		p = inner;
	return hash_packet(config, bytes, &p);
}
