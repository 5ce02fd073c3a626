// Text of messages that holds what a model says.
#include "compiler/driver/Readable.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"

using llvm::StringRef;

namespace onnxc {

constexpr size_t kLongestWord = 300, kLongestLine = 4000;

/// Bytes of the character at the start of `text`; 0: none of UTF-8, or a control character.
static size_t characterBytes(StringRef text) {
  unsigned char first = static_cast<unsigned char>(text.front());
  if (first < 0x80)
    return first >= 0x20 && first != 0x7f ? 1 : 0;
  size_t bytes = llvm::getNumBytesForUTF8(first);
  const auto *start = reinterpret_cast<const llvm::UTF8 *>(text.data());
  // 0x80 to 0x9f are control characters too.
  if (bytes > text.size() || !llvm::isLegalUTF8Sequence(start, start + bytes) || (first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0))
    return 0;
  return bytes;
}

static std::string escaped(StringRef text) {
  std::string out;
  while (!text.empty()) {
    size_t bytes = text.front() == '\n' || text.front() == '\t' ? 1 : characterBytes(text);
    if (bytes == 0) {
      out += "\\x" + llvm::utohexstr(static_cast<unsigned char>(text.front()), /*LowerCase=*/true, /*Width=*/2);
      text = text.drop_front();
      continue;
    }
    out += text.take_front(bytes);
    text = text.drop_front(bytes);
  }
  return out;
}

/// The ends of `text`, cut between characters, if it is longer than `most`.
static std::string shortened(StringRef text, size_t most) {
  if (text.size() <= most)
    return text.str();
  auto continues = [&](size_t at) { return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80; };
  size_t head = most * 2 / 3, tail = text.size() - most / 3;
  while (head > 0 && continues(head))
    --head;
  while (tail < text.size() && continues(tail))
    ++tail;
  return (text.take_front(head) + "...[" + std::to_string(tail - head) + " bytes]..." + text.drop_front(tail)).str();
}

std::string readable(StringRef text) {
  std::string clean = escaped(text), out;
  StringRef rest = clean;
  while (!rest.empty()) {
    auto [line, below] = rest.split('\n');
    std::string words;
    for (StringRef left = line; !left.empty();) {
      auto [word, behind] = left.split(' ');
      words += shortened(word, kLongestWord);
      if (word.size() < left.size())
        words += ' ';
      left = behind;
    }
    out += shortened(words, kLongestLine);
    if (line.size() < rest.size())
      out += '\n';
    rest = below;
  }
  return out;
}

} // namespace onnxc
