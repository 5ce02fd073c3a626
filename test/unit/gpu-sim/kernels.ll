; Small kernels for the simulator's own tests, each right one with wrong ones
; beside it. Blocks are one-dimensional.
target triple = "nvptx64-nvidia-cuda"

declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.laneid()
declare void @llvm.nvvm.barrier.cta.sync.aligned.all(i32)
declare void @llvm.nvvm.barrier.cta.sync.aligned.count(i32, i32)
declare i32 @llvm.nvvm.barrier.cta.red.popc.aligned.all(i32, i1)
declare i1 @llvm.nvvm.barrier.cta.red.and.aligned.all(i32, i1)
declare i1 @llvm.nvvm.barrier.cta.red.or.aligned.all(i32, i1)
declare void @llvm.nvvm.bar.warp.sync(i32)
declare float @llvm.nvvm.shfl.sync.bfly.f32(i32, float, i32, i32)
declare i32 @llvm.nvvm.shfl.sync.bfly.i32(i32, i32, i32, i32)
declare {i32, i1} @llvm.nvvm.shfl.sync.up.i32p(i32, i32, i32, i32)
declare {i32, i1} @llvm.nvvm.shfl.sync.down.i32p(i32, i32, i32, i32)
declare {i32, i1} @llvm.nvvm.shfl.sync.idx.i32p(i32, i32, i32, i32)
declare i32 @llvm.nvvm.vote.ballot.sync(i32, i1)
declare i1 @llvm.nvvm.vote.all.sync(i32, i1)
declare i1 @llvm.nvvm.vote.any.sync(i32, i1)
declare i1 @llvm.nvvm.vote.uni.sync(i32, i1)
declare i32 @llvm.nvvm.redux.sync.add(i32, i32)
declare i32 @llvm.nvvm.redux.sync.max(i32, i32)
declare {i32, i32, i32, i32} @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16.p3(ptr addrspace(3))
declare {i32, i32} @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x2.trans.b16.p3(ptr addrspace(3))
declare {i32, i32} @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x2.b16.p3(ptr addrspace(3))
declare i32 @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x1.trans.b16.p3(ptr addrspace(3))
declare {float, float, float, float} @llvm.nvvm.mma.m16n8k16.row.col.f32.f32(<2 x half>, <2 x half>, <2 x half>, <2 x half>, <2 x half>, <2 x half>, float, float, float, float)
declare {<2 x half>, <2 x half>} @llvm.nvvm.mma.m16n8k16.row.col.f16.f16(<2 x half>, <2 x half>, <2 x half>, <2 x half>, <2 x half>, <2 x half>, <2 x half>, <2 x half>)
declare {float, float, float, float} @llvm.nvvm.mma.m16n8k8.row.col.f32.f32(<2 x half>, <2 x half>, <2 x half>, float, float, float, float)
declare void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3), ptr addrspace(1))
declare void @llvm.nvvm.cp.async.ca.shared.global.16.s(ptr addrspace(3), ptr addrspace(1), i32)
declare void @llvm.nvvm.cp.async.commit.group()
declare void @llvm.nvvm.cp.async.wait.group(i32)
declare void @llvm.nvvm.cp.async.wait.all()
declare float @llvm.fma.f32(float, float, float)

@tile = internal addrspace(3) global [256 x float] undef, align 16
@halves = internal addrspace(3) global [512 x half] undef, align 16
@bytes = internal addrspace(3) global [256 x i8] undef, align 16
@dynamic = external addrspace(3) global [0 x float], align 16
@table = internal addrspace(4) constant [4 x float] [float 1.0, float 2.0, float 4.0, float 8.0]

; out[i] = a[i] + b[i] for i < n
define ptx_kernel void @add(ptr addrspace(1) %a, ptr addrspace(1) %b, ptr addrspace(1) %out, i64 %n) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %ntid = call i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
  %block = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %start = mul i32 %block, %ntid
  %i32 = add i32 %start, %tid
  %i = zext i32 %i32 to i64
  %in = icmp ult i64 %i, %n
  br i1 %in, label %body, label %end
body:
  %pa = getelementptr float, ptr addrspace(1) %a, i64 %i
  %pb = getelementptr float, ptr addrspace(1) %b, i64 %i
  %po = getelementptr float, ptr addrspace(1) %out, i64 %i
  %x = load float, ptr addrspace(1) %pa
  %y = load float, ptr addrspace(1) %pb
  %z = fadd float %x, %y
  store float %z, ptr addrspace(1) %po
  br label %end
end:
  ret void
}

; out[tid] = in[tid * stride + offset], pointers without an address space
define ptx_kernel void @gather(ptr %in, ptr %out, i64 %stride, i64 %offset) {
  %tid32 = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %tid = zext i32 %tid32 to i64
  %m = mul i64 %tid, %stride
  %at = add i64 %m, %offset
  %p = getelementptr float, ptr %in, i64 %at
  %q = getelementptr float, ptr %out, i64 %tid
  %x = load float, ptr %p
  store float %x, ptr %q
  ret void
}

; Four floats at a time from in[offset]: needs a multiple of 16 bytes.
define ptx_kernel void @wide(ptr addrspace(1) %in, ptr addrspace(1) %out, i64 %offset) {
  %tid32 = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %tid = zext i32 %tid32 to i64
  %first = mul i64 %tid, 4
  %at = add i64 %first, %offset
  %p = getelementptr float, ptr addrspace(1) %in, i64 %at
  %q = getelementptr float, ptr addrspace(1) %out, i64 %first
  %x = load <4 x float>, ptr addrspace(1) %p, align 16
  store <4 x float> %x, ptr addrspace(1) %q, align 16
  ret void
}

; out[tid] = in[255 - tid] by way of shared memory, 256 threads
define ptx_kernel void @reverse(ptr addrspace(1) %in, ptr addrspace(1) %out) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %pi = getelementptr float, ptr addrspace(1) %in, i32 %tid
  %x = load float, ptr addrspace(1) %pi
  %ps = getelementptr float, ptr addrspace(3) @tile, i32 %tid
  store float %x, ptr addrspace(3) %ps
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %other = sub i32 255, %tid
  %pr = getelementptr float, ptr addrspace(3) @tile, i32 %other
  %y = load float, ptr addrspace(3) %pr
  %po = getelementptr float, ptr addrspace(1) %out, i32 %tid
  store float %y, ptr addrspace(1) %po
  ret void
}

define ptx_kernel void @reverse_without_barrier(ptr addrspace(1) %in, ptr addrspace(1) %out) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %pi = getelementptr float, ptr addrspace(1) %in, i32 %tid
  %x = load float, ptr addrspace(1) %pi
  %ps = getelementptr float, ptr addrspace(3) @tile, i32 %tid
  store float %x, ptr addrspace(3) %ps
  %other = sub i32 255, %tid
  %pr = getelementptr float, ptr addrspace(3) @tile, i32 %other
  %y = load float, ptr addrspace(3) %pr
  %po = getelementptr float, ptr addrspace(1) %out, i32 %tid
  store float %y, ptr addrspace(1) %po
  ret void
}

; The second round overwrites what slower threads may still read.
define ptx_kernel void @reverse_twice(ptr addrspace(1) %in, ptr addrspace(1) %out) {
entry:
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %other = sub i32 255, %tid
  %ps = getelementptr float, ptr addrspace(3) @tile, i32 %tid
  %pr = getelementptr float, ptr addrspace(3) @tile, i32 %other
  %pi = getelementptr float, ptr addrspace(1) %in, i32 %tid
  %po = getelementptr float, ptr addrspace(1) %out, i32 %tid
  %first = load float, ptr addrspace(1) %pi
  br label %loop
loop:
  %round = phi i32 [0, %entry], [%next, %loop]
  %x = phi float [%first, %entry], [%y, %loop]
  store float %x, ptr addrspace(3) %ps
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %y = load float, ptr addrspace(3) %pr
  %next = add i32 %round, 1
  %more = icmp ult i32 %next, 2
  br i1 %more, label %loop, label %end
end:
  store float %y, ptr addrspace(1) %po
  ret void
}

; tile[tid + offset] = 1: out of bounds at the end with offset 1
define ptx_kernel void @shared_store(i32 %offset) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %at = add i32 %tid, %offset
  %p = getelementptr float, ptr addrspace(3) @tile, i32 %at
  store float 1.0, ptr addrspace(3) %p
  ret void
}

define ptx_kernel void @shared_misaligned(i32 %offset) {
  %p = getelementptr i8, ptr addrspace(3) @tile, i32 %offset
  store <2 x float> zeroinitializer, ptr addrspace(3) %p, align 8
  ret void
}

; Sum over the block in dynamic shared memory, through a generic pointer.
define ptx_kernel void @dynamic_sum(ptr addrspace(1) %in, ptr addrspace(1) %out) {
entry:
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %ntid = call i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
  %base = addrspacecast ptr addrspace(3) @dynamic to ptr
  %pi = getelementptr float, ptr addrspace(1) %in, i32 %tid
  %x = load float, ptr addrspace(1) %pi
  %ps = getelementptr float, ptr %base, i32 %tid
  store float %x, ptr %ps
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %first = icmp eq i32 %tid, 0
  br i1 %first, label %loop, label %end
loop:
  %i = phi i32 [0, %entry], [%next, %loop]
  %sum = phi float [0.0, %entry], [%more, %loop]
  %p = getelementptr float, ptr %base, i32 %i
  %y = load float, ptr %p
  %more = fadd float %sum, %y
  %next = add i32 %i, 1
  %again = icmp ult i32 %next, %ntid
  br i1 %again, label %loop, label %store
store:
  store float %more, ptr addrspace(1) %out
  br label %end
end:
  ret void
}

define ptx_kernel void @divergent_barrier() {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %low = icmp ult i32 %tid, 40
  br i1 %low, label %wait, label %end
wait:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  br label %end
end:
  ret void
}

; Two barriers of one warp at the same time, of which each has half the threads.
define ptx_kernel void @two_barriers() {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %low = icmp ult i32 %tid, 16
  br i1 %low, label %a, label %b
a:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  br label %end
b:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  br label %end
end:
  ret void
}

define ptx_kernel void @part_barrier() {
  call void @llvm.nvvm.barrier.cta.sync.aligned.count(i32 1, i32 32)
  ret void
}

; out[tid] = popc + 1000 and + 2000 or of tid % 3 == 0
define ptx_kernel void @barrier_reductions(ptr addrspace(1) %out) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %rest = urem i32 %tid, 3
  %third = icmp eq i32 %rest, 0
  %n = call i32 @llvm.nvvm.barrier.cta.red.popc.aligned.all(i32 0, i1 %third)
  %all = call i1 @llvm.nvvm.barrier.cta.red.and.aligned.all(i32 0, i1 %third)
  %any = call i1 @llvm.nvvm.barrier.cta.red.or.aligned.all(i32 0, i1 %third)
  %a = select i1 %all, i32 1000, i32 0
  %b = select i1 %any, i32 2000, i32 0
  %x = add i32 %n, %a
  %y = add i32 %x, %b
  %p = getelementptr i32, ptr addrspace(1) %out, i32 %tid
  store i32 %y, ptr addrspace(1) %p
  ret void
}

; out[8 tid + k]: the shuffles of lane * lane
define ptx_kernel void @shuffles(ptr addrspace(1) %out) {
  %lane = call i32 @llvm.nvvm.read.ptx.sreg.laneid()
  %v = mul i32 %lane, %lane
  %up = call {i32, i1} @llvm.nvvm.shfl.sync.up.i32p(i32 -1, i32 %v, i32 3, i32 0)
  %down = call {i32, i1} @llvm.nvvm.shfl.sync.down.i32p(i32 -1, i32 %v, i32 3, i32 31)
  ; segments of 8: mask 24 in bits 8-12, clamp 31
  %idx = call {i32, i1} @llvm.nvvm.shfl.sync.idx.i32p(i32 -1, i32 %v, i32 5, i32 6175)
  %bfly = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 %v, i32 16, i32 31)
  %fv = sitofp i32 %v to float
  %fbfly = call float @llvm.nvvm.shfl.sync.bfly.f32(i32 -1, float %fv, i32 1, i32 31)
  %upv = extractvalue {i32, i1} %up, 0
  %upp = extractvalue {i32, i1} %up, 1
  %downv = extractvalue {i32, i1} %down, 0
  %downp = extractvalue {i32, i1} %down, 1
  %idxv = extractvalue {i32, i1} %idx, 0
  %uppi = zext i1 %upp to i32
  %downpi = zext i1 %downp to i32
  %fi = fptosi float %fbfly to i32
  %r0 = insertelement <8 x i32> zeroinitializer, i32 %upv, i32 0
  %r1 = insertelement <8 x i32> %r0, i32 %uppi, i32 1
  %r2 = insertelement <8 x i32> %r1, i32 %downv, i32 2
  %r3 = insertelement <8 x i32> %r2, i32 %downpi, i32 3
  %r4 = insertelement <8 x i32> %r3, i32 %idxv, i32 4
  %r5 = insertelement <8 x i32> %r4, i32 %bfly, i32 5
  %r6 = insertelement <8 x i32> %r5, i32 %fi, i32 6
  %p = getelementptr <8 x i32>, ptr addrspace(1) %out, i32 %lane
  store <8 x i32> %r6, ptr addrspace(1) %p, align 16
  ret void
}

; out[4 lane + k]: ballot of odd lanes, all + 2 any + 4 uni, sum, max
define ptx_kernel void @votes(ptr addrspace(1) %out) {
  %lane = call i32 @llvm.nvvm.read.ptx.sreg.laneid()
  %bit = and i32 %lane, 1
  %odd = icmp eq i32 %bit, 1
  %ballot = call i32 @llvm.nvvm.vote.ballot.sync(i32 -1, i1 %odd)
  %all = call i1 @llvm.nvvm.vote.all.sync(i32 -1, i1 %odd)
  %any = call i1 @llvm.nvvm.vote.any.sync(i32 -1, i1 %odd)
  %uni = call i1 @llvm.nvvm.vote.uni.sync(i32 -1, i1 true)
  %a = zext i1 %all to i32
  %b = select i1 %any, i32 2, i32 0
  %c = select i1 %uni, i32 4, i32 0
  %ab = add i32 %a, %b
  %abc = add i32 %ab, %c
  %sum = call i32 @llvm.nvvm.redux.sync.add(i32 %lane, i32 -1)
  %max = call i32 @llvm.nvvm.redux.sync.max(i32 %lane, i32 -1)
  %r0 = insertelement <4 x i32> zeroinitializer, i32 %ballot, i32 0
  %r1 = insertelement <4 x i32> %r0, i32 %abc, i32 1
  %r2 = insertelement <4 x i32> %r1, i32 %sum, i32 2
  %r3 = insertelement <4 x i32> %r2, i32 %max, i32 3
  %p = getelementptr <4 x i32>, ptr addrspace(1) %out, i32 %lane
  store <4 x i32> %r3, ptr addrspace(1) %p, align 16
  ret void
}

define ptx_kernel void @divergent_shuffle(ptr addrspace(1) %out) {
  %lane = call i32 @llvm.nvvm.read.ptx.sreg.laneid()
  %low = icmp ult i32 %lane, 16
  br i1 %low, label %a, label %b
a:
  %x = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 1, i32 1, i32 31)
  store i32 %x, ptr addrspace(1) %out
  br label %end
b:
  %y = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 2, i32 2, i32 31)
  store i32 %y, ptr addrspace(1) %out
  br label %end
end:
  ret void
}

define ptx_kernel void @lonely_shuffle(ptr addrspace(1) %out) {
  %lane = call i32 @llvm.nvvm.read.ptx.sreg.laneid()
  %low = icmp ult i32 %lane, 16
  br i1 %low, label %a, label %end
a:
  %x = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 1, i32 1, i32 31)
  store i32 %x, ptr addrspace(1) %out
  br label %end
end:
  ret void
}

; The half warps do different shuffles, each with a mask of its own.
define ptx_kernel void @half_warps(ptr addrspace(1) %out) {
  %lane = call i32 @llvm.nvvm.read.ptx.sreg.laneid()
  %p = getelementptr i32, ptr addrspace(1) %out, i32 %lane
  %low = icmp ult i32 %lane, 16
  br i1 %low, label %a, label %b
a:
  %x = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 65535, i32 %lane, i32 1, i32 31)
  store i32 %x, ptr addrspace(1) %p
  br label %end
b:
  %y = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -65536, i32 %lane, i32 2, i32 31)
  store i32 %y, ptr addrspace(1) %p
  br label %end
end:
  ret void
}

; Neighbours in a warp exchange bytes; sync: 1 orders them, 0 does not.
define ptx_kernel void @warp_exchange(ptr addrspace(1) %out, i32 %sync) {
  %lane = call i32 @llvm.nvvm.read.ptx.sreg.laneid()
  %v = trunc i32 %lane to i8
  %ps = getelementptr i8, ptr addrspace(3) @bytes, i32 %lane
  store i8 %v, ptr addrspace(3) %ps
  %ordered = icmp eq i32 %sync, 1
  br i1 %ordered, label %wait, label %read
wait:
  call void @llvm.nvvm.bar.warp.sync(i32 -1)
  br label %read
read:
  %other = xor i32 %lane, 1
  %pr = getelementptr i8, ptr addrspace(3) @bytes, i32 %other
  %x = load i8, ptr addrspace(3) %pr
  %po = getelementptr i8, ptr addrspace(1) %out, i32 %lane
  store i8 %x, ptr addrspace(1) %po
  ret void
}

; Bytes are written, words are read: with 32 threads, out[tid] is the word
; around byte tid. sync: 1 orders it; 0 does not, and only thread 31 reads, word 0.
define ptx_kernel void @bytes_and_words(ptr addrspace(1) %out, i32 %sync) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %v = trunc i32 %tid to i8
  %ps = getelementptr i8, ptr addrspace(3) @bytes, i32 %tid
  store i8 %v, ptr addrspace(3) %ps
  %ordered = icmp eq i32 %sync, 1
  br i1 %ordered, label %wait, label %last
wait:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  br label %read
last:
  %islast = icmp eq i32 %tid, 31
  br i1 %islast, label %read, label %end
read:
  %mask = mul i32 %sync, 28
  %first = and i32 %tid, %mask
  %pr = getelementptr i8, ptr addrspace(3) @bytes, i32 %first
  %x = load i32, ptr addrspace(3) %pr, align 4
  %po = getelementptr i32, ptr addrspace(1) %out, i32 %tid
  store i32 %x, ptr addrspace(1) %po
  br label %end
end:
  ret void
}

; Threads 0 and k read a word, then k writes it; sync: the warp waits between.
define ptx_kernel void @read_then_write(ptr addrspace(1) %out, i32 %k, i32 %sync) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %isk = icmp eq i32 %tid, %k
  %is0 = icmp eq i32 %tid, 0
  %reads = or i1 %isk, %is0
  br i1 %reads, label %read, label %meet
read:
  %x = load i32, ptr addrspace(3) @tile
  %po = getelementptr i32, ptr addrspace(1) %out, i32 %tid
  store i32 %x, ptr addrspace(1) %po
  br label %meet
meet:
  %ordered = icmp eq i32 %sync, 1
  br i1 %ordered, label %wait, label %go
wait:
  call void @llvm.nvvm.bar.warp.sync(i32 -1)
  br label %go
go:
  br i1 %isk, label %write, label %end
write:
  store i32 1, ptr addrspace(3) @tile
  br label %end
end:
  ret void
}

; out[tid] = tid + 1000 tid, one from static and one from dynamic memory
define ptx_kernel void @static_and_dynamic(ptr addrspace(1) %out) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %ps = getelementptr i32, ptr addrspace(3) @tile, i32 %tid
  %pd = getelementptr i32, ptr addrspace(3) @dynamic, i32 %tid
  store i32 %tid, ptr addrspace(3) %ps
  %k = mul i32 %tid, 1000
  store i32 %k, ptr addrspace(3) %pd
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %a = load i32, ptr addrspace(3) %ps
  %b = load i32, ptr addrspace(3) %pd
  %c = add i32 %a, %b
  %po = getelementptr i32, ptr addrspace(1) %out, i32 %tid
  store i32 %c, ptr addrspace(1) %po
  ret void
}

; Adds 1 to out[0] and to a counter in shared memory, which goes to out[1].
define ptx_kernel void @atomics(ptr addrspace(1) %out) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %first = icmp eq i32 %tid, 0
  br i1 %first, label %clear, label %go
clear:
  store i32 0, ptr addrspace(3) @tile
  br label %go
go:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %a = atomicrmw add ptr addrspace(1) %out, i32 1 monotonic
  %b = atomicrmw add ptr addrspace(3) @tile, i32 1 monotonic
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  br i1 %first, label %store, label %end
store:
  %n = load i32, ptr addrspace(3) @tile
  %p = getelementptr i32, ptr addrspace(1) %out, i32 1
  store i32 %n, ptr addrspace(1) %p
  br label %end
end:
  ret void
}

; out = table[tid % 4] * in[tid] + 1, by a multiply-add
define ptx_kernel void @lookup(ptr addrspace(1) %in, ptr addrspace(1) %out) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %rest = and i32 %tid, 3
  %pt = getelementptr float, ptr addrspace(4) @table, i32 %rest
  %t = load float, ptr addrspace(4) %pt
  %pi = getelementptr float, ptr addrspace(1) %in, i32 %tid
  %x = load float, ptr addrspace(1) %pi
  %y = call float @llvm.fma.f32(float %t, float %x, float 1.0)
  %po = getelementptr float, ptr addrspace(1) %out, i32 %tid
  store float %y, ptr addrspace(1) %po
  ret void
}

; One warp: A 16 x 16 in row order and B 16 x 8 in row order by ldmatrix, the
; product in float to d, and rounded to halves to h.
define ptx_kernel void @multiply(ptr addrspace(1) %a, ptr addrspace(1) %b, ptr addrspace(1) %d, ptr addrspace(1) %h, ptr addrspace(1) %d8) {
  %lane = call i32 @llvm.nvvm.read.ptx.sreg.laneid()
  ; 8 halves of A and 4 of B a thread; B begins at half 256
  %a0 = mul i32 %lane, 8
  %pa = getelementptr half, ptr addrspace(1) %a, i32 %a0
  %va = load <8 x half>, ptr addrspace(1) %pa, align 16
  %sa = getelementptr half, ptr addrspace(3) @halves, i32 %a0
  store <8 x half> %va, ptr addrspace(3) %sa, align 16
  %b0 = mul i32 %lane, 4
  %pb = getelementptr half, ptr addrspace(1) %b, i32 %b0
  %vb = load <4 x half>, ptr addrspace(1) %pb, align 8
  %b1 = add i32 %b0, 256
  %sb = getelementptr half, ptr addrspace(3) @halves, i32 %b1
  store <4 x half> %vb, ptr addrspace(3) %sb, align 8
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  ; lane l gives row l mod 16, column 8 (l / 16)
  %row = and i32 %lane, 15
  %right = lshr i32 %lane, 4
  %rowat = mul i32 %row, 16
  %colat = mul i32 %right, 8
  %aat = add i32 %rowat, %colat
  %la = getelementptr half, ptr addrspace(3) @halves, i32 %aat
  %ra = call {i32, i32, i32, i32} @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16.p3(ptr addrspace(3) %la)
  %bat = mul i32 %row, 8
  %bat1 = add i32 %bat, 256
  %lb = getelementptr half, ptr addrspace(3) @halves, i32 %bat1
  %rb = call {i32, i32} @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x2.trans.b16.p3(ptr addrspace(3) %lb)
  %i0 = extractvalue {i32, i32, i32, i32} %ra, 0
  %i1 = extractvalue {i32, i32, i32, i32} %ra, 1
  %i2 = extractvalue {i32, i32, i32, i32} %ra, 2
  %i3 = extractvalue {i32, i32, i32, i32} %ra, 3
  %j0 = extractvalue {i32, i32} %rb, 0
  %j1 = extractvalue {i32, i32} %rb, 1
  %x0 = bitcast i32 %i0 to <2 x half>
  %x1 = bitcast i32 %i1 to <2 x half>
  %x2 = bitcast i32 %i2 to <2 x half>
  %x3 = bitcast i32 %i3 to <2 x half>
  %y0 = bitcast i32 %j0 to <2 x half>
  %y1 = bitcast i32 %j1 to <2 x half>
  %r = call {float, float, float, float} @llvm.nvvm.mma.m16n8k16.row.col.f32.f32(<2 x half> %x0, <2 x half> %x1, <2 x half> %x2, <2 x half> %x3, <2 x half> %y0, <2 x half> %y1, float 1.0, float 1.0, float 1.0, float 1.0)
  %s = call {<2 x half>, <2 x half>} @llvm.nvvm.mma.m16n8k16.row.col.f16.f16(<2 x half> %x0, <2 x half> %x1, <2 x half> %x2, <2 x half> %x3, <2 x half> %y0, <2 x half> %y1, <2 x half> zeroinitializer, <2 x half> zeroinitializer)
  ; the sum over the first eight only: A's left half, B's upper half
  %r8 = call {float, float, float, float} @llvm.nvvm.mma.m16n8k8.row.col.f32.f32(<2 x half> %x0, <2 x half> %x1, <2 x half> %y0, float 0.0, float 0.0, float 0.0, float 0.0)
  ; row lane / 4 and 8 below, columns 2 (lane mod 4) and the next
  %g = lshr i32 %lane, 2
  %t = and i32 %lane, 3
  %c = mul i32 %t, 2
  %g8 = mul i32 %g, 8
  %o0 = add i32 %g8, %c
  %o1 = add i32 %o0, 64
  %d0 = extractvalue {float, float, float, float} %r, 0
  %d1 = extractvalue {float, float, float, float} %r, 1
  %d2 = extractvalue {float, float, float, float} %r, 2
  %d3 = extractvalue {float, float, float, float} %r, 3
  %u0 = insertelement <2 x float> zeroinitializer, float %d0, i32 0
  %u1 = insertelement <2 x float> %u0, float %d1, i32 1
  %w0 = insertelement <2 x float> zeroinitializer, float %d2, i32 0
  %w1 = insertelement <2 x float> %w0, float %d3, i32 1
  %q0 = getelementptr float, ptr addrspace(1) %d, i32 %o0
  %q1 = getelementptr float, ptr addrspace(1) %d, i32 %o1
  store <2 x float> %u1, ptr addrspace(1) %q0, align 8
  store <2 x float> %w1, ptr addrspace(1) %q1, align 8
  %e0 = extractvalue {float, float, float, float} %r8, 0
  %e1 = extractvalue {float, float, float, float} %r8, 1
  %e2 = extractvalue {float, float, float, float} %r8, 2
  %e3 = extractvalue {float, float, float, float} %r8, 3
  %f0 = insertelement <2 x float> zeroinitializer, float %e0, i32 0
  %f1 = insertelement <2 x float> %f0, float %e1, i32 1
  %f2 = insertelement <2 x float> zeroinitializer, float %e2, i32 0
  %f3 = insertelement <2 x float> %f2, float %e3, i32 1
  %q2 = getelementptr float, ptr addrspace(1) %d8, i32 %o0
  %q3 = getelementptr float, ptr addrspace(1) %d8, i32 %o1
  store <2 x float> %f1, ptr addrspace(1) %q2, align 8
  store <2 x float> %f3, ptr addrspace(1) %q3, align 8
  %s0 = extractvalue {<2 x half>, <2 x half>} %s, 0
  %s1 = extractvalue {<2 x half>, <2 x half>} %s, 1
  %q4 = getelementptr half, ptr addrspace(1) %h, i32 %o0
  %q5 = getelementptr half, ptr addrspace(1) %h, i32 %o1
  store <2 x half> %s0, ptr addrspace(1) %q4, align 4
  store <2 x half> %s1, ptr addrspace(1) %q5, align 4
  ret void
}

; out[4 lane + k]: what a thread gets of matrices whose element (r, c) of
; matrix m is 64 m + 8 r + c: x2 (two words), x1 transposed
define ptx_kernel void @matrices(ptr addrspace(1) %out) {
entry:
  %lane = call i32 @llvm.nvvm.read.ptx.sreg.laneid()
  %first = mul i32 %lane, 4
  br label %fill
fill:
  %i = phi i32 [0, %entry], [%next, %fill]
  %at = add i32 %first, %i
  %v = trunc i32 %at to i16
  %p = getelementptr i16, ptr addrspace(3) @halves, i32 %at
  store i16 %v, ptr addrspace(3) %p
  %next = add i32 %i, 1
  %more = icmp ult i32 %next, 4
  br i1 %more, label %fill, label %go
go:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %row = and i32 %lane, 15
  %rowat = mul i32 %row, 8
  %pr = getelementptr i16, ptr addrspace(3) @halves, i32 %rowat
  %two = call {i32, i32} @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x2.b16.p3(ptr addrspace(3) %pr)
  %one = call i32 @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x1.trans.b16.p3(ptr addrspace(3) %pr)
  %a = extractvalue {i32, i32} %two, 0
  %b = extractvalue {i32, i32} %two, 1
  %r0 = insertelement <4 x i32> zeroinitializer, i32 %a, i32 0
  %r1 = insertelement <4 x i32> %r0, i32 %b, i32 1
  %r2 = insertelement <4 x i32> %r1, i32 %one, i32 2
  %po = getelementptr <4 x i32>, ptr addrspace(1) %out, i32 %lane
  store <4 x i32> %r2, ptr addrspace(1) %po, align 16
  ret void
}

; out = in by cp.async in two stages of 128 floats, 32 threads of 16 bytes:
; the first is used while the second is on its way. wait: how many groups may
; be left when the first is used (1 is right).
define ptx_kernel void @async_stages(ptr addrspace(1) %in, ptr addrspace(1) %out, i32 %wait) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %e = mul i32 %tid, 4
  %e2 = add i32 %e, 128
  %s0 = getelementptr float, ptr addrspace(3) @tile, i32 %e
  %s1 = getelementptr float, ptr addrspace(3) @tile, i32 %e2
  %g0 = getelementptr float, ptr addrspace(1) %in, i32 %e
  %g1 = getelementptr float, ptr addrspace(1) %in, i32 %e2
  %o0 = getelementptr float, ptr addrspace(1) %out, i32 %e
  %o1 = getelementptr float, ptr addrspace(1) %out, i32 %e2
  call void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3) %s0, ptr addrspace(1) %g0)
  call void @llvm.nvvm.cp.async.commit.group()
  call void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3) %s1, ptr addrspace(1) %g1)
  call void @llvm.nvvm.cp.async.commit.group()
  %right = icmp eq i32 %wait, 1
  br i1 %right, label %one, label %two
one:
  call void @llvm.nvvm.cp.async.wait.group(i32 1)
  br label %use
two:
  call void @llvm.nvvm.cp.async.wait.group(i32 2)
  br label %use
use:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  ; the neighbour's piece, so that the barrier is needed as well
  %n = xor i32 %e, 4
  %sn = getelementptr float, ptr addrspace(3) @tile, i32 %n
  %on = getelementptr float, ptr addrspace(1) %out, i32 %n
  %x = load <4 x float>, ptr addrspace(3) %sn, align 16
  store <4 x float> %x, ptr addrspace(1) %on, align 16
  call void @llvm.nvvm.cp.async.wait.group(i32 0)
  %y = load <4 x float>, ptr addrspace(3) %s1, align 16
  store <4 x float> %y, ptr addrspace(1) %o1, align 16
  ret void
}

; The neighbour's piece without a barrier between the wait and the use.
define ptx_kernel void @async_without_barrier(ptr addrspace(1) %in, ptr addrspace(1) %out) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %e = mul i32 %tid, 4
  %s0 = getelementptr float, ptr addrspace(3) @tile, i32 %e
  %g0 = getelementptr float, ptr addrspace(1) %in, i32 %e
  call void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3) %s0, ptr addrspace(1) %g0)
  call void @llvm.nvvm.cp.async.wait.all()
  %n = xor i32 %e, 4
  %sn = getelementptr float, ptr addrspace(3) @tile, i32 %n
  %on = getelementptr float, ptr addrspace(1) %out, i32 %n
  %x = load <4 x float>, ptr addrspace(3) %sn, align 16
  store <4 x float> %x, ptr addrspace(1) %on, align 16
  ret void
}

; 8 of 16 bytes come from memory, the rest is zero.
define ptx_kernel void @async_short(ptr addrspace(1) %in, ptr addrspace(1) %out) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %e = mul i32 %tid, 4
  %s0 = getelementptr float, ptr addrspace(3) @tile, i32 %e
  %g0 = getelementptr float, ptr addrspace(1) %in, i32 %e
  %o0 = getelementptr float, ptr addrspace(1) %out, i32 %e
  call void @llvm.nvvm.cp.async.ca.shared.global.16.s(ptr addrspace(3) %s0, ptr addrspace(1) %g0, i32 8)
  call void @llvm.nvvm.cp.async.wait.all()
  %x = load <4 x float>, ptr addrspace(3) %s0, align 16
  store <4 x float> %x, ptr addrspace(1) %o0, align 16
  ret void
}

; 2 n accesses a thread, one global and one shared by turns: for its speed.
define ptx_kernel void @busy(ptr addrspace(1) %in, ptr addrspace(1) %out, i64 %n) {
entry:
  %tid32 = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %tid = zext i32 %tid32 to i64
  %ps = getelementptr float, ptr addrspace(3) @tile, i64 %tid
  store float 1.0, ptr addrspace(3) %ps
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
  %sum = phi float [0.0, %entry], [%more, %loop]
  %line = mul i64 %i, 64
  %at = add i64 %line, %tid
  %p = getelementptr float, ptr addrspace(1) %in, i64 %at
  %x = load float, ptr addrspace(1) %p
  %k = and i64 %i, 63
  %pk = getelementptr float, ptr addrspace(3) @tile, i64 %k
  %y = load float, ptr addrspace(3) %pk
  %more = call float @llvm.fma.f32(float %x, float %y, float %sum)
  %next = add i64 %i, 1
  %again = icmp ult i64 %next, %n
  br i1 %again, label %loop, label %end
end:
  %po = getelementptr float, ptr addrspace(1) %out, i64 %tid
  store float %more, ptr addrspace(1) %po
  ret void
}

define ptx_kernel void @limited() #0 {
  ret void
}
attributes #0 = { "nvvm.maxntid"="64" }
