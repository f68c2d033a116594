/* devices/transport/vhost_user_features.c: what both sides can, of the device and of the protocol.
 */
#include "devices/transport/vhost_user_priv.h"

static uint64_t bit(unsigned n) { return UINT64_C(1) << n; }

/* ---- features ---- */

/* VHU-06. Bits from 64 on cannot be said here. */
static uint64_t offered(const struct vhost_user *v)
{
	return (uint64_t)device_features_word(v->config.device, 1) << 32 |
	       device_features_word(v->config.device, 0) | bit(VHOST_USER_F_LOG_ALL) |
	       bit(VHOST_USER_F_PROTOCOL_FEATURES);
}

struct err vu_get_features(struct vhost_user *v, struct vu_message *m)
{
	vu_answer(m, offered(v));
	return err_none();
}

/* Some say the same once for each queue pair, while the first one runs already. What the driver
 * agreed on cannot change then; whether the log is kept can. */
struct err vu_set_features(struct vhost_user *v, struct vu_message *m)
{
	const uint64_t ours = bit(VHOST_USER_F_LOG_ALL) | bit(VHOST_USER_F_PROTOCOL_FEATURES);
	uint64_t f = m->payload.number;
	bool other = ((f ^ v->features) & ~ours) != 0;

	if ((f & ~offered(v)) != 0)
		return err_make(ERR_SETUP, 0, "features %#llx, which were not offered",
				(unsigned long long)(f & ~offered(v)));
	if (other && vu_any_ring_runs(v))
		return err_make(ERR_SETUP, 0, "other features while a ring runs");
	if (other && v->live) {
		device_set_status(v->config.device, 0);
		v->live = false;
	}
	v->features = f;
	v->has_features = true;
	vu_update_log(v);
	/* VHU-07. */
	if ((f & bit(VHOST_USER_F_PROTOCOL_FEATURES)) == 0)
		vu_enable_rings(v, true);
	return vu_start_rings(v);
}

static uint64_t protocol_offered(const struct vhost_user *v)
{
	const uint64_t usual =
		bit(VHOST_USER_PROTOCOL_F_MQ) | bit(VHOST_USER_PROTOCOL_F_LOG_SHMFD) |
		bit(VHOST_USER_PROTOCOL_F_RARP) | bit(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
		bit(VHOST_USER_PROTOCOL_F_MTU) | bit(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |
		bit(VHOST_USER_PROTOCOL_F_CONFIG) | bit(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) |
		bit(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) |
		bit(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
		bit(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) | bit(VHOST_USER_PROTOCOL_F_STATUS);

	return usual | (v->config.inband ? bit(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS) : 0);
}

struct err vu_get_protocol_features(struct vhost_user *v, struct vu_message *m)
{
	vu_answer(m, protocol_offered(v));
	return err_none();
}

struct err vu_set_protocol_features(struct vhost_user *v, struct vu_message *m)
{
	const uint64_t inband = bit(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS),
		       needed = bit(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |
				bit(VHOST_USER_PROTOCOL_F_REPLY_ACK);
	uint64_t f = m->payload.number;

	if ((f & ~protocol_offered(v)) != 0)
		return err_make(ERR_SETUP, 0, "protocol features %#llx, which were not offered",
				(unsigned long long)(f & ~protocol_offered(v)));
	/* VHU-22. */
	if ((f & inband) != 0 && (f & needed) != needed)
		return err_make(ERR_SETUP, 0,
				"in-band notifications without a channel for them and answers");
	v->protocol = f;
	return (f & inband) != 0 ? vu_inband(v) : err_none();
}
