"""Hyperparameters that several learners have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Environments = Annotated[int, Field(ge=1, le=10_000, description="episodes of a batch, played side by side")]
Hidden = Annotated[int, Field(ge=1, le=10_000, description="units of each of the two hidden layers")]
Gamma = Annotated[float, Field(ge=0, lt=1, description="discount of rewards")]
Decay = Annotated[float, Field(ge=0, le=1, description="decay of generalised advantages, or of TD(lambda)")]
Clip = Annotated[float, Field(gt=0, description="how far a probability may move in a batch, as a ratio")]
Entropy = Annotated[float, Field(ge=0, description="weight of the policy's entropy")]
LearningRate = Annotated[float, Field(gt=0, description="of Adam")]
MaxNorm = Annotated[float, Field(gt=0, description="the longest gradient of an agent")]
Epochs = Annotated[int, Field(ge=1, le=10_000, description="passes over a batch")]
Minibatches = Annotated[int, Field(ge=1, le=1_000_000, description="parts of a pass, about: they are of one size")]
Segment = Annotated[int, Field(ge=1, le=1_000_000, description="steps until an agent may change its sub-policy")]
FullyDecentralised = Annotated[bool, Field(description="whether an agent knows of others what it hears, or all")]
