/* QEMU plugin: the number of guest instructions, on stderr at the end. With the
 * argument blocks=on also a line "block ADDRESS INSTRUCTIONS" for each block of
 * code that ran.
 *
 * Debian packages no plugin header; these are the six functions used, as
 * QEMU's documentation of TCG plugins (API version 1) declares them. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
enum { QEMU_PLUGIN_INLINE_ADD_U64 = 0 };
typedef void (*tb_trans_cb)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*udata_cb)(qemu_plugin_id_t, void *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, tb_trans_cb);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int op, void *ptr, uint64_t imm);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, udata_cb, void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static uint64_t instructions;

enum { MAX_BLOCKS = 1 << 18 };
static struct block {
  uint64_t address, instructions;
} blocks[MAX_BLOCKS];
static int by_block, num_blocks;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, &instructions, qemu_plugin_tb_n_insns(block));
  if (!by_block || num_blocks == MAX_BLOCKS)
    return;
  struct block *one = &blocks[num_blocks++];
  one->address = qemu_plugin_tb_vaddr(block);
  qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, &one->instructions, qemu_plugin_tb_n_insns(block));
}

static void finished(qemu_plugin_id_t id, void *data) {
  (void)id, (void)data;
  fprintf(stderr, "instructions %" PRIu64 "\n", instructions);
  for (int i = 0; i < num_blocks; ++i)
    if (blocks[i].instructions)
      fprintf(stderr, "block %" PRIx64 " %" PRIu64 "\n", blocks[i].address, blocks[i].instructions);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv) {
  (void)info;
  by_block = argc > 0 && !strcmp(argv[0], "blocks=on");
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, finished, 0);
  return 0;
}
