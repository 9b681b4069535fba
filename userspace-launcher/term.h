/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host's end of the guest's console: terminal, pipe or file. Floor 2 of the launcher, knows
 * nothing of serial ports.
 */
#ifndef LODGE_TERM_H
#define LODGE_TERM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#define TERM_BACKLOG	4096

enum term_event {
	TERM_NOTHING,
	TERM_ESCAPE,		/* the person asked to stop the guest */
	TERM_HANGUP,		/* the terminal is gone */
};

struct term {
	int input_fd;		/* -1: no input, or its end was reached */
	int output_fd;		/* -1: output is dropped */
	int opened_fd;		/* to close at the end; -1 for stdio */
	bool is_tty;		/* input is a terminal in raw mode with escape key */
	bool saw_prefix;	/* the escape key's first half was pressed */
	bool types_eof;		/* type Ctrl-D once the input has ended */
	bool at_eof;

	pthread_mutex_t lock;	/* protects what is below */
	uint8_t backlog[TERM_BACKLOG];	/* a ring: typed, not yet taken by the guest */
	size_t backlog_head;	/* index of the oldest byte */
	size_t backlog_len;
	int room_fd;		/* eventfd: there is room again in a backlog that was full */
	void (*notify)(void *context);	/* input has come; NULL while no device listens */
	void *notify_context;
};

int term_open(struct term *term, const char *where, bool types_eof);
void term_close(struct term *term);
void term_listen(struct term *term, void (*notify)(void *context), void *context);
bool term_wants_input(struct term *term);
int term_timeout_ms(const struct term *term);
enum term_event term_input(struct term *term);
void term_tick(struct term *term);
bool term_has_input(struct term *term);
size_t term_read(struct term *term, uint8_t *data, size_t len);
void term_write(struct term *term, const uint8_t *data, size_t len);

#endif
