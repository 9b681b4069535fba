/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: indices under speculation: the bound alone matters here. */
#ifndef SHIM_LINUX_NOSPEC_H
#define SHIM_LINUX_NOSPEC_H

#define array_index_nospec(index, size)	((index) < (size) ? (index) : 0)

#endif /* SHIM_LINUX_NOSPEC_H */
