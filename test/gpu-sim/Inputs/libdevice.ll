declare float @__nv_expf(float)
define ptx_kernel void @m_kernel_0(ptr addrspace(1) %p) {
  %x = call float @__nv_expf(float 1.0)
  store float %x, ptr addrspace(1) %p
  ret void
}
