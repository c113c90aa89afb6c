"""Steer a small language model towards positive movie reviews: REINFORCE, KL, DPO and a study."""
