// The importer's own exceptions; all of them end in Import.cpp.
#ifndef ONNXC_COMPILER_IMPORT_IMPORTERROR_H
#define ONNXC_COMPILER_IMPORT_IMPORTERROR_H

#include <stdexcept>
#include <string>

namespace onnxc::import {

// The model (or an option) is wrong or unsupported: the user's matter.
struct ImportError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The model is valid, but outside of what the compiler takes. The message
// names each node or tensor, and what to change in the model.
struct UnsupportedError : ImportError {
  using ImportError::ImportError;
};

// We are wrong: asks for a report.
struct InternalImportError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_IMPORTERROR_H
