/* Tells the content type of files with the compiled magika model.
 *
 *   identify FILE...
 *
 * All it needs of the compiler is magika.o and magika.h: the model reads 2048
 * numbers (the first and last 1024 bytes of a file without surrounding blanks,
 * 256 for "nothing here") and gives a probability for each of its labels. */
#include "labels.h"
#include "magika.h"
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 1024, BLOCK = 4096, PADDING = 256, FEWEST = 8 };

#define LABEL_COUNT (sizeof labels / sizeof *labels)

static alignas(MAGIKA_ARENA_ALIGN) unsigned char arena[MAGIKA_ARENA_BYTES + 1];

static int is_blank(unsigned char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Reads the first and the last block; returns the file's size, or -1. */
static long read_blocks(const char *path, unsigned char *first,
                        unsigned char *last, long *length) {
  FILE *file = fopen(path, "rb");
  if (!file)
    return -1;
  long size = -1;
  if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0) {
    *length = size < BLOCK ? size : BLOCK;
    size_t wanted = (size_t)*length;
    if (fseek(file, 0, SEEK_SET) || fread(first, 1, wanted, file) != wanted ||
        fseek(file, size - *length, SEEK_SET) ||
        fread(last, 1, wanted, file) != wanted)
      size = -1;
  }
  fclose(file);
  return size;
}

/* The 2048 inputs of the model; returns how many bytes the first half holds. */
static long features(const unsigned char *first, const unsigned char *last,
                     long length, int32_t *input) {
  long begin = 0, end = length;
  for (int i = 0; i < 2 * SIDE; ++i)
    input[i] = PADDING;
  while (begin < length && is_blank(first[begin]))
    ++begin;
  long head = length - begin < SIDE ? length - begin : SIDE;
  for (long i = 0; i < head; ++i)
    input[i] = first[begin + i];
  while (end > 0 && is_blank(last[end - 1]))
    --end;
  long tail = end < SIDE ? end : SIDE;
  for (long i = 0; i < tail; ++i)
    input[2 * SIDE - tail + i] = last[end - tail + i];
  return head;
}

static int identify(const char *path) {
  static unsigned char first[BLOCK], last[BLOCK];
  static int32_t input[2 * SIDE];
  static float score[LABEL_COUNT];
  long length = 0;
  if (read_blocks(path, first, last, &length) < 0) {
    fprintf(stderr, "identify: cannot read %s\n", path);
    return 1;
  }
  if (features(first, last, length, input) < FEWEST) {
    printf("  %-44s too short to tell\n", path);
    return 0;
  }
  magika_status status = magika(input, score, arena);
  if (status != ONNXC_OK) {
    fprintf(stderr, "identify: the model returned status %d\n", (int)status);
    return 1;
  }
  size_t best = 0;
  for (size_t i = 1; i < LABEL_COUNT; ++i)
    if (score[i] > score[best])
      best = i;
  printf("  %-44s %-14s %5.1f %%\n", path, labels[best], 100.0 * (double)score[best]);
  return 0;
}

int main(int argc, char **argv) {
  int failures = 0;
  if (argc < 2) {
    fprintf(stderr, "usage: identify FILE...\n");
    return 1;
  }
  for (int i = 1; i < argc; ++i)
    failures += identify(argv[i]);
  return failures != 0;
}
