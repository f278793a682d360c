"""Handwritten digits (scikit-learn's 1,797 real 8x8 images) and a small CNN, trained in seconds.

pj optimize examples/digits.py
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

import picojoule as pj

images, labels = load_digits(return_X_y=True)
x = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
y = torch.tensor(labels)
order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
train_x, train_y = x[order[:900]], y[order[:900]]
test_x, test_y = x[order[900:]], y[order[900:]]
BATCHES = len(train_x.split(64))


def block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def train(model: nn.Module, epochs: int = 12) -> None:
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
    block(1, 64), block(64, 64), nn.MaxPool2d(2), block(64, 128), block(128, 128),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10),
)  # fmt: skip
train(model)

calibration = [image[None] for image in train_x[:64]]


def evaluate(predict) -> pj.Accuracy:
    return pj.Accuracy(predict(test_x).argmax(1) == test_y)
