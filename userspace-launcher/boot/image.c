// SPDX-License-Identifier: GPL-2.0
/*
 * Whole files into memory. Does not look at what is in them. Floor 1 of the launcher.
 */
#include "boot/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layout.h"
#include "report.h"

static int read_all(struct image *image, int fd)
{
	size_t done = 0;

	while (done < image->len) {
		ssize_t len = read(fd, image->data + done, image->len - done);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		if (!len)
			break;
		done += len;
	}
	image->len = done;	/* a file that shrank meanwhile is as short as it is */
	return 0;
}

/**
 * image_read() - read a file
 * @image: to fill
 * @option: names the file's role in the message, such as "--kernel"
 * @path: of the file
 *
 * Return: 0, or a negative errno after a message. A directory, device or pipe is -EINVAL.
 */
int image_read(struct image *image, const char *option, const char *path)
{
	struct stat st;
	int fd, ret;

	*image = (struct image){ 0 };
	/* O_NONBLOCK: do not wait for the writer of a FIFO that then is refused anyway. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st)) {
		ret = -errno;
		goto close_fd;
	}
	if (!S_ISREG(st.st_mode)) {
		ret = -EINVAL;
		goto close_fd;
	}
	/* All that is loaded goes below the hole; a larger file need not fill the host's memory. */
	if ((uint64_t)st.st_size > LAYOUT_HOLE) {
		ret = -EFBIG;
		goto close_fd;
	}
	image->len = st.st_size;
	image->data = malloc(image->len + 1);
	ret = image->data ? read_all(image, fd) : -ENOMEM;
close_fd:
	if (fd >= 0)
		close(fd);
	if (!ret)
		return 0;
	if (ret == -EINVAL)
		report("%s %s: not a regular file", option, path);
	else
		report("%s %s: cannot read it: %s", option, path, strerror(-ret));
	image_free(image);
	return ret;
}

/**
 * image_free() - free the bytes
 * @image: read or made; may be empty
 */
void image_free(struct image *image)
{
	free(image->data);
	*image = (struct image){ 0 };
}
