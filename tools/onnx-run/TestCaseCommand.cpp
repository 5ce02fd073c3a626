// onnx-run testcase: backend tests in bulk, each in a child process.
#include "Commands.h"
#include "Error.h"
#include "ForkPool.h"
#include "Prepare.h"
#include "TestCase.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace onnxc::run {

static const OptionSpec Options[] = {
    {"list", "FILE", "more directories, one a line, # begins a comment"},
    {"filter", "REGEX", "only tests whose directory name matches"},
    {"jobs", "N", "tests at a time (1)"},
    {"timeout", "SECONDS", "per test (60)"},
    {"memory", "GB", "address space per test, 0 = no limit (6)"},
    {"json", "FILE", "one JSON object per test and line"},
    {"compare-no-reuse", nullptr,
     "compile each test with --no-reuse too; both must compute the same"},
    {"quiet", nullptr, "print the last line only"},
};

//===-- Finding tests -----------------------------------------------------===//

static bool isTest(llvm::StringRef directory) {
  for (const char *name : {"model.onnx", "data.json"}) {
    llvm::SmallString<256> path(directory);
    llvm::sys::path::append(path, name);
    if (llvm::sys::fs::exists(path))
      return true;
  }
  return false;
}

/// Appends `directory` if it is a test, else the tests anywhere inside it.
static llvm::Error findTests(llvm::StringRef directory,
                             std::vector<std::string> &tests) {
  if (!llvm::sys::fs::is_directory(directory))
    return userError(directory + ": no such directory");
  if (isTest(directory)) {
    tests.push_back(directory.rtrim('/').str());
    return llvm::Error::success();
  }
  std::error_code ec;
  std::vector<std::string> found;
  for (llvm::sys::fs::recursive_directory_iterator it(directory, ec), end;
       it != end && !ec; it.increment(ec))
    if (it->type() == llvm::sys::fs::file_type::directory_file &&
        isTest(it->path())) {
      found.push_back(it->path());
      it.no_push();
    }
  if (ec)
    return userError(directory + ": cannot read: " + ec.message());
  std::sort(found.begin(), found.end());
  tests.insert(tests.end(), found.begin(), found.end());
  return llvm::Error::success();
}

static llvm::Expected<std::vector<std::string>>
collectTests(const Arguments &arguments) {
  std::vector<std::string> tests;
  for (const std::string &directory : arguments.positionals())
    if (llvm::Error error = findTests(directory, tests))
      return error;
  for (const std::string &list : arguments.all("list")) {
    auto buffer = llvm::MemoryBuffer::getFile(list);
    if (!buffer)
      return userError("--list: " + list +
                       ": cannot read: " + buffer.getError().message());
    llvm::SmallVector<llvm::StringRef> lines;
    (*buffer)->getBuffer().split(lines, '\n');
    for (llvm::StringRef line : lines) {
      line = line.split('#').first.trim();
      if (line.empty())
        continue;
      if (llvm::Error error = findTests(line, tests))
        return error;
    }
  }
  if (arguments.has("filter")) {
    llvm::Regex regex(arguments.get("filter"));
    std::string why;
    if (!regex.isValid(why))
      return userError("--filter: '" + arguments.get("filter") +
                       "' is no regular expression: " + why);
    llvm::erase_if(tests, [&](const std::string &test) {
      return !regex.match(llvm::sys::path::filename(test));
    });
  }
  return tests;
}

//===-- Children and their reports ----------------------------------------===//

// A child reports lines of JSON: {"stage": ...} and {"ops": ...} as it goes,
// {"status": ..., "message": ...} at the end.

using Fields = llvm::json::Object;

static std::string jsonLine(Fields object) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(object));
  return text;
}

static void runInChild(llvm::StringRef directory, const CompileOptions &options,
                       llvm::StringRef folder, llvm::StringRef runner,
                       bool compareReuse, const Reporter &reporter) {
  // For runners that keep records.
  std::string name = llvm::sys::path::filename(directory).str();
  setenv("ONNXC_TEST_NAME", name.c_str(), /*overwrite=*/1);
  // Models may name files relative to their own directory only, but a child
  // that is killed must leave nothing outside of the work folder.
  auto enter = [&](llvm::StringRef stage) {
    reporter.line(jsonLine(Fields{{"stage", stage}}));
  };
  auto ops = [&](llvm::ArrayRef<std::string> names) {
    llvm::json::Array array;
    for (const std::string &name : names)
      array.push_back(llvm::json::fixUTF8(name));
    reporter.line(jsonLine(Fields{{"ops", std::move(array)}}));
  };
  TestOutcome outcome = runTestCase(directory, options, folder, enter, ops, runner, compareReuse);
  reporter.line(
      jsonLine(Fields{{"status", outcome.status},
                      {"code", outcome.code},
                      {"message", llvm::json::fixUTF8(outcome.message)}}));
}

/// The line of a dead child's output that says most about its death.
static std::string deathMessage(const ForkResult &result) {
  std::string text;
  if (result.end == ForkResult::End::TimedOut)
    text = "no result in time";
  else if (result.end == ForkResult::End::Killed)
    text = std::string("killed by signal ") + std::to_string(result.code) +
           " (" + strsignal(result.code) + ")";
  else
    text = "exit code " + std::to_string(result.code) + " without a result";
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(result.output).split(lines, '\n', -1, false);
  for (llvm::StringRef line : lines)
    if (line.contains_insensitive("error") || line.contains("Assertion") ||
        line.contains("UNREACHABLE"))
      return text + ": " + line.trim().str();
  return text;
}

static TestOutcome outcomeOf(const ForkResult &result) {
  TestOutcome outcome;
  outcome.status.clear();
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(result.report).split(lines, '\n', -1, false);
  for (llvm::StringRef line : lines) {
    auto value = llvm::json::parse(line);
    if (!value) { // cut off by the child's death
      llvm::consumeError(value.takeError());
      continue;
    }
    const llvm::json::Object *object = value->getAsObject();
    if (!object)
      continue;
    if (auto stage = object->getString("stage"))
      outcome.stage = stage->str();
    if (const llvm::json::Array *ops = object->getArray("ops"))
      for (const llvm::json::Value &op : *ops)
        outcome.ops.push_back(op.getAsString().value_or("").str());
    if (auto status = object->getString("status")) {
      outcome.status = status->str();
      outcome.message = object->getString("message").value_or("").str();
      outcome.code = int(object->getInteger("code").value_or(0));
    }
  }
  if (result.end == ForkResult::End::TimedOut)
    outcome.status = "timeout";
  else if (outcome.status.empty() || result.end == ForkResult::End::Killed)
    outcome.status = "crashed";
  else
    return outcome;
  outcome.message = deathMessage(result);
  return outcome;
}

//===-- The command -------------------------------------------------------===//

namespace {
struct Totals {
  size_t passed = 0, failed = 0, skipped = 0;
  void add(llvm::StringRef status) {
    if (status == "passed")
      ++passed;
    else if (status == "unsupported" || status == "skipped")
      ++skipped;
    else
      ++failed;
  }
};
} // namespace

static std::string resultLine(llvm::StringRef directory,
                              const TestOutcome &outcome, double seconds) {
  llvm::json::Array ops;
  for (const std::string &op : outcome.ops)
    ops.push_back(llvm::json::fixUTF8(op));
  llvm::StringRef name = llvm::sys::path::filename(directory);
  return jsonLine(Fields{{"name", llvm::json::fixUTF8(name)},
                         {"directory", llvm::json::fixUTF8(directory)},
                         {"status", outcome.status},
                         {"stage", outcome.stage},
                         {"code", outcome.code},
                         {"message", llvm::json::fixUTF8(outcome.message)},
                         {"ops", std::move(ops)},
                         {"seconds", seconds}});
}

static llvm::Expected<Totals> testcase(const Arguments &arguments) {
  auto tests = collectTests(arguments);
  if (!tests)
    return tests.takeError();
  if (tests->empty())
    return userError("testcase: no directory with a model.onnx; onnx-run "
                     "testcase DIR...");
  auto options = parseCompileOptions(arguments);
  if (!options)
    return options.takeError();
  ForkLimits limits;
  auto jobs = arguments.integer("jobs", 1, 1, 1024);
  if (!jobs)
    return jobs.takeError();
  limits.jobs = static_cast<unsigned>(*jobs);
  auto timeout = arguments.number("timeout");
  if (!timeout)
    return timeout.takeError();
  limits.timeoutSeconds = timeout->value_or(60);
  auto memory = arguments.integer("memory", 6, 0, 1 << 20);
  if (!memory)
    return memory.takeError();
  limits.memoryBytes = static_cast<uint64_t>(*memory) << 30;
  auto runner = runnerOf(arguments);
  if (!runner)
    return runner.takeError();
  if (arguments.has("sanitize"))
    limits.memoryBytes = 0; // the sanitizer's shadow takes terabytes of addresses
  auto work = WorkFolder::create();
  if (!work)
    return work.takeError();
  std::optional<llvm::raw_fd_ostream> json;
  if (arguments.has("json")) {
    std::error_code ec;
    json.emplace(arguments.get("json"), ec);
    if (ec)
      return userError("--json: " + arguments.get("json") +
                       ": cannot write: " + ec.message());
  }

  preloadCompiler();
  Totals totals;
  bool isQuiet = arguments.has("quiet");
  auto folderOf = [&](size_t i) { return work->file("test" + llvm::Twine(i)); };
  auto record = [&](size_t i, const TestOutcome &outcome, double seconds) {
    totals.add(outcome.status);
    if (json) {
      *json << resultLine((*tests)[i], outcome, seconds) << "\n";
      json->flush();
    }
    if (isQuiet)
      return;
    llvm::outs() << outcome.status << " "
                 << llvm::sys::path::filename((*tests)[i]);
    if (outcome.status != "passed")
      llvm::outs() << ": " << outcome.stage;
    if (!outcome.message.empty())
      llvm::outs() << ": "
                   << llvm::StringRef(outcome.message).split('\n').first;
    llvm::outs() << "\n";
    llvm::outs().flush();
  };
  auto child = [&](size_t i, const Reporter &reporter) {
    llvm::sys::fs::create_directory(folderOf(i));
    runInChild((*tests)[i], *options, folderOf(i), *runner, arguments.has("compare-no-reuse"), reporter);
  };
  auto done = [&](size_t i, const ForkResult &result) {
    llvm::sys::fs::remove_directories(folderOf(i));
    record(i, outcomeOf(result), result.seconds);
  };

  // Tests whose model is only named by a URL have nothing to run.
  std::vector<size_t> present;
  for (size_t i = 0; i < tests->size(); ++i) {
    if (llvm::sys::fs::exists((*tests)[i] + "/model.onnx")) {
      present.push_back(i);
      continue;
    }
    TestOutcome outcome;
    outcome.status = "skipped";
    outcome.stage = "import";
    outcome.message = "no model.onnx here";
    record(i, outcome, 0);
  }
  if (llvm::Error error = forkEach(
          present.size(), limits, work->folder(),
          [&](size_t i, const Reporter &r) { child(present[i], r); },
          [&](size_t i, const ForkResult &r) { done(present[i], r); }))
    return error;
  return totals;
}

int testcaseCommand(llvm::ArrayRef<const char *> argv) {
  std::vector<OptionSpec> specs = withCompileOptions(Options);
  llvm::erase_if(specs, [](const OptionSpec &spec) {
    return llvm::is_contained({"dims", "keep-dynamic"}, llvm::StringRef(spec.name));
  });
  return runSubcommand("testcase", "DIR... [--list=FILE] [--jobs=N] [--json=FILE]", specs, argv, [](const Arguments &arguments) {
    auto totals = testcase(arguments);
    if (!totals)
      return reportError(totals.takeError());
    llvm::outs() << totals->passed << " passed, " << totals->failed << " failed, "
                 << totals->skipped << " skipped\n";
    return int(totals->failed ? ExitUser : ExitOk);
  });
}

} // namespace onnxc::run
