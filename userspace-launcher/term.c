// SPDX-License-Identifier: GPL-2.0
/*
 * Console input and output on the host: raw mode and its restoration, the escape key, and a
 * backlog that keeps what was typed until the guest can take it. Floor 2 of the launcher.
 *
 * Input is read by the main thread only. Output comes from vCPU threads.
 */
#include "term.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"
#include "util.h"

#define KEY_PREFIX	0x01	/* Ctrl-A */
#define KEY_EOF		0x04	/* Ctrl-D */
#define EOF_PERIOD_MS	1000

/*
 * The only mutable globals of the launcher: what a handler of a deadly signal needs to give the
 * terminal back. Written by the main thread before the vCPU threads start and after they ended.
 */
static struct termios saved_settings;
static volatile sig_atomic_t saved_fd = -1;

static void restore_settings(void)
{
	if (saved_fd >= 0)
		tcsetattr(saved_fd, TCSANOW, &saved_settings);
	saved_fd = -1;
}

/* SA_RESETHAND is set: the signal, raised again, ends the process as it would have. */
static void handle_crash(int signal)
{
	restore_settings();
	raise(signal);
}

static void install_crash_handler(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction action = { .sa_handler = handle_crash, .sa_flags = SA_RESETHAND };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
}

static int enter_raw_mode(struct term *term)
{
	struct termios raw;

	if (tcgetattr(term->input_fd, &saved_settings))
		return -errno;
	raw = saved_settings;
	cfmakeraw(&raw);
	install_crash_handler();
	saved_fd = term->input_fd;
	if (tcsetattr(term->input_fd, TCSADRAIN, &raw))
		return -errno;
	return 0;
}

/* A terminal device is for both directions, anything else is a file for the output. */
static int open_path(struct term *term, const char *path)
{
	struct stat st;
	int fd;

	fd = open(path, O_RDWR | O_CREAT | O_NOCTTY | O_CLOEXEC | O_NONBLOCK, 0666);
	if (fd < 0 || fstat(fd, &st)) {
		int ret = -errno;

		report("--console %s: cannot open it: %s", path, strerror(-ret));
		if (fd >= 0)
			close(fd);
		return ret;
	}
	term->opened_fd = fd;
	term->output_fd = fd;
	if (S_ISREG(st.st_mode))
		return ftruncate(fd, 0) ? -errno : 0;
	if (isatty(fd))
		term->input_fd = fd;
	return 0;
}

static int open_fds(struct term *term, const char *where)
{
	if (!strcmp(where, "none"))
		return 0;
	if (strcmp(where, "stdio"))
		return open_path(term, where);
	term->input_fd = STDIN_FILENO;
	term->output_fd = STDOUT_FILENO;
	return 0;
}

/**
 * term_open() - open the console and put a terminal in raw mode
 * @term: to fill
 * @where: "stdio", "none" or a path
 * @types_eof: a shell of ours reads the input, so its end is typed as Ctrl-D
 *
 * Return: 0, or a negative errno after a message. The terminal is as before on failure.
 */
int term_open(struct term *term, const char *where, bool types_eof)
{
	int ret;

	*term = (struct term){
		.input_fd = -1, .output_fd = -1, .opened_fd = -1, .types_eof = types_eof,
	};
	pthread_mutex_init(&term->lock, NULL);
	term->room_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (term->room_fd < 0) {
		ret = -errno;
		report("cannot create an eventfd: %s", strerror(-ret));
		goto close_term;
	}
	ret = open_fds(term, where);
	if (ret)
		goto close_term;
	term->is_tty = term->input_fd >= 0 && isatty(term->input_fd);
	if (!term->is_tty)
		return 0;
	ret = enter_raw_mode(term);
	if (ret) {
		report("cannot set up the terminal: %s", strerror(-ret));
		goto close_term;
	}
	report("Ctrl-A x stops the guest, Ctrl-A h lists the keys");
	return 0;

close_term:
	term_close(term);
	return ret;
}

/**
 * term_close() - give the terminal back
 * @term: opened; no device listens any more
 */
void term_close(struct term *term)
{
	restore_settings();
	if (term->room_fd >= 0)
		close(term->room_fd);
	if (term->opened_fd >= 0)
		close(term->opened_fd);
	pthread_mutex_destroy(&term->lock);
}

/**
 * term_listen() - name who is told of input
 * @term: opened
 * @notify: called on the main thread, without the term's lock; NULL for nobody
 * @context: passed to @notify
 *
 * Context: main thread, as all input is.
 */
void term_listen(struct term *term, void (*notify)(void *context), void *context)
{
	term->notify = notify;
	term->notify_context = context;
}

/**
 * term_wants_input() - whether the main thread should wait for input
 * @term: opened
 *
 * A pipe waits while the backlog is full. A person at a terminal does not: the escape key must
 * work when the guest takes nothing, and what then is too much is dropped.
 *
 * Return: false at the end of the input and while a pipe has to wait; room_fd becomes readable
 * when that is over.
 */
bool term_wants_input(struct term *term)
{
	bool has_room;

	pthread_mutex_lock(&term->lock);
	has_room = term->backlog_len < TERM_BACKLOG;
	pthread_mutex_unlock(&term->lock);
	return term->input_fd >= 0 && (has_room || term->is_tty);
}

/**
 * term_timeout_ms() - how long the main thread may sleep
 * @term: opened
 *
 * Return: milliseconds until term_tick() is due, -1 for never.
 */
int term_timeout_ms(const struct term *term)
{
	return term->at_eof && term->types_eof ? EOF_PERIOD_MS : -1;
}

static void push(struct term *term, uint8_t byte)
{
	pthread_mutex_lock(&term->lock);
	if (term->backlog_len < TERM_BACKLOG) {
		size_t tail = (term->backlog_head + term->backlog_len) % TERM_BACKLOG;

		term->backlog[tail] = byte;
		term->backlog_len++;
	}
	pthread_mutex_unlock(&term->lock);
}

static void notify_device(struct term *term)
{
	if (term->notify)
		term->notify(term->notify_context);
}

/* The second half of an escape: 'x' ends, 'h' helps, Ctrl-A stands for itself. */
static enum term_event handle_escape(struct term *term, uint8_t key)
{
	switch (key) {
	case 'x':
	case 'X':
		return TERM_ESCAPE;
	case KEY_PREFIX:
		push(term, KEY_PREFIX);
		return TERM_NOTHING;
	default:
		report("Ctrl-A x  stop the guest");
		report("Ctrl-A Ctrl-A  send Ctrl-A to the guest");
		report("Ctrl-A h  this list");
		return TERM_NOTHING;
	}
}

/**
 * term_tick() - type Ctrl-D if the input has ended and the guest took all of it
 * @term: opened
 *
 * A shell takes Ctrl-D for its end only when it is at its prompt, and a terminal that is between
 * two programs drops it. So it is typed again every EOF_PERIOD_MS until the guest has ended.
 *
 * Context: main thread.
 */
void term_tick(struct term *term)
{
	if (!term->at_eof || !term->types_eof || term_has_input(term))
		return;
	push(term, KEY_EOF);
	notify_device(term);
}

/**
 * term_input() - read what has been typed
 * @term: opened, term_wants_input() said so, and poll() found input
 *
 * Context: main thread.
 *
 * Return: what the person asked of the launcher itself.
 */
enum term_event term_input(struct term *term)
{
	enum term_event event = TERM_NOTHING;
	uint8_t buffer[TERM_BACKLOG];
	size_t room;
	ssize_t len, i;

	pthread_mutex_lock(&term->lock);
	room = term->is_tty ? sizeof(buffer) : TERM_BACKLOG - term->backlog_len;
	pthread_mutex_unlock(&term->lock);
	len = read(term->input_fd, buffer, room);
	if (len < 0 && (errno == EINTR || errno == EAGAIN))
		return TERM_NOTHING;
	if (len <= 0) {
		term->input_fd = -1;
		term->at_eof = true;
		return term->is_tty ? TERM_HANGUP : TERM_NOTHING;
	}
	for (i = 0; i < len && event == TERM_NOTHING; i++) {
		if (term->saw_prefix) {
			term->saw_prefix = false;
			event = handle_escape(term, buffer[i]);
		} else if (term->is_tty && buffer[i] == KEY_PREFIX) {
			term->saw_prefix = true;
		} else {
			push(term, buffer[i]);
		}
	}
	notify_device(term);
	return event;
}

/**
 * term_has_input() - whether there are bytes for the guest
 * @term: opened
 *
 * Context: any thread; the device's lock may be held.
 *
 * Return: true if term_read() would give some, to the only device that reads.
 */
bool term_has_input(struct term *term)
{
	bool has_input;

	pthread_mutex_lock(&term->lock);
	has_input = term->backlog_len;
	pthread_mutex_unlock(&term->lock);
	return has_input;
}

/**
 * term_read() - take bytes for the guest
 * @term: opened
 * @data: room for them
 * @len: how many at most
 *
 * Context: any thread; the device's lock may be held.
 *
 * Return: number of bytes, 0 when there are none.
 */
size_t term_read(struct term *term, uint8_t *data, size_t len)
{
	bool was_full;
	size_t count;

	pthread_mutex_lock(&term->lock);
	was_full = term->backlog_len == TERM_BACKLOG;
	for (count = 0; count < len && term->backlog_len; count++) {
		data[count] = term->backlog[term->backlog_head];
		term->backlog_head = (term->backlog_head + 1) % TERM_BACKLOG;
		term->backlog_len--;
	}
	pthread_mutex_unlock(&term->lock);
	if (was_full && count)
		eventfd_write(term->room_fd, 1);
	return count;
}

/**
 * term_write() - show what the guest printed
 * @term: opened
 * @data: bytes
 * @len: how many
 *
 * Blocks while the reader of the output is slow, as a real line would. A signal ends the wait
 * and drops the rest: vCPU threads get one only when they are to end. So does a reader that is
 * gone.
 */
void term_write(struct term *term, const uint8_t *data, size_t len)
{
	while (len && term->output_fd >= 0) {
		struct pollfd pollfd = { .fd = term->output_fd, .events = POLLOUT };
		ssize_t done = write(term->output_fd, data, len);

		if (done < 0 && errno == EAGAIN && poll(&pollfd, 1, -1) > 0 &&
		    !(pollfd.revents & (POLLERR | POLLHUP)))
			continue;
		if (done <= 0)
			return;
		data += done;
		len -= done;
	}
}
