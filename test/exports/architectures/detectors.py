"""Detectors of torchvision: non-maximum suppression, loops over levels, boxes of any number.

The scores of random networks lie close together; `draw` spreads them, and
`settle` keeps boxes inside of the image. Rows of boxes are compared as sets.
"""

import torch
import torchvision

from . import add, image


class Detector(torch.nn.Module):
    def __init__(self, kind, **config):
        super().__init__()
        self.net = getattr(torchvision.models.detection, kind)(weights=None, weights_backbone=None, num_classes=4, **config)

    def forward(self, x):
        result = self.net([x[0]])[0]
        return tuple(result[name] for name in ("boxes", "scores", "labels", "masks") if name in result)


class PyramidDetector(Detector):
    def settle(self, x):
        """Divides the pyramid's features by their size: a random ResNet's grow, and then no box stays inside of the image."""
        size = max(float(level.abs().mean()) for level in self.net.backbone(x).values())
        for block in self.net.backbone.fpn.inner_blocks:
            for p in block.parameters():
                p /= size
        for block in self.net.backbone.fpn.layer_blocks:
            for layer in block:
                layer.bias /= size


def made(kind, side, config):
    if "ssd" in kind:
        return Detector(kind, **config)
    return (PyramidDetector if "resnet50_fpn" in kind else Detector)(kind, min_size=side, max_size=side, **config)


def detector(kind, side, outputs=3, pictures=(1, 2), **config):
    add("tv_" + kind, lambda: made(kind, side, config),
        lambda picture: image(1, side, side), sizes=tuple(dict(picture=number) for number in pictures), outputs=outputs, compare="sets", exporters=("torchscript",), tolerance=2e-3)


detector("fasterrcnn_mobilenet_v3_large_320_fpn", 128)
detector("fasterrcnn_resnet50_fpn", 128)
detector("ssdlite320_mobilenet_v3_large", 320)
detector("ssd300_vgg16", 300)
detector("maskrcnn_resnet50_fpn", 128, outputs=4, pictures=(2, 3))  # no edge of a box lies where a mask's size rounds up or down
detector("retinanet_resnet50_fpn", 128)
detector("fcos_resnet50_fpn", 128)


class SelfMadeNms(torch.nn.Module):
    """The head that everybody puts behind a one-stage detector."""

    def forward(self, boxes, scores):
        top, label = scores.max(1)
        keep = torchvision.ops.batched_nms(boxes, top, label, 0.5)
        return boxes[keep], top[keep], label[keep]


def candidates(boxes):
    corner = torch.rand(boxes, 2) * 50
    return dict(boxes=torch.cat([corner, corner + 5 + torch.rand(boxes, 2) * 20], 1), scores=torch.rand(boxes, 3))


add("batched_nms", lambda: SelfMadeNms(), candidates, dynamic=dict(boxes={0: "n"}, scores={0: "n"}), sizes=(dict(boxes=30), dict(boxes=41)), outputs=3, exporters=("torchscript",))


class RoiHead(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Linear(8 * 9, 5)

    def forward(self, x, boxes):
        return self.head(torchvision.ops.roi_align(self.conv(x), boxes, 3, 0.5, 2, True).flatten(1))


def rois(batch, n):
    corner = torch.rand(n, 2) * 20
    return dict(x=torch.randn(batch, 3, 24, 24), boxes=torch.cat([torch.randint(0, batch, (n, 1)).float(), corner, corner + 4 + torch.rand(n, 2) * 10], 1))


add("roi_head", lambda: RoiHead(), rois, dynamic=dict(x={0: "batch"}, boxes={0: "n"}), sizes=(dict(batch=2, n=7), dict(batch=1, n=3)), exporters=("torchscript",))
