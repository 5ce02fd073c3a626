// Names that a generated header must not give away, or take.
#include "codegen/llvm/ReservedNames.h"

#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace onnxc {

namespace {

/// Words of C and C++ that cannot be the name of anything.
constexpr StringLiteral kKeywords[] = {
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char",
    "char16_t", "char32_t", "class", "compl", "const", "const_cast", "constexpr", "continue", "decltype", "default",
    "delete", "do", "double", "dynamic_cast", "else", "enum", "explicit", "export", "extern", "false", "float", "for",
    "friend", "goto", "if", "inline", "int", "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq",
    "nullptr", "operator", "or", "or_eq", "private", "protected", "public", "register", "reinterpret_cast", "restrict",
    "return", "short", "signed", "sizeof", "static", "static_assert", "static_cast", "struct", "switch", "template",
    "this", "thread_local", "throw", "true", "try", "typedef", "typeid", "typename", "union", "unsigned", "using",
    "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq", "NULL"};

/// Headers of C: a model's header of that name would be found in their place.
constexpr StringLiteral kHeaders[] = {
    "assert", "complex", "ctype", "errno", "fenv", "inttypes", "iso646", "limits", "locale", "math", "setjmp", "signal",
    "stdalign", "stdarg", "stdatomic", "stdbool", "stddef", "stdint", "stdio", "stdlib", "stdnoreturn", "string",
    "tgmath", "threads", "time", "uchar", "wchar", "wctype"};

} // namespace

ArrayRef<StringLiteral> languageKeywords() { return kKeywords; }

StringRef reservedPrefix(StringRef name) {
  if (is_contained(kKeywords, name))
    return "a word of C or C++";
  if (is_contained(kHeaders, name))
    return "a header of C";
  for (StringRef function : {"main", "memcpy", "memmove", "memset"})
    if (name == function)
      return "a function of C";
  if (name == "onnxc" || name.starts_with("onnxc_"))
    return "a name of the runtime";
  return {};
}

} // namespace onnxc
