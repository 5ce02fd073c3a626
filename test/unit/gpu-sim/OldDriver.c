/* A libcuda.so.1 of long ago. */
int cuInit(unsigned flags);
int cuInit(unsigned flags) { return (int)flags; }
