// Names that a generated header must not give away, or take.
#include "codegen/llvm/ReservedNames.h"

#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace onnxc {

namespace {

/// Words of C and C++ that cannot be the name of anything.
constexpr StringLiteral kKeywords[] = {
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char",
    "char8_t", "char16_t", "char32_t", "class", "co_await", "co_return", "co_yield", "compl", "concept", "const",
    "const_cast", "consteval", "constexpr", "constinit", "continue", "decltype", "default",
    "delete", "do", "double", "dynamic_cast", "else", "enum", "explicit", "export", "extern", "false", "float", "for",
    "friend", "goto", "if", "inline", "int", "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq",
    "nullptr", "operator", "or", "or_eq", "private", "protected", "public", "register", "reinterpret_cast", "requires", "restrict",
    "return", "short", "signed", "sizeof", "static", "static_assert", "static_cast", "struct", "switch", "template",
    "this", "thread_local", "throw", "true", "try", "typedef", "typeid", "typename", "typeof", "typeof_unqual", "union", "unsigned", "using",
    "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq"};

/// Macros without parameters: what stands for something else wherever it is read.
constexpr StringLiteral kMacros[] = {
    "BIG_ENDIAN", "BUFSIZ", "BYTE_ORDER", "DECIMAL_DIG", "EDOM", "EILSEQ", "EOF", "ERANGE", "FILENAME_MAX", "FOPEN_MAX",
    "HUGE_VAL", "HUGE_VALF", "HUGE_VALL", "I", "INFINITY", "LITTLE_ENDIAN", "L_tmpnam", "MATH_ERREXCEPT", "MATH_ERRNO",
    "MB_CUR_MAX", "MB_LEN_MAX", "M_1_PI", "M_2_PI", "M_2_SQRTPI", "M_E", "M_LN10", "M_LN2", "M_LOG10E", "M_LOG2E", "M_PI",
    "M_PI_2", "M_PI_4", "M_SQRT1_2", "M_SQRT2", "NAN", "NSIG", "NULL", "ONCE_FLAG_INIT", "RAND_MAX", "SIGABRT",
    "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM", "TMP_MAX", "TSS_DTOR_ITERATIONS", "WEOF", "complex", "errno",
    "i386", "imaginary", "linux", "math_errhandling", "noreturn", "stderr", "stdin", "stdout", "unix"};

/// Beginnings of names of macros (C11, annex B and 7.31).
constexpr StringLiteral kMacroFamilies[] = {"ATOMIC_", "DBL_", "EXIT_", "FE_", "FLT_", "FP_", "LC_", "LDBL_", "SEEK_", "SIG_", "TIME_"};

/// Before _MAX, _MIN, _BIT and _WIDTH: the limits of types.
constexpr StringLiteral kLimitedTypes[] = {"CHAR", "INT", "INTMAX", "INTPTR", "LLONG", "LONG", "PTRDIFF", "SCHAR", "SHRT", "SIG_ATOMIC",
                                           "SIZE", "SSIZE", "UCHAR", "UINT", "UINTMAX", "UINTPTR", "ULLONG", "ULONG", "USHRT", "WCHAR", "WINT"};

bool isMacro(StringRef name) {
  if (is_contained(kMacros, name) || any_of(kMacroFamilies, [&](StringRef family) { return name.starts_with(family); }))
    return true;
  auto [type, what] = name.rsplit('_');
  if (!is_contained({"MAX", "MIN", "BIT", "WIDTH"}, what))
    return false;
  // INT8, UINT_LEAST16, INT_FAST32, ...
  StringRef width = type;
  bool isSized = (width.consume_front("INT") || width.consume_front("UINT")) && (width.consume_front("_LEAST") || width.consume_front("_FAST") || true) &&
                 is_contained({"8", "16", "32", "64"}, width);
  return isSized || is_contained(kLimitedTypes, type);
}

/// Headers of C: a model's header of that name would be found in their place.
constexpr StringLiteral kHeaders[] = {
    "assert", "complex", "ctype", "errno", "fenv", "inttypes", "iso646", "limits", "locale", "math", "setjmp", "signal",
    "stdalign", "stdarg", "stdatomic", "stdbool", "stddef", "stdint", "stdio", "stdlib", "stdnoreturn", "string",
    "tgmath", "threads", "time", "uchar", "wchar", "wctype"};

/// Functions of <math.h> and <complex.h>, which come with the suffixes f and l, too.
constexpr StringLiteral kMath[] = {
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "copysign", "cos", "cosh", "erf",
    "erfc", "exp", "exp2", "expm1", "fabs", "fdim", "floor", "fma", "fmax", "fmin", "fmod", "frexp", "hypot", "ilogb",
    "ldexp", "lgamma", "llrint", "llround", "log", "log10", "log1p", "log2", "logb", "lrint", "lround", "modf", "nan",
    "nearbyint", "nextafter", "nexttoward", "pow", "remainder", "remquo", "rint", "round", "scalbln", "scalbn", "sin",
    "sinh", "sqrt", "tan", "tanh", "tgamma", "trunc", "cabs", "cacos", "cacosh", "carg", "casin", "casinh", "catan",
    "catanh", "ccos", "ccosh", "cexp", "cimag", "clog", "conj", "cpow", "cproj", "creal", "csin", "csinh", "csqrt",
    "ctan", "ctanh"};

/// The other functions of C11's headers, and the macros that are used like
/// functions: a model's typed function of that name clashes where they are included.
constexpr StringLiteral kFunctions[] = {
    "abort", "abs", "aligned_alloc", "asctime", "assert", "at_quick_exit", "atexit", "atof", "atoi", "atol", "atoll",
    "bsearch", "btowc", "calloc", "clearerr", "clock", "ctime", "difftime", "div", "exit", "fclose", "feof", "ferror",
    "fflush", "fgetc", "fgetpos", "fgets", "fgetwc", "fgetws", "fopen", "fprintf", "fputc", "fputs", "fputwc",
    "fputws", "fread", "free", "freopen", "fscanf", "fseek", "fsetpos", "ftell", "fwide", "fwprintf", "fwrite",
    "fwscanf", "getc", "getchar", "getenv", "gets", "getwc", "getwchar", "gmtime", "isalnum", "isalpha", "isblank",
    "iscntrl", "isdigit", "isfinite", "isgraph", "isgreater", "isinf", "isless", "islower", "isnan", "isnormal",
    "isprint", "ispunct", "isspace", "isunordered", "isupper", "iswalnum", "iswalpha", "iswblank", "iswcntrl",
    "iswctype", "iswdigit", "iswgraph", "iswlower", "iswprint", "iswpunct", "iswspace", "iswupper", "iswxdigit",
    "isxdigit", "labs", "ldiv", "llabs", "lldiv", "localeconv", "localtime", "longjmp", "main", "malloc", "mblen",
    "mbrlen", "mbrtowc", "mbsinit", "mbsrtowcs", "mbstowcs", "mbtowc", "memchr", "memcmp", "memcpy", "memmove",
    "memset", "mktime", "offsetof", "perror", "printf", "putc", "putchar", "puts", "putwc", "putwchar", "qsort",
    "quick_exit", "raise", "rand", "realloc", "remove", "rename", "rewind", "scanf", "setbuf", "setlocale", "setvbuf",
    "signbit", "snprintf", "sprintf", "srand", "sscanf", "strcat", "strchr", "strcmp", "strcoll", "strcpy", "strcspn",
    "strerror", "strftime", "strlen", "strncat", "strncmp", "strncpy", "strpbrk", "strrchr", "strspn", "strstr",
    "strtod", "strtof", "strtok", "strtol", "strtold", "strtoll", "strtoul", "strtoull", "strxfrm", "swprintf",
    "swscanf", "system", "timespec_get", "tmpfile", "tmpnam", "tolower", "toupper", "towctrans", "towlower",
    "towupper", "ungetc", "ungetwc", "va_arg", "va_copy", "va_end", "va_start", "vfprintf", "vfscanf", "vfwprintf",
    "vfwscanf", "vprintf", "vscanf", "vsnprintf", "vsprintf", "vsscanf", "vswprintf", "vswscanf", "vwprintf",
    "vwscanf", "wcrtomb", "wcscat", "wcschr", "wcscmp", "wcscoll", "wcscpy", "wcscspn", "wcsftime", "wcslen",
    "wcsncat", "wcsncmp", "wcsncpy", "wcspbrk", "wcsrchr", "wcsrtombs", "wcsspn", "wcsstr", "wcstod", "wcstof",
    "wcstok", "wcstol", "wcstold", "wcstoll", "wcstombs", "wcstoul", "wcstoull", "wcsxfrm", "wctob", "wctomb",
    "wctrans", "wmemchr", "wmemcmp", "wmemcpy", "wmemmove", "wmemset", "wprintf", "wscanf"};

bool isFunction(StringRef name) {
  return is_contained(kFunctions, name) || is_contained(kMath, name) ||
         ((name.ends_with("f") || name.ends_with("l")) && is_contained(kMath, name.drop_back()));
}

} // namespace

ArrayRef<StringLiteral> languageKeywords() { return kKeywords; }

bool isReservedIdentifier(StringRef name) {
  return (name.size() > 1 && name[0] == '_' && (name[1] == '_' || (name[1] >= 'A' && name[1] <= 'Z'))) || isMacro(name);
}

StringRef reservedPrefix(StringRef name) {
  if (is_contained(kKeywords, name))
    return "a word of C or C++";
  if (name.starts_with("_"))
    return "a name that begins with an underscore, which C keeps for itself";
  if (isMacro(name))
    return "a macro of C";
  if (is_contained(kHeaders, name))
    return "a header of C";
  if (isFunction(name))
    return "a function of C";
  if (name == "onnxc" || name.starts_with("onnxc_"))
    return "a name of the runtime";
  return {};
}

} // namespace onnxc
