// Attention of com.microsoft, of which there is a float and a quantised op.
#ifndef ONNXC_COMPILER_IMPORT_CONTRIBATTENTION_H
#define ONNXC_COMPILER_IMPORT_CONTRIBATTENTION_H

#include "compiler/import/Expansion.h"

namespace onnxc::import {

// Where a node has them; -1: nowhere.
struct AttentionInputs {
  int mask = -1; // [batch, (length,) total], not 0 where it may look
  int past = -1; // keys and values, [2, batch, heads, past, size]
  int bias = -1; // added to the scores
};

// Outputs 0 and 1 of the node from query, key and value as one tensor
// `projected` [batch, length, 3 * hidden] of the float `type`.
void expandAttention(Expansion &e, const Expansion::Name &projected, int type,
                     const AttentionInputs &at);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_CONTRIBATTENTION_H
