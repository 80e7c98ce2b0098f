"""SonicKube TUI: hear a Kubernetes cluster from the terminal."""

__version__ = "0.1.0"
