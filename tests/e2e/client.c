/* tests/e2e/client.c: clients of a control socket that are not tapvm ctl.
 *   client PATH garbage
 *       sends bytes of no meaning: what is heard are lines of "no", then perhaps the end
 *   client PATH long
 *       sends 1 MiB without a newline: hears one "no", and is cut off
 *   client PATH deaf
 *       asks and asks, and reads nothing: is cut off
 *   client PATH two
 *       asks on two connections at once, on one of them twice: each hears its own answers, in order
 * Exit status: 0 as it should be; 1 not, with one line that says what. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MUCH = 1 << 20, ANSWERS = 1 << 20 };

static _Noreturn void fail(const char *what, const char *got)
{
	(void)printf("%s: %.200s\n", what, got);
	exit(1);
}

static int connect_to(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		fail("connect", strerror(errno));
	return fd;
}

/* ret: whether it is still connected. */
static bool say(int fd, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	while (length > 0) {
		ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);

		if (sent < 0)
			return false;
		at += sent;
		length -= (size_t)sent;
	}
	return true;
}

/* Up to so many lines, or to the end: a text that is freed by nobody. */
static char *hear(int fd, unsigned lines)
{
	char *text = calloc(1, ANSWERS + 1);
	size_t held = 0;

	if (text == NULL)
		fail("hear", "out of memory");
	while (lines > 0 && held < ANSWERS && recv(fd, text + held, 1, 0) == 1)
		lines -= text[held++] == '\n';
	return text;
}

static int garbage(const char *path)
{
	static uint8_t bytes[64 * 1024];
	int fd = connect_to(path);
	uint32_t state = 1;
	char *text, *line;

	for (size_t i = 0; i < sizeof(bytes); i++) {
		state = state * 1103515245 + 12345;
		bytes[i] = (uint8_t)(state >> 16);
	}
	if (say(fd, bytes, sizeof(bytes)))
		(void)shutdown(fd, SHUT_WR);
	text = hear(fd, UINT32_MAX);
	if (*text == '\0')
		fail("garbage", "no answer");
	while ((line = strsep(&text, "\n")) != NULL)
		if (*line != '\0' && strncmp(line, "no ", 3) != 0)
			fail("garbage", line);
	return 0;
}

static int lengthy(const char *path)
{
	static char bytes[MUCH];
	int fd = connect_to(path);
	const char *text;

	memset(bytes, 'x', sizeof(bytes));
	if (say(fd, bytes, sizeof(bytes)))
		fail("long", "1 MiB was taken");
	text = hear(fd, UINT32_MAX);
	if (strcmp(text, "no a line has up to 255 characters\n") != 0)
		fail("long", text);
	return 0;
}

static int deaf(const char *path)
{
	int fd = connect_to(path);

	for (unsigned i = 0; i < MUCH; i++)
		if (!say(fd, "stats\n", 6))
			return 0;
	fail("deaf", "never cut off");
}

static int two(const char *path)
{
	static const char stats[] = "ok net.count=";
	int one = connect_to(path), other = connect_to(path);
	const char *text;

	if (!say(one, "stats\nlink 0 up\n", 16) || !say(other, "link 9 up\n", 10))
		fail("two", "cut off");
	text = hear(other, 1);
	if (strncmp(text, "no there is no NIC '9'", 22) != 0)
		fail("two, the other", text);
	text = hear(one, 2);
	if (strncmp(text, stats, sizeof(stats) - 1) != 0 || strstr(text, "\nok\n") == NULL)
		fail("two, the one", text);
	return 0;
}

int main(int argc, char *argv[])
{
	const char *what = argc == 3 ? argv[2] : "";

	if (strcmp(what, "garbage") == 0)
		return garbage(argv[1]);
	if (strcmp(what, "long") == 0)
		return lengthy(argv[1]);
	if (strcmp(what, "deaf") == 0)
		return deaf(argv[1]);
	if (strcmp(what, "two") == 0)
		return two(argv[1]);
	fail("usage", "see the head of client.c");
}
