// The import as a page: each step and why it stands where it does. All
// exceptions, the onnx library's and our own, end here.
#include "compiler/import/Import.h"

#include "compiler/import/AttributeCheck.h"
#include "compiler/import/Check.h"
#include "compiler/import/Contrib.h"
#include "compiler/import/DimOverrides.h"
#include "compiler/import/FunctionAttributes.h"
#include "compiler/import/FunctionOperands.h"
#include "compiler/import/Functions.h"
#include "compiler/import/GraphBuilder.h"
#include "compiler/import/GraphUtil.h"
#include "compiler/import/ImportError.h"
#include "compiler/import/Inference.h"
#include "compiler/import/ModelReader.h"
#include "compiler/import/PinnedValues.h"
#include "compiler/import/TypeCheck.h"
#include "compiler/import/Upgrade.h"
#include "dialects/onnx/OnnxDialect.h"

#include "onnx/defs/schema.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <new>

namespace onnxc {

using namespace import;
using mlir::MLIRContext;
using mlir::ModuleOp;
using mlir::OwningOpRef;

namespace {

// Function bodies use ops with function bodies; ONNX's go three levels deep.
constexpr int maxExpansionRounds = 16;

void expandFunctions(ReadModel &model, const DeclaredTypes &declared,
                     MLIRContext &context) {
  auto known = [&](const ::onnx::NodeProto &node) {
    return isDialectOp(node, context);
  };
  for (int round = 0; round < maxExpansionRounds; ++round) {
    checkFunctionOps(model.proto, [&](const ::onnx::NodeProto &node) { return !known(node); });
    checkFunctionOperands(model.proto);
    if (!expandFunctionOps(model.proto, known))
      return;
    // Bodies of the next round may depend on types of this one's values.
    removeDead(model.proto);
    inferTypes(model.proto, declared);
  }
  throw InternalImportError("function bodies do not come to an end");
}

// Every node that neither the dialect nor a function body covers.
void reportUnsupported(const ReadModel &model, MLIRContext &context) {
  std::vector<std::string> lines;
  walkNodes(model.proto.graph(), [&](const ::onnx::NodeProto &node) {
    if (!isDialectOp(node, context))
      lines.push_back(unsupportedLine(
          node, opsetVersion(model.proto, node.domain()),
          "onnx-compile does not support this op yet; replace it in the "
          "model or ask for it"));
  });
  if (!lines.empty())
    throwUnsupported(lines);
}

// What the file says besides the graph.
struct Prepared {
  DimBounds bounds;                // of symbols
  DeclaredTypes declared;          // before sizes are pinned
  std::vector<std::string> frozen; // ImportedModelInfo's
};

// Everything before the dialect is built.
Prepared prepare(ReadModel &model, const ImportOptions &options,
                 MLIRContext &context) {
  context.getOrLoadDialect<onnx::OnnxDialect>();
  context.getOrLoadDialect<mlir::func::FuncDialect>();

  // Before anything recurses into the model or adds up its sizes.
  checkLimits(model.proto, options.limits);
  // One form first, so that the checks need not know all spellings.
  normalise(model.proto);
  // Side files before the checker, because ours refuses what leaves the folder
  // and says more; small tensors are loaded, because inference reads them.
  resolveExternalData(model, options.limits);
  checkModel(model, options.limits);
  checkAttributes(model.proto);

  // Before the first inference, so that all types follow from pinned sizes
  // and values; values after sizes, which they are checked against.
  dropPlaceholderNames(*model.proto.mutable_graph());
  if (options.computedOutputShapes)
    for (auto &output : *model.proto.mutable_graph()->mutable_output())
      if (output.type().has_tensor_type())
        output.mutable_type()->mutable_tensor_type()->clear_shape();
  DeclaredTypes declared(model.proto);
  std::vector<std::string> frozen =
      settleInitializerInputs(model.proto, options.keepInitializerInputs);
  // After the checker, which wants old models' initializers among the inputs.
  removeDead(model.proto);
  nameNodes(*model.proto.mutable_graph());
  model.proto.set_ir_version(::onnx::IR_VERSION);
  DimBounds bounds =
      applyDimOverrides(*model.proto.mutable_graph(), options);
  llvm::append_range(frozen, pinValues(model.proto, options));

  // Before anything looks at a node of a function: adapters read attributes.
  bindFunctionAttributes(model.proto);
  // Functions in another opset than the model's are upgraded before they are
  // inlined; afterwards their nodes could not be told apart.
  if (functionOpsetsDiffer(model.proto)) {
    inferTypes(model.proto, declared);
    upgradeModel(model.proto);
  }
  inlineModelFunctions(model.proto);
  nameNodes(*model.proto.mutable_graph());
  // Adapters need ranks and element types, in the old opset's terms.
  inferTypes(model.proto, declared);
  upgradeModel(model.proto);
  checkFunctionOperands(model.proto);
  // Written in the newest opset's terms, so after the upgrade.
  expandContribOps(model.proto);
  checkRewritten(model, "the opset upgrade");
  inferTypes(model.proto, declared);
  checkTypes(model.proto);
  checkLimits(model.proto, options.limits); // of what was inferred

  if (!options.keepFunctions)
    expandFunctions(model, declared, context);
  removeDead(model.proto);
  return {std::move(bounds), std::move(declared), std::move(frozen)};
}

OwningOpRef<ModuleOp> importRead(ReadModel &model, const ImportOptions &options,
                                 MLIRContext &context,
                                 ImportedModelInfo &info) {
  info = {};
  const auto &nodes = model.proto.graph().node();
  for (int i = 0; i < nodes.size(); ++i)
    for (const std::string &name : {nodes[i].name(), nodes[i].output_size() ? nodes[i].output(0) : std::string()})
      if (!name.empty())
        info.nodeNumbers.try_emplace(name, i);
  Prepared prepared = prepare(model, options, context);
  reportUnsupported(model, context);
  reportUntyped(model);
  info.modelHash = model.hash;
  info.frozen = std::move(prepared.frozen);
  info.modelName = model.proto.graph().name();
  auto module = buildModule(model, prepared.bounds, context, info);
  // Exporters that know of a dynamic batch forget it in the outputs; what they
  // declare there is not meant for the sizes that a user pins.
  if (options.dims.empty() && options.inputShapes.empty())
    checkOutputs(*module, prepared.declared);
  return module;
}

// Runs `work`; whatever it throws becomes a failure.
template <typename Work> bool guarded(Work work, ImportFailure &failure) {
  using Kind = ImportFailure::Kind;
  try {
    work();
    return true;
  } catch (const UnsupportedError &problem) {
    failure = {Kind::Unsupported, problem.what()};
  } catch (const ImportError &problem) {
    failure = {Kind::Model, problem.what()};
  } catch (const std::bad_alloc &) {
    failure = {Kind::Model, "not enough memory to import the model; give the compiler more, or make the model smaller"};
  } catch (const std::exception &problem) {
    failure = {Kind::Internal, problem.what()};
  }
  return false;
}

} // namespace

OwningOpRef<ModuleOp> importModel(llvm::StringRef path,
                                  const ImportOptions &options,
                                  MLIRContext &context, ImportedModelInfo &info,
                                  ImportFailure &failure) {
  OwningOpRef<ModuleOp> module;
  guarded(
      [&] {
        ReadModel model;
        readModelFile(path, options, model);
        module = importRead(model, options, context, info);
      },
      failure);
  return module;
}

void preloadImporter() {
  (void)::onnx::OpSchemaRegistry::Instance()->GetSchema("Identity", 1, "");
}

OwningOpRef<ModuleOp> importModelBytes(llvm::StringRef bytes,
                                       llvm::StringRef directory,
                                       const ImportOptions &options,
                                       MLIRContext &context,
                                       ImportedModelInfo &info,
                                       ImportFailure &failure) {
  OwningOpRef<ModuleOp> module;
  guarded(
      [&] {
        ReadModel model;
        readModelBytes(bytes, directory, options, model);
        module = importRead(model, options, context, info);
      },
      failure);
  return module;
}

bool saveUpgradedModel(llvm::StringRef path, llvm::StringRef output,
                       const ImportOptions &options, MLIRContext &context,
                       ImportFailure &failure) {
  return guarded(
      [&] {
        ReadModel model;
        readModelFile(path, options, model);
        prepare(model, options, context);
        std::error_code code;
        llvm::raw_fd_ostream stream(output, code);
        if (code)
          throw ImportError("cannot write '" + output.str() +
                            "': " + code.message());
        stream << model.proto.SerializeAsString();
      },
      failure);
}

} // namespace onnxc
