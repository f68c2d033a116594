/* devices/tap/explain.c: what a failing step on a TAP means, in words, with the command that
 * mends it. The kernel's errno alone does not tell: EINVAL has five causes. So the host is
 * looked at. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "devices/tap/link.h"
#include "devices/tap/tap_priv.h"

const char *tap_kind_name(enum tap_kind kind) { return kind == TAP_KIND_TUN ? "TUN" : "TAP"; }

/* As `ip tuntap` calls it. */
static const char *mode(enum tap_kind kind) { return kind == TAP_KIND_TUN ? "tun" : "tap"; }

/* Making the node: there is none yet, so its own mode cannot be at fault. */
struct err explain_node(const char *what, const char *name, int err)
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

struct err explain_open(const char *what, const char *name, int err)
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
static struct err explain_permission(enum tap_kind kind, const char *name)
{
	struct link_info info;
	unsigned me = geteuid();
	bool automatic = name[0] == '\0';

	/* No command makes one of a pattern. */
	if (!look(name, &info))
		return err_make(ERR_SETUP, 0,
				"make %s%s%s%s%s: needs CAP_NET_ADMIN in this network namespace: "
				"run as root, take netns=private, or have root make one for you by "
				"'ip tuntap "
				"add %s mode %s vnet_hdr user %u' and name it",
				automatic ? "a " : "", tap_kind_name(kind), automatic ? "" : " '",
				name, automatic ? "" : "'",
				automatic || strchr(name, '%') != NULL
					? kind == TAP_KIND_TUN ? "tun0" : "tap0"
					: name,
				mode(kind), me);
	if (info.tun_owner >= 0 && info.tun_owner != (int64_t)me)
		return err_make(ERR_SETUP, 0,
				"attach to %s %s: it belongs to user %lld, you are %u: have root "
				"give it to you by 'ip tuntap del %s mode %s; ip tuntap add %s "
				"mode %s vnet_hdr "
				"user %u'",
				tap_kind_name(kind), name, (long long)info.tun_owner, me, name,
				mode(kind), name, mode(kind), me);
	if (info.tun_group >= 0)
		return err_make(
			ERR_SETUP, 0,
			"attach to %s %s: it belongs to group %lld, in which you are not "
			"(owner and group must both match): run as one of that group, or as root",
			tap_kind_name(kind), name, (long long)info.tun_group);
	return err_make(ERR_SETUP, EPERM, "attach to %s %s (needs CAP_NET_ADMIN: run as root)",
			tap_kind_name(kind), name);
}

static struct err explain_invalid(enum tap_kind kind, bool multi, const char *name)
{
	struct link_info info;
	struct err bad = name[0] != '\0' ? tap_name_check(name) : err_none();
	enum tap_kind is;

	if (err_is(bad))
		return bad;
	if (!look(name, &info))
		return err_make(ERR_SETUP, EINVAL, "make %s '%s'", tap_kind_name(kind), name);
	if (strcmp(info.kind, "tun") != 0)
		return err_make(ERR_SETUP, 0,
				"attach to '%s': it is an interface of kind '%s', not a %s: choose "
				"another name",
				name, info.kind[0] != '\0' ? info.kind : "device",
				tap_kind_name(kind));
	is = info.tun_is_tap ? TAP_KIND_TAP : TAP_KIND_TUN;
	if (is != kind)
		return err_make(ERR_SETUP, 0,
				"attach to %s: it was made as a %s, not as a %s: 'ip "
				"tuntap del %s mode %s; ip tuntap add %s mode %s vnet_hdr', or "
				"--net %s",
				name, is == TAP_KIND_TUN ? "TUN (IP only)" : "TAP (Ethernet)",
				tap_kind_name(kind), name, mode(is), name, mode(kind), mode(is));
	if (info.tun_multi_queue != multi)
		return err_make(
			ERR_SETUP, 0,
			"attach to %s %s: it was made %s multi_queue, and is asked for %s: "
			"make it anew by 'ip link del %s; ip tuntap add %s mode %s vnet_hdr%s', or "
			"%s",
			tap_kind_name(kind), name, multi ? "without" : "with",
			multi ? "with" : "without", name, name, mode(kind),
			multi ? " multi_queue" : "", multi ? "leave queues= out" : "give queues=2");
	return err_make(ERR_SETUP, EINVAL, "attach to %s %s", tap_kind_name(kind), name);
}

struct err explain_attach(enum tap_kind kind, bool multi_queue, const char *name, int err)
{
	char who[64];
	struct link_info info;

	switch (err) {
	case EPERM: return explain_permission(kind, name);
	case EINVAL: return explain_invalid(kind, multi_queue, name);
	case EBUSY:
		if (look(name, &info) && strcmp(info.kind, "tun") != 0)
			return explain_invalid(kind, multi_queue, name);
		tap_holder(name, who, sizeof(who));
		return err_make(ERR_SETUP, 0,
				"attach to %s %s: %s uses it: end that, or choose another name",
				tap_kind_name(kind), name, who);
	case E2BIG:
		return err_make(ERR_SETUP, 0, "attach to %s %s: it has its 256 queues already",
				tap_kind_name(kind), name);
	case EEXIST:
		return err_make(ERR_SETUP, 0,
				"attach to %s %s: this descriptor has an interface already",
				tap_kind_name(kind), name);
	default: return err_make(ERR_SETUP, err, "attach to %s '%s'", tap_kind_name(kind), name);
	}
}

struct err explain_set(enum tap_kind kind, const char *what, const char *name, int err)
{
	switch (err) {
	case EBADFD:
		return err_make(ERR_SETUP, 0,
				"%s %s: %s: the interface was deleted meanwhile: make it again",
				tap_kind_name(kind), name, what);
	case EINVAL:
	case ENOTTY:
		return err_make(ERR_SETUP, err,
				"%s %s: %s: this kernel's TUN/TAP driver cannot do it: Linux 4.1 "
				"or later is needed",
				tap_kind_name(kind), name, what);
	case EPERM:
		return err_make(ERR_SETUP, err,
				"%s %s: %s: needs CAP_NET_ADMIN in its network namespace: run as "
				"root",
				tap_kind_name(kind), name, what);
	default: return err_make(ERR_SETUP, err, "%s %s: %s", tap_kind_name(kind), name, what);
	}
}
