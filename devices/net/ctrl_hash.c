/* devices/net/ctrl_hash.c: commands that say what is hashed, and with which key (virtio 1.4,
 * 5.1.9.5.6.4, 5.1.9.4.4). */
#include <assert.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <string.h>

#include "devices/base/le.h"
#include "devices/base/uapi_compat.h"
#include "devices/frame/tunnel.h"
#include "devices/net/ctrl_priv.h"

/* The key follows. */
struct wire_hash_config {
	le32 types;
	le16 reserved[4];
	uint8_t key_len;
};
enum { HASH_CONFIG_BYTES = offsetof(struct wire_hash_config, key_len) + 1 };
static_assert(HASH_CONFIG_BYTES == 13, "virtio 1.4, 5.1.9.5.6.4");

/* CTRL-21: a type that is not offered, a key that is too long. */
bool net_hash_set(struct net *n, uint32_t types, const uint8_t *key, unsigned key_len)
{
	if ((types & ~(uint32_t)HASH_TYPES_ALL) != 0 || key_len > HASH_KEY_MAX)
		return false;
	device_pause(n->device);
	n->hash.types = types;
	hash_set_key(&n->hash, key, key_len);
	device_resume(n->device);
	return true;
}

/* CTRL-22, NET-51: until it comes nothing is hashed. What is reserved is not looked at: without RSS
 * newer kernels of Linux (6.12.117 was seen) put their transmit pairs there. */
bool ctrl_hash(struct net *n, struct ctrl *c)
{
	struct wire_hash_config w = { 0 };

	if (c->len < HASH_CONFIG_BYTES)
		return false;
	memcpy(&w, c->data, HASH_CONFIG_BYTES);
	if (!ctrl_ends_by_key(c, HASH_CONFIG_BYTES, w.key_len))
		return false;
	return net_hash_set(n, le32_get(w.types), c->data + HASH_CONFIG_BYTES, w.key_len);
}

/* CTRL-23. */
bool ctrl_hash_tunnel(struct net *n, struct ctrl *c)
{
	struct steering to = n->steering;
	le32 wire;
	bool good;

	if (c->len != sizeof(wire))
		return false;
	memcpy(&wire, c->data, sizeof(wire));
	if ((le32_get(wire) & ~(uint32_t)TUNNELS_ALL) != 0)
		return false;
	to.table.hash.tunnels = le32_get(wire);
	device_pause(n->device);
	good = net_steer_by(n, &to);
	if (good)
		n->hash.tunnels = le32_get(wire);
	device_resume(n->device);
	return good;
}
