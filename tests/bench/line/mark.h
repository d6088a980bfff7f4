// SPDX-License-Identifier: BSD-3-Clause
// Marks that the counter of instructions (count.c) sees and a processor does not: an instruction
// that does nothing, with "LLP" and a number in its address.
#ifndef LLP_BENCH_MARK_H
#define LLP_BENCH_MARK_H

// Counts begin anew: those so far are of the time before what is measured.
#define MARK_BEGIN() __asm__ volatile("nopl 0x4c4c5001(%rax,%rax,1)")
// What was measured ends.
#define MARK_END() __asm__ volatile("nopl 0x4c4c5002(%rax,%rax,1)")

#endif
