// SPDX-License-Identifier: GPL-2.0
/*
 * A 16550A at COM1, as the PC16550D data sheet (chapter Registers) describes it, without a
 * modem and without timing: a byte written is out at once. Floor 3 of the launcher.
 *
 * Bytes for the guest stay in the term's backlog until a driver reads them, and it sees them only
 * while it listens: with the receive interrupt enabled and OUT2 set, which on a PC connects the
 * interrupt to its line. So what was typed, or piped in, before is not lost, neither to a driver's
 * probing (it sets every enable bit and reads every register) nor to its clearing of the FIFO. The
 * FIFO here holds what loopback mode sends back.
 */
#include "dev/device.h"

#include <linux/serial_reg.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "irq.h"
#include "layout.h"
#include "report.h"

#define FIFO_SIZE	16
#define PORT_COUNT	8
#define DIVISOR_115200	1

struct serial {
	pthread_mutex_t lock;
	struct term *term;
	struct irq_line irq;

	uint8_t fifo[FIFO_SIZE];
	unsigned int fifo_head;
	unsigned int fifo_len;
	bool fifo_enabled;
	bool overrun;
	bool thre_pending;	/* "transmitter empty" not yet seen through IIR */
	bool msi_pending;	/* modem status has changed, not yet seen through MSR */

	uint8_t ier, lcr, mcr, scratch;
	uint8_t msr_delta;
	uint16_t divisor;
};

/* One byte into the receive FIFO; a full FIFO drops it and says so, as the chip does. */
static void receive_byte(struct serial *serial, uint8_t byte)
{
	unsigned int size = serial->fifo_enabled ? FIFO_SIZE : 1;

	if (serial->fifo_len >= size) {
		serial->overrun = true;
		return;
	}
	serial->fifo[(serial->fifo_head + serial->fifo_len) % FIFO_SIZE] = byte;
	serial->fifo_len++;
}

/* In loopback mode the chip's output pins are inactive. */
static bool is_line_connected(const struct serial *serial)
{
	return (serial->mcr & (UART_MCR_OUT2 | UART_MCR_LOOP)) == UART_MCR_OUT2;
}

static bool is_listening(const struct serial *serial)
{
	return (serial->ier & UART_IER_RDI) && is_line_connected(serial);
}

static bool has_data(const struct serial *serial)
{
	return serial->fifo_len || (is_listening(serial) && term_has_input(serial->term));
}

/*
 * The interrupt identification, highest priority first:
 *
 *   line status (overrun) > received data > transmitter empty > modem status > none
 *
 * Received data never waits for a trigger level: there is no line time to save up.
 */
static uint8_t interrupt_id(const struct serial *serial)
{
	if ((serial->ier & UART_IER_RLSI) && serial->overrun)
		return UART_IIR_RLSI;
	if ((serial->ier & UART_IER_RDI) && has_data(serial))
		return UART_IIR_RDI;
	if ((serial->ier & UART_IER_THRI) && serial->thre_pending)
		return UART_IIR_THRI;
	if ((serial->ier & UART_IER_MSI) && serial->msi_pending)
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

static void update(struct serial *serial)
{
	irq_set(&serial->irq, is_line_connected(serial) &&
			      interrupt_id(serial) != UART_IIR_NO_INT);
}

/* Modem lines: carrier and ready always, or the outputs looped back (data sheet, MCR bit 4). */
static uint8_t modem_lines(const struct serial *serial)
{
	uint8_t lines = 0;

	if (!(serial->mcr & UART_MCR_LOOP))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	if (serial->mcr & UART_MCR_RTS)
		lines |= UART_MSR_CTS;
	if (serial->mcr & UART_MCR_DTR)
		lines |= UART_MSR_DSR;
	if (serial->mcr & UART_MCR_OUT1)
		lines |= UART_MSR_RI;
	if (serial->mcr & UART_MCR_OUT2)
		lines |= UART_MSR_DCD;
	return lines;
}

static void write_mcr(struct serial *serial, uint8_t value)
{
	uint8_t before = modem_lines(serial);
	uint8_t changed;

	serial->mcr = value & 0x1f;
	changed = before ^ modem_lines(serial);
	/* The delta bits stand four below the lines; ring counts only when it ends. */
	if ((changed & UART_MSR_RI) && !(before & UART_MSR_RI))
		changed &= ~UART_MSR_RI;
	serial->msr_delta |= changed >> 4;
	if (changed)
		serial->msi_pending = true;
}

static void write_fcr(struct serial *serial, uint8_t value)
{
	bool enabled = value & UART_FCR_ENABLE_FIFO;

	if ((value & UART_FCR_CLEAR_RCVR) || enabled != serial->fifo_enabled)
		serial->fifo_len = 0;
	serial->fifo_enabled = enabled;
}

static void transmit(struct serial *serial, uint8_t byte)
{
	if (serial->mcr & UART_MCR_LOOP)
		receive_byte(serial, byte);
	else
		term_write(serial->term, &byte, 1);
	serial->thre_pending = true;
}

static void write_ier(struct serial *serial, uint8_t value)
{
	/* Enabling the transmitter interrupt while the transmitter is empty raises it. */
	if ((value & UART_IER_THRI) && !(serial->ier & UART_IER_THRI))
		serial->thre_pending = true;
	serial->ier = value & 0x0f;
}

static void write_register(struct serial *serial, unsigned int reg, uint8_t value)
{
	bool dlab = serial->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_TX:
		if (dlab)
			serial->divisor = (serial->divisor & 0xff00) | value;
		else
			transmit(serial, value);
		break;
	case UART_IER:
		if (dlab)
			serial->divisor = (serial->divisor & 0x00ff) | value << 8;
		else
			write_ier(serial, value);
		break;
	case UART_FCR:
		write_fcr(serial, value);
		break;
	case UART_LCR:
		serial->lcr = value;
		break;
	case UART_MCR:
		write_mcr(serial, value);
		break;
	case UART_SCR:
		serial->scratch = value;
		break;
	default:
		/* LSR and MSR are read-only (their factory test mode is not modelled). */
		break;
	}
}

static uint8_t read_rx(struct serial *serial)
{
	uint8_t byte;

	if (!serial->fifo_len)
		return is_listening(serial) && term_read(serial->term, &byte, 1) ? byte : 0;
	byte = serial->fifo[serial->fifo_head];
	serial->fifo_head = (serial->fifo_head + 1) % FIFO_SIZE;
	serial->fifo_len--;
	return byte;
}

static uint8_t read_iir(struct serial *serial)
{
	uint8_t id = interrupt_id(serial);

	if (id == UART_IIR_THRI)
		serial->thre_pending = false;
	return id | (serial->fifo_enabled ? 0xc0 : 0);
}

static uint8_t read_lsr(struct serial *serial)
{
	uint8_t status = UART_LSR_TEMT | UART_LSR_THRE;

	if (has_data(serial))
		status |= UART_LSR_DR;
	if (serial->overrun)
		status |= UART_LSR_OE;
	serial->overrun = false;
	return status;
}

static uint8_t read_msr(struct serial *serial)
{
	uint8_t status = modem_lines(serial) | serial->msr_delta;

	serial->msr_delta = 0;
	serial->msi_pending = false;
	return status;
}

static uint8_t read_register(struct serial *serial, unsigned int reg)
{
	bool dlab = serial->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_RX:
		return dlab ? serial->divisor & 0xff : read_rx(serial);
	case UART_IER:
		return dlab ? serial->divisor >> 8 : serial->ier;
	case UART_IIR:
		return read_iir(serial);
	case UART_LCR:
		return serial->lcr;
	case UART_MCR:
		return serial->mcr;
	case UART_LSR:
		return read_lsr(serial);
	case UART_MSR:
		return read_msr(serial);
	default:
		return serial->scratch;
	}
}

static void serial_access(void *device, uint64_t offset, uint8_t *data, uint32_t len,
			  bool is_write)
{
	struct serial *serial = device;

	/* The chip is one byte wide; of a wider access it sees the first byte. */
	if (!is_write)
		memset(data, 0xff, len);
	pthread_mutex_lock(&serial->lock);
	if (is_write)
		write_register(serial, offset, *data);
	else
		*data = read_register(serial, offset);
	update(serial);
	pthread_mutex_unlock(&serial->lock);
}

/* The term has input: on the main thread. */
static void notify_input(void *context)
{
	struct serial *serial = context;

	pthread_mutex_lock(&serial->lock);
	update(serial);
	pthread_mutex_unlock(&serial->lock);
}

/**
 * serial_create() - put the serial port on the bus
 * @ports: the port space
 * @vm_fd: for the interrupt line
 * @term: the other end of the line
 *
 * Return: the device, or NULL after a message.
 */
struct serial *serial_create(struct iobus *ports, int vm_fd, struct term *term)
{
	struct serial *serial = calloc(1, sizeof(*serial));

	if (!serial) {
		report("out of memory for the serial port");
		return NULL;
	}
	pthread_mutex_init(&serial->lock, NULL);
	serial->term = term;
	serial->irq.vm_fd = vm_fd;
	serial->irq.gsi = GSI_COM1;
	serial->divisor = DIVISOR_115200;
	if (iobus_add(ports, PORT_COM1, PORT_COUNT, serial_access, serial)) {
		free(serial);
		return NULL;
	}
	term_listen(term, notify_input, serial);
	return serial;
}

/**
 * serial_destroy() - undo serial_create()
 * @serial: no vCPU runs any more
 */
void serial_destroy(struct serial *serial)
{
	term_listen(serial->term, NULL, NULL);
	pthread_mutex_destroy(&serial->lock);
	free(serial);
}
