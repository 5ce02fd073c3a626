// Large constants stay out of LLVM.
//
// A constant that LLVM sees as data is copied several times on its way to the
// object file.  Here its global becomes zero-initialised in a section of its
// own; once the object is written, the bytes go to the symbol's offset.
#include "codegen/llvm/Emit.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Object/Wasm.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <fcntl.h>
#include <optional>
#include <unistd.h>

using namespace mlir;

namespace onnxc {

/// Constants up to this size stay visible to LLVM's folders.
constexpr int64_t kInlineBytes = 256;

static llvm::ArrayRef<char> rawBytes(Attribute value) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    return blob ? blob->getData() : llvm::ArrayRef<char>();
  }
  auto dense = dyn_cast<DenseIntOrFPElementsAttr>(value);
  if (dense && !dense.isSplat() && !dense.getElementType().isInteger(1))
    return dense.getRawData();
  return {};
}

/// All bytes of a constant that is one number, many times.
static std::shared_ptr<std::string> splatBytes(Attribute value) {
  auto dense = dyn_cast<DenseIntOrFPElementsAttr>(value);
  if (!dense || !dense.isSplat() || dense.getElementType().isInteger(1))
    return nullptr;
  auto bytes = std::make_shared<std::string>();
  llvm::ArrayRef<char> element = dense.getRawData();
  for (int64_t i = 0; i < dense.getNumElements(); ++i)
    bytes->append(element.begin(), element.end());
  return bytes;
}

std::vector<Weight> detachWeights(ModuleOp module, bool all) {
  std::vector<Weight> weights;
  for (auto global : module.getOps<LLVM::GlobalOp>()) {
    Attribute value = global.getValueOrNull();
    if (!value)
      continue;
    auto data = rawBytes(value);
    std::shared_ptr<std::string> own = all && data.empty() ? splatBytes(value) : nullptr;
    if (own)
      data = {own->data(), own->size()};
    bool resource = isa<DenseResourceElementsAttr>(value);
    if (data.empty() || (!resource && !all && int64_t(data.size()) <= kInlineBytes))
      continue;
    weights.push_back({global.getSymName().str(), data, own});
    global.removeValueAttr();
    OpBuilder b(global);
    b.createBlock(&global.getInitializerRegion());
    Value zero = LLVM::ZeroOp::create(b, global.getLoc(), global.getGlobalType());
    LLVM::ReturnOp::create(b, global.getLoc(), zero);
  }
  return weights;
}

/// Where the bytes of a symbol lie in the file; nothing for a symbol without bytes.
static std::optional<uint64_t> fileOffset(const llvm::object::ObjectFile &object, const llvm::object::SymbolRef &symbol) {
  const char *start = object.getMemoryBufferRef().getBufferStart();
  if (auto *wasm = dyn_cast<llvm::object::WasmObjectFile>(&object)) {
    // Data symbols name a segment; sections are no help.
    const llvm::object::WasmSymbol &s = wasm->getWasmSymbol(symbol);
    if (!s.isTypeData() || !s.isDefined())
      return std::nullopt;
    const auto &where = s.Info.DataRef;
    return wasm->dataSegments()[where.Segment].Data.Content.data() - reinterpret_cast<const uint8_t *>(start) + where.Offset;
  }
  auto section = symbol.getSection();
  auto address = symbol.getAddress();
  std::optional<uint64_t> at;
  if (section && address && *section != object.section_end() && !(*section)->isVirtual()) {
    if (auto contents = (*section)->getContents())
      at = contents->data() - start + (*address - (*section)->getAddress());
    else
      llvm::consumeError(contents.takeError());
  }
  if (!section)
    llvm::consumeError(section.takeError());
  if (!address)
    llvm::consumeError(address.takeError());
  return at;
}

bool fillWeights(llvm::StringRef path, const std::vector<Weight> &weights, std::string &error) {
  if (weights.empty())
    return true;
  std::vector<std::pair<uint64_t, const Weight *>> writes;
  {
    auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
    if (!buffer) {
      error = "cannot read back '" + path.str() + "': " + buffer.getError().message();
      return false;
    }
    auto object = llvm::object::ObjectFile::createObjectFile((*buffer)->getMemBufferRef());
    if (!object) {
      error = "cannot parse the written object: " + llvm::toString(object.takeError());
      return false;
    }
    llvm::StringRef prefix = (*object)->isMachO() ? "_" : "";
    llvm::StringMap<const Weight *> wanted;
    for (const Weight &w : weights)
      wanted[(prefix + w.symbol).str()] = &w;
    for (const llvm::object::SymbolRef sym : (*object)->symbols()) {
      auto name = sym.getName();
      if (!name) {
        llvm::consumeError(name.takeError());
        continue;
      }
      auto it = wanted.find(*name);
      if (it == wanted.end())
        continue;
      auto at = fileOffset(**object, sym);
      if (!at)
        continue;
      if (*at + it->second->data.size() > (*buffer)->getBufferSize()) {
        error = "the written object has no room for weight '" + it->second->symbol + "'";
        return false;
      }
      writes.push_back({*at, it->second});
      wanted.erase(it);
    }
    // A weight whose symbol is gone is one that no kernel reads.
  }
  int fd = ::open(path.str().c_str(), O_WRONLY);
  if (fd < 0) {
    error = "cannot open '" + path.str() + "' for writing";
    return false;
  }
  bool ok = true;
  for (auto &[offset, weight] : writes) {
    const char *p = weight->data.data();
    size_t left = weight->data.size();
    off_t at = offset;
    while (left) {
      ssize_t n = ::pwrite(fd, p, left, at);
      if (n <= 0) {
        ok = false;
        break;
      }
      p += n;
      at += n;
      left -= n;
    }
  }
  ::close(fd);
  if (!ok)
    error = "writing the weights to '" + path.str() + "' failed (is the disk full?)";
  return ok;
}

} // namespace onnxc
