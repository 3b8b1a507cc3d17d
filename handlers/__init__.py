"""AWS Lambda entry points and the pure request → response functions behind them; see ``docs/architecture.md``."""
