// SPDX-License-Identifier: GPL-2.0
/*
 * Settings and counters of the host, and swap in a zram device of the test's own. Knows
 * nothing of VMs.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/swap.h>
#include <unistd.h>

#include "host.h"
#include "test.h"

#define ZRAM_CONTROL "/sys/class/zram-control"
#define SWAP_BYTES (128ul << 20)

/* The zram device that is ours, or -1. */
static long zram = -1;

bool host_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool is_written;

	if (fd < 0)
		return false;
	is_written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return is_written;
}

long host_number(const char *path)
{
	FILE *file = fopen(path, "re");
	long number;

	if (!file)
		return -1;
	if (fscanf(file, "%ld", &number) != 1)
		number = -1;
	fclose(file);
	return number;
}

long host_field(const char *path, const char *name)
{
	FILE *file = fopen(path, "re");
	char word[64];
	long number = -1, found;

	if (!file)
		return -1;
	while (number < 0 && fscanf(file, "%63s", word) == 1)
		if (!strcmp(word, name) && fscanf(file, "%ld", &found) == 1)
			number = found;
	fclose(file);
	return number;
}

void host_change(struct host_setting *settings, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		settings[i].before = host_number(settings[i].path);
		host_write(settings[i].path, settings[i].wanted);
	}
}

void host_put_back(const struct host_setting *settings, unsigned int count)
{
	char text[32];
	unsigned int i;

	for (i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%ld", settings[i].before);
		host_write(settings[i].path, text);
	}
}

/* What mkswap writes: version, last page, signature. */
static bool write_swap_header(const char *device)
{
	uint32_t page[1024] = { [256] = 1, [257] = SWAP_BYTES / 4096 - 1 };
	int fd = open(device, O_WRONLY | O_CLOEXEC);
	bool is_written;

	if (fd < 0)
		return false;
	memcpy((char *)page + sizeof(page) - 10, "SWAPSPACE2", 10);
	is_written = write(fd, page, sizeof(page)) == sizeof(page) && !fsync(fd);
	close(fd);
	return is_written;
}

static bool swap_to_zram(void)
{
	char device[32], path[64], bytes[32];

	/* As modules: the compressor is not found from inside the kernel everywhere. */
	if (access(ZRAM_CONTROL, F_OK) &&
	    system("modprobe lzo-rle && modprobe zram num_devices=0") != 0)
		return false;
	zram = host_number(ZRAM_CONTROL "/hot_add");
	if (zram < 0)
		return false;
	snprintf(device, sizeof(device), "/dev/zram%ld", zram);
	snprintf(path, sizeof(path), "/sys/block/zram%ld/disksize", zram);
	snprintf(bytes, sizeof(bytes), "%lu", SWAP_BYTES);
	return host_write(path, bytes) && write_swap_header(device) && !swapon(device, 0);
}

bool host_swap_begin(void)
{
	if (host_field("/proc/meminfo", "SwapTotal:") > 0)
		return true;
	if (swap_to_zram())
		return true;
	host_swap_end();
	return false;
}

void host_swap_end(void)
{
	char text[32];

	if (zram < 0)
		return;
	snprintf(text, sizeof(text), "/dev/zram%ld", zram);
	swapoff(text);
	snprintf(text, sizeof(text), "%ld", zram);
	host_write(ZRAM_CONTROL "/hot_remove", text);
	zram = -1;
}
