// The importer on bytes: whatever they are, a module or a message comes out.
#include "test/fuzz/Importing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static auto *importer = new onnxc::fuzz::Importer;
  importer->run(data, size);
  return 0;
}
