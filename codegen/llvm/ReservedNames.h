// Names that a generated header must not give away, or take.
#ifndef ONNXC_CODEGEN_LLVM_RESERVEDNAMES_H
#define ONNXC_CODEGEN_LLVM_RESERVEDNAMES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace onnxc {

/// Words of C and C++ that cannot be the name of anything.
llvm::ArrayRef<llvm::StringLiteral> languageKeywords();

/// Names that C's implementation keeps for itself wherever they stand (_Bool,
/// __x), and macros of its headers and compilers that are replaced there.
bool isReservedIdentifier(llvm::StringRef name);

/// What a model of this name would be taken for, "a header of C" for instance;
/// empty when the name is free.
llvm::StringRef reservedPrefix(llvm::StringRef name);

} // namespace onnxc

#endif
