"""Networks written out here: what people build themselves."""

import torch
from torch import nn
from torch.nn import functional as F

from . import architecture

RECURRENT = dict(dynamic=dict(x={0: "batch", 1: "length"}), sizes=(dict(batch=2, length=7), dict(batch=3, length=12)))


def words(batch, length):
    return dict(x=torch.randint(0, 50, (batch, length)))


class Tagger(nn.Module):
    def __init__(self, kind, **more):
        super().__init__()
        self.embed, self.core = nn.Embedding(50, 16), kind(16, 24, batch_first=True, **more)
        self.head = nn.Linear(24 * (2 if more.get("bidirectional") else 1), 9)

    def forward(self, x):
        return self.head(self.core(self.embed(x))[0]).log_softmax(-1)


@architecture(words, **RECURRENT)
def lstm_tagger():
    return Tagger(nn.LSTM, num_layers=2, bidirectional=True)


@architecture(words, **RECURRENT)
def gru_tagger():
    return Tagger(nn.GRU, num_layers=2, bidirectional=True)


@architecture(words, **RECURRENT)
def rnn_tagger():
    return Tagger(nn.RNN)


class CharCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.convs = nn.Embedding(50, 16), nn.ModuleList(nn.Conv1d(16, 12, k) for k in (2, 3, 5))
        self.head = nn.Linear(36, 4)

    def forward(self, x):
        x = self.embed(x).transpose(1, 2)
        return self.head(torch.cat([F.relu(c(x)).max(-1)[0] for c in self.convs], 1))


@architecture(words, **RECURRENT)
def char_cnn():
    return CharCnn()


class Tcn(nn.Module):
    """Causal dilated convolutions with residuals; padded on the left."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(4, 16, 1)
        self.convs = nn.ModuleList(nn.Conv1d(16, 16, 3, dilation=2**k) for k in range(4))
        self.head = nn.Conv1d(16, 2, 1)

    def forward(self, x):
        x = self.first(x)
        for k, conv in enumerate(self.convs):
            x = x + F.relu(conv(F.pad(x, (2 * 2**k, 0))))
        return self.head(x)


@architecture(lambda batch, length: dict(x=torch.randn(batch, 4, length)), dynamic=dict(x={0: "batch", 2: "length"}),
              sizes=(dict(batch=2, length=40), dict(batch=1, length=57)))
def tcn():
    return Tcn()


class Block(nn.Sequential):
    def __init__(self, i, o):
        super().__init__(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())


class UNet(nn.Module):
    """With skips cropped and padded to size, as its first implementations do."""

    def __init__(self):
        super().__init__()
        self.d1, self.d2, self.d3 = Block(3, 8), Block(8, 16), Block(16, 32)
        self.up2, self.up1 = nn.ConvTranspose2d(32, 16, 2, 2), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.u2, self.u1, self.head = Block(32, 16), Block(24, 8), nn.Conv2d(8, 2, 1)

    @staticmethod
    def join(x, skip):
        dy, dx = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
        return torch.cat([skip, F.pad(x, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])], 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        c = self.d3(F.max_pool2d(b, 2))
        b = self.u2(self.join(self.up2(c), b))
        return self.head(self.u1(self.join(self.up1(b), a)))


@architecture(lambda batch, height, width: dict(x=torch.randn(batch, 3, height, width)), dynamic=dict(x={0: "batch", 2: "height", 3: "width"}),
              sizes=(dict(batch=2, height=32, width=48), dict(batch=1, height=40, width=24)))
def unet():
    return UNet()


class Crnn(nn.Module):
    """Text lines of any width: convolutions, height pooled away and squeezed, LSTM, CTC head."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d((2, 1)),
                                  nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d((4, 1)), nn.Conv2d(32, 32, (2, 1)), nn.ReLU())
        self.core, self.head = nn.LSTM(32, 24, bidirectional=True, num_layers=2), nn.Linear(48, 20)

    def forward(self, x):
        x = self.body(x).squeeze(2).permute(2, 0, 1)
        return self.head(self.core(x)[0]).log_softmax(-1)


@architecture(lambda batch, width: dict(x=torch.randn(batch, 1, 32, width)), dynamic=dict(x={0: "batch", 3: "width"}),
              sizes=(dict(batch=2, width=64), dict(batch=1, width=100)))
def crnn():
    return Crnn()


class PointNet(nn.Module):
    """With the 3x3 transform of its first stage."""

    def __init__(self):
        super().__init__()
        self.t1, self.t2 = nn.Sequential(nn.Conv1d(3, 16, 1), nn.BatchNorm1d(16), nn.ReLU(), nn.Conv1d(16, 32, 1), nn.ReLU()), nn.Linear(32, 9)
        self.body, self.head = nn.Sequential(nn.Conv1d(3, 32, 1), nn.BatchNorm1d(32), nn.ReLU(), nn.Conv1d(32, 64, 1)), nn.Linear(64, 5)

    def forward(self, x):
        t = self.t2(self.t1(x).max(2, keepdim=True)[0].view(-1, 32)).view(-1, 3, 3) + torch.eye(3)
        x = torch.bmm(x.transpose(2, 1), t).transpose(2, 1)
        return self.head(torch.max(self.body(x), 2)[0])


@architecture(lambda batch, points: dict(x=torch.randn(batch, 3, points)), dynamic=dict(x={0: "batch", 2: "points"}),
              sizes=(dict(batch=2, points=50), dict(batch=1, points=33)))
def pointnet():
    return PointNet()


class WaveNet(nn.Module):
    """Gated dilated convolutions; skips are cut to the last length."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(1, 16, 2)
        self.gates = nn.ModuleList(nn.Conv1d(16, 32, 2, dilation=2**k) for k in range(4))
        self.mix, self.skip = nn.ModuleList(nn.Conv1d(16, 16, 1) for _ in range(4)), nn.ModuleList(nn.Conv1d(16, 24, 1) for _ in range(4))
        self.head = nn.Sequential(nn.ReLU(), nn.Conv1d(24, 24, 1), nn.ReLU(), nn.Conv1d(24, 32, 1))

    def forward(self, x):
        x, total = self.first(x), 0
        for gate, mix, skip in zip(self.gates, self.mix, self.skip):
            a, b = gate(x).chunk(2, 1)
            g = torch.tanh(a) * torch.sigmoid(b)
            x = mix(g) + x[:, :, -g.size(2):]
            s = skip(g)
            total = s if isinstance(total, int) else s + total[:, :, -s.size(2):]
        return self.head(total)


@architecture(lambda batch, samples: dict(x=torch.randn(batch, 1, samples)), dynamic=dict(x={0: "batch", 2: "samples"}),
              sizes=(dict(batch=2, samples=60), dict(batch=1, samples=83)))
def wavenet():
    return WaveNet()


class Tacotron(nn.Module):
    """Encoder of convolutions and LSTM; a decoder of attention steps, unrolled."""

    def __init__(self):
        super().__init__()
        self.embed, self.conv = nn.Embedding(50, 16), nn.Conv1d(16, 16, 5, padding=2)
        self.encoder = nn.LSTM(16, 12, batch_first=True, bidirectional=True)
        self.prenet, self.cell, self.query, self.frame = nn.Linear(8, 16), nn.GRUCell(40, 24), nn.Linear(24, 24), nn.Linear(48, 8)

    def forward(self, x):
        memory, _ = self.encoder(F.relu(self.conv(self.embed(x).transpose(1, 2))).transpose(1, 2))
        state, frame, context = memory.new_zeros(x.size(0), 24), memory.new_zeros(x.size(0), 8), memory.mean(1)
        frames = []
        for _ in range(6):
            state = self.cell(torch.cat([F.relu(self.prenet(frame)), context], 1), state)
            weight = torch.softmax((memory * self.query(state).unsqueeze(1)).sum(-1), -1)
            context = torch.bmm(weight.unsqueeze(1), memory).squeeze(1)
            frame = self.frame(torch.cat([state, context], 1))
            frames.append(frame)
        return torch.stack(frames, 1)


@architecture(words, **RECURRENT)
def tacotron():
    return Tacotron()


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(12, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 32), nn.SiLU(), nn.Dropout(0.5), nn.Linear(32, 3))

    def forward(self, x):
        return self.net(x.view(x.size(0), -1)).softmax(1)


@architecture(lambda batch: dict(x=torch.randn(batch, 3, 4)), dynamic=dict(x={0: "batch"}), sizes=(dict(batch=2), dict(batch=5)))
def mlp():
    return Mlp()


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 16, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten())
        self.mean, self.spread, self.back = nn.Linear(784, 6), nn.Linear(784, 6), nn.Linear(6, 784)
        self.up = nn.Sequential(nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(8, 1, 4, 2, 1), nn.Sigmoid())

    def forward(self, x, noise):
        h = self.down(x)
        mean, spread = self.mean(h), self.spread(h)
        z = mean + noise * torch.exp(0.5 * spread)
        return self.up(self.back(z).view(-1, 16, 7, 7)), mean


@architecture(lambda batch: dict(x=torch.rand(batch, 1, 28, 28), noise=torch.randn(batch, 6)), dynamic=dict(x={0: "batch"}, noise={0: "batch"}),
              sizes=(dict(batch=2), dict(batch=3)), outputs=2)
def vae():
    return Vae()


class Generator(nn.Module):
    """DCGAN with spectral sizes, instance norm and pixel shuffle at the end."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.ConvTranspose2d(10, 32, 4), nn.BatchNorm2d(32), nn.ReLU(), nn.ConvTranspose2d(32, 16, 3, 2, 1, output_padding=1), nn.InstanceNorm2d(16, affine=True), nn.ReLU(),
                                 nn.Conv2d(16, 12, 3, padding=1, padding_mode="reflect"), nn.PixelShuffle(2), nn.Tanh())

    def forward(self, z):
        return self.net(z[:, :, None, None])


@architecture(lambda batch: dict(z=torch.randn(batch, 10)), dynamic=dict(z={0: "batch"}), sizes=(dict(batch=2), dict(batch=1)))
def dcgan():
    return Generator()


class SuperResolution(nn.Module):
    """Residual blocks, channel attention, upsampling by nearest to a computed size."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 3, 3, padding=1)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.PReLU(16), nn.Conv2d(16, 16, 3, padding=1)) for _ in range(3))
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 4, 1), nn.ReLU(), nn.Conv2d(4, 16, 1), nn.Sigmoid())

    def forward(self, x):
        y = self.first(x)
        for block in self.blocks:
            r = block(y)
            y = y + r * self.gate(r)
        y = F.interpolate(y, size=(x.shape[2] * 2, x.shape[3] * 2), mode="nearest")
        return self.last(y) + F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)


@architecture(lambda batch, height, width: dict(x=torch.randn(batch, 3, height, width)), dynamic=dict(x={0: "batch", 2: "height", 3: "width"}),
              sizes=(dict(batch=2, height=12, width=16), dict(batch=1, height=15, width=9)))
def super_resolution():
    return SuperResolution()


class GraphConvolution(nn.Module):
    """Message passing by gather and scatter-add over an edge list."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 16), nn.Linear(16, 4)

    def forward(self, x, edges):
        for layer in (self.a, self.b):
            h = layer(x)
            x = F.elu(torch.zeros_like(h).index_add(0, edges[1], h[edges[0]]) + h)
        return x


@architecture(lambda nodes, edges: dict(x=torch.randn(nodes, 8), edges=torch.randint(0, nodes, (2, edges))), dynamic=dict(x={0: "nodes"}, edges={1: "edges"}),
              sizes=(dict(nodes=6, edges=10), dict(nodes=9, edges=21)), opset=18)
def graph_convolution():
    return GraphConvolution()


class Nerf(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = nn.Linear(39, 32), nn.Linear(71, 32), nn.Linear(32, 4)

    def forward(self, x):
        bands = [x] + [f(x * 2.0**k) for k in range(6) for f in (torch.sin, torch.cos)]
        e = torch.cat(bands, -1)
        h = F.relu(self.a(e))
        h = F.relu(self.b(torch.cat([h, e], -1)))
        y = self.head(h)
        return torch.cat([torch.sigmoid(y[..., :3]), F.softplus(y[..., 3:])], -1)


@architecture(lambda rays, points: dict(x=torch.rand(rays, points, 3)), dynamic=dict(x={0: "rays", 1: "points"}), sizes=(dict(rays=3, points=8), dict(rays=5, points=6)))
def nerf():
    return Nerf()


class SpatialTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.where = nn.Sequential(nn.Conv2d(1, 6, 5), nn.MaxPool2d(2, 2), nn.ReLU(), nn.AdaptiveAvgPool2d((2, 2)), nn.Flatten(), nn.Linear(24, 6))

    def forward(self, x):
        grid = F.affine_grid(0.1 * self.where(x).view(-1, 2, 3) + torch.tensor([[1.0, 0, 0], [0, 1, 0]]), list(x.size()), align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)


@architecture(lambda batch: dict(x=torch.randn(batch, 1, 20, 20)), dynamic=dict(x={0: "batch"}), sizes=(dict(batch=2), dict(batch=3)), opset=20, exporters=("torchscript",))
def spatial_transformer():
    return SpatialTransformer()


class Transformer(nn.Module):
    """torch's own layers, with a causal mask of the length at hand."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 32)
        self.core = nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, norm_first=True), 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, 50)

    def forward(self, x):
        mask = torch.triu(torch.full((x.size(1), x.size(1)), float("-inf")), 1)
        return self.head(self.core(self.embed(x), mask))


@architecture(words, **RECURRENT)
def torch_transformer():
    return Transformer()


class YoloHead(nn.Module):
    """Anchors by a grid made from the map's size."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.SiLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.SiLU(), nn.Conv2d(32, 3 * 7, 1))

    def forward(self, x):
        y = self.body(x)
        n, _, h, w = y.shape
        y = y.view(n, 3, 7, h, w).permute(0, 1, 3, 4, 2).sigmoid()
        gy, gx = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        xy = (y[..., :2] * 2 - 0.5 + torch.stack((gx, gy), 2).float()) * 4
        wh = (y[..., 2:4] * 2) ** 2 * torch.tensor([[10.0, 13], [16, 30], [33, 23]]).view(1, 3, 1, 1, 2)
        return torch.cat((xy, wh, y[..., 4:]), -1).reshape(n, -1, 7)


@architecture(lambda batch, height, width: dict(x=torch.randn(batch, 3, height, width)), dynamic=dict(x={0: "batch", 2: "height", 3: "width"}),
              sizes=(dict(batch=2, height=32, width=48), dict(batch=1, height=64, width=32)))
def yolo_head():
    return YoloHead()
