/* devices/tap/explain.c: what a failing step on a TAP means, in words, with the command that
 * mends it. The kernel's errno alone does not tell: EINVAL has five causes. So the host is
 * looked at. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "devices/tap/link.h"
#include "devices/tap/tap_priv.h"

/* Making the node: there is none yet, so its own mode cannot be at fault. */
static struct err explain_node(const char *what, const char *name, int err)
{
	switch (err) {
	case EACCES:
	case EPERM:
		return err_make(
			ERR_SETUP, 0,
			"%s %s: needs root: run it once as root, or make the node by 'mkdir "
			"-p /dev/net && mknod " TUN_NODE " c 10 200 && chmod 666 " TUN_NODE "'",
			what, name);
	case EROFS:
		return err_make(ERR_SETUP, 0,
				"%s %s: /dev is read-only here: have " TUN_NODE " handed into it "
				"from outside (a container's option like '--device " TUN_NODE "')",
				what, name);
	default: return err_make(ERR_SETUP, err, "%s %s", what, name);
	}
}

static struct err explain_open(const char *what, const char *name, int err)
{
	switch (err) {
	case ENOENT:
		return err_make(ERR_SETUP, 0,
				"%s %s: there is no such node: make it by 'mkdir -p /dev/net "
				"&& mknod " TUN_NODE " c 10 200 && chmod 666 " TUN_NODE "' as root",
				what, name);
	case ENODEV:
	case ENXIO:
		return err_make(ERR_SETUP, 0,
				"%s %s: the node is there, but the kernel has no TUN/TAP driver: "
				"'modprobe tun' as root, or a kernel with CONFIG_TUN",
				what, name);
	case EACCES:
		return err_make(ERR_SETUP, 0,
				"%s %s: its file mode does not let you: 'chmod 666 " TUN_NODE
				"' as root",
				what, name);
	case EPERM:
		return err_make(ERR_SETUP, 0,
				"%s %s: it is forbidden here: run as root, in a container with "
				"'--device " TUN_NODE "'",
				what, name);
	case EMFILE:
		return err_make(ERR_SETUP, 0,
				"%s %s: this process has as many files open as it may: raise "
				"'ulimit -n'",
				what, name);
	case ENOTTY:
		return err_make(ERR_SETUP, 0,
				"%s %s: it is another device, not TUN/TAP: 'rm " TUN_NODE
				" && mknod " TUN_NODE " c 10 200' as root",
				what, name);
	default: return err_make(ERR_SETUP, err, "%s %s", what, name);
	}
}

/* What there is of that name, if anything; false if there is nothing. */
static bool look(const char *name, struct link_info *ret_info)
{
	struct link *l;
	bool there = false;

	if (name[0] != '\0' && !err_is(link_open(&l))) {
		there = !err_is(link_get(l, name, ret_info));
		link_close(l);
	}
	return there;
}

/* The kernel asks for the effective user (tun_not_capable). */
static struct err explain_permission(const char *name)
{
	struct link_info info;
	unsigned me = geteuid();
	bool automatic = name[0] == '\0';

	/* No command makes a TAP of a pattern. */
	if (!look(name, &info))
		return err_make(ERR_SETUP, 0,
				"make %s%s%s: needs CAP_NET_ADMIN in this network namespace: "
				"run as root, take netns=private, or have root make one for you by "
				"'ip tuntap "
				"add %s mode tap vnet_hdr user %u' and name it",
				automatic ? "a TAP" : "TAP '", name, automatic ? "" : "'",
				automatic || strchr(name, '%') != NULL ? "tap0" : name, me);
	if (info.tun_owner >= 0 && info.tun_owner != (int64_t)me)
		return err_make(ERR_SETUP, 0,
				"attach to TAP %s: it belongs to user %lld, you are %u: have root "
				"give it to you by 'ip tuntap del %s mode tap; ip tuntap add %s "
				"mode tap vnet_hdr "
				"user %u'",
				name, (long long)info.tun_owner, me, name, name, me);
	if (info.tun_group >= 0)
		return err_make(
			ERR_SETUP, 0,
			"attach to TAP %s: it belongs to group %lld, in which you are not "
			"(owner and group must both match): run as one of that group, or as root",
			name, (long long)info.tun_group);
	return err_make(ERR_SETUP, EPERM, "attach to TAP %s (needs CAP_NET_ADMIN: run as root)",
			name);
}

static struct err explain_invalid(const char *name, bool multi)
{
	struct link_info info;
	struct err bad = name[0] != '\0' ? tap_name_check(name) : err_none();

	if (err_is(bad))
		return bad;
	if (!look(name, &info))
		return err_make(ERR_SETUP, EINVAL, "make TAP '%s'", name);
	if (strcmp(info.kind, "tun") != 0)
		return err_make(
			ERR_SETUP, 0,
			"attach to '%s': it is an interface of kind '%s', not a TAP: choose "
			"another name",
			name, info.kind[0] != '\0' ? info.kind : "device");
	if (!info.tun_is_tap)
		return err_make(ERR_SETUP, 0,
				"attach to %s: it was made as a TUN (IP only), not as a TAP: 'ip "
				"tuntap del %s mode tun; ip tuntap add %s mode tap vnet_hdr'",
				name, name, name);
	if (info.tun_multi_queue != multi)
		return err_make(
			ERR_SETUP, 0,
			"attach to TAP %s: it was made %s multi_queue, and is asked for %s: "
			"make it anew by 'ip link del %s; ip tuntap add %s mode tap vnet_hdr%s'",
			name, multi ? "without" : "with", multi ? "with" : "without", name, name,
			multi ? " multi_queue" : "");
	return err_make(ERR_SETUP, EINVAL, "attach to TAP %s", name);
}

static struct err explain_attach(const char *what, const char *name, int err)
{
	char who[64];
	struct link_info info;

	switch (err) {
	case EPERM: return explain_permission(name);
	case EINVAL: return explain_invalid(name, strcmp(what, "multi_queue") == 0);
	case EBUSY:
		if (look(name, &info) && strcmp(info.kind, "tun") != 0)
			return explain_invalid(name, false);
		tap_holder(name, who, sizeof(who));
		return err_make(ERR_SETUP, 0,
				"attach to TAP %s: %s uses it: end that, or choose another name",
				name, who);
	case E2BIG:
		return err_make(ERR_SETUP, 0, "attach to TAP %s: it has its 256 queues already",
				name);
	case EEXIST:
		return err_make(ERR_SETUP, 0,
				"attach to TAP %s: this descriptor has an interface already", name);
	default: return err_make(ERR_SETUP, err, "attach to TAP '%s'", name);
	}
}

static struct err explain_set(const char *what, const char *name, int err)
{
	switch (err) {
	case EBADFD:
		return err_make(ERR_SETUP, 0,
				"TAP %s: %s: the interface was deleted meanwhile: make it again",
				name, what);
	case EINVAL:
	case ENOTTY:
		return err_make(ERR_SETUP, err,
				"TAP %s: %s: this kernel's TUN/TAP driver cannot do it: Linux 4.1 "
				"or later is needed",
				name, what);
	case EPERM:
		return err_make(ERR_SETUP, err,
				"TAP %s: %s: needs CAP_NET_ADMIN in its network namespace: run as "
				"root",
				name, what);
	default: return err_make(ERR_SETUP, err, "TAP %s: %s", name, what);
	}
}

struct err tap_explain(const struct sys *sys, enum tap_step step, const char *what,
		       const char *name, int err)
{
	(void)sys;
	switch (step) {
	case TAP_STEP_NODE: return explain_node(what, name, err);
	case TAP_STEP_OPEN: return explain_open(what, name, err);
	case TAP_STEP_ATTACH: return explain_attach(what, name, err);
	case TAP_STEP_SET: return explain_set(what, name, err);
	}
	return err_make(ERR_SETUP, err, "TAP %s", name);
}
