// Minimum cut between two sets of nodes.
#ifndef ONNXC_PASSES_GRAPH_MINCUT_H
#define ONNXC_PASSES_GRAPH_MINCUT_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace onnxc::graph {

/// Maximum flow by Dinic's algorithm (E. A. Dinitz, 1970); the cut is what the
/// residual graph still reaches from the source.
class MinCut {
public:
  static constexpr int64_t infinite = INT64_MAX / 4;
  /// Nodes 0 and 1 are source and sink.
  MinCut() : edges(2) {}
  int addNode();
  /// The cut pays `capacity` when `from` is on the source side and `to` is not.
  void addEdge(int from, int to, int64_t capacity);
  /// For every node: is it on the source side?  The smallest source side of all minimum cuts.
  std::vector<bool> solve();

private:
  struct Edge {
    int to, reverse;
    int64_t capacity;
  };
  std::vector<std::vector<Edge>> edges;
  std::vector<int> level;
  std::vector<std::size_t> next;
  bool layer();
  bool augment();
};

} // namespace onnxc::graph

#endif
