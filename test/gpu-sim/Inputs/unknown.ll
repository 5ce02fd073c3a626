declare void @llvm.nvvm.barrier.cluster.arrive()
define ptx_kernel void @m_kernel_0() {
  call void @llvm.nvvm.barrier.cluster.arrive()
  ret void
}
