// SPDX-License-Identifier: BSD-3-Clause
// A plugin of QEMU's that counts the instructions a guest with one processor executes, by where
// they lie, between the marks of mark.h. At each mark it appends to the file named by out=FILE
//
//     mark NUMBER
//     user REGION COUNT       programs linked at REGION * 256 MiB, below 4 GiB
//     other COUNT             the rest of user space
//     module ADDRESS COUNT    a page of the kernel's modules
//     kernel COUNT            the rest of the kernel
//
// and begins anew. Debian ships no header for plugins: what is used of QEMU 7.2's interface,
// version 1, stands here.
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_info;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { ADD_U64 = 0, NO_REGISTERS = 0 };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*call)(qemu_plugin_id_t, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb* block, int operation, void* counter,
                                              uint64_t n);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn* instruction,
                                            void (*call)(unsigned, void*), int flags, void* data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb* block);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* block, size_t index);
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn* instruction);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn* instruction);
int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info* info, int argc, char** argv);

__attribute__((visibility("default"))) extern const int qemu_plugin_version;
const int qemu_plugin_version = 1;

#define MODULES_FROM 0xffffffffc0000000u
#define MODULES_TO 0xffffffffff000000u
enum { PAGE_BITS = 12, REGION_BITS = 28, REGIONS = 16, PAGES = (MODULES_TO - MODULES_FROM) >> PAGE_BITS };

struct counts {
  uint64_t user[REGIONS];
  uint64_t other;
  uint64_t modules[PAGES];
  uint64_t kernel;
};

// The one machine's: QEMU's callbacks bring nothing that could lead to it.
static struct counts counts;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
static FILE* out;             // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

static const unsigned kMarks[] = {0, 1, 2};

static void at_mark(unsigned processor, void* mark) {
  (void)processor;
  fprintf(out, "mark %u\nother %" PRIu64 "\nkernel %" PRIu64 "\n", *(const unsigned*)mark, counts.other,
          counts.kernel);
  for (int i = 0; i < REGIONS; i++) {
    if (counts.user[i]) {
      fprintf(out, "user %d %" PRIu64 "\n", i, counts.user[i]);
    }
  }
  for (uint64_t i = 0; i < PAGES; i++) {
    if (counts.modules[i]) {
      fprintf(out, "module %#" PRIx64 " %" PRIu64 "\n", MODULES_FROM + (i << PAGE_BITS), counts.modules[i]);
    }
  }
  (void)fflush(out);
  memset(&counts, 0, sizeof counts);
}

static uint64_t* counter_of(uint64_t address) {
  if (address >= MODULES_FROM && address < MODULES_TO) {
    return &counts.modules[(address - MODULES_FROM) >> PAGE_BITS];
  }
  if (address >> 63) {
    return &counts.kernel;
  }
  return address >> 32 ? &counts.other : &counts.user[address >> REGION_BITS];
}

// "nopl 0x4c4c50NN(%rax,%rax,1)"
static int mark_of(const struct qemu_plugin_insn* instruction) {
  static const uint8_t head[] = {0x0f, 0x1f, 0x84, 0x00};
  static const uint8_t tail[] = {0x50, 0x4c, 0x4c};
  const uint8_t* bytes = qemu_plugin_insn_data(instruction);
  return qemu_plugin_insn_size(instruction) == 8 && !memcmp(bytes, head, 4) && !memcmp(bytes + 5, tail, 3)
             ? bytes[4]
             : -1;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb* block) {
  (void)id;
  const size_t size = qemu_plugin_tb_n_insns(block);
  qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, counter_of(qemu_plugin_tb_vaddr(block)), size);
  for (size_t i = 0; i < size; i++) {
    struct qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
    const int mark = mark_of(instruction);
    if (mark > 0 && mark < (int)(sizeof kMarks / sizeof *kMarks)) {
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, at_mark, NO_REGISTERS, (void*)&kMarks[mark]);
    }
  }
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id,
                                                               const struct qemu_info* info, int argc,
                                                               char** argv) {
  (void)info;
  if (argc == 1 && strncmp(argv[0], "out=", 4) == 0) {
    out = fopen(argv[0] + 4, "we");
  }
  if (!out) {
    fprintf(stderr, "count: out=FILE\n");
    return -1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  return 0;
}
