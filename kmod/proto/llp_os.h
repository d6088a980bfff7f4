/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The little that the engine needs from its surroundings: integer types,
 * mem*(), errno values. The same sources compile in the kernel and outside.
 */
#ifndef LLP_OS_H
#define LLP_OS_H

#ifdef __KERNEL__
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
#endif

#endif /* LLP_OS_H */
