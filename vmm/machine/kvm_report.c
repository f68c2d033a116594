/* vmm/machine/kvm_report.c: is there a KVM, and has it what tapvm needs. */
#include "vmm/machine/kvm_report.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define KVM_NODE "/dev/kvm"
#define LOAD_KVM                                                                                   \
	"'modprobe kvm_intel' or 'modprobe kvm_amd' as root, or switch virtualization on in the "  \
	"firmware"

struct err kvm_open(int *ret_fd)
{
	int fd = open(KVM_NODE, O_RDWR | O_CLOEXEC);
	int version;

	if (fd < 0 && errno == ENOENT)
		return err_make(ERR_SETUP, 0, KVM_NODE " does not exist: " LOAD_KVM);
	if (fd < 0 && (errno == ENODEV || errno == ENXIO))
		return err_make(ERR_SETUP, 0,
				KVM_NODE
				": the node is there, but the kernel has no KVM: " LOAD_KVM);
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return err_make(ERR_SETUP, 0,
				KVM_NODE ": no permission: 'chmod 666 " KVM_NODE
					 "' or 'usermod -aG "
					 "kvm USER' as root");
	if (fd < 0)
		return err_make(ERR_SETUP, errno, "open " KVM_NODE);
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		(void)close(fd);
		return version < 0 ? err_make(ERR_SETUP, 0, KVM_NODE " is not KVM")
				   : err_make(ERR_SETUP, 0, KVM_NODE " speaks API %d: 12 is needed",
					      version);
	}
	*ret_fd = fd;
	return err_none();
}

struct err kvm_make_vm(int kvm_fd, int *ret_fd)
{
	int fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);

	if (fd < 0 && errno == EBUSY)
		return err_make(
			ERR_SETUP, 0,
			"KVM: make a virtual machine: another hypervisor has the processor: end "
			"its machines (VirtualBox, VMware), or unload it");
	if (fd < 0)
		return err_make(ERR_SETUP, errno, "KVM: make a virtual machine");
	*ret_fd = fd;
	return err_none();
}

struct err kvm_report(int kvm_fd, struct kvm_report_row ret_rows[static KVM_REPORT_ROWS],
		      unsigned *ret_count)
{
	static const struct {
		const char *name;
		unsigned long capability;
		bool needed;
	} rows[] = {
		{ "KVM_CAP_USER_MEMORY", KVM_CAP_USER_MEMORY, true },
		{ "KVM_CAP_IRQCHIP", KVM_CAP_IRQCHIP, true },
		{ "KVM_CAP_IRQ_ROUTING", KVM_CAP_IRQ_ROUTING, true },
		{ "KVM_CAP_IRQFD", KVM_CAP_IRQFD, true },
		{ "KVM_CAP_IOEVENTFD", KVM_CAP_IOEVENTFD, true },
		{ "KVM_CAP_IMMEDIATE_EXIT", KVM_CAP_IMMEDIATE_EXIT, true },
		{ "KVM_CAP_EXT_CPUID", KVM_CAP_EXT_CPUID, true },
		{ "KVM_CAP_READONLY_MEM", KVM_CAP_READONLY_MEM, false },
		{ "KVM_CAP_MAX_VCPUS", KVM_CAP_MAX_VCPUS, false },
	};
	unsigned count = 0;
	int vm;
	struct err e = kvm_make_vm(kvm_fd, &vm);

	if (err_is(e))
		return e;
	(void)close(vm);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		int value = ioctl(kvm_fd, KVM_CHECK_EXTENSION, rows[i].capability);

		if (value < 0)
			return err_make(ERR_SETUP, errno, "ask KVM for %s", rows[i].name);
		ret_rows[count++] = (struct kvm_report_row){ rows[i].name, value, rows[i].needed,
							     value > 0 || !rows[i].needed };
	}
	*ret_count = count;
	return err_none();
}
