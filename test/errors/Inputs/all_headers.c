/* The header of a model among all of C's (those without tgmath.h, which C++ lacks). */
#include <assert.h>
#ifndef __cplusplus
#include <complex.h>
#include <stdatomic.h>
#include <stdnoreturn.h>
#include <threads.h>
#endif
#include <ctype.h>
#include <errno.h>
#include <fenv.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "m.h"
