// Minimum cut; see MinCut.h.
#include "passes/graph/MinCut.h"
#include <algorithm>

namespace onnxc::graph {

int MinCut::addNode() {
  edges.emplace_back();
  return int(edges.size()) - 1;
}

void MinCut::addEdge(int from, int to, int64_t capacity) {
  if (from == to)
    return;
  edges[from].push_back({to, int(edges[to].size()), capacity});
  edges[to].push_back({from, int(edges[from].size()) - 1, 0});
}

bool MinCut::layer() {
  level.assign(edges.size(), -1);
  level[0] = 0;
  std::vector<int> queue{0};
  for (size_t i = 0; i < queue.size(); ++i)
    for (const Edge &e : edges[queue[i]])
      if (e.capacity > 0 && level[e.to] < 0) {
        level[e.to] = level[queue[i]] + 1;
        queue.push_back(e.to);
      }
  return level[1] >= 0;
}

/// One path from source to sink along rising levels, without recursion: graphs
/// are as deep as models are long.
bool MinCut::augment() {
  std::vector<std::pair<int, size_t>> path;
  int node = 0;
  while (node != 1) {
    size_t &i = next[node];
    while (i < edges[node].size() &&
           (edges[node][i].capacity <= 0 || level[edges[node][i].to] != level[node] + 1))
      ++i;
    if (i < edges[node].size()) {
      path.push_back({node, i});
      node = edges[node][i].to;
      continue;
    }
    if (path.empty())
      return false;
    node = path.back().first;
    ++next[node];
    path.pop_back();
  }
  int64_t flow = infinite;
  for (auto [n, i] : path)
    flow = std::min(flow, edges[n][i].capacity);
  for (auto [n, i] : path) {
    Edge &e = edges[n][i];
    e.capacity -= flow;
    edges[e.to][e.reverse].capacity += flow;
  }
  return true;
}

std::vector<bool> MinCut::solve() {
  while (layer()) {
    next.assign(edges.size(), 0);
    while (augment()) {
    }
  }
  std::vector<bool> side(edges.size());
  for (size_t i = 0; i < side.size(); ++i)
    side[i] = level[i] >= 0;
  return side;
}

} // namespace onnxc::graph
