define ptx_kernel void @m_kernel_0() {
  call void asm sideeffect "bar.sync 0;", ""()
  ret void
}
