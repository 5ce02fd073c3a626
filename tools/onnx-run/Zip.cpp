// Zip archives (PKWARE APPNOTE 6.3: sections 4.3.7, 4.3.12, 4.3.14-16, 4.5.3).
#include "Zip.h"
#include "Error.h"
#include "llvm/Support/Endian.h"
#include <limits>
#include <zlib.h>

namespace onnxc::run {

namespace {
constexpr uint32_t LocalMagic = 0x04034b50;
constexpr uint32_t CentralMagic = 0x02014b50;
constexpr uint32_t EndMagic = 0x06054b50;
constexpr uint32_t End64Magic = 0x06064b50;
constexpr uint32_t Locator64Magic = 0x07064b50;
constexpr size_t LocalSize = 30, CentralSize = 46, EndSize = 22,
                 Locator64Size = 20, End64Size = 56;
constexpr uint32_t Full32 = 0xffffffff;
constexpr uint16_t Full16 = 0xffff;
} // namespace

static uint16_t read16(llvm::StringRef s, size_t at) {
  return llvm::support::endian::read16le(s.data() + at);
}
static uint32_t read32(llvm::StringRef s, size_t at) {
  return llvm::support::endian::read32le(s.data() + at);
}
static uint64_t read64(llvm::StringRef s, size_t at) {
  return llvm::support::endian::read64le(s.data() + at);
}

/// Whether `count` bytes at `at` lie inside `s`.
static bool inside(llvm::StringRef s, uint64_t at, uint64_t count) {
  return at <= s.size() && count <= s.size() - at;
}

static llvm::Error damaged(llvm::StringRef what, const llvm::Twine &why) {
  return userError(what + ": not a readable .npz file (" + why +
                   "); write it again with numpy.savez");
}

/// Replaces the 32-bit fields that are full by those of the zip64 extra field,
/// which lists only the full ones, in this order.
static bool readZip64Extra(llvm::StringRef extra, ZipMember &member) {
  while (extra.size() >= 4) {
    uint16_t tag = read16(extra, 0), size = read16(extra, 2);
    if (size > extra.size() - 4)
      return false;
    llvm::StringRef field = extra.substr(4, size);
    extra = extra.drop_front(4 + size);
    if (tag != 1)
      continue;
    for (uint64_t *value :
         {&member.bytes, &member.packedBytes, &member.offset}) {
      if (*value != Full32)
        continue;
      if (field.size() < 8)
        return false;
      *value = read64(field, 0);
      field = field.drop_front(8);
    }
  }
  return true;
}

llvm::Expected<std::vector<ZipMember>> listZip(llvm::StringRef archive,
                                               llvm::StringRef what) {
  // The end record is the last 22 bytes, unless a comment follows it.
  if (archive.size() < EndSize)
    return damaged(what, "too short for a zip archive");
  size_t end = archive.size() - EndSize;
  size_t lowest = end > Full16 ? end - Full16 : 0;
  while (read32(archive, end) != EndMagic) {
    if (end == lowest)
      return damaged(what, "no zip directory");
    --end;
  }
  uint64_t count = read16(archive, end + 10);
  uint64_t at = read32(archive, end + 16);
  if (end >= Locator64Size &&
      read32(archive, end - Locator64Size) == Locator64Magic) {
    uint64_t end64 = read64(archive, end - Locator64Size + 8);
    if (!inside(archive, end64, End64Size) ||
        read32(archive, end64) != End64Magic)
      return damaged(what, "bad zip64 directory");
    count = read64(archive, end64 + 32);
    at = read64(archive, end64 + 48);
  }

  std::vector<ZipMember> members;
  for (uint64_t i = 0; i < count; ++i) {
    if (!inside(archive, at, CentralSize) ||
        read32(archive, at) != CentralMagic)
      return damaged(what, "bad zip directory");
    ZipMember member;
    member.method = read16(archive, at + 10);
    member.crc = read32(archive, at + 16);
    member.packedBytes = read32(archive, at + 20);
    member.bytes = read32(archive, at + 24);
    member.offset = read32(archive, at + 42);
    size_t name = read16(archive, at + 28), extra = read16(archive, at + 30),
           comment = read16(archive, at + 32);
    if (!inside(archive, at + CentralSize, name + extra + comment))
      return damaged(what, "bad zip directory");
    member.name = archive.substr(at + CentralSize, name).str();
    if (!readZip64Extra(archive.substr(at + CentralSize + name, extra), member))
      return damaged(what, "bad zip64 field");
    members.push_back(std::move(member));
    at += CentralSize + name + extra + comment;
  }
  return members;
}

/// Inflates raw deflate data whose size is known; false when it is not that.
static bool inflateRaw(llvm::StringRef packed, std::string &out) {
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return false;
  // zlib counts in 32 bits, so both sides go in pieces.
  size_t in = 0, done = 0;
  int status = Z_OK;
  constexpr size_t Piece = std::numeric_limits<uInt>::max() / 2;
  while (status == Z_OK) {
    size_t take = std::min(Piece, packed.size() - in);
    size_t room = std::min(Piece, out.size() - done);
    stream.next_in =
        reinterpret_cast<Bytef *>(const_cast<char *>(packed.data() + in));
    stream.avail_in = static_cast<uInt>(take);
    stream.next_out = reinterpret_cast<Bytef *>(out.data() + done);
    stream.avail_out = static_cast<uInt>(room);
    status = inflate(&stream, Z_NO_FLUSH);
    in += take - stream.avail_in;
    done += room - stream.avail_out;
  }
  inflateEnd(&stream);
  return status == Z_STREAM_END && done == out.size();
}

llvm::Expected<std::string> extractZip(llvm::StringRef archive,
                                       const ZipMember &member,
                                       llvm::StringRef what) {
  std::string label = (what + ": member '" + member.name + "'").str();
  if (!inside(archive, member.offset, LocalSize) ||
      read32(archive, member.offset) != LocalMagic)
    return damaged(label, "bad local header");
  // Name and extra field of the local header may differ from the directory's.
  uint64_t data = member.offset + LocalSize +
                  read16(archive, member.offset + 26) +
                  read16(archive, member.offset + 28);
  if (!inside(archive, data, member.packedBytes))
    return damaged(label, "data cut off");
  llvm::StringRef packed = archive.substr(data, member.packedBytes);

  std::string contents;
  if (member.method == 0) {
    if (member.bytes != member.packedBytes)
      return damaged(label, "sizes disagree");
    contents = packed.str();
  } else if (member.method == 8) {
    // Deflate cannot pack tighter than about 1:1032; more is no real size.
    if (member.bytes / 1100 > member.packedBytes)
      return damaged(label, "sizes disagree");
    contents.resize(member.bytes);
    if (!inflateRaw(packed, contents))
      return damaged(label, "bad deflate data");
  } else {
    return damaged(label, "compression method " + llvm::Twine(member.method) +
                              ", wanted stored or deflated");
  }
  if (crc32_z(0, reinterpret_cast<const Bytef *>(contents.data()),
              contents.size()) != member.crc)
    return damaged(label, "checksum differs");
  return contents;
}

static std::string deflateRaw(llvm::StringRef contents) {
  z_stream stream = {};
  std::string packed;
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    return packed;
  constexpr size_t Piece = 1 << 26;
  std::string buffer(1 << 16, '\0');
  size_t in = 0;
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    size_t take = std::min(Piece, contents.size() - in);
    stream.next_in =
        reinterpret_cast<Bytef *>(const_cast<char *>(contents.data() + in));
    stream.avail_in = static_cast<uInt>(take);
    int flush = in + take == contents.size() ? Z_FINISH : Z_NO_FLUSH;
    do {
      stream.next_out = reinterpret_cast<Bytef *>(buffer.data());
      stream.avail_out = static_cast<uInt>(buffer.size());
      status = deflate(&stream, flush);
      packed.append(buffer.data(), buffer.size() - stream.avail_out);
    } while (stream.avail_out == 0);
    in += take - stream.avail_in;
  }
  deflateEnd(&stream);
  return packed;
}

namespace {
/// Little-endian fields appended one after the other.
struct Fields {
  std::string bytes;
  Fields &put(uint64_t value, unsigned width) {
    for (unsigned i = 0; i < width; ++i)
      bytes.push_back(static_cast<char>(value >> (8 * i)));
    return *this;
  }
};
} // namespace

void ZipWriter::write(llvm::StringRef bytes) {
  os << bytes;
  position += bytes.size();
}

/// The fields that the local header and the directory share: versions, flags,
/// method, a fixed time (1980-01-01), checksum and sizes.
static void putCommon(Fields &f, const ZipMember &m) {
  f.put(45, 2).put(0, 2).put(m.method, 2).put(0, 2).put(0x21, 2);
  f.put(m.crc, 4).put(std::min<uint64_t>(m.packedBytes, Full32), 4);
  f.put(std::min<uint64_t>(m.bytes, Full32), 4).put(m.name.size(), 2);
}

void ZipWriter::add(llvm::StringRef name, llvm::StringRef contents,
                    bool compress) {
  ZipMember member;
  member.name = name.str();
  member.bytes = contents.size();
  member.offset = position;
  member.crc = static_cast<uint32_t>(crc32_z(
      0, reinterpret_cast<const Bytef *>(contents.data()), contents.size()));
  std::string packed;
  if (compress) {
    packed = deflateRaw(contents);
    member.method = 8;
    contents = packed;
  }
  member.packedBytes = contents.size();

  Fields header;
  header.put(LocalMagic, 4);
  putCommon(header, member);
  // A local zip64 field always holds both sizes (section 4.5.3).
  bool big = member.bytes >= Full32 || member.packedBytes >= Full32;
  header.put(big ? 20 : 0, 2);
  header.bytes += member.name;
  if (big) {
    // Both 32-bit sizes are marked full, for they come as a pair.
    for (size_t i = 18; i < 26; ++i)
      header.bytes[i] = static_cast<char>(0xff);
    header.put(1, 2).put(16, 2).put(member.bytes, 8).put(member.packedBytes, 8);
  }
  write(header.bytes);
  write(contents);
  members.push_back(std::move(member));
}

void ZipWriter::finish() {
  uint64_t start = position;
  for (const ZipMember &member : members) {
    Fields extra;
    for (uint64_t value : {member.bytes, member.packedBytes, member.offset})
      if (value >= Full32)
        extra.put(value, 8);
    Fields f;
    f.put(CentralMagic, 4).put(45, 2);
    putCommon(f, member);
    f.put(extra.bytes.empty() ? 0 : extra.bytes.size() + 4, 2);
    f.put(0, 2).put(0, 2).put(0, 2).put(0, 4);
    f.put(std::min<uint64_t>(member.offset, Full32), 4);
    f.bytes += member.name;
    if (!extra.bytes.empty())
      f.put(1, 2).put(extra.bytes.size(), 2).bytes += extra.bytes;
    write(f.bytes);
  }
  uint64_t size = position - start, end64 = position;
  Fields f;
  if (start >= Full32 || size >= Full32 || members.size() >= Full16) {
    f.put(End64Magic, 4).put(End64Size - 12, 8).put(45, 2).put(45, 2);
    f.put(0, 4).put(0, 4).put(members.size(), 8).put(members.size(), 8);
    f.put(size, 8).put(start, 8);
    f.put(Locator64Magic, 4).put(0, 4).put(end64, 8).put(1, 4);
  }
  uint64_t count = std::min<uint64_t>(members.size(), Full16);
  f.put(EndMagic, 4).put(0, 2).put(0, 2).put(count, 2).put(count, 2);
  f.put(std::min<uint64_t>(size, Full32), 4);
  f.put(std::min<uint64_t>(start, Full32), 4).put(0, 2);
  write(f.bytes);
}

} // namespace onnxc::run
