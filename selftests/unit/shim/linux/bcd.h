/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: two BCD digits in a byte. */
#ifndef SHIM_LINUX_BCD_H
#define SHIM_LINUX_BCD_H

#define bcd2bin(x)	(((x) & 0x0f) + ((x) >> 4) * 10)
#define bin2bcd(x)	((((x) / 10) << 4) + (x) % 10)

#endif /* SHIM_LINUX_BCD_H */
