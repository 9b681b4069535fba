// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's RAM as ordinary anonymous memory of this process: nothing is pinned, pages appear
 * when the guest touches them. Does not register memslots, that is vm.c. Floor 1.
 */
#include "guest_ram.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "layout.h"
#include "report.h"

#define HUGE_PAGE	(2ull << 20)

/*
 * More guest RAM than the host has in all can only end in the OOM killer, so it is refused here
 * with a sentence. Less than that but more than what is free may well work: pages come lazily.
 */
static int check_host_memory(uint64_t size)
{
	struct sysinfo info;
	uint64_t total;

	if (sysinfo(&info))
		return -errno;
	total = ((uint64_t)info.totalram + info.totalswap) * info.mem_unit;
	if (size <= total)
		return 0;
	report("--memory %" PRIu64 "M is more than this host's memory and swap (%" PRIu64
	       "M): give less", size >> 20, total >> 20);
	return -ENOMEM;
}

/**
 * guest_ram_create() - reserve the guest's RAM
 * @ram: to fill
 * @size: bytes, a multiple of the page size
 *
 * The mapping is aligned to 2 MiB, so that huge pages of the host line up with huge pages of
 * the guest and nested paging can use one large entry for both.
 *
 * Return: 0, or -ENOMEM after a message when the host does not have that much.
 */
int guest_ram_create(struct guest_ram *ram, uint64_t size)
{
	uintptr_t start;
	int ret;

	ret = check_host_memory(size);
	if (ret)
		return ret;
	ram->mapping_size = size + HUGE_PAGE;
	ram->mapping = mmap(NULL, ram->mapping_size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ram->mapping == MAP_FAILED) {
		ret = -errno;
		report("cannot map %" PRIu64 "M of guest memory: %s (give less with --memory)",
		       size >> 20, strerror(-ret));
		return ret;
	}
	start = ((uintptr_t)ram->mapping + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
	ram->base = (uint8_t *)start;
	ram->size = size;
	ram->low_size = size < LAYOUT_HOLE ? size : LAYOUT_HOLE;
	ram->high_size = size - ram->low_size;
	/* Only advice: a host without transparent huge pages runs the guest with small ones. */
	madvise(ram->base, size, MADV_HUGEPAGE);
	/* A core dump of the launcher is about the launcher; the guest's RAM would swamp it. */
	madvise(ram->base, size, MADV_DONTDUMP);
	return 0;
}

/**
 * guest_ram_destroy() - give the RAM back to the host
 * @ram: created; no vCPU and no memslot may use it any more
 */
void guest_ram_destroy(struct guest_ram *ram)
{
	munmap(ram->mapping, ram->mapping_size);
}

/**
 * guest_ram_ptr() - pointer to a range of guest physical memory
 * @ram: created
 * @gpa: first byte
 * @len: bytes
 *
 * Every access to guest memory passes here: addresses come from the guest or from files.
 *
 * Return: the pointer, or NULL when the range is not wholly RAM in one piece.
 */
void *guest_ram_ptr(const struct guest_ram *ram, gpa_t gpa, uint64_t len)
{
	if (gpa < ram->low_size && len <= ram->low_size - gpa)
		return ram->base + gpa;
	if (gpa < LAYOUT_HOLE_END)
		return NULL;
	gpa -= LAYOUT_HOLE_END;
	if (gpa < ram->high_size && len <= ram->high_size - gpa)
		return ram->base + ram->low_size + gpa;
	return NULL;
}
