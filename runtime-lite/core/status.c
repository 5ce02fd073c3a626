/* Texts of the status codes. */
#include "onnxc.h"

const char *onnxc_status_string(int32_t status) {
  switch (status) {
#define ONNXC_STATUS_CASE(name, number, text)                                  \
  case number:                                                                 \
    return text;
    ONNXC_STATUS_LIST(ONNXC_STATUS_CASE)
#undef ONNXC_STATUS_CASE
  default:
    return "unknown status";
  }
}
