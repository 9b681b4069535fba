// SPDX-License-Identifier: GPL-2.0
/*
 * The MC146818 clock: the host's time in UTC, read-only, in the format that the registers
 * announce (BCD, 24 hours). No alarm, no interrupts, no NVRAM. Floor 3 of the launcher.
 */
#include "dev/device.h"

#include <string.h>
#include <time.h>

#include "layout.h"

#define RTC_INDEX_MASK	0x7f	/* bit 7 of the index port masks NMIs on a PC */

enum rtc_register {
	RTC_SECONDS = 0x00,
	RTC_MINUTES = 0x02,
	RTC_HOURS = 0x04,
	RTC_WEEKDAY = 0x06,
	RTC_DAY = 0x07,
	RTC_MONTH = 0x08,
	RTC_YEAR = 0x09,
	RTC_STATUS_A = 0x0a,
	RTC_STATUS_B = 0x0b,
	RTC_STATUS_D = 0x0d,
	RTC_CENTURY = 0x32,
};

#define STATUS_A_32KHZ	0x26	/* time base on, 1024 Hz rate, no update in progress */
#define STATUS_B_24H	0x02
#define STATUS_D_VALID	0x80

static uint8_t to_bcd(int value)
{
	return (value / 10 % 10) << 4 | value % 10;
}

static uint8_t read_register(uint8_t index)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	switch (index) {
	case RTC_SECONDS:
		return to_bcd(tm.tm_sec);
	case RTC_MINUTES:
		return to_bcd(tm.tm_min);
	case RTC_HOURS:
		return to_bcd(tm.tm_hour);
	case RTC_WEEKDAY:
		return to_bcd(tm.tm_wday + 1);
	case RTC_DAY:
		return to_bcd(tm.tm_mday);
	case RTC_MONTH:
		return to_bcd(tm.tm_mon + 1);
	case RTC_YEAR:
		return to_bcd(tm.tm_year % 100);
	case RTC_CENTURY:
		return to_bcd((tm.tm_year + 1900) / 100);
	case RTC_STATUS_A:
		return STATUS_A_32KHZ;
	case RTC_STATUS_B:
		return STATUS_B_24H;
	case RTC_STATUS_D:
		return STATUS_D_VALID;
	default:
		return 0;
	}
}

static void rtc_access(void *device, uint64_t offset, uint8_t *data, uint32_t len,
		       bool is_write)
{
	struct rtc *rtc = device;

	if (is_write) {
		if (!offset)
			rtc->index = *data & RTC_INDEX_MASK;
		return;
	}
	memset(data, 0xff, len);
	if (offset)
		*data = read_register(rtc->index);
}

/**
 * rtc_create() - put the clock on the bus
 * @rtc: to fill; lives as long as the bus
 * @ports: the port space
 *
 * Return: 0, or a negative errno after a message.
 */
int rtc_create(struct rtc *rtc, struct iobus *ports)
{
	rtc->index = 0;
	return iobus_add(ports, PORT_RTC, 2, rtc_access, rtc);
}
