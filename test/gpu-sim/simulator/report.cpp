// Counters per kernel and the lines of errors, as JSON.
#include "simulator.h"

#include <cstdio>
#include <cstdlib>

namespace gpusim {

static std::map<std::string, Counters> all;
static std::vector<std::string> errors;

static const std::pair<const char *, uint64_t Counters::*> fields[] = {
    {"launches", &Counters::launches},           {"blocks", &Counters::blocks},
    {"threads", &Counters::threads},             {"threads_per_block", &Counters::threadsPerBlock},
    {"global_loads", &Counters::globalLoads},    {"global_stores", &Counters::globalStores},
    {"global_sectors", &Counters::globalSectors}, {"ideal_sectors", &Counters::idealSectors},
    {"data_sectors", &Counters::dataSectors},
    {"shared_loads", &Counters::sharedLoads},    {"shared_stores", &Counters::sharedStores},
    {"fmas", &Counters::fmas},                   {"mmas", &Counters::mmas},
    {"barriers", &Counters::barriers},           {"atomics", &Counters::atomics},
    {"async_copies", &Counters::asyncCopies}};

Counters &countersOf(const std::string &kernel) { return all[kernel]; }

void noteError(const std::string &line) {
  std::fprintf(stderr, "gpu-sim: %s\n", line.c_str());
  errors.push_back(line);
}

static std::string quoted(const std::string &text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      result += '\\';
    result += static_cast<unsigned char>(c) < 32 ? ' ' : c;
  }
  return result + "\"";
}

static void writeReport() {
  const char *path = std::getenv("ONNXC_GPUSIM_REPORT");
  if (!path || !*path)
    return;
  std::FILE *out = std::fopen(path, "w");
  if (!out) {
    std::fprintf(stderr, "gpu-sim: cannot write the report '%s'\n", path);
    return;
  }
  std::fprintf(out, "{\"kernels\": {");
  const char *separator = "\n";
  for (const auto &[name, c] : all) {
    std::fprintf(out, "%s  %s: {", separator, quoted(name).c_str());
    const char *comma = "";
    for (const auto &[field, member] : fields) {
      std::fprintf(out, "%s\"%s\": %llu", comma, field, static_cast<unsigned long long>(c.*member));
      comma = ", ";
    }
    std::fprintf(out, "}");
    separator = ",\n";
  }
  std::fprintf(out, "\n},\n\"errors\": [");
  separator = "";
  for (const std::string &line : errors) {
    std::fprintf(out, "%s%s", separator, quoted(line).c_str());
    separator = ", ";
  }
  std::fprintf(out, "],\n\"live_allocations\": %llu, \"peak_bytes\": %llu}\n", static_cast<unsigned long long>(memory::live()),
               static_cast<unsigned long long>(memory::peak()));
  std::fclose(out);
}

namespace {
/// Ends before the tables above it do.
struct AtExit {
  ~AtExit() { writeReport(); }
} atExit;
} // namespace

} // namespace gpusim

/// For tests: a counter by the name that it has in the report.
extern "C" __attribute__((visibility("default"))) uint64_t gpusim_counter(const char *kernel, const char *field) {
  for (const auto &[name, member] : gpusim::fields)
    if (std::string(name) == field)
      return gpusim::countersOf(kernel).*member;
  return 0;
}
