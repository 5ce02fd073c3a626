/* Loading the driver's library with dlopen. */
#include "driver.h"

#include <dlfcn.h>
#include <string.h>

static const char *const library_name = "libcuda.so.1";

/* Puts the address of a function into *field. ISO C has no conversion between
 * pointers to data and to functions; POSIX promises that they look the same. */
static int find(void *library, const char *symbol, void *field) {
  void *address = dlsym(library, symbol);
  memcpy(field, &address, sizeof address);
  return address != NULL;
}

const char *onnxc_cuda_driver_load(onnxc_cuda_driver *driver) {
  driver->library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
  if (!driver->library) {
    const char *why = dlerror();
    return why ? why : library_name;
  }
#define ONNXC_CUDA_DRIVER_FIND(field, symbol, parameters)                      \
  if (!find(driver->library, symbol, &driver->field))                          \
    return symbol;
  ONNXC_CUDA_DRIVER_LIST(ONNXC_CUDA_DRIVER_FIND)
#undef ONNXC_CUDA_DRIVER_FIND
  return NULL;
}

void onnxc_cuda_driver_unload(onnxc_cuda_driver *driver) {
  if (driver->library)
    dlclose(driver->library);
  driver->library = NULL;
}
