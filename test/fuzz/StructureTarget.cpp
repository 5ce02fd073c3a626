// The importer on models that are changed field by field (Mutator.cpp).
#include "test/fuzz/Importing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static auto *importer = new onnxc::fuzz::Importer;
  importer->run(data, size);
  return 0;
}
