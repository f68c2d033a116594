/* devices/transport/vhost_user_message.c: messages in a stream, and the descriptors that come with
 * them. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/transport/vhost_user_priv.h"

void vu_clear(struct vu_message *m)
{
	for (unsigned i = 0; i < m->fd_count; i++)
		if (m->fd[i] >= 0)
			(void)close(m->fd[i]);
	if (m->reply_fd >= 0)
		(void)close(m->reply_fd);
	*m = (struct vu_message){ .reply_fd = -1 };
}

void vu_answer(struct vu_message *m, uint64_t number)
{
	m->payload.number = number;
	m->reply_bytes = sizeof(number);
}

/* VHU-05: they belong to the first bytes of a message; later ones are nobody's, and too many of
 * them are a message of their own kind of wrong. */
static bool take_fds(struct vu_message *m, struct msghdr *from, bool first)
{
	bool good = (from->msg_flags & MSG_CTRUNC) == 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(from); c != NULL; c = CMSG_NXTHDR(from, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (first && m->fd_count < ARRAY_LEN(m->fd)) {
				m->fd[m->fd_count++] = fd;
			} else {
				(void)close(fd);
				good = false;
			}
		}
	}
	return good;
}

static enum vu_got bad(struct err *ret_why, struct err why)
{
	*ret_why = why;
	return VU_GOT_BAD;
}

/* VHU-01, 02. */
static struct err judge_header(const struct wire_vu_header *h)
{
	if ((h->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION)
		return err_make(ERR_SETUP, 0, "a message of version %u; it is %d",
				h->flags & VHOST_USER_VERSION_MASK, VHOST_USER_VERSION);
	if (h->size > VHOST_USER_PAYLOAD_MAX)
		return err_make(ERR_SETUP, 0, "request %u with %u bytes; none has more than %d",
				h->request, h->size, VHOST_USER_PAYLOAD_MAX);
	return err_none();
}

enum vu_got vu_receive(struct vhost_user *v, struct err *ret_why)
{
	struct vu_message *m = &v->in;
	uint32_t header = sizeof(m->header);

	while (v->in_bytes < header || v->in_bytes < header + m->header.size) {
		bool in_header = v->in_bytes < header;
		union {
			struct cmsghdr align;
			uint8_t bytes[CMSG_SPACE(sizeof(m->fd))];
		} control;
		struct iovec to =
			in_header ? (struct iovec){ (uint8_t *)&m->header + v->in_bytes,
						    header - v->in_bytes }
				  : (struct iovec){ m->payload.bytes + (v->in_bytes - header),
						    header + m->header.size - v->in_bytes };
		struct msghdr from = { .msg_iov = &to,
				       .msg_iovlen = 1,
				       .msg_control = control.bytes,
				       .msg_controllen = sizeof(control.bytes) };
		ssize_t got = recvmsg(v->fd, &from, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return VU_GOT_SOME;
		if (got <= 0 && v->in_bytes == 0)
			return VU_GOT_END;
		if (got <= 0)
			return bad(ret_why, err_make(ERR_SETUP, 0, "it broke off in a message"));
		if (!take_fds(m, &from, v->in_bytes == 0))
			return bad(ret_why,
				   err_make(ERR_SETUP, 0, "descriptors that no message may have"));
		v->in_bytes += (uint32_t)got;
		if (v->in_bytes == header) {
			struct err e = judge_header(&m->header);

			if (err_is(e))
				return bad(ret_why, e);
		}
	}
	v->in_bytes = 0;
	return VU_GOT_ALL;
}

bool vu_send(int socket_fd, const struct wire_vu_header *header, const void *payload, int fd)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(fd))];
	} control = { .bytes = { 0 } };
	/* sendmsg only reads from both. */
	struct iovec parts[] = { { (void *)(uintptr_t)header, sizeof(*header) },
				 { (void *)(uintptr_t)payload, header->size } };
	struct msghdr to = { .msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts) };
	struct cmsghdr *c = &control.align;

	if (fd >= 0) {
		to.msg_control = control.bytes;
		to.msg_controllen = sizeof(control.bytes);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(socket_fd, &to, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)(sizeof(*header) + header->size);
}
