// Helpers of the entry points, as text of LLVM IR; WORD stands for the integer
// type of size_t and addresses. The linker takes a definition that nothing
// refers to yet only when it is external; everything becomes internal at the end.
#include "codegen/llvm/EntrySupport.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/Module.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/SourceMgr.h"

using namespace llvm;

namespace onnxc {

// %ctx is onnxc_context, %tensor onnxc_tensor, %info onnxc_tensor_info (runtime-lite/include/onnxc.h).
// struct frame { ctx*, list*, outputs*, i32 status, state*, weights* }
static const char *kTypes = R"(
%ctx = type { i32, ptr, ptr, ptr, i32, i32, ptr, ptr, ptr, ptr, [256 x i8] }
%tensor = type { ptr, WORD, i32, i32, [8 x i64] }
%info = type { ptr, i32, i32, [8 x i64], i64 }
%frame = type { ptr, ptr, ptr, i32, ptr, ptr }
)";

// The error record. Texts hold numbers and names as characters below 5: 1 got,
// 2 wanted, 3 a name, 4 a dim. Numbers are written by subtraction: a division
// of 64 bits is a library call on small cores.
static const char *kRecord = R"(
@onnxc.powers = private constant [19 x i64] [
  i64 1000000000000000000, i64 100000000000000000, i64 10000000000000000, i64 1000000000000000,
  i64 100000000000000, i64 10000000000000, i64 1000000000000, i64 100000000000, i64 10000000000, i64 1000000000,
  i64 100000000, i64 10000000, i64 1000000, i64 100000, i64 10000, i64 1000, i64 100, i64 10, i64 1]

; One character more in %s, { at, end }.
define void @onnxc.put(ptr %s, i8 %c) noinline cold {
  %at = load ptr, ptr %s
  %endp = getelementptr ptr, ptr %s, i32 1
  %end = load ptr, ptr %endp
  %room = icmp ult ptr %at, %end
  br i1 %room, label %write, label %done
write:
  store i8 %c, ptr %at
  %next = getelementptr i8, ptr %at, i32 1
  store ptr %next, ptr %s
  br label %done
done:
  ret void
}

define void @onnxc.put_number(ptr %s, i64 %n) noinline cold {
entry:
  %negative = icmp slt i64 %n, 0
  br i1 %negative, label %minus, label %start
minus:
  call void @onnxc.put(ptr %s, i8 45)
  %abs = sub i64 0, %n
  br label %start
start:
  %m = phi i64 [ %n, %entry ], [ %abs, %minus ]
  br label %digit
digit:
  %k = phi i32 [ 0, %start ], [ %k1, %next ]
  %rest = phi i64 [ %m, %start ], [ %r, %next ]
  %begun = phi i1 [ false, %start ], [ %b1, %next ]
  %pp = getelementptr [19 x i64], ptr @onnxc.powers, i32 0, i32 %k
  %p = load i64, ptr %pp
  br label %count
count:
  %r = phi i64 [ %rest, %digit ], [ %less, %again ]
  %d = phi i8 [ 48, %digit ], [ %d1, %again ]
  %fits = icmp uge i64 %r, %p
  br i1 %fits, label %again, label %counted
again:
  %less = sub i64 %r, %p
  %d1 = add i8 %d, 1
  br label %count
counted:
  %last = icmp eq i32 %k, 18
  %nonzero = icmp ne i8 %d, 48
  %b0 = or i1 %begun, %nonzero
  %b1 = or i1 %b0, %last
  br i1 %b1, label %write, label %next
write:
  call void @onnxc.put(ptr %s, i8 %d)
  br label %next
next:
  %k1 = add i32 %k, 1
  br i1 %last, label %done, label %digit
done:
  ret void
}

; Writes the error record of %ctx, which may be null, and hands the line to its log. Returns %status.
define i32 @onnxc.refuse(ptr %ctx, i32 %status, i32 %node, ptr %text, ptr %name, i64 %dim, i64 %got, i64 %wanted) noinline cold {
entry:
  %s = alloca [2 x ptr]
  %none = icmp eq ptr %ctx, null
  br i1 %none, label %done, label %start
start:
  %codep = getelementptr %ctx, ptr %ctx, i32 0, i32 4
  store i32 %status, ptr %codep
  %nodep = getelementptr %ctx, ptr %ctx, i32 0, i32 5
  store i32 %node, ptr %nodep
  %line = getelementptr %ctx, ptr %ctx, i32 0, i32 10
  %messagep = getelementptr %ctx, ptr %ctx, i32 0, i32 6
  store ptr %line, ptr %messagep
  store ptr %line, ptr %s
  %end = getelementptr i8, ptr %line, i32 255
  %endp = getelementptr ptr, ptr %s, i32 1
  store ptr %end, ptr %endp
  br label %loop
loop:
  %p = phi ptr [ %text, %start ], [ %more, %on ]
  %c = load i8, ptr %p
  switch i8 %c, label %plain [
    i8 0, label %close
    i8 1, label %number
    i8 2, label %number
    i8 3, label %names
    i8 4, label %number
  ]
plain:
  call void @onnxc.put(ptr %s, i8 %c)
  br label %on
number:
  %isgot = icmp eq i8 %c, 1
  %isdim = icmp eq i8 %c, 4
  %n0 = select i1 %isgot, i64 %got, i64 %wanted
  %n = select i1 %isdim, i64 %dim, i64 %n0
  call void @onnxc.put_number(ptr %s, i64 %n)
  br label %on
names:
  %q = phi ptr [ %name, %loop ], [ %q1, %letter ]
  %l = load i8, ptr %q
  %over = icmp eq i8 %l, 0
  br i1 %over, label %on, label %letter
letter:
  call void @onnxc.put(ptr %s, i8 %l)
  %q1 = getelementptr i8, ptr %q, i32 1
  br label %names
on:
  %more = getelementptr i8, ptr %p, i32 1
  br label %loop
close:
  %last = load ptr, ptr %s
  store i8 0, ptr %last
  %logp = getelementptr %ctx, ptr %ctx, i32 0, i32 8
  %log = load ptr, ptr %logp
  %nolog = icmp eq ptr %log, null
  br i1 %nolog, label %done, label %tell
tell:
  %userp = getelementptr %ctx, ptr %ctx, i32 0, i32 1
  %user = load ptr, ptr %userp
  call void %log(ptr %user, ptr %line)
  br label %done
done:
  ret i32 %status
}

; Type, rank, dims and data of an input against what the model says of it: a status.
define i32 @onnxc.check_input(ptr %ctx, ptr %t, ptr %i) noinline {
entry:
  %name = load ptr, ptr %i
  %typep = getelementptr %tensor, ptr %t, i32 0, i32 2
  %type = load i32, ptr %typep
  %itypep = getelementptr %info, ptr %i, i32 0, i32 1
  %itype = load i32, ptr %itypep
  %rankp = getelementptr %tensor, ptr %t, i32 0, i32 3
  %rank = load i32, ptr %rankp
  %irankp = getelementptr %info, ptr %i, i32 0, i32 2
  %irank = load i32, ptr %irankp
  %sametype = icmp eq i32 %type, %itype
  br i1 %sametype, label %ranks, label %fail
ranks:
  %samerank = icmp eq i32 %rank, %irank
  br i1 %samerank, label %dim, label %fail
dim:
  %d = phi i32 [ 0, %ranks ], [ %d1, %next ]
  %empty = phi i1 [ false, %ranks ], [ %empty1, %next ]
  %all = icmp eq i32 %d, %rank
  br i1 %all, label %data, label %one
one:
  %havep = getelementptr %tensor, ptr %t, i32 0, i32 4, i32 %d
  %have = load i64, ptr %havep
  %wantp = getelementptr %info, ptr %i, i32 0, i32 3, i32 %d
  %want = load i64, ptr %wantp
  %zero = icmp eq i64 %have, 0
  %empty1 = or i1 %empty, %zero
  %static = icmp sge i64 %want, 0
  %same = icmp eq i64 %have, %want
  %fits = icmp ule i64 %have, MOST
  %good = select i1 %static, i1 %same, i1 %fits
  br i1 %good, label %next, label %baddim
next:
  %d1 = add i32 %d, 1
  br label %dim
baddim:
  %dimtext = select i1 %static, ptr @onnxc.text.dim, ptr @onnxc.text.range
  %limit = select i1 %static, i64 %want, i64 MOST
  %wide = zext i32 %d to i64
  br label %refuse
data:
  %p = load ptr, ptr %t
  %given = icmp ne ptr %p, null
  %placep = getelementptr %info, ptr %i, i32 0, i32 4
  %place = load i64, ptr %placep
  %arena = icmp sge i64 %place, 0
  %fine0 = or i1 %given, %empty
  %fine = or i1 %fine0, %arena
  br i1 %fine, label %ok, label %nodata
ok:
  ret i32 0
nodata:
  br label %refuse
fail:
  %status = phi i32 [ 3, %entry ], [ 2, %ranks ]
  %text = phi ptr [ @onnxc.text.type, %entry ], [ @onnxc.text.rank, %ranks ]
  %g32 = phi i32 [ %type, %entry ], [ %rank, %ranks ]
  %w32 = phi i32 [ %itype, %entry ], [ %irank, %ranks ]
  %g = sext i32 %g32 to i64
  %w = sext i32 %w32 to i64
  br label %refuse
refuse:
  %fstatus = phi i32 [ %status, %fail ], [ 2, %baddim ], [ 1, %nodata ]
  %ftext = phi ptr [ %text, %fail ], [ %dimtext, %baddim ], [ @onnxc.text.data, %nodata ]
  %fdim = phi i64 [ 0, %fail ], [ %wide, %baddim ], [ 0, %nodata ]
  %fgot = phi i64 [ %g, %fail ], [ %have, %baddim ], [ 0, %nodata ]
  %fwanted = phi i64 [ %w, %fail ], [ %limit, %baddim ], [ 0, %nodata ]
  %r = tail call i32 @onnxc.refuse(ptr %ctx, i32 %fstatus, i32 -1, ptr %ftext, ptr %name, i64 %fdim, i64 %fgot, i64 %fwanted)
  ret i32 %r
}
)";

// Of models with run-time sizes. Blocks of the allocator carry a header
// { prev*, next* } (64 bytes, to keep alignment).
static const char *kMemory = R"(
; An input of run-time dims may not have more bytes than there is memory for, its empty dims taken for 1: products of its
; dims do not overflow. Nor more than the caller says that it has, if it says so.
define i32 @onnxc.check_size(ptr %ctx, ptr %t, ptr %i, i64 %element) noinline {
entry:
  %rankp = getelementptr %tensor, ptr %t, i32 0, i32 3
  %rank = load i32, ptr %rankp
  br label %dim
dim:
  %d = phi i32 [ 0, %entry ], [ %d1, %next ]
  %bytes = phi i64 [ %element, %entry ], [ %product, %next ]
  %needed = phi i64 [ %element, %entry ], [ %more, %next ]
  %all = icmp eq i32 %d, %rank
  br i1 %all, label %given, label %one
one:
  %havep = getelementptr %tensor, ptr %t, i32 0, i32 4, i32 %d
  %have = load i64, ptr %havep
  %factor = call i64 @llvm.umax.i64(i64 %have, i64 1)
  %pair = call { i64, i1 } @llvm.umul.with.overflow.i64(i64 %bytes, i64 %factor)
  %product = extractvalue { i64, i1 } %pair, 0
  %over = extractvalue { i64, i1 } %pair, 1
  %large = icmp ugt i64 %product, BYTES
  %bad = or i1 %over, %large
  %more = mul i64 %needed, %have
  br i1 %bad, label %fail, label %next
next:
  %d1 = add i32 %d, 1
  br label %dim
given:
  %hasp = getelementptr %tensor, ptr %t, i32 0, i32 1
  %has = load WORD, ptr %hasp
  %hasq = inttoptr WORD %has to ptr ; a zext where WORD is shorter
  %wide = ptrtoint ptr %hasq to i64
  %says = icmp ne i64 %wide, 0
  %less = icmp ult i64 %wide, %needed
  %short = and i1 %says, %less
  br i1 %short, label %fail, label %ok
ok:
  ret i32 0
fail:
  %text = phi ptr [ @onnxc.text.size, %one ], [ @onnxc.text.short, %given ]
  %got = phi i64 [ 0, %one ], [ %wide, %given ]
  %wanted = phi i64 [ BYTES, %one ], [ %needed, %given ]
  %name = load ptr, ptr %i
  %r = tail call i32 @onnxc.refuse(ptr %ctx, i32 2, i32 -1, ptr %text, ptr %name, i64 0, i64 %got, i64 %wanted)
  ret i32 %r
}

define WORD @onnxc.alloc(WORD %f, WORD %bytes) noinline {
  %frame = inttoptr WORD %f to ptr
  %ctx = load ptr, ptr %frame
  %none = icmp eq ptr %ctx, null
  br i1 %none, label %fail, label %try
try:
  %fnp = getelementptr %ctx, ptr %ctx, i32 0, i32 2
  %fn = load ptr, ptr %fnp
  %nofn = icmp eq ptr %fn, null
  %neg = icmp slt WORD %bytes, 0
  %bad = or i1 %nofn, %neg
  br i1 %bad, label %fail, label %call
call:
  %userp = getelementptr %ctx, ptr %ctx, i32 0, i32 1
  %user = load ptr, ptr %userp
  %total = add WORD %bytes, 64
  %p = call ptr %fn(ptr %user, WORD %total, WORD 64)
  %null = icmp eq ptr %p, null
  br i1 %null, label %fail, label %ok
ok:
  %headp = getelementptr %frame, ptr %frame, i32 0, i32 1
  %head = load ptr, ptr %headp
  store ptr null, ptr %p
  %nextp = getelementptr ptr, ptr %p, WORD 1
  store ptr %head, ptr %nextp
  %hashead = icmp ne ptr %head, null
  br i1 %hashead, label %link, label %done
link:
  store ptr %p, ptr %head
  br label %done
done:
  store ptr %p, ptr %headp
  %data = getelementptr i8, ptr %p, WORD 64
  %r = ptrtoint ptr %data to WORD
  ret WORD %r
fail:
  ret WORD 0
}

define void @onnxc.free(WORD %f, WORD %address) noinline {
  %frame = inttoptr WORD %f to ptr
  %data = inttoptr WORD %address to ptr
  %p = getelementptr i8, ptr %data, WORD -64
  %prev = load ptr, ptr %p
  %nextp = getelementptr ptr, ptr %p, WORD 1
  %next = load ptr, ptr %nextp
  %isfirst = icmp eq ptr %prev, null
  %headp = getelementptr %frame, ptr %frame, i32 0, i32 1
  %prevnext = getelementptr ptr, ptr %prev, WORD 1
  %slot = select i1 %isfirst, ptr %headp, ptr %prevnext
  store ptr %next, ptr %slot
  %hasnext = icmp ne ptr %next, null
  br i1 %hasnext, label %back, label %release
back:
  store ptr %prev, ptr %next
  br label %release
release:
  %ctx = load ptr, ptr %frame
  %fnp = getelementptr %ctx, ptr %ctx, i32 0, i32 3
  %fn = load ptr, ptr %fnp
  %nofn = icmp eq ptr %fn, null
  br i1 %nofn, label %done, label %call
call:
  %userp = getelementptr %ctx, ptr %ctx, i32 0, i32 1
  %user = load ptr, ptr %userp
  call void %fn(ptr %user, ptr %p)
  br label %done
done:
  ret void
}

define void @onnxc.release_all(WORD %f) noinline {
  %frame = inttoptr WORD %f to ptr
  %headp = getelementptr %frame, ptr %frame, i32 0, i32 1
  br label %loop
loop:
  %head = load ptr, ptr %headp
  %empty = icmp eq ptr %head, null
  br i1 %empty, label %done, label %one
one:
  %data = getelementptr i8, ptr %head, WORD 64
  %a = ptrtoint ptr %data to WORD
  call void @onnxc.free(WORD %f, WORD %a)
  br label %loop
done:
  ret void
}

; Copies `bytes` from %src to output %t, allocating it when the caller gave no buffer. %i says what the output is.
define void @onnxc.store(WORD %f, ptr %t, ptr %i, ptr %src, WORD %bytes) noinline {
  %frame = inttoptr WORD %f to ptr
  %ctx = load ptr, ptr %frame
  %data = load ptr, ptr %t
  %given = icmp ne ptr %data, null
  br i1 %given, label %check, label %allocate
check:
  %capp = getelementptr %tensor, ptr %t, i32 0, i32 1
  %cap = load WORD, ptr %capp
  %small = icmp ult WORD %cap, %bytes
  br i1 %small, label %fail, label %copy
allocate:
  %none = icmp eq ptr %ctx, null
  br i1 %none, label %fail, label %try
try:
  %fnp = getelementptr %ctx, ptr %ctx, i32 0, i32 2
  %fn = load ptr, ptr %fnp
  %nofn = icmp eq ptr %fn, null
  br i1 %nofn, label %fail, label %call
call:
  %userp = getelementptr %ctx, ptr %ctx, i32 0, i32 1
  %user = load ptr, ptr %userp
  %atleast = call WORD @llvm.umax.WORD(WORD %bytes, WORD 1)
  %p = call ptr %fn(ptr %user, WORD %atleast, WORD 64)
  %null = icmp eq ptr %p, null
  br i1 %null, label %fail, label %got
got:
  store ptr %p, ptr %t
  %capq = getelementptr %tensor, ptr %t, i32 0, i32 1
  store WORD %bytes, ptr %capq
  br label %copy
copy:
  %dst = phi ptr [ %data, %check ], [ %p, %got ]
  call void @llvm.memcpy.p0.p0.WORD(ptr %dst, ptr %src, WORD %bytes, i1 false)
  ret void
fail:
  %status = phi i32 [ 7, %check ], [ 6, %allocate ], [ 6, %try ], [ 6, %call ]
  %text = phi ptr [ @onnxc.text.output, %check ], [ @onnxc.text.memory, %allocate ], [ @onnxc.text.memory, %try ], [ @onnxc.text.memory, %call ]
  %had = phi WORD [ %cap, %check ], [ 0, %allocate ], [ 0, %try ], [ 0, %call ]
  %name = load ptr, ptr %i
  %gp = inttoptr WORD %had to ptr ; a zext where WORD is shorter
  %g = ptrtoint ptr %gp to i64
  %wp = inttoptr WORD %bytes to ptr
  %w = ptrtoint ptr %wp to i64
  %sp = getelementptr %frame, ptr %frame, i32 0, i32 3
  %r = call i32 @onnxc.refuse(ptr %ctx, i32 %status, i32 -1, ptr %text, ptr %name, i64 0, i64 %g, i64 %w)
  store i32 %r, ptr %sp
  ret void
}
)";

/// The texts that the functions above refer to.
static const std::pair<const char *, const char *> kTexts[] = {
    {"type", "input '\3': got element type \1 of ONNX, wanted \2"},
    {"rank", "input '\3': got rank \1, wanted \2"},
    {"dim", "input '\3': dim \4: got \1, wanted \2"},
    {"range", "input '\3': dim \4: got \1, wanted 0 to \2"},
    {"data", "input '\3': got no data"},
};
static const std::pair<const char *, const char *> kMemoryTexts[] = {
    {"size", "input '\3': its dims make more than \2 bytes, which no memory holds"},
    {"short", "input '\3': got \1 bytes of data, wanted \2 for its dims"},
    {"output", "output '\3': got \1 bytes, wanted \2"},
    {"memory", "output '\3': the allocator gave no memory, wanted \2 bytes"},
};

/// Definitions of texts as zero-terminated private constants @onnxc.text.*.
static std::string definitions(ArrayRef<std::pair<const char *, const char *>> texts) {
  std::string out;
  raw_string_ostream os(out);
  for (auto [name, text] : texts) {
    StringRef s(text);
    os << "@onnxc.text." << name << " = private unnamed_addr constant [" << s.size() + 1 << " x i8] c\"";
    printEscapedString(s, os);
    os << "\\00\"\n";
  }
  return out;
}

bool linkSupport(Module &m, bool memory, std::string &error) {
  unsigned bits = m.getDataLayout().getPointerSizeInBits();
  std::string text = kTypes + definitions(kTexts) + kRecord;
  if (memory)
    text += definitions(kMemoryTexts) + kMemory;
  // 2^47 bytes fit no machine; sums of a few such sizes do not overflow.
  std::pair<StringRef, std::string> parameters[] = {
      {"WORD", "i" + std::to_string(bits)},
      {"MOST", std::to_string(APInt::getSignedMaxValue(bits).getZExtValue())},
      {"BYTES", std::to_string(bits < 64 ? APInt::getSignedMaxValue(bits).getZExtValue() : uint64_t(1) << 47)},
  };
  for (auto &[name, value] : parameters)
    for (size_t at = 0; (at = text.find(name, at)) != std::string::npos; at += value.size())
      text.replace(at, name.size(), value);
  SMDiagnostic diagnostic;
  auto support = parseAssemblyString(text, diagnostic, m.getContext());
  if (!support) {
    error = "support code: " + diagnostic.getMessage().str() + " at line " + std::to_string(diagnostic.getLineNo());
    return false;
  }
  support->setDataLayout(m.getDataLayout());
  support->setTargetTriple(m.getTargetTriple());
  if (!Linker::linkModules(m, std::move(support)))
    return true;
  error = "support code does not link";
  return false;
}

} // namespace onnxc
