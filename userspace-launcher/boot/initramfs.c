// SPDX-License-Identifier: GPL-2.0
/*
 * The embedded default: a newc cpio archive made in memory from the host's static busybox and a
 * few lines of /init, which ends in a shell on the console or in one command. Also finds the
 * host's kernel. Floor 4 of the launcher.
 */
#include "boot/initramfs.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "report.h"
#include "util.h"

#define KERNEL_FOLDER	"/boot"
#define KERNEL_PREFIX	"vmlinuz-"

/*
 * busybox's poweroff, reboot and halt without -f signal process 1, which here is this script:
 * the traps make them work as a person expects. The shell runs in the background because a
 * script takes its traps only while it waits. stty waits until the port has sent everything: a
 * power-off would cut off the last lines, and so would the end of a session's first process,
 * upon which the kernel hangs the terminal up and drops what it has not sent.
 */
static const char init_script[] =
	"#!/bin/busybox sh\n"
	"/bin/busybox --install -s /bin\n"
	"export PATH=/bin HOME=/root TERM='%s' PS1='lodge:\\w# '\n"
	"mount -t devtmpfs dev /dev 2>/dev/null\n"
	"mount -t proc proc /proc\n"
	"mount -t sysfs sys /sys\n"
	"mkdir -p /dev/pts\n"
	"mount -t devpts pts /dev/pts\n"
	"mount -t tmpfs tmp /tmp\n"
	"hostname lodge\n"
	"end() { stty sane; \"$1\" -f; }\n"
	"trap 'end poweroff' USR2\n"
	"trap 'end halt' USR1\n"
	"trap 'end reboot' TERM\n"
	"cd /root\n"
	"exec </dev/console >/dev/console 2>&1\n"
	"stty rows %u cols %u\n"
	"%s"
	"while kill -0 $! 2>/dev/null; do wait $!; done\n"
	"end poweroff\n";

static const char start_shell[] =
	"echo \"Linux $(uname -r) under lodge. 'exit' or Ctrl-D powers the guest off.\"\n"
	"setsid cttyhack sh -c 'sh; stty sane' </dev/console &\n";

static const char start_command[] =
	"setsid cttyhack sh -c 'sh /command; stty sane' </dev/console &\n";

struct cpio {
	FILE *stream;
	unsigned int inode;
};

static void pad(struct cpio *cpio)
{
	while (ftell(cpio->stream) % 4)
		fputc(0, cpio->stream);
}

/*
 * One member in the "newc" format (kernel documentation, initramfs buffer format): a header of
 * hexadecimal fields, the name, the data, both padded to four bytes.
 */
static void add_member(struct cpio *cpio, const char *name, unsigned int mode, const void *data,
		       size_t len, dev_t device)
{
	unsigned int inode = ++cpio->inode;

	fprintf(cpio->stream, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		inode, mode, 0, 0, 1, 0, (unsigned int)len, 0, 0,
		(unsigned int)major(device), (unsigned int)minor(device),
		(unsigned int)strlen(name) + 1, 0);
	fwrite(name, strlen(name) + 1, 1, cpio->stream);
	pad(cpio);
	if (len)
		fwrite(data, len, 1, cpio->stream);
	pad(cpio);
}

static bool is_static_elf(const struct image *image)
{
	const Elf64_Ehdr *ehdr = (const void *)image->data;
	const Elf64_Phdr *phdr;
	size_t i;

	if (image->len < sizeof(*ehdr) || memcmp(ehdr->e_ident, ELFMAG, SELFMAG) ||
	    ehdr->e_ident[EI_CLASS] != ELFCLASS64 || ehdr->e_machine != EM_X86_64 ||
	    ehdr->e_phoff > image->len ||
	    ehdr->e_phnum > (image->len - ehdr->e_phoff) / sizeof(*phdr))
		return false;
	phdr = (const void *)(image->data + ehdr->e_phoff);
	for (i = 0; i < ehdr->e_phnum; i++)
		if (phdr[i].p_type == PT_INTERP)
			return false;
	return true;
}

static int read_busybox(struct image *busybox)
{
	static const char * const paths[] = { "/bin/busybox", "/usr/bin/busybox" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		if (access(paths[i], R_OK))
			continue;
		if (image_read(busybox, "the host's busybox", paths[i]))
			return -EIO;
		if (is_static_elf(busybox))
			return 0;
		image_free(busybox);
	}
	report("the default initramfs needs a static busybox: apt install busybox-static, or "
	       "give --initrd FILE");
	return -ENOENT;
}

/* Only letters that cannot end the quotes around them in the script. */
static const char *terminal_type(void)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.+";
	const char *term = getenv("TERM");

	if (!term || !*term || strspn(term, allowed) != strlen(term))
		return "linux";
	return term;
}

static char *make_script(const char *exec)
{
	struct winsize size = { 0 };
	char *script;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col)
		size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	if (asprintf(&script, init_script, terminal_type(), size.ws_row, size.ws_col,
		     exec ? start_command : start_shell) < 0)
		return NULL;
	return script;
}

static void add_members(struct cpio *cpio, const struct image *busybox, const char *script,
			const char *exec)
{
	static const char * const folders[] = {
		"bin", "dev", "proc", "root", "sys", "tmp",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(folders); i++)
		add_member(cpio, folders[i], S_IFDIR | 0755, NULL, 0, 0);
	add_member(cpio, "dev/console", S_IFCHR | 0600, NULL, 0, makedev(5, 1));
	add_member(cpio, "bin/busybox", S_IFREG | 0755, busybox->data, busybox->len, 0);
	add_member(cpio, "init", S_IFREG | 0755, script, strlen(script), 0);
	if (exec)
		add_member(cpio, "command", S_IFREG | 0755, exec, strlen(exec), 0);
	add_member(cpio, "TRAILER!!!", 0, NULL, 0, 0);
}

/**
 * initramfs_build() - make the default initramfs
 * @image: to fill
 * @exec: a command for the guest's shell to run, or NULL for an interactive shell
 *
 * Return: 0; after a message -ENOENT when the host has no static busybox, -EIO when it cannot be
 * read, -ENOMEM.
 */
int initramfs_build(struct image *image, const char *exec)
{
	struct cpio cpio = { 0 };
	struct image busybox;
	char *data = NULL;
	char *script;
	size_t len;
	int ret;

	*image = (struct image){ 0 };
	ret = read_busybox(&busybox);
	if (ret)
		return ret;
	script = make_script(exec);
	if (!script)
		goto no_memory;
	cpio.stream = open_memstream(&data, &len);
	if (!cpio.stream)
		goto no_memory;
	add_members(&cpio, &busybox, script, exec);
	if (fclose(cpio.stream))
		goto no_memory;
	image->data = (uint8_t *)data;
	image->len = len;
	goto free_script;

no_memory:
	report("out of memory for the initramfs");
	free(data);
	ret = -ENOMEM;
free_script:
	free(script);
	image_free(&busybox);
	return ret;
}

/* The newest by version number, as "ls -v" would sort them. */
static int find_newest(char **path)
{
	DIR *folder = opendir(KERNEL_FOLDER);
	char *newest = NULL;
	struct dirent *entry;
	int len;

	while (folder && (entry = readdir(folder))) {
		if (strncmp(entry->d_name, KERNEL_PREFIX, strlen(KERNEL_PREFIX)) ||
		    (newest && strverscmp(entry->d_name, newest) < 0))
			continue;
		free(newest);
		newest = strdup(entry->d_name);
		if (!newest)
			break;
	}
	if (folder)
		closedir(folder);
	if (!newest) {
		report("no kernel in " KERNEL_FOLDER ": apt install linux-image-cloud-amd64, or "
		       "give --kernel FILE");
		return -ENOENT;
	}
	len = asprintf(path, "%s/%s", KERNEL_FOLDER, newest);
	free(newest);
	return len < 0 ? -ENOMEM : 0;
}

/**
 * host_kernel_find() - path of the kernel that this host runs
 * @path: set to allocated memory
 *
 * Where the running kernel's file is not in /boot, or may not be read by this user, the newest
 * one there is as good.
 *
 * Return: 0; -ENOENT after a message when /boot has none; -ENOMEM.
 */
int host_kernel_find(char **path)
{
	struct utsname name;

	if (uname(&name) ||
	    asprintf(path, "%s/%s%s", KERNEL_FOLDER, KERNEL_PREFIX, name.release) < 0)
		return -ENOMEM;
	if (!access(*path, R_OK))
		return 0;
	free(*path);
	return find_newest(path);
}
