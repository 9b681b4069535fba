/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: a structure to have a member of. */
#ifndef SHIM_LINUX_XARRAY_H
#define SHIM_LINUX_XARRAY_H

struct xarray {
	void *head;
};

#endif /* SHIM_LINUX_XARRAY_H */
