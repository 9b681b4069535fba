// SPDX-License-Identifier: GPL-2.0
/*
 * The launcher on a terminal: raw mode while the guest runs, the escape key, and the terminal as
 * it was before after every way to end. The guest is a few bytes of code in a bzImage header
 * that send back what they receive. LODGE names the launcher, LODGE_NODE the node.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include "test.h"

#define KERNEL_SIZE	3072
#define ANSWER_MS	10000
#define FLOOD_BYTES	20000

struct session {
	pid_t pid;
	int master;
	int slave;		/* kept open: the settings outlive the launcher */
	struct termios before;
	char text[16384];	/* all that came out so far */
	size_t len;
};

static void put(uint8_t *kernel, size_t offset, const char *bytes, size_t len)
{
	memcpy(kernel + offset, bytes, len);
}

#define PUT(kernel, offset, bytes) put(kernel, offset, bytes, sizeof(bytes) - 1)

/* Offsets: the kernel's documentation, The Linux/x86 Boot Protocol. */
static void make_kernel(const char *path)
{
	static uint8_t kernel[KERNEL_SIZE];
	FILE *file;

	PUT(kernel, 0x1f1, "\x01");
	PUT(kernel, 0x1fe, "\x55\xaa\xeb\x66HdrS\x0f\x02");
	PUT(kernel, 0x211, "\x01");
	PUT(kernel, 0x22c, "\xff\xff\xff\x7f\x00\x00\x20\x00\x01\x00\x01\x00\xff\x07\x00\x00");
	PUT(kernel, 0x258, "\x00\x00\x00\x01");
	PUT(kernel, 0x260, "\x00\x00\x01\x00");
	PUT(kernel, 0x600,
	    "\x66\xba\xfc\x03\xb0\x08\xee"	/* MCR = OUT2 */
	    "\x66\xba\xf9\x03\xb0\x01\xee"	/* IER = receive */
	    "\x66\xba\xf8\x03\xb0\x3e\xee"	/* print '>' */
	    "\x66\xba\xfd\x03\xec\xa8\x01\x74\xf7"	/* until LSR has data */
	    "\x66\xba\xf8\x03\xec\xee\xeb\xef");	/* byte in, byte out, again */
	file = fopen(path, "w");
	TEST_ASSERT(file, "cannot write %s", path);
	ASSERT_EQ(fwrite(kernel, sizeof(kernel), 1, file), 1ul);
	ASSERT_EQ(fclose(file), 0);
}

/* Take what the launcher prints until @text is in it. */
static void expect(struct session *session, const char *text)
{
	uint64_t end = test_now_ns() + ANSWER_MS * 1000000ull;

	while (!memmem(session->text, session->len, text, strlen(text))) {
		struct pollfd pollfd = { .fd = session->master, .events = POLLIN };
		size_t room = sizeof(session->text) - session->len;

		TEST_ASSERT(test_now_ns() < end && room, "no \"%s\" in: %.*s", text,
			    (int)session->len, session->text);
		if (poll(&pollfd, 1, 100) > 0) {
			ssize_t len = read(session->master, session->text + session->len, room);

			if (len > 0)
				session->len += len;
		}
	}
	session->len = 0;
}

static void type(struct session *session, const char *keys, size_t len)
{
	ASSERT_EQ(write(session->master, keys, len), (ssize_t)len);
}

static void become_launcher(int slave, const char *kernel)
{
	const char *lodge = getenv("LODGE");
	const char *node = getenv("LODGE_NODE");

	login_tty(slave);
	execlp(lodge ? lodge : "lodge", "lodge", "run", "--initrd", "none", "--memory", "32M",
	       "--device-node", node ? node : "/dev/lodge", "--kernel", kernel, NULL);
	_exit(127);
}

static void start(struct session *session)
{
	char path[] = "/tmp/terminal_test.XXXXXX";
	int fd = mkstemp(path);

	TEST_ASSERT(fd >= 0, "mkstemp");
	close(fd);
	make_kernel(path);
	memset(session, 0, sizeof(*session));
	ASSERT_EQ(openpty(&session->master, &session->slave, NULL, NULL, NULL), 0);
	fcntl(session->master, F_SETFD, FD_CLOEXEC);
	ASSERT_EQ(tcgetattr(session->slave, &session->before), 0);
	session->pid = fork();
	TEST_ASSERT(session->pid >= 0, "fork");
	if (!session->pid)
		become_launcher(session->slave, path);
	expect(session, ">");
	unlink(path);
}

static int wait_status(struct session *session)
{
	int status;

	ASSERT_EQ(waitpid(session->pid, &status, 0), session->pid);
	return status;
}

static void expect_restored(struct session *session)
{
	struct termios after;

	ASSERT_EQ(tcgetattr(session->slave, &after), 0);
	ASSERT_EQ(after.c_iflag, session->before.c_iflag);
	ASSERT_EQ(after.c_oflag, session->before.c_oflag);
	ASSERT_EQ(after.c_cflag, session->before.c_cflag);
	ASSERT_EQ(after.c_lflag, session->before.c_lflag);
}

static void escape_ends(void)
{
	struct session session;
	struct termios raw;
	int status;

	start(&session);
	ASSERT_EQ(tcgetattr(session.slave, &raw), 0);
	ASSERT_EQ(raw.c_lflag & (ICANON | ECHO | ISIG), 0u);
	type(&session, "\x01x", 2);
	status = wait_status(&session);
	TEST_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 6, "status %#x", status);
	expect_restored(&session);
}

static void keys_reach_the_guest(void)
{
	struct session session;

	start(&session);
	type(&session, "typed", 5);
	expect(&session, "typed");
	/* Ctrl-C and Ctrl-Z are the guest's; Ctrl-A twice is one for it. */
	type(&session, "[\x03\x1a]", 4);
	expect(&session, "[\x03\x1a]");
	type(&session, "<\x01\x01>", 4);
	expect(&session, "<\x01>");
	type(&session, "\x01h", 2);
	expect(&session, "Ctrl-A x  stop the guest");
	type(&session, "\x01x", 2);
	wait_status(&session);
	expect_restored(&session);
}

/* More than any backlog takes, at once: the escape key works all the same. */
static void escape_after_flood(void)
{
	struct session session;
	size_t sent = 0;
	int status;

	start(&session);
	kill(session.pid, SIGSTOP);
	fcntl(session.master, F_SETFL, O_NONBLOCK);
	while (sent < FLOOD_BYTES && write(session.master, "flood", 5) == 5)
		sent += 5;
	fcntl(session.master, F_SETFL, 0);
	kill(session.pid, SIGCONT);
	type(&session, "\x01x", 2);
	status = wait_status(&session);
	TEST_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 6, "status %#x", status);
	expect_restored(&session);
}

static void signal_ends(int signal)
{
	struct session session;
	int status;

	start(&session);
	kill(session.pid, signal);
	status = wait_status(&session);
	TEST_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 128 + signal, "status %#x",
		    status);
	expect_restored(&session);
}

static void interrupt_ends(void)
{
	signal_ends(SIGINT);
}

static void terminate_ends(void)
{
	signal_ends(SIGTERM);
}

static void quit_ends(void)
{
	signal_ends(SIGQUIT);
}

static void crash_restores(void)
{
	static const int signals[] = { SIGSEGV, SIGABRT, SIGBUS };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		struct session session;
		int status;

		start(&session);
		kill(session.pid, signals[i]);
		status = wait_status(&session);
		TEST_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == signals[i],
			    "status %#x", status);
		expect_restored(&session);
	}
}

static void closed_terminal_ends(void)
{
	struct session session;
	int status;

	start(&session);
	close(session.slave);
	close(session.master);
	status = wait_status(&session);
	TEST_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGHUP, "status %#x",
		    status);
}

/* The reader of the output has stopped: the vCPU is stuck in a write, and still ends. */
static void stuck_terminal_ends(void)
{
	struct session session;
	int status;

	start(&session);
	ASSERT_EQ(tcflow(session.slave, TCOOFF), 0);
	type(&session, "stuck", 5);
	test_sleep_ms(300);
	kill(session.pid, SIGTERM);
	/* The last line wants to go out as well. */
	test_sleep_ms(300);
	ASSERT_EQ(tcflow(session.slave, TCOON), 0);
	status = wait_status(&session);
	TEST_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGTERM, "status %#x",
		    status);
	expect_restored(&session);
}

static const struct test_case cases[] = {
	{ "escape_ends", escape_ends },
	{ "keys_reach_the_guest", keys_reach_the_guest },
	{ "escape_after_flood", escape_after_flood },
	{ "interrupt_ends", interrupt_ends },
	{ "terminate_ends", terminate_ends },
	{ "quit_ends", quit_ends },
	{ "crash_restores", crash_restores, 40 },
	{ "closed_terminal_ends", closed_terminal_ends },
	{ "stuck_terminal_ends", stuck_terminal_ends },
};

TEST_MAIN(cases)
