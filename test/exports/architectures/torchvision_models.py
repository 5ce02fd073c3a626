"""torchvision: classification and segmentation. Dynamic batch; in fully convolutional networks height and width too."""

import torchvision

from . import add, image

BATCH = dict(dynamic=dict(x={0: "batch"}), sizes=(dict(batch=2), dict(batch=3)))


def classifier(name, side=64, **fields):
    options = dict(weights=None, num_classes=10)
    if name in ("googlenet", "inception_v3"):
        options.update(aux_logits=False, init_weights=False)
    options.update(fields.pop("config", {}))
    add("tv_" + name, lambda: getattr(torchvision.models, name)(**options),
        lambda batch: image(batch, side, side), **{**BATCH, **fields})


for name, side in (
    ("alexnet", 64), ("squeezenet1_0", 64), ("squeezenet1_1", 64), ("vgg11_bn", 32), ("resnet18", 64), ("resnet50", 64),
    ("resnext50_32x4d", 64), ("densenet121", 64), ("googlenet", 64), ("inception_v3", 96), ("mobilenet_v2", 64),
    ("mobilenet_v3_small", 64), ("mobilenet_v3_large", 64), ("mnasnet0_5", 64), ("shufflenet_v2_x0_5", 64),
    ("shufflenet_v2_x1_0", 64), ("efficientnet_b0", 64), ("efficientnet_v2_s", 64), ("regnet_y_400mf", 64),
    ("regnet_x_400mf", 64), ("convnext_tiny", 64), ("swin_t", 64), ("swin_v2_t", 64), ("maxvit_t", 224),
):
    classifier(name, side, **(dict(sizes=(dict(batch=1), dict(batch=2))) if side > 200 else {}))
classifier("vit_b_16", 224, config=dict(image_size=224), sizes=(dict(batch=1), dict(batch=2)))


def segmenter(name, **config):
    add("tv_" + name, lambda: Out(getattr(torchvision.models.segmentation, name)(weights=None, weights_backbone=None, num_classes=4, **config)),
        lambda batch, height, width: image(batch, height, width),
        dynamic=dict(x={0: "batch", 2: "height", 3: "width"}),
        sizes=(dict(batch=2, height=64, width=96), dict(batch=1, height=96, width=80)))


import torch  # noqa: E402


class Out(torch.nn.Module):
    """The networks return a dict."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)["out"]


segmenter("lraspp_mobilenet_v3_large")
segmenter("deeplabv3_mobilenet_v3_large")
segmenter("fcn_resnet50")


def video(name):
    add("tv_" + name, lambda: getattr(torchvision.models.video, name)(weights=None, num_classes=5),
        lambda batch: dict(x=torch.randn(batch, 3, 8, 32, 32)), dynamic=dict(x={0: "batch"}), sizes=(dict(batch=2), dict(batch=1)))


video("r3d_18")
video("r2plus1d_18")


class Flow(torch.nn.Module):
    """The last of RAFT's refinements."""

    def __init__(self):
        super().__init__()
        self.net = torchvision.models.optical_flow.raft_small(weights=None)

    def forward(self, a, b):
        return self.net(a, b, num_flow_updates=2)[-1]


add("tv_raft_small", lambda: Flow(), lambda batch: dict(a=torch.randn(batch, 3, 128, 128), b=torch.randn(batch, 3, 128, 128)),
    dynamic=dict(a={0: "batch"}, b={0: "batch"}), sizes=(dict(batch=2), dict(batch=1)), opset=17)
