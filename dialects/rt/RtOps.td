//===- RtOps.td - what a run does beside computing --------------*- C++ -*-===//
#ifndef ONNXC_DIALECTS_RT_RTOPS_TD
#define ONNXC_DIALECTS_RT_RTOPS_TD

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Rt_Dialect : Dialect {
  let name = "rt";
  let cppNamespace = "::onnxc::rt";
  let summary = "what a run does beside computing";
}

// No memory that tensors live in: ops on these may move past a check as long
// as the check does not move.
def Rt_RunStatus : Resource<"::onnxc::rt::RunStatus">;

def Rt_CheckOp : Op<Rt_Dialect, "check", [MemoryEffects<[MemWrite<Rt_RunStatus>]>]> {
  let summary = "ends the run unless a condition holds";
  let description = [{
    Goes on when `ok` holds; otherwise the run returns `status` (an
    onnxc_status), and its error record says `text`, in which the characters
    1 and 2 stand for the numbers `got` and `wanted`. `node` is the name of the
    node at fault. It stands before the memory accesses that rely on it.

    ```mlir
    rt.check %ok, got %n, wanted %m, 2, "add", "node 'add' (Add): dim 0 of input 'b': got \01, wanted \02"
    ```
  }];
  let arguments = (ins I1:$ok, I64:$got, I64:$wanted, I32Attr:$status, StrAttr:$node, StrAttr:$text);
  let assemblyFormat = "$ok `,` `got` $got `,` `wanted` $wanted `,` $status `,` $node `,` $text attr-dict";
  let hasCanonicalizeMethod = 1;
}

#endif // ONNXC_DIALECTS_RT_RTOPS_TD
