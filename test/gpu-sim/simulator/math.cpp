// Functions that the device has as one instruction and the host's libm has not.
#include <cmath>

#pragma GCC visibility push(default)
extern "C" {
float gpusim_rcpf(float x) { return 1.0f / x; }
float gpusim_rsqrtf(float x) { return 1.0f / std::sqrt(x); }
float gpusim_divf(float x, float y) { return x / y; }
}
#pragma GCC visibility pop
