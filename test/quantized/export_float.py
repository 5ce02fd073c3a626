"""Exports a float network with seeded weights that behave like trained ones.

    export_float.py NAME PATH      (in the virtual environment of test/exports)

Weights are drawn as test/exports draws them; BatchNormalization's statistics are settled on images of
the network's range, so that activations keep a scale; each row of the classifier is the direction in
which the features of one seeded input differ from the mean, so that inputs have classes with a margin.
"""

import os
import sys
import warnings
import zlib

warnings.filterwarnings("ignore")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "exports"), HERE]

import torch  # noqa: E402
import torchvision  # noqa: E402
import transformers  # noqa: E402

import export  # noqa: E402
import floats  # noqa: E402

PROTOTYPES = 48
MARGIN = 12.0  # logits of an input's own class, about


def bert():
    config = transformers.BertConfig(num_labels=PROTOTYPES, attn_implementation="eager")
    return transformers.BertForSequenceClassification(config)


class Logits(torch.nn.Module):
    """A network of transformers as one from token ids to logits."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, input_ids):
        return self.inner(input_ids=input_ids, attention_mask=None).logits


# name: (network, where its classifier is)
NETWORKS = {
    "mobilenet_v2_035": (lambda: torchvision.models.mobilenet_v2(width_mult=0.35), lambda n: n.classifier[-1]),
    "mobilenet_v2": (torchvision.models.mobilenet_v2, lambda n: n.classifier[-1]),
    "mobilenet_v3_large": (torchvision.models.mobilenet_v3_large, lambda n: n.classifier[-1]),
    "efficientnet_b0": (torchvision.models.efficientnet_b0, lambda n: n.classifier[-1]),
    "resnet50": (torchvision.models.resnet50, lambda n: n.fc),
    "bert_base": (bert, lambda n: n.classifier),
}


def batch(name, seeds):
    drawn = [floats.draw(name, seed) for seed in seeds]
    return torch.cat([torch.from_numpy(next(iter(d.values()))) for d in drawn])


def settle(name, net):
    """Running statistics become the mean over two batches, layers in order seeing settled ones before them."""
    norms = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    if not norms:
        return
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    for module in net.modules():  # only the norms learn: no dropout, no dropped layers
        module.training = isinstance(module, torch.nn.BatchNorm2d)
    for first in (200, 216):
        net(batch(name, range(first, first + 16)))
    net.eval()


def make_classes(name, net, last):
    """Rows of `last` become prototypes of seeded inputs, the runs of the tests first."""
    features = []
    hook = last.register_forward_pre_hook(lambda module, operands: features.append(operands[0].flatten(1)))
    for first in range(0, PROTOTYPES, 8):
        net(batch(name, range(first, first + 8)))
    hook.remove()
    features = torch.cat(features)
    centred = features - features.mean(0)
    scale = centred.square().sum(1, keepdim=True)
    count = min(PROTOTYPES, last.weight.shape[0])
    last.weight.normal_(0, float((MARGIN / scale.sqrt()).mean()) / last.weight.shape[1] ** 0.5)
    last.weight[:count] = (MARGIN * centred / scale)[:count]
    last.bias.copy_(-(last.weight @ features.mean(0)))


@torch.no_grad()
def main():
    name, path = sys.argv[1:]
    torch.manual_seed(zlib.crc32(name.encode()))
    make, classifier = NETWORKS[name]
    net = make().eval()
    if name != "bert_base":  # whose own initialisation is what it is trained from
        export.draw_weights(net)
    model = Logits(net) if name == "bert_base" else net
    settle(name, model)
    make_classes(name, model, classifier(net))
    (input_name, _), = floats.INPUTS[name].items()
    torch.onnx.export(model, (batch(name, [0]),), path, dynamo=False, opset_version=floats.OPSET, input_names=[input_name],
                      output_names=["output"], do_constant_folding=True)


if __name__ == "__main__":
    main()
