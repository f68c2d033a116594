/* tests/e2e/front.c: front-ends of a few words, and sockets handed over, for vhost_user.sh.
 *   front connect PATH ask        connects, asks for the features, has an answer
 *   front connect PATH offers BIT that feature is offered
 *   front connect PATH lie        connects, sends a message of no version, is hung up on
 *   front connect PATH hang-up    connects and goes
 *   front listen PATH ask         listens, and asks whoever connects, twice
 *   front hand-over PATH listen COMMAND...    listens at PATH by descriptor 7, and becomes COMMAND
 *   front hand-over PATH activate COMMAND...  ... by descriptor 3, as systemd does
 *   front hand-over - connected COMMAND...    COMMAND has a connection as descriptor 7: asks by it,
 * goes, and waits for COMMAND to end with status 0 Exit status: 0 as it should be; 1 not, with one
 * line that says what. */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MS = 20000, HANDED = 7, ACTIVATED = 3, BACKLOG = 4, GET_FEATURES = 1 };

static _Noreturn void fail(const char *what)
{
	(void)printf("%s\n", what);
	exit(1);
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.sun_path))
		fail("a path that is too long");
	(void)strcpy(a.sun_path, path);
	return a;
}

static int listening(const char *path)
{
	struct sockaddr_un a = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, BACKLOG) < 0)
		fail("no socket to listen at");
	return fd;
}

/* The bytes that come next, up to max; 0: hung up. */
static ssize_t next(int fd, void *ret, size_t max)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, WAIT_MS) != 1)
		fail("no word from the other side");
	return recv(fd, ret, max, 0);
}

static uint64_t ask(int fd)
{
	const uint32_t question[3] = { GET_FEATURES, 1, 0 };
	struct {
		uint32_t request, flags, size;
		uint8_t features[8];
	} answer = { 0 };
	uint64_t features = 0;

	if (send(fd, question, sizeof(question), MSG_NOSIGNAL) != sizeof(question))
		fail("the question was not taken");
	if (next(fd, &answer, sizeof(answer)) != sizeof(answer) || answer.request != GET_FEATURES ||
	    answer.flags != 5 || answer.size != 8)
		fail("no answer to the question");
	for (unsigned i = 0; i < sizeof(answer.features); i++)
		features |= (uint64_t)answer.features[i] << 8 * i;
	return features;
}

static void lie(int fd)
{
	const uint32_t message[3] = { GET_FEATURES, 0, 0 };
	uint8_t byte;

	if (send(fd, message, sizeof(message), MSG_NOSIGNAL) != sizeof(message))
		fail("the lie was not taken");
	if (next(fd, &byte, 1) > 0)
		fail("an answer to a lie");
}

static int connected_to(const char *path)
{
	struct sockaddr_un a = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		fail("nobody listens");
	return fd;
}

static int offers(const char *path, const char *bit)
{
	int fd = connected_to(path);
	uint64_t features = ask(fd);

	(void)close(fd);
	if ((features >> strtoul(bit, NULL, 10) & 1) == 0)
		fail("it is not offered");
	return 0;
}

static int connect_and(const char *path, const char *what)
{
	int fd = connected_to(path);

	if (strcmp(what, "ask") == 0)
		(void)ask(fd);
	else if (strcmp(what, "lie") == 0)
		lie(fd);
	(void)close(fd);
	return 0;
}

static int listen_and_ask(const char *path)
{
	int fd = listening(path);

	for (unsigned i = 0; i < 2; i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int one = poll(&p, 1, WAIT_MS) == 1 ? accept(fd, NULL, NULL) : -1;

		if (one < 0)
			fail("nobody connects");
		(void)ask(one);
		(void)close(one);
	}
	return 0;
}

/* Becomes COMMAND with fd as number `as`. */
static _Noreturn void become(int fd, int as, char *const command[])
{
	if (fd != as && (dup2(fd, as) != as || close(fd) != 0))
		fail("hand over a descriptor");
	(void)execv(command[0], command);
	fail("exec");
}

static int connected(char *const command[])
{
	int pair[2], status;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		fail("no socketpair");
	child = fork();
	if (child == 0) {
		(void)close(pair[0]);
		become(pair[1], HANDED, command);
	}
	(void)close(pair[1]);
	(void)ask(pair[0]);
	(void)close(pair[0]);
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		fail("it did not end well with its connection");
	return 0;
}

static int hand_over(const char *path, const char *how, char *const command[])
{
	char pid[16];
	int fd;

	if (strcmp(how, "connected") == 0)
		return connected(command);
	fd = listening(path);
	if (strcmp(how, "listen") == 0)
		become(fd, HANDED, command);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	(void)setenv("LISTEN_PID", pid, 1);
	(void)setenv("LISTEN_FDS", "1", 1);
	become(fd, ACTIVATED, command);
}

int main(int argc, char *argv[])
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (argc == 4 && strcmp(verb, "connect") == 0)
		return connect_and(argv[2], argv[3]);
	if (argc == 5 && strcmp(verb, "connect") == 0 && strcmp(argv[3], "offers") == 0)
		return offers(argv[2], argv[4]);
	if (argc == 4 && strcmp(verb, "listen") == 0)
		return listen_and_ask(argv[2]);
	if (argc >= 5 && strcmp(verb, "hand-over") == 0)
		return hand_over(argv[2], argv[3], argv + 4);
	fail("usage: see the head of front.c");
}
