/* vmm/selftest/qemu.c: QEMU as the machine: microvm, its virtio-net device on either bus and on our
 * TAP's descriptor or on our vhost-user server, the serial line on its stdio, a monitor for the
 * link. */
#include "vmm/selftest/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/selftest/back_end.h"

#define QEMU "qemu-system-x86_64"
enum { STOP_MS = 5000, VERDICT_STATUS_MAX = 3, ARGS_MAX = 40 };
/* Where the child finds what it inherits. */
enum { FD_KERNEL = 3, FD_MONITOR, FD_TAP, FD_AFTER };

struct qemu {
	int pid, pidfd, monitor, words; /* words: what it says on stderr */
};

/* ---- the child ---- */

/* Its NIC by the TAP's descriptor, or by our server: then with memory to share. */
static const char *const on_tap[] = { "-netdev", "tap,id=net0,fd=5", NULL };
static const char *const on_vhost_user[] = {
	"-object",  "memory-backend-memfd,id=memory0,size=64M,share=on",
	"-machine", "memory-backend=memory0",
	"-chardev", "socket,id=server0,abstract=on,path=" BACK_END_SOCKET,
	"-netdev",  "vhost-user,id=net0,chardev=server0",
	NULL
};

/* What differs by bus: its microvm has PCI Express only beside ACPI, whose tables nobody reads
 * here; the function is one without virtio's older interface. */
#define MACHINE "microvm,pic=off,pit=off,rtc=off"
#define NIC_WITH ",id=nic0,netdev=net0,mac=02:54:41:50:00:02,host_mtu=1500,packed=on"
static const struct bus {
	const char *machine, *device;
} on_mmio = { MACHINE ",acpi=off", "virtio-net-device" NIC_WITH },
  on_pci = { MACHINE ",acpi=on,pcie=on", "virtio-net-pci,disable-legacy=on" NIC_WITH };

static _Noreturn void exec_qemu(const int fds[static FD_AFTER], const char *append,
				const struct bus *bus, const char *const nic[])
{
	const char *accel = access("/dev/kvm", R_OK | W_OK) == 0 ? "kvm" : "tcg";
	/* clang-format off */
	const char *args[ARGS_MAX] = {
		QEMU, "-M", bus->machine, "-accel", accel, "-m", "64",
		"-global", "virtio-mmio.force-legacy=false", "-nodefaults", "-no-user-config", "-display", "none",
		"-no-reboot", "-serial", "stdio", "-kernel", "/proc/self/fd/3", "-append", append,
		"-device", "isa-debug-exit,iobase=0xf4,iosize=4",
		"-chardev", "socket,id=monitor,fd=4", "-mon", "chardev=monitor,mode=readline",
		"-device", bus->device,
	};
	/* clang-format on */
	unsigned count = 0;
	sigset_t none;
	int up[FD_AFTER];

	while (args[count] != NULL)
		count++;
	for (unsigned i = 0; nic[i] != NULL && count < ARGS_MAX - 1; i++)
		args[count++] = nic[i];

	/* First out of the way of the numbers that are wanted, then to them. */
	for (int i = 0; i < FD_AFTER; i++)
		up[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FD_AFTER);
	for (int i = 0; i < FD_AFTER; i++)
		if (fds[i] >= 0 && (up[i] < 0 || dup2(up[i], i) < 0))
			_exit(127);
	(void)close_range(FD_AFTER, ~0u, 0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execvp(QEMU, (char *const *)(uintptr_t)args);
	_exit(127);
}

/* ---- its surroundings ---- */

static struct err image_fd(int *ret_fd)
{
	size_t len = (size_t)(selftest_image_end - selftest_image);
	int fd = memfd_create("guest.elf", MFD_CLOEXEC);

	if (fd < 0 || write(fd, selftest_image, len) != (ssize_t)len) {
		if (fd >= 0)
			(void)close(fd);
		return err_make(ERR_SETUP, errno, "make the kernel image for " QEMU);
	}
	*ret_fd = fd;
	return err_none();
}

static void on_exit_of(struct server *s) { s->over = true; }

static void drain(struct server *s, struct background *b)
{
	char bytes[512];

	if (recv(b->fd, bytes, sizeof(bytes), MSG_DONTWAIT) == 0) {
		(void)close(b->fd);
		b->fd = -1;
		s->over = true;
	}
}

/* The monitor is the first background of the server: qemu_run adds it before any step runs. */
static void tell_link(struct server *s, bool up)
{
	const char *text = up ? "set_link nic0 on\n" : "set_link nic0 off\n";

	if (s->background[0].fd >= 0)
		(void)send(s->background[0].fd, text, strlen(text), MSG_NOSIGNAL);
}

static struct err fork_qemu(struct server *s, int serial, int tap_fd, const char *const nic[],
			    struct qemu *ret)
{
	struct qemu q = { .words = memfd_create("words", MFD_CLOEXEC) };
	char append[64] = "";
	int fds[FD_AFTER], pair[2];
	struct err e = image_fd(&fds[FD_KERNEL]);

	if (err_is(e))
		return e;
	if (q.words < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_make(ERR_SETUP, errno, "make a monitor for " QEMU);
	if (s->options->only != NULL)
		(void)snprintf(append, sizeof(append), "only=%.40s", s->options->only);
	fds[0] = fds[1] = serial;
	fds[2] = q.words;
	fds[FD_TAP] = tap_fd; /* or -1 */
	fds[FD_MONITOR] = pair[1];
	q.pid = fork();
	if (q.pid == 0)
		exec_qemu(fds, append, s->world->nic.bus == NIC_BUS_PCI ? &on_pci : &on_mmio, nic);
	(void)close(fds[FD_KERNEL]);
	(void)close(pair[1]);
	q.monitor = pair[0];
	q.pidfd = q.pid > 0 ? pidfd_open(q.pid, 0) : -1;
	if (q.pidfd < 0)
		return err_make(ERR_SETUP, errno, "start " QEMU);
	*ret = q;
	return err_none();
}

/* How it ended, in s->end_text if not well; the last line of what it said. */
static void judge_end(struct server *s, const struct qemu *q, int status)
{
	char words[1024] = "";
	ssize_t got = pread(q->words, words, sizeof(words) - 1, 0);
	char *line = words;

	/* A verdict; but 1 is also what it ends with when it cannot start. */
	if (s->counted && WIFEXITED(status) && (WEXITSTATUS(status) & 1) != 0 &&
	    WEXITSTATUS(status) <= VERDICT_STATUS_MAX)
		return;
	words[got > 0 ? got : 0] = '\0';
	for (char *at = strtok(words, "\n"); at != NULL; at = strtok(NULL, "\n"))
		line = at;
	(void)snprintf(s->end_text, sizeof(s->end_text), QEMU " ended with status %d: %.200s",
		       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), line);
}

static void serve(struct server *s, const struct qemu *q)
{
	int64_t deadline;

	s->process_fd = q->pidfd;
	s->on_process = on_exit_of;
	s->set_link = tell_link;
	server_background(s, q->monitor, drain)->lasting = true;
	server_run(s);
	deadline = now_ms() + STOP_MS;
	while (!s->over && server_pump(s, -1, deadline))
		;
}

static bool there(void)
{
	const char *path = getenv("PATH");
	char name[512];

	for (const char *at = path; at != NULL && *at != '\0';) {
		size_t len = strcspn(at, ":");

		(void)snprintf(name, sizeof(name), "%.*s/" QEMU, (int)len, at);
		if (access(name, X_OK) == 0)
			return true;
		at += len + (at[len] == ':');
	}
	return false;
}

static struct err start_on_tap(struct server *s, int serial, struct qemu *q)
{
	int fd = s->world->nic.tap.fd[0], on = 1;

	/* QEMU leaves the carrier alone: it is on from the start. */
	(void)ioctl(fd, TUNSETCARRIER, &on);
	return fork_qemu(s, serial, fd, on_tap, q);
}

static struct err start_on_vhost_user(struct server *s, int serial, struct qemu *q,
				      struct back_end *b)
{
	struct err e = back_end_start(b, s->world->nic.tap.fd[0], s->options->stats);

	return err_is(e) ? e : fork_qemu(s, serial, -1, on_vhost_user, q);
}

static struct err start(struct server *s, int serial, struct qemu *q, struct back_end *b)
{
	if (!there())
		return err_make(ERR_SETUP, 0,
				QEMU " was not found: 'apt-get install qemu-system-x86' brings it");
	return strcmp(s->options->with, QEMU_ON_VHOST_USER) == 0
		       ? start_on_vhost_user(s, serial, q, b)
		       : start_on_tap(s, serial, q);
}

struct err qemu_run(struct server *s, int serial)
{
	struct qemu q = { .pid = -1, .pidfd = -1, .monitor = -1, .words = -1 };
	struct back_end b = { .pid = -1 };
	struct err e = start(s, serial, &q, &b);
	int status = 0;

	(void)close(serial);
	(void)close(s->world->nic.tap.fd[0]);
	if (err_is(e)) {
		back_end_stop(&b);
		return e;
	}
	serve(s, &q);
	if (!s->over)
		(void)kill(q.pid, SIGKILL);
	(void)waitpid(q.pid, &status, 0);
	judge_end(s, &q, status);
	back_end_stop(&b);
	(void)close(q.pidfd);
	(void)close(q.words);
	if (s->background[0].fd >= 0)
		(void)close(s->background[0].fd);
	s->background[0].fd = -1;
	return err_none();
}
