"""Forecasts of rollouts."""
